"""Chart of average task error against loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isoflop.drawing.palette import by_name, dashed_outside
from isoflop.figures.runs_and_lines import opacity_of

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_WIDTH, _HEIGHT = 640, 360


def error_vs_loss(table: pd.DataFrame) -> alt.LayerChart:
    """Return runs as points, the law as a line with its band, dashed beyond the runs.

    Parameters
    ----------
    table : DataFrame
        Table ``error_vs_loss`` of the analyzer: rows of kind ``run`` and ``line``.
    """
    import altair as alt

    color, shape = by_name("family", table["family"], title="Family")
    hugging = alt.Scale(zero=False, nice=False, padding=8)
    x = alt.X("loss:Q", scale=hugging, axis=alt.Axis(title="Loss [nat/token]"))
    # The end points of bands outside the runs may run off; the runs and lines decide.
    low, high = float(table["error"].min()), float(table["error"].max())
    scale = alt.Scale(domain=[low - 0.05 * (high - low), high + 0.05 * (high - low)], nice=False)
    y = alt.Y("error:Q", scale=scale, axis=alt.Axis(title="Average task error [1]"))
    n_runs = int((table["kind"] == "run").sum())
    base = alt.Chart(table)
    lines = base.transform_filter("datum.kind === 'line'")
    band = lines.mark_area(opacity=0.16, clip=True).encode(
        x=x, y=alt.Y("error_low:Q", scale=scale), y2="error_high:Q", color=color, detail="segment:N"
    )
    line = lines.mark_line(strokeWidth=2, clip=True).encode(
        x=x, y=y, color=color, strokeDash=dashed_outside()
    )
    points = (
        base.transform_filter("datum.kind === 'run'")
        .mark_point(filled=True, size=36, opacity=opacity_of(n_runs))
        .encode(
            x=x, y=y, color=color, shape=shape,
            tooltip=["run:N", "family:N", "n_params:Q", "n_tokens:Q", "loss:Q", "error:Q"],
        )
    )  # fmt: skip
    return alt.layer(band, points, line).properties(width=_WIDTH, height=_HEIGHT)
