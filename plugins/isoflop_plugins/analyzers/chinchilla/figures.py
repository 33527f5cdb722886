"""Charts of a two-term fit: loss against compute, residuals, parameter draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isoflop.drawing.log_axes import decade_axis, log_scale

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_WIDTH, _HEIGHT = 640, 360
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito 2008, Color universal design: apart for the color-blind."""

_MOST_PANELS = 4
_BY_SIZE = [{"field": "n_params", "order": "ascending"}]
_COMPUTE = "Training compute C = 6ND [FLOP]"


def loss_vs_compute(table: pd.DataFrame) -> alt.LayerChart:
    """Return runs as points, the efficient frontier as a line with its band.

    The line is solid inside the compute of the runs and dashed outside.

    Parameters
    ----------
    table : DataFrame
        Table ``loss_vs_compute`` of the analyzer: rows of kind ``run`` and ``frontier``.
    """
    import altair as alt

    runs = table[table["kind"] == "run"]
    frontier = table[table["kind"] == "frontier"]
    x = alt.X(
        "flops:Q", scale=log_scale(table["flops"]), axis=decade_axis(table["flops"], title=_COMPUTE)
    )
    y_scale = alt.Scale(zero=False, nice=False, padding=8)
    y = alt.Y("loss:Q", scale=y_scale, axis=alt.Axis(title="Loss [nat/token]"))
    color, shape = _by_family(table)
    points = (
        alt.Chart(runs)
        .mark_point(filled=True, size=36, opacity=0.75)
        .encode(
            x=x, y=y, color=color, shape=shape,
            tooltip=["run:N", "family:N", "flops:Q", "n_params:Q", "n_tokens:Q", "loss:Q"],
        )
    )  # fmt: skip
    band = (
        alt.Chart(frontier)
        .mark_area(opacity=0.18)
        .encode(x=x, y=alt.Y("loss_low:Q", scale=y_scale), y2="loss_high:Q", color=color)
    )
    dash = alt.StrokeDash(
        "segment:N",
        scale=alt.Scale(domain=["inside", "below", "above"], range=[[1, 0], [6, 4], [6, 4]]),
        legend=None,
    )
    line = (
        alt.Chart(frontier)
        .mark_line(strokeWidth=2)
        .encode(x=x, y=y, color=color, strokeDash=dash, detail="segment:N")
    )
    return alt.layer(band, points, line).properties(width=_WIDTH, height=_HEIGHT)


def shown_words(n_families: int) -> str:
    """Return what the caption of `contours` says of families that it does not show."""
    hidden = n_families - _MOST_PANELS
    return f" The first {_MOST_PANELS} of {n_families} families are shown." if hidden > 0 else ""


