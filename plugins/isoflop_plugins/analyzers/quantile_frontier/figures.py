"""Charts of the lower envelope: beside the law, and the distance of each run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isoflop.drawing.log_axes import decade_axis, log_scale

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_WIDTH, _HEIGHT = 640, 360
_MOST_PANELS = 4
_COLORS = {"law": "#0072B2", "envelope": "#D55E00"}
"""Okabe and Ito 2008, Color universal design: apart for the color-blind."""

_FAMILIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_COMPUTE = "Training compute C = 6ND [FLOP]"


def shown_words(n_families: int) -> str:
    """Return what a caption says of families that have no panel."""
    hidden = n_families - _MOST_PANELS
    return f" The first {_MOST_PANELS} of {n_families} families are shown." if hidden > 0 else ""


def loss_vs_compute(table: pd.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """Return runs, and the lowest loss along compute under the envelope and under the law.

    Parameters
    ----------
    table : DataFrame
        Table ``loss_vs_compute`` of the analyzer: rows of kind ``run``, ``envelope`` and ``law``.
        One panel a family, at most four.
    """
    import altair as alt

    families = list(dict.fromkeys(table["family"]))[:_MOST_PANELS]
    shown = table[table["family"].isin(families)]
    several = len(families) > 1
    x_axis = decade_axis(shown["flops"], title=_COMPUTE)
    x = alt.X("flops:Q", scale=log_scale(shown["flops"]), axis=x_axis)
    y_scale = alt.Scale(zero=False, nice=False, padding=8)
    y = alt.Y("loss:Q", scale=y_scale, axis=alt.Axis(title="Loss [nat/token]"))
    color = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=list(_COLORS), range=list(_COLORS.values())),
        legend=alt.Legend(title=None, symbolOpacity=1),
    )
    dash = alt.Scale(domain=["inside", "outside"], range=[[1, 0], [6, 4]])
    base = alt.Chart(shown)
    lines = base.transform_filter("datum.kind !== 'run'")
    band = lines.mark_area(opacity=0.16).encode(
        x=x, y=alt.Y("loss_low:Q", scale=y_scale), y2="loss_high:Q", color=color, detail="segment:N"
    )
    line = lines.mark_line(strokeWidth=2).encode(
        x=x, y=y, color=color, strokeDash=alt.StrokeDash("segment:N", scale=dash, legend=None)
    )
    points = (
        base.transform_filter("datum.kind === 'run'")
        .mark_point(filled=True, size=26, opacity=0.5, color="#444444")
        .encode(
            x=x, y=y,
            tooltip=["run:N", "family:N", "flops:Q", "n_params:Q", "n_tokens:Q", "loss:Q"],
        )
    )  # fmt: skip
    width = _WIDTH // 2 - 20 if several else _WIDTH
    chart = alt.layer(points, band, line).properties(width=width, height=_HEIGHT)
    if not several:
        return chart
    return chart.facet(alt.Facet("family:N", title=None, sort=families), columns=2)


def distance(table: pd.DataFrame) -> alt.LayerChart:
    """Return how far each run is above the envelope, against its compute.

    Parameters
    ----------
    table : DataFrame
        Table ``distance`` of the analyzer.
    """
    import altair as alt

    names = sorted(set(table["family"]))
    legend = alt.Legend(title="Family", labelLimit=240) if len(names) > 1 else None
    points = (
        alt.Chart(table)
        .mark_point(filled=True, size=36, opacity=0.75)
        .encode(
            x=alt.X(
                "flops:Q",
                scale=log_scale(table["flops"]),
                axis=decade_axis(table["flops"], title=_COMPUTE),
            ),
            y=alt.Y(
                "above_envelope:Q",
                scale=alt.Scale(nice=False, padding=8),
                axis=alt.Axis(title="Measured loss over envelope, less 1 [1]", format=".1%"),
            ),
            color=alt.Color(
                "family:N", scale=alt.Scale(domain=names, range=list(_FAMILIES)), legend=legend
            ),
            shape=alt.Shape("family:N", scale=alt.Scale(domain=names), legend=legend),
            tooltip=["run:N", "family:N", "flops:Q", "above_envelope:Q"],
        )
    )
    zero = alt.Chart(alt.Data(values=[{"y": 0}])).mark_rule(color="#D55E00").encode(y="y:Q")
    return alt.layer(zero, points).properties(width=_WIDTH, height=_HEIGHT * 2 // 3)
