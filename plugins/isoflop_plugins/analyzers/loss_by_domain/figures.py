"""Chart of the reducible loss against scale, by family and data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop.drawing.palette import COLORS, by_name, dashed_outside

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_WIDTH, _HEIGHT = 250, 300

_TITLES = {
    "N": "Parameters N [1]",
    "D": "Training tokens D [token]",
    "C": "Training compute C [FLOP]",
}
MOST_DOMAINS = len(COLORS)
"""Data sets of a family that one chart can tell apart; the table has all."""


def reducible_loss(table: pd.DataFrame) -> alt.HConcatChart:
    """Return one panel each for N, D and C: loss above the floor, on two logarithmic axes.

    A straight line is a power law; bands hold the law, and lines are dashed beyond the runs.

    Parameters
    ----------
    table : DataFrame
        Table ``reducible_loss`` of the analyzer, not empty.
    """
    import altair as alt

    label = table["loss_dataset"].where(table["loss_dataset"] != "", "unnamed data")
    if len(set(table["family"])) > 1:
        label = table["family"].where(table["family"] != "", "no family") + ", " + label
    table = table.assign(domain=label)
    shown = list(dict.fromkeys(table["domain"]))[:MOST_DOMAINS]
    table = table[table["domain"].isin(shown)]
    axes = [axis for axis in _TITLES if (table["variable"] == axis).any()]
    panels = [_panel(table, axis, names=shown, titled=axis == axes[0]) for axis in axes]
    return alt.hconcat(*panels, spacing=12)


def _panel(table: pd.DataFrame, axis: str, *, names: list[str], titled: bool) -> alt.LayerChart:
    import altair as alt

    part = table[table["variable"] == axis]
    x = alt.X("x:Q", scale=log_scale(part["x"]), axis=decade_axis(part["x"], title=_TITLES[axis]))
    scale = log_scale(table["reducible"])
    title = "Loss above the floor [nat/token]" if titled else None
    y_axis = decade_axis(table["reducible"], title=title)
    y = alt.Y("reducible:Q", scale=scale, axis=y_axis)
    color, shape = by_name("domain", names, title="Loss on")
    lines = part[part["kind"] == "line"]
    low = float(10 ** scale.domain[0]) if scale.domain[0] < 0 else float(scale.domain[0])
    held = lines.assign(reducible_low=lines["reducible_low"].clip(lower=low))
    band = (
        alt.Chart(held)
        .mark_area(opacity=0.1, clip=True)
        .encode(
            x=x, y=alt.Y("reducible_low:Q", scale=scale, axis=y_axis), y2="reducible_high:Q",
            color=color, detail="segment:N",
        )
    )  # fmt: skip
    line = (
        alt.Chart(lines)
        .mark_line(strokeWidth=1.8, clip=True)
        .encode(
            x=x, y=y, color=color, strokeDash=dashed_outside(),
            detail="segment:N",
        )
    )  # fmt: skip
    points = (
        alt.Chart(part[part["kind"] == "run"])
        .mark_point(filled=True, size=30, opacity=0.8)
        .encode(
            x=x, y=y, color=color, shape=shape,
            tooltip=["run:N", "family:N", "loss_dataset:N", "x:Q", "reducible:Q"],
        )
    )  # fmt: skip
    return alt.layer(band, line, points).properties(width=_WIDTH, height=_HEIGHT)
