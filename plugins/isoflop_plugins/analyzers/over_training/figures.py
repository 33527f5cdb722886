"""Charts of over-training: loss along compute by tokens per parameter, and its cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from isoflop.drawing.family_panels import HEIGHT, WIDTH
from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop.drawing.log_legends import log_color
from isoflop.drawing.palette import by_name, dashed_outside
from isoflop.figures.runs_and_lines import COMPUTE, runs_and_lines

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd


def loss_vs_compute(table: pd.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """Return runs and the law along compute, colored by tokens per parameter.

    Parameters
    ----------
    table : DataFrame
        Table ``loss_vs_compute`` of the analyzer: rows of kind ``run`` and ``line``. One panel a
        family, at most four.
    """
    ratios, title = table["tokens_per_param"], "Tokens per parameter [token]"
    tooltip = [f"{c}:Q" for c in ("flops", "n_params", "tokens_per_param", "loss")]
    return runs_and_lines(
        table, x="flops", x_title=COMPUTE, lines_by=["tokens_per_param"],
        color=log_color("tokens_per_param", ratios, title=title, number_format=",.2~r"),
        tooltip=["run:N", "family:N", *tooltip], height=HEIGHT * 3 // 4,
    )  # fmt: skip


def cost(table: pd.DataFrame) -> alt.LayerChart:
    """Return compute over the least for the same loss, against tokens per parameter.

    Parameters
    ----------
    table : DataFrame
        Table ``cost`` of the analyzer.
    """
    import altair as alt

    color, _ = by_name("family", table["family"], title="Family")
    ratios = table["tokens_per_param"]
    x_axis = decade_axis(ratios, title="Tokens per parameter M = D/N [token]")
    x = alt.X("tokens_per_param:Q", scale=log_scale(ratios), axis=x_axis)
    # The band may run off to thousands; the lines decide what is seen.
    top = float(np.nanmax(table["compute_factor"])) * 1.3
    scale = alt.Scale(type="log", domain=[1, max(top, 1.5)], nice=False, clamp=True)
    ticks = [t for t in (1, 1.5, 2, 3, 5, 7, 10, 20, 50, 100) if t <= max(top, 1.5)]
    y_axis = alt.Axis(title="Compute over the least for the same loss [1]", values=ticks,
                      format="~g")  # fmt: skip
    base = alt.Chart(table)
    band = base.mark_area(opacity=0.16, clip=True).encode(
        x=x, y=alt.Y("compute_factor_low:Q", scale=scale, axis=y_axis), y2="compute_factor_high:Q",
        color=color, detail="segment:N",
    )  # fmt: skip
    line = base.mark_line(strokeWidth=2, clip=True).encode(
        x=x, y=alt.Y("compute_factor:Q", scale=scale, axis=y_axis), color=color,
        strokeDash=dashed_outside(),
    )  # fmt: skip
    return alt.layer(band, line).properties(width=WIDTH, height=HEIGHT)
