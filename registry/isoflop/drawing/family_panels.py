"""One panel a family, and no more than a page holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

MOST_PANELS = 4
WIDTH, HEIGHT = 640, 360
"""Size of a plot. [pixel]"""


def shown_words(n_families: int) -> str:
    """Return what a caption says of families that have no panel."""
    hidden = n_families - MOST_PANELS
    return f" The first {MOST_PANELS} of {n_families} families are shown." if hidden > 0 else ""


def shown_families(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the families that have a panel, in order."""
    families = list(dict.fromkeys(table["family"]))[:MOST_PANELS]
    return table[table["family"].isin(families)]


def in_panels(chart: alt.LayerChart, table: pd.DataFrame, *, height: int = HEIGHT) -> Any:
    """Return the chart with a panel for each family of the table; as it is for one family."""
    import altair as alt

    families = list(dict.fromkeys(table["family"]))
    if len(families) < 2:
        return chart.properties(width=WIDTH, height=height)
    sized = chart.properties(width=WIDTH // 2 - 20, height=height)
    return sized.facet(alt.Facet("family:N", title=None, sort=families), columns=2)
