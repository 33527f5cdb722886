"""Chart of a law's parameters over the dates of its fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.drawing.log_axes import decade_axis, log_scale

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_WIDTH, _HEIGHT = 280, 120
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito 2008, Color universal design: apart for the color-blind."""

_WIDE = 30.0
"""Largest over smallest value from which a panel is logarithmic. [1]"""
_PANELS, _ROW = 12, 2


def drift(params: pd.DataFrame) -> alt.TopLevelMixin:
    """Return a panel a parameter: points by date with bars and bands, hollow if not identified.

    Parameters
    ----------
    params : DataFrame
        Rows of one law of the table ``params`` of the analyzer; twelve parameters at most are
        drawn, the first ones.
    """
    import altair as alt

    shown = params.replace([np.inf, -np.inf], np.nan)
    shown = shown.assign(series=_labels(shown), state=np.where(shown["identified"], "yes", "no"))
    names = list(dict.fromkeys(shown["parameter"]))[:_PANELS]
    panels = [
        _panel(shown, name, x_title="Date of the fit, UTC" if i >= len(names) - _ROW else None)
        for i, name in enumerate(names)
    ]
    return alt.concat(*panels, columns=_ROW, spacing=22)


def _labels(params: pd.DataFrame) -> list[str]:
    """Return what sets the series apart, in words; names of families are untrusted text."""
    parts = [c for c in ("family", "loss_dataset", "objective", "variant")
             if len(set(params[c])) > 1]  # fmt: skip
    rows = params[parts].itertuples(index=False) if parts else ((),) * len(params)
    return [", ".join(text for text in row if text) or "plain" for row in rows]


def _panel(everything: pd.DataFrame, name: str, *, x_title: str | None) -> alt.LayerChart:
    import altair as alt

    rows = everything[everything["parameter"] == name]
    x, vertical = _dates(everything, x_title), _vertical(rows)
    y, low = alt.Y("value:Q", **vertical), alt.Y("value_low:Q", **vertical)
    color, shape = _by_series(everything)
    fill = alt.condition("datum.state == 'yes'", color, alt.value("white"))
    known = alt.Chart(rows[rows["identified"]])
    band = known.mark_area(opacity=0.15).encode(x=x, y=low, y2="value_high:Q", color=color)
    bars = known.mark_rule(opacity=0.6).encode(x=x, y=low, y2="value_high:Q", color=color)
    line = known.mark_line(strokeWidth=1.5).encode(x=x, y=y, color=color)
    points = (
        alt.Chart(rows)
        .mark_point(size=40, strokeWidth=1.5, opacity=1)
        .encode(
            x=x, y=y, color=color, fill=fill, shape=shape,
            tooltip=["series:N", "created_at:T", "fit_id:N", "n_runs:Q", "status:N", "value:Q",
                     "value_low:Q", "value_high:Q"],
        )
    )  # fmt: skip
    unit = rows["unit"].iloc[0]
    title = f"{name} [{unit}]" if unit else name
    return alt.layer(band, bars, line, points).properties(width=_WIDTH, height=_HEIGHT, title=title)


def _dates(everything: pd.DataFrame, title: str | None) -> alt.X:
    import altair as alt

    span = everything["created_at"].max() - everything["created_at"].min()
    short = span.total_seconds() < 3 * 86_400
    axis = alt.Axis(
        format="%m-%d %H:%M" if short else "%Y-%m-%d",
        tickCount=4, labelOverlap=True, grid=False, title=title,
    )  # fmt: skip
    return alt.X("created_at:T", scale=alt.Scale(type="utc", padding=10), axis=axis)


def _vertical(rows: pd.DataFrame) -> dict[str, Any]:
    """Return scale and axis that hold values and intervals; logarithmic where far apart."""
    import altair as alt

    every = rows[["value", "value_low", "value_high"]].to_numpy(dtype=np.float64)
    every = every[np.isfinite(every)]
    if every.size and every.min() > 0 and every.max() / every.min() > _WIDE:
        return {"scale": log_scale(every), "axis": decade_axis(every), "title": None}
    scale = alt.Scale(zero=False, nice=False, padding=8)
    return {"scale": scale, "axis": alt.Axis(tickCount=4), "title": None}


def _by_series(everything: pd.DataFrame) -> tuple[Any, Any]:
    """Return color and shape by series, with one legend, or none for one series."""
    import altair as alt

    names = sorted(everything["series"].unique())
    legend = None
    if len(names) > 1:
        legend = alt.Legend(title="Fits", labelLimit=240, symbolOpacity=1, orient="bottom")
    color = alt.Color("series:N", scale=alt.Scale(domain=names, range=list(_COLORS)), legend=legend)
    return color, alt.Shape("series:N", scale=alt.Scale(domain=names), legend=legend)