def contours(table: pd.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """Return contours of equal loss over N and D, the frontier, and runs colored by D / N.

    Parameters
    ----------
    table : DataFrame
        Table ``contours`` of the analyzer: rows of kind ``run``, ``contour`` and ``frontier``.
        One panel a family, at most four.
    """
    import altair as alt

    families = list(dict.fromkeys(table["family"]))[:_MOST_PANELS]
    shown = table[table["family"].isin(families)]
    several = len(families) > 1
    width = _WIDTH // 2 - 20 if several else _WIDTH
    x = _log(shown, "n_params", "Parameters N [1]", alt.X)
    y = _log(shown, "n_tokens", "Tokens D [token]", alt.Y)
    base = alt.Chart(shown)
    lines = (
        base.transform_filter("datum.kind === 'contour'")
        .mark_line(strokeWidth=1, color="#8A8A8A")
        .encode(x=x, y=y, detail="level:Q", order="n_params:Q")
    )
    ends = (
        base.transform_filter("datum.kind === 'contour'")
        .transform_window(place="rank(n_params)", groupby=["level", "family"], sort=_BY_SIZE)
        .transform_filter("datum.place === 1")
        .mark_text(align="left", dx=3, dy=-5, fontSize=9, color="#5A5A5A")
        .encode(x=x, y=y, text=alt.Text("level:Q", format=".3~g"))
    )
    dash = alt.Scale(domain=["inside", "outside"], range=[[1, 0], [6, 4]])
    best = (
        base.transform_filter("datum.kind === 'frontier'")
        .mark_line(strokeWidth=2.5, color="black", clip=True)
        .encode(x=x, y=y, strokeDash=alt.StrokeDash("segment:N", scale=dash, legend=None))
    )
    points = (
        base.transform_filter("datum.kind === 'run'")
        .mark_point(filled=True, size=42, opacity=0.9, stroke="white", strokeWidth=0.4)
        .encode(
            x=x, y=y, color=_tokens_per_param(shown),
            tooltip=["run:N", "family:N", "n_params:Q", "n_tokens:Q", "tokens_per_param:Q",
                     "loss:Q"],
        )
    )  # fmt: skip
    chart = alt.layer(lines, ends, best, points).properties(width=width, height=_HEIGHT)
    if not several:
        return chart
    return chart.facet(alt.Facet("family:N", title=None, sort=families), columns=2)


def residuals(table: pd.DataFrame) -> alt.LayerChart:
    """Return the relative misfit of each run against its compute.

    Parameters
    ----------
    table : DataFrame
        Table ``residuals`` of the analyzer.
    """
    import altair as alt

    color, shape = _by_family(table)
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
                "residual:Q",
                scale=alt.Scale(nice=False, padding=8),
                axis=alt.Axis(title="Predicted over measured loss, less 1 [1]", format=".1%"),
            ),
            color=color,
            shape=shape,
            tooltip=["run:N", "family:N", "flops:Q", "residual:Q"],
        )
    )
    zero = alt.Chart(alt.Data(values=[{"y": 0}])).mark_rule(color="gray").encode(y="y:Q")
    return alt.layer(zero, points).properties(width=_WIDTH, height=_HEIGHT * 2 // 3)


def parameter_draws(table: pd.DataFrame) -> alt.LayerChart:
    """Return the exponents of the bootstrap refits, with the fit to all runs as a cross.

    Parameters
    ----------
    table : DataFrame
        Table ``parameter_draws`` of the analyzer: rows of kind ``draw`` and ``fit``.
    """
    import altair as alt

    color, shape = _by_family(table)
    x, y = (
        alt.X("alpha:Q", scale=_hugging(), axis=alt.Axis(title="alpha, exponent of N [1]")),
        alt.Y("beta:Q", scale=_hugging(), axis=alt.Axis(title="beta, exponent of D [1]")),
    )
    draws = (
        alt.Chart(table[table["kind"] == "draw"])
        .mark_point(filled=True, size=14, opacity=0.3)
        .encode(x=x, y=y, color=color, shape=shape)
    )
    fit = (
        alt.Chart(table[table["kind"] == "fit"])
        .mark_point(shape="cross", size=160, filled=True, color="black", stroke="white")
        .encode(x=x, y=y)
    )
    return alt.layer(draws, fit).properties(width=_WIDTH, height=_HEIGHT)


def _by_family(table: pd.DataFrame) -> tuple[Any, Any]:
    """Return color and shape by family, with one legend, or none for one family."""
    import altair as alt

    names = sorted(table["family"].unique())
    legend = alt.Legend(title="Family", labelLimit=240, symbolOpacity=1)
    shown = None if len(names) < 2 else legend
    color = alt.Color("family:N", scale=alt.Scale(domain=names, range=list(_COLORS)), legend=shown)
    return color, alt.Shape("family:N", scale=alt.Scale(domain=names), legend=shown)


def _log(table: pd.DataFrame, name: str, title: str, channel: Any) -> Any:
    """Return a log axis that hugs the runs and the frontier inside them."""
    seen = table.loc[(table["kind"] != "frontier") | (table["segment"] == "inside"), name]
    return channel(f"{name}:Q", scale=log_scale(seen), axis=decade_axis(seen, title=title))


def _tokens_per_param(table: pd.DataFrame) -> Any:
    import altair as alt

    ratios = table.loc[table["kind"] == "run", "tokens_per_param"]
    low, high = float(ratios.min()), float(ratios.max())
    scale = alt.Scale(type="log", scheme="viridis", domain=[low, max(high, 1.01 * low)])
    legend = alt.Legend(title="Tokens per parameter [token]", format=",.2~r", gradientLength=200)
    return alt.Color("tokens_per_param:Q", scale=scale, legend=legend)


def _hugging() -> Any:
    import altair as alt

    return alt.Scale(zero=False, nice=False, padding=12)
