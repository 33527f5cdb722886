"""Charts of a two-term fit: loss against compute, contours, residuals, parameter draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isoflop.drawing.palette import by_name
from isoflop.figures.contour_lines import draw_contours
from isoflop.figures.draw_pairs import draw_pairs
from isoflop.figures.misfits import draw_residuals
from isoflop.figures.runs_and_lines import COMPUTE, runs_and_lines

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_EXPONENTS = {"alpha": "alpha, exponent of N [1]", "beta": "beta, exponent of D [1]"}


def loss_vs_compute(table: pd.DataFrame) -> alt.LayerChart:
    """Return runs as points, the efficient frontier as a line with its band, colored by family.

    Parameters
    ----------
    table : DataFrame
        Table ``loss_vs_compute`` of the analyzer: rows of kind ``run`` and ``frontier``.
    """
    color, shape = by_name("family", table["family"], title="Family")
    tooltip = ["run:N", "family:N", "flops:Q", "n_params:Q", "n_tokens:Q", "loss:Q"]
    chart: alt.LayerChart = runs_and_lines(
        table, x="flops", x_title=COMPUTE, color=color, shape=shape, lines_by=["family"],
        tooltip=tooltip, in_panels=False,
    )  # fmt: skip
    return chart


def contours(table: pd.DataFrame) -> Any:
    """Return contours of equal loss over N and D, the frontier, and runs colored by D / N."""
    return draw_contours(table)


def residuals(table: pd.DataFrame) -> alt.LayerChart:
    """Return the relative misfit of each run against its compute; table ``residuals``."""
    color, shape = by_name("family", table["family"], title="Family")
    return draw_residuals(table, color=color, shape=shape)


def parameter_draws(table: pd.DataFrame) -> Any:
    """Return the exponents of the bootstrap refits, with the fit to all runs as a cross."""
    return draw_pairs(table, _EXPONENTS)
