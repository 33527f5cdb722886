"""Chart of loss against tokens at each size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isoflop.drawing.log_legends import log_color
from isoflop.figures.runs_and_lines import runs_and_lines

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd


def loss_vs_tokens(table: pd.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """Return runs and lines of loss against tokens, colored by size.

    Parameters
    ----------
    table : DataFrame
        Table ``loss_vs_tokens`` of the analyzer: rows of kind ``run`` and ``line``. One panel a
        family, at most four.
    """
    title = "Parameters N [1]"
    return runs_and_lines(
        table, x="n_tokens", x_title="Tokens D [token]", lines_by=["n_params"],
        color=log_color("n_params", table["n_params"], title=title, number_format=".2~s"),
        tooltip=["run:N", "family:N", "n_params:Q", "n_tokens:Q", "loss:Q"],
    )  # fmt: skip
