"""Tables of curves and the laws that carry them on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop_plugins.analyzers.by_family.tables import frame, spread
from isoflop_plugins.laws.column_units import unit_of

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimation import FitResult
    from isoflop_plugins.analyzers.extrapolation.curves import Axes, Curve

LAST_VALUE = "last value"
"""What stands for a law where the last value is carried on."""

_GRID = 60
_COLUMNS: dict[str, tuple[str, ...]] = {
    "laws": (
        "family", "law", "n_parameters", "n_points", "status", "error", "n_starts", "n_agree",
        "chosen", "reason",
    ),
    "held_out": (
        "family", "law", "run", "x", "y", "predicted", "error",
    ),
    "forecast": ("family", "law", "kind", "segment", "run", "x", "y", "y_low", "y_high"),
    "params": ("family", "law", "parameter", "value", "low", "high", "unit"),
}  # fmt: skip


def tables(curves: Sequence[Curve], axes: Axes, *, decades: float) -> dict[str, pd.DataFrame]:
    """Return all tables by name, empty ones with their columns.

    Parameters
    ----------
    curves : sequence of Curve
        One a family.
    axes : Axes
        What x and y are.
    decades : float
        How far to forecast. [decade]
    """
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _COLUMNS}
    for item in curves:
        made = {
            "laws": _laws(item),
            "held_out": _held_out(item),
            "forecast": [*_runs(item), *_ahead(item, decades)],
            "params": _params(item.fit, axes),
        }
        for name, more in made.items():
            rows[name] += [{"family": item.family, **row} for row in more]
    units = {"x": unit_of(axes.x), "y": unit_of(axes.y), "predicted": unit_of(axes.y)}
    return {name: frame(columns, rows[name], units) for name, columns in _COLUMNS.items()}


def _laws(item: Curve) -> list[dict[str, Any]]:
    """Return each law with its held-out error, and the last value beside them."""
    judged = item.judged
    n = judged.fitted_rows.size
    wins = judged.beats_last_value
    rows: list[dict[str, Any]] = [
        {"law": LAST_VALUE, "n_parameters": 0, "n_points": n, "status": "", "chosen": not wins,
         "error": judged.last_error, "reason": ""}
    ]  # fmt: skip
    for one in judged.contenders:
        row = {"law": one.law.name, "n_parameters": len(one.law.names), "n_points": n,
               "status": "not-fitted", "error": one.error, "reason": one.refusal,
               "chosen": wins and one is judged.best}  # fmt: skip
        if one.fit is not None:
            row |= {
                "status": one.fit.status,
                "n_starts": one.fit.certificate.n_starts,
                "n_agree": one.fit.certificate.n_agree,
                "reason": "; ".join(one.fit.warnings),
            }
        rows.append(row)
    return rows


def _held_out(item: Curve) -> list[dict[str, Any]]:
    judged = item.judged
    names = item.runs.take(judged.held_rows).labels()
    rows = []
    for one in judged.contenders:
        if one.predicted is None:
            continue
        values = one.predicted.value
        rows += [
            {"law": one.law.name, "run": name, "x": judged.x[i], "y": judged.measured[i],
             "predicted": values[i], "error": values[i] / judged.measured[i] - 1.0}
            for i, name in enumerate(names)
        ]  # fmt: skip
    return rows


def _runs(item: Curve) -> list[dict[str, Any]]:
    """Return the points of the curve; those that were held out are told apart."""
    first = item.judged.fitted_rows.size
    return [
        {"law": "", "kind": "run" if i < first else "held-out run", "segment": "", "run": name,
         "x": item.x[i], "y": item.y[i]}
        for i, name in enumerate(item.runs.labels())
    ]  # fmt: skip


def _ahead(item: Curve, decades: float) -> list[dict[str, Any]]:
    """Return the best law inside and beyond the runs, and the last value beyond them."""
    fit, law = item.fit, item.fit.law
    variable = law.variables[0]
    low, high = np.log10(item.x[[0, -1]])
    inside = np.linspace(low, high, _GRID)
    above = np.linspace(high, high + decades, max(2, _GRID // 3))
    rows: list[dict[str, Any]] = []
    for segment, places in (("inside", 10.0**inside), ("above", 10.0**above)):
        told = fit.predict_at({variable: places})
        rows += [
            {"law": law.name, "kind": "law", "segment": segment, "run": "", "x": place,
             **spread("y", told[i])}
            for i, place in enumerate(places.tolist())
        ]  # fmt: skip
    rows += [
        {"law": LAST_VALUE, "kind": LAST_VALUE, "segment": "above", "run": "", "x": place,
         "y": item.y[-1]}
        for place in (item.place(0.0), item.place(decades))
    ]  # fmt: skip
    return rows


def _params(fit: FitResult, axes: Axes) -> list[dict[str, Any]]:
    return [
        {"law": fit.law.name, "parameter": name, "value": e.value, "low": e.low, "high": e.high,
         "unit": _unit(fit, name, axes)}
        for name, e in fit.params.items()
    ]  # fmt: skip


def _unit(fit: FitResult, name: str, axes: Axes) -> str:
    """Return the unit of a parameter when other columns stand for the law's own."""
    law = fit.law
    parameter = law.parameter(name)
    if parameter.of == law.variables[0]:
        return unit_of(axes.x)
    if parameter.unit == law.response_unit:
        return unit_of(axes.y)
    return parameter.unit.replace(law.variables[0], axes.x).replace(law.response, axes.y)
