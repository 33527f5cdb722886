"""Chart of Kaplan's laws: loss against size, data and compute, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop.drawing.palette import by_name, dashed_outside

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_WIDTH, _HEIGHT = 250, 300

_TITLES = {
    "N": "Parameters N [1]",
    "D": "Training tokens D [token]",
    "C": "Training compute C [FLOP]",
}
_LOSSES = [0.5, 0.7, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 15, 20]
"""Ticks of the axis of the loss, which spans less than a decade. [nat/token]"""
_FORMS = ("power law", "with a constant")


def loss_against_scale(table: pd.DataFrame) -> alt.HConcatChart:
    """Return one panel each for N, D and C: runs, the law, and the law with a constant.

    Solid points are fitted; hollow ones are beaten by a run of as little. Lines are solid inside
    the runs and dashed beyond.

    Parameters
    ----------
    table : DataFrame
        Table ``lines`` of the analyzer, not empty.
    """
    import altair as alt

    axes = [axis for axis in _TITLES if (table["axis"] == axis).any()]
    panels = [_panel(table, axis, titled=axis == axes[0]) for axis in axes]
    return alt.hconcat(*panels, spacing=12)


def _panel(table: pd.DataFrame, axis: str, *, titled: bool) -> alt.LayerChart:
    import altair as alt

    part = table[table["axis"] == axis]
    x = alt.X("x:Q", scale=log_scale(part["x"]), axis=decade_axis(part["x"], title=_TITLES[axis]))
    losses = table["loss"]
    y_axis = alt.Axis(values=_LOSSES, title="Loss [nat/token]" if titled else None)
    y = alt.Y("loss:Q", scale=log_scale(losses), axis=y_axis)
    color, shape = by_name("family", table["family"], title="Family")
    tips = ["run:N", "family:N", "x:Q", "loss:Q"]
    beaten = (
        alt.Chart(part[part["kind"] == "beaten"])
        .mark_point(filled=False, size=18, opacity=0.6, strokeWidth=1)
        .encode(x=x, y=y, color=color, shape=shape, tooltip=tips)
    )
    runs = (
        alt.Chart(part[part["kind"] == "run"])
        .mark_point(filled=True, size=34, opacity=0.85)
        .encode(x=x, y=y, color=color, shape=shape, tooltip=tips)
    )
    lines = part[part["kind"] == "line"]
    band = (
        alt.Chart(lines[lines["form"] == _FORMS[1]])
        .mark_area(opacity=0.12, clip=True)
        .encode(
            x=x,
            y=alt.Y("loss_low:Q", scale=log_scale(losses), axis=y_axis),
            y2="loss_high:Q",
            color=color,
            detail="segment:N",
        )
    )
    line = (
        alt.Chart(lines)
        .mark_line(clip=True)
        .encode(
            x=x, y=y, color=color, strokeDash=dashed_outside(), strokeWidth=_widths(),
            detail=["segment:N", "form:N"],
        )
    )  # fmt: skip
    return alt.layer(band, beaten, line, runs).properties(width=_WIDTH, height=_HEIGHT)


def _widths() -> Any:
    import altair as alt

    return alt.StrokeWidth(
        "form:N",
        scale=alt.Scale(domain=list(_FORMS), range=[1.0, 2.8]),
        legend=alt.Legend(title="Line", symbolType="stroke"),
    )
