"""Tables of memorization: effects per decade, measurements, partial effects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.estimation.variables import fitted_values
from isoflop.results import LeftOut
from isoflop_plugins.analyzers.by_family import tables as rows_of
from isoflop_plugins.analyzers.by_family.log_linear import middle, partial_lines, partial_points
from isoflop_plugins.laws.memorization import CARLINI, SLOPES

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimation import FitResult
    from isoflop_plugins.analyzers.by_family.fits import FamilyFit

_UNITS = {"per_decade": "1", "published": "1", "context": "token", "fraction": "1"}
_COLUMNS = {
    "effects": (
        "family", "factor", "per_decade", "per_decade_low", "per_decade_high", "published",
        "least", "most",
    ),
    "params": rows_of.PARAMS,
    "fits": rows_of.FITS,
    "runs": ("family", "run", *SLOPES, "fraction", "predicted", "residual"),
    "partial": ("family", "factor", "run", "x", "y"),
    "lines": ("family", "factor", "segment", "part", "x", "y", "y_low", "y_high"),
}  # fmt: skip


def outside(labels: Sequence[str]) -> tuple[LeftOut, ...]:
    """Return measurements whose fraction is none, as left out."""
    reason = "fraction_extractable is not between 0 and 1; give it as a fraction, not in percent"
    return tuple(LeftOut(subject=label, reason=reason) for label in labels)


def tables(items: Sequence[FamilyFit], level: float) -> dict[str, pd.DataFrame]:
    """Return all tables by name, empty ones with their columns; the level is in ``attrs``."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _COLUMNS}
    for item in items:
        fit = item.fit
        if fit is None:
            continue
        rows["fits"].append(rows_of.fit_row(item))
        rows["params"] += rows_of.param_rows(fit)
        if not fit.is_usable:
            continue
        _add(rows, item, fit)
    made = {name: rows_of.frame(_COLUMNS[name], found, _UNITS) for name, found in rows.items()}
    made["runs"].attrs["units"]["predicted"] = "1"
    made["effects"].attrs["level"] = level
    return made


def _add(rows: dict[str, list[dict[str, Any]]], item: FamilyFit, fit: FitResult) -> None:
    used = item.runs.take(fit.rows)
    values = {name: fitted_values(used, name) for name in fit.law.variables}
    measured, labels = used.numbers("fraction_extractable"), used.labels()
    rows["runs"] += [
        {"family": item.family, "run": label, **{k: v[i] for k, v in values.items()},
         "fraction": measured[i], "predicted": measured[i] + fit.residuals[i],
         "residual": fit.residuals[i]}
        for i, label in enumerate(labels)
    ]  # fmt: skip
    middles = {name: middle(v) for name, v in values.items()}
    for name, x in values.items():
        where = {"family": item.family, "factor": name}
        rows["effects"].append(
            {**where, **rows_of.spread("per_decade", fit.params[SLOPES[name]]),
             "published": CARLINI.get(name, np.nan), "least": x.min(), "most": x.max()}
        )  # fmt: skip

        def placed(at: Any, name: str = name) -> dict[str, Any]:
            return {**middles, name: at}

        y = partial_points(fit, x, placed)
        rows["partial"] += [
            {**where, "run": label, "x": x[i], "y": y[i]} for i, label in enumerate(labels)
        ]
        rows["lines"] += [{**where, **row} for row in partial_lines(fit, x, placed)]
