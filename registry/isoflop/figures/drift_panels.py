"""A law's parameters over the dates of its fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop.drawing.palette import by_name
from isoflop.errors import SchemaError, UnknownNameError
from isoflop.estimation.identifiability import USABLE
from isoflop.figures.notes import noted
from isoflop.tables import FIT_SERIES, FitTable
from isoflop.words import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    import altair as alt
    import pandas as pd

_WIDTH, _HEIGHT = 280, 120
_WIDE = 30.0
"""Largest over smallest value from which a panel is logarithmic. [1]"""
_PANELS, _ROW = 12, 2
_SERIES = tuple(c for c in FIT_SERIES if c != "law")
_DAY = 86_400


def drift(fits: FitTable, *, law: str = "", names: Sequence[str] = ()) -> alt.TopLevelMixin:
    """Return the parameters of one law over the dates of its fits, a panel a parameter.

    Points are fits with their intervals; hollow ones did not identify the parameter. Fits of one
    date on the same data count once, the one with most runs. One fit is one point.

    Parameters
    ----------
    fits : FitTable
        The fits of a registry. Those without a date, or not converged, are counted in the note.
    law : str
        Which law; may be empty where the table holds one.
    names : sequence of str
        Which parameters, the first twelve by default; those derived from them included.

    Raises
    ------
    SchemaError
        `fits` is no FitTable or holds no usable fit, or several laws where `law` is empty.
    UnknownNameError
        The table holds no fit of this law, or no such parameter.
    """
    if not isinstance(fits, FitTable):
        raise SchemaError(f"fits must be a FitTable, got {type(fits).__name__}: give `reg.fits()`.")
    chosen = _law(fits, law)
    params, n_left_out = param_frame(fits, chosen)
    if params.empty:
        raise SchemaError(
            f"None of the {plural(n_left_out, 'fit')} of {chosen!r} is dated and usable, so there "
            "is nothing over time."
        )
    known = list(dict.fromkeys(params["parameter"]))
    for name in names:
        if name not in known:
            raise UnknownNameError(f"parameter of law {chosen!r}", name, known)
    shown = params[params["parameter"].isin(list(names) or known[:_PANELS])]
    note = f"{plural(params['fit_id'].nunique(), 'fit')} of {chosen}."
    note += f" {n_left_out} more without a date or not usable." if n_left_out else ""
    return noted(draw_drift(shown), [note])


def _law(fits: FitTable, law: str) -> str:
    laws = sorted({name for name in fits.texts("law") if name})
    if law:
        if law not in laws:
            raise UnknownNameError("law with fits", law, laws)
        return law
    if len(laws) == 1:
        return laws[0]
    raise SchemaError(
        f"The table holds fits of {len(laws)} laws: name one of {laws[:20]} as `law`."
        if laws
        else "The table holds no fits: a report or isoflop.refit keeps them."
    )


def param_frame(fits: FitTable, law: str) -> tuple[pd.DataFrame, int]:
    """Return one row a parameter of each usable fit of a law, and how many fits were left out.

    Columns as in `draw_drift`.
    """
    import pandas as pd

    frame = fits.to_arrow().select([]).to_pandas()
    frame["created_at"] = fits.to_arrow().column("created_at").to_pandas()
    for name in ("law", "fit_id", "status", "data_digest", *_SERIES):
        frame[name] = [text or "" for text in fits.texts(name)]
    frame["n_runs"] = fits.numbers("n_runs")
    frame["params"], frame["open"] = fits.params(), fits.objects("unidentified")
    mine = frame[frame["law"] == law]
    usable = mine[mine["created_at"].notna() & mine["status"].isin(USABLE)]
    shared = ["created_at", *_SERIES]
    best = usable.sort_values("n_runs", ascending=False, kind="stable").drop_duplicates(shared)
    rows = [
        {**{c: fit[c] for c in (*shared, "fit_id", "status", "n_runs")}, "parameter": name,
         "value": e.value, "value_low": e.low, "value_high": e.high, "unit": "",
         "identified": name not in (fit["open"] or ())}
        for fit in best.sort_values("created_at", kind="stable").to_dict("records")
        for name, e in fit["params"].items()
    ]  # fmt: skip
    return pd.DataFrame(rows), len(mine) - len(usable)


def draw_drift(params: pd.DataFrame) -> alt.TopLevelMixin:
    """Return a panel a parameter: points by date with bars and bands, hollow if not identified.

    Parameters
    ----------
    params : DataFrame
        One row a parameter and fit: ``parameter``, ``unit``, ``created_at``, ``value`` with
        ``_low`` and ``_high``, ``identified``, ``fit_id``, ``n_runs``, ``status``, and what tells
        series apart: ``family``, ``loss_dataset``, ``objective``, ``variant``. Twelve parameters
        at most are drawn, the first ones.
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
    parts = [c for c in _SERIES if len(set(params[c])) > 1]
    rows = params[parts].itertuples(index=False) if parts else ((),) * len(params)
    return [", ".join(text for text in row if text) or "plain" for row in rows]


def _panel(everything: pd.DataFrame, name: str, *, x_title: str | None) -> alt.LayerChart:
    import altair as alt

    rows = everything[everything["parameter"] == name]
    x, vertical = _dates(everything, x_title), _vertical(rows)
    y, low = alt.Y("value:Q", **vertical), alt.Y("value_low:Q", **vertical)
    color, shape = by_name("series", everything["series"], title="Fits", orient="bottom")
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
    short = span.total_seconds() < 3 * _DAY
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
