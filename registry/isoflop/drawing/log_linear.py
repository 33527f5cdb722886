"""Charts of partial effects: runs, line and band along one variable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop.drawing.palette import by_name, dashed_outside

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd


def partial_effect(
    points: pd.DataFrame,
    lines: pd.DataFrame,
    *,
    x_title: str,
    y_title: str,
    y_format: str,
    width: int = 600,
    height: int = 300,
) -> alt.LayerChart:
    """Return runs and the law along one variable, the others held at their middle.

    Parameters
    ----------
    points, lines : DataFrame
        Columns ``family``, ``run``, ``x``, ``y``; and ``family``, ``part``, ``segment``, ``x``,
        ``y``, ``y_low``, ``y_high``.
    x_title, y_title, y_format : str
        Titles with unit, number format of the response.
    width, height : int
        Size of the plot. [pixel]
    """
    import altair as alt

    scale = log_scale([*points["x"], *lines["x"]])
    x = alt.X("x:Q", scale=scale, axis=decade_axis(lines["x"], title=x_title))
    y_scale = alt.Scale(zero=False, nice=False, padding=10)
    y = alt.Y("y:Q", scale=y_scale, axis=alt.Axis(title=y_title, format=y_format, tickCount=6))
    color, _ = by_name("family", lines["family"], title="Family")
    dash = dashed_outside()
    detail = ["family:N", "part:N"]
    base = alt.Chart(lines)
    band = base.mark_area(opacity=0.16).encode(
        x=x, y=alt.Y("y_low:Q", scale=y_scale), y2="y_high:Q", color=color, detail=detail
    )
    line = base.mark_line(strokeWidth=2).encode(
        x=x, y=y, color=color, strokeDash=dash, detail=detail
    )
    dots = (
        alt.Chart(points)
        .mark_point(filled=True, size=36, opacity=0.75)
        .encode(x=x, y=y, color=color, tooltip=["run:N", "family:N", "x:Q", "y:Q"])
    )
    return alt.layer(band, line, dots).properties(width=width, height=height)
