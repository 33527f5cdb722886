"""Chart of loss against tokens at each size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop.drawing.log_legends import log_color

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_WIDTH, _HEIGHT = 640, 360
_MOST_PANELS = 4
_HEADROOM = 0.06


def shown_words(n_families: int) -> str:
    """Return what a caption says of families that have no panel."""
    hidden = n_families - _MOST_PANELS
    return f" The first {_MOST_PANELS} of {n_families} families are shown." if hidden > 0 else ""


def loss_vs_tokens(table: pd.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """Return runs and lines of loss against tokens, colored by size.

    Parameters
    ----------
    table : DataFrame
        Table ``loss_vs_tokens`` of the analyzer: rows of kind ``run`` and ``line``. One panel a
        family, at most four.
    """
    import altair as alt

    families = list(dict.fromkeys(table["family"]))[:_MOST_PANELS]
    shown = table[table["family"].isin(families)]
    several = len(families) > 1
    x_axis = decade_axis(shown["n_tokens"], title="Tokens D [token]")
    x = alt.X("n_tokens:Q", scale=log_scale(shown["n_tokens"]), axis=x_axis)
    # Bands of a few runs go anywhere; what is seen is decided by runs and lines.
    low, high = float(shown["loss"].min()), float(shown["loss"].max())
    margin = _HEADROOM * (high - low)
    scale = alt.Scale(domain=[low - margin, high + margin], nice=False)
    y = alt.Y("loss:Q", scale=scale, axis=alt.Axis(title="Loss [nat/token]"))
    color = log_color("n_params", shown["n_params"], title="Parameters N [1]", number_format=".2~s")
    dash = alt.Scale(domain=["inside", "outside"], range=[[1, 0], [6, 4]])
    base = alt.Chart(shown)
    lines = base.transform_filter("datum.kind === 'line'")
    detail = ["n_params:Q", "segment:N"]
    band = lines.mark_area(opacity=0.13, clip=True).encode(
        x=x, y=alt.Y("loss_low:Q", scale=scale), y2="loss_high:Q", color=color, detail=detail
    )
    line = lines.mark_line(strokeWidth=1.8, clip=True).encode(
        x=x, y=y, color=color, detail=detail,
        strokeDash=alt.StrokeDash("segment:N", scale=dash, legend=None),
    )  # fmt: skip
    points = (
        base.transform_filter("datum.kind === 'run'")
        .mark_point(filled=True, size=40, opacity=0.9, stroke="white", strokeWidth=0.4)
        .encode(
            x=x, y=y, color=color,
            tooltip=["run:N", "family:N", "n_params:Q", "n_tokens:Q", "loss:Q"],
        )
    )  # fmt: skip
    width = _WIDTH // 2 - 20 if several else _WIDTH
    chart = alt.layer(band, line, points).properties(width=width, height=_HEIGHT)
    if not several:
        return chart
    return chart.facet(alt.Facet("family:N", title=None, sort=families), columns=2)
