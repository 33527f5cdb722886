"""Charts of over-training: loss along compute by tokens per parameter, and its cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop.drawing.log_legends import log_color

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_WIDTH, _HEIGHT = 640, 360
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito 2008, Color universal design: apart for the color-blind."""

_MOST_PANELS = 4


def shown_words(n_families: int) -> str:
    """Return what a caption says of families that have no panel."""
    hidden = n_families - _MOST_PANELS
    return f" The first {_MOST_PANELS} of {n_families} families are shown." if hidden > 0 else ""


def loss_vs_compute(table: pd.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """Return runs and the law along compute, colored by tokens per parameter.

    Parameters
    ----------
    table : DataFrame
        Table ``loss_vs_compute`` of the analyzer: rows of kind ``run`` and ``line``. One panel a
        family, at most four.
    """
    import altair as alt

    families = list(dict.fromkeys(table["family"]))[:_MOST_PANELS]
    shown = table[table["family"].isin(families)]
    several = len(families) > 1
    x_axis = decade_axis(shown["flops"], title="Training compute C = 6ND [FLOP]")
    x = alt.X("flops:Q", scale=log_scale(shown["flops"]), axis=x_axis)
    y = alt.Y(
        "loss:Q",
        scale=alt.Scale(zero=False, nice=False, padding=8),
        axis=alt.Axis(title="Loss [nat/token]"),
    )
    color = log_color(
        "tokens_per_param", shown["tokens_per_param"], title="Tokens per parameter [token]",
        number_format=",.2~r",
    )  # fmt: skip
    base = alt.Chart(shown)
    line = (
        base.transform_filter("datum.kind === 'line'")
        .mark_line(strokeWidth=1.5)
        .encode(
            x=x, y=y, color=color, strokeDash=_dash(["below", "inside", "above"]),
            detail=["tokens_per_param:Q", "segment:N"],
        )
    )  # fmt: skip
    points = (
        base.transform_filter("datum.kind === 'run'")
        .mark_point(filled=True, size=40, opacity=0.9, stroke="white", strokeWidth=0.4)
        .encode(
            x=x, y=y, color=color,
            tooltip=["run:N", "family:N", "flops:Q", "n_params:Q", "tokens_per_param:Q", "loss:Q"],
        )
    )  # fmt: skip
    width = _WIDTH // 2 - 20 if several else _WIDTH
    chart = alt.layer(line, points).properties(width=width, height=_HEIGHT * 3 // 4)
    if not several:
        return chart
    return chart.facet(alt.Facet("family:N", title=None, sort=families), columns=2)


def cost(table: pd.DataFrame) -> alt.LayerChart:
    """Return compute over the least for the same loss, against tokens per parameter.

    Parameters
    ----------
    table : DataFrame
        Table ``cost`` of the analyzer.
    """
    import altair as alt

    names = sorted(set(table["family"]))
    color = alt.Color(
        "family:N",
        scale=alt.Scale(domain=names, range=list(_COLORS)),
        legend=alt.Legend(title="Family", labelLimit=240, symbolOpacity=1)
        if len(names) > 1
        else None,
    )
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
        strokeDash=_dash(["inside", "outside"]),
    )  # fmt: skip
    return alt.layer(band, line).properties(width=_WIDTH, height=_HEIGHT)


def _dash(segments: list[str]) -> Any:
    import altair as alt

    styles = [[1, 0] if s == "inside" else [6, 4] for s in segments]
    return alt.StrokeDash("segment:N", scale=alt.Scale(domain=segments, range=styles), legend=None)
