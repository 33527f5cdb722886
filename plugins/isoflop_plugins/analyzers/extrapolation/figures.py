"""Charts of a curve carried on, and of the laws that were tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop.drawing.palette import BLUE, DOTTED, GRAY, by_name, dashed_outside
from isoflop_plugins.laws.column_units import unit_of

if TYPE_CHECKING:
    import altair as alt
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

_WIDTH, _HEIGHT, _ROW = 640, 360, 22
_DECADE = 10.0
_NAMES = {
    "flops_6nd": "training compute C = 6ND", "flops": "training compute C",
    "n_tokens": "training tokens D", "n_params": "parameters N",
}  # fmt: skip


def curve(table: pd.DataFrame, *, x: str, y: str) -> alt.LayerChart:
    """Return runs as points, the best law as a line with its band, and the last value carried on.

    Parameters
    ----------
    table : DataFrame
        Table ``forecast`` of the analyzer.
    x, y : str
        Columns of the runs, for the titles.
    """
    import altair as alt

    runs = table[table["run"] != ""]
    law, last = table[table["kind"] == "law"], table[table["kind"] == "last value"]
    across = alt.X(
        "x:Q", scale=log_scale(table["x"]), axis=decade_axis(table["x"], title=_title(x))
    )
    drawn = table[["y", "y_low", "y_high"]].to_numpy().ravel()
    scale, axis = _upward(drawn[drawn > 0], _title(y))
    up = alt.Y("y:Q", scale=scale, axis=axis)
    color, _ = by_name("family", table["family"], title="Family")
    dash = dashed_outside()
    band = (
        alt.Chart(law)
        .mark_area(opacity=0.18)
        .encode(x=across, y=alt.Y("y_low:Q", scale=scale), y2="y_high:Q", color=color)
    )
    line = (
        alt.Chart(law)
        .mark_line(strokeWidth=2)
        .encode(x=across, y=up, color=color, strokeDash=dash, detail="segment:N")
    )
    carried = (
        alt.Chart(last)
        .mark_line(strokeWidth=1.5, strokeDash=DOTTED, opacity=0.8)
        .encode(x=across, y=up, color=color)
    )
    points = (
        alt.Chart(runs)
        .mark_point(size=40, strokeWidth=1.5)
        .encode(
            x=across, y=up, color=color,
            fill=alt.condition("datum.kind == 'run'", color, alt.value("white")),
            tooltip=["run:N", "family:N", "kind:N", "x:Q", "y:Q"],
        )
    )  # fmt: skip
    return alt.layer(band, carried, line, points).properties(width=_WIDTH, height=_HEIGHT)


def held_out_error(table: pd.DataFrame) -> alt.VConcatChart:
    """Return the held-out error of each law, one panel a family, and the last value's as a rule.

    Parameters
    ----------
    table : DataFrame
        Table ``laws`` of the analyzer; a law without an error has no point.
    """
    import altair as alt

    shown = table[table["error"].between(0.0, float("inf"), inclusive="neither")]
    across = alt.X(
        "error:Q",
        scale=log_scale(shown["error"]),
        axis=alt.Axis(
            values=[m * 10.0**k for k in range(-16, 6) for m in (1, 2, 5)],
            format="~%",
            labelOverlap=True,
            title="Error on the held-out end, log scale [%]",
        ),
    )
    panels = []
    for family, own in shown.groupby("family", sort=True):
        rule = (
            alt.Chart(own[own["law"] == "last value"])
            .mark_rule(color=GRAY, strokeWidth=2)
            .encode(x=across)
        )
        points = (
            alt.Chart(own)
            .mark_point(size=90, strokeWidth=2, color=BLUE)
            .encode(
                x=across,
                y=alt.Y("law:N", sort=list(own["law"]), axis=alt.Axis(title=None, grid=True)),
                fill=alt.condition("datum.chosen", alt.value(BLUE), alt.value("white")),
                tooltip=["law:N", "error:Q", "n_parameters:Q", "status:N", "reason:N"],
            )
        )
        panel = alt.layer(rule, points).properties(width=_WIDTH, height=_ROW * len(own))
        panels.append(panel.properties(title=str(family)) if family else panel)
    return alt.vconcat(*panels)


def _upward(values: NDArray[np.float64], title: str) -> tuple[alt.Scale, alt.Axis]:
    """Return a linear axis, or a log one for values that span more than a decade."""
    import altair as alt

    if values.max() > _DECADE * values.min():
        return log_scale(values), decade_axis(values, title=title)
    return alt.Scale(zero=False, nice=False, padding=8), alt.Axis(title=title)


def _title(column: str) -> str:
    """Return quantity and unit of an axis."""
    return f"{capitalized(named(column))} [{unit_of(column)}]"


def named(column: str) -> str:
    """Return a column in words, in lower case but for its symbol."""
    return _NAMES.get(column, column)


def capitalized(words: str) -> str:
    """Return words with the first letter large; `str.capitalize` would make symbols small."""
    return f"{words[:1].upper()}{words[1:]}"
