"""Tables of the two-term fits of an analysis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.estimation import FitResult
from isoflop_plugins.analyzers.by_family.fits import FamilyFit
from isoflop_plugins.analyzers.by_family.tables import (
    FITS,
    HELD_OUT,
    PARAMS,
    fit_row,
    frame,
    held_out_rows,
    param_rows,
    relative_residuals,
    spread,
    used_rows,
)
from isoflop_plugins.analyzers.chinchilla import contours as chinchilla_contours
from isoflop_plugins.analyzers.chinchilla.exponents_tied import Variant, preference
from isoflop_plugins.analyzers.chinchilla.outliers import Outlier

if TYPE_CHECKING:
    import pandas as pd

_GRID = 40
_MAX_DRAWS = 400
_AHEAD = 1.0  # decades of compute that the frontier is drawn beyond the runs
_FIVE = ("E", "A", "B", "alpha", "beta")

_COLUMNS: dict[str, tuple[str, ...]] = {
    "params": PARAMS,
    "fits": FITS,
    "variants": (
        "family", "variant", "status", "objective", *_FIVE, "exponent_n", "exponent_n_low",
        "exponent_n_high", "tokens_per_param", "tokens_per_param_low", "tokens_per_param_high",
        "held_out_error", "preference",
    ),
    "held_out": HELD_OUT,
    "allocation": (
        "family", "flops", "n_params", "n_params_low", "n_params_high", "n_tokens", "n_tokens_low",
        "n_tokens_high", "tokens_per_param", "loss", "loss_low", "loss_high",
        "extrapolation_decades",
    ),
    "loss_vs_compute": (
        "family", "kind", "segment", "run", "flops", "n_params", "n_tokens", "loss", "loss_low",
        "loss_high",
    ),
    "contours": chinchilla_contours.COLUMNS,
    "residuals": ("family", "run", "flops", "residual"),
    "outliers": (
        "family", "run", "kind", "n_params", "n_tokens", "loss", "residual", "distance",
        "is_left_out", "reason",
    ),
    "parameter_draws": ("family", "kind", *_FIVE),
}  # fmt: skip

_UNITS = {
    "held_out_error": "1", "distance": "1", "level": "nat/token", "exponent_n": "1",
    "alpha": "1", "beta": "1", "E": "nat/token",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FamilyAnswer:
    """All that the analyzer found out about one family.

    Parameters
    ----------
    item : FamilyFit
        The fit that was asked for.
    variants : list of Variant
        It, the free one and the tied one.
    outliers : list of Outlier
        Runs that stand apart, by the fit to all runs.
    judged : FamilyFit
        That fit; `item` itself where no outlier was left out.
    dropped : frozenset of int
        Rows of the judged runs that were left out for it.
    """

    item: FamilyFit
    variants: list[Variant]
    outliers: list[Outlier]
    judged: FamilyFit
    dropped: frozenset[int]


def tables(answers: Sequence[FamilyAnswer]) -> dict[str, pd.DataFrame]:
    """Return all tables by name, empty ones with their columns."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _COLUMNS}
    for answer in answers:
        item = answer.item
        rows["fits"].append(fit_row(item))
        if item.fit is None:
            continue
        made = {
            "params": param_rows(item.fit),
            "variants": _variants(answer.variants),
            "held_out": held_out_rows(item.family, item.held_out) if item.held_out else [],
            "allocation": _allocation(item.fit),
            "loss_vs_compute": [*_runs(item), *_frontier(item.fit)],
            "contours": chinchilla_contours.contour_rows(item),
            "residuals": _residuals(item),
            "outliers": _outliers(answer),
            "parameter_draws": _draws(item.fit),
        }
        for name, more in made.items():
            rows[name] += [{**row, "family": item.family} for row in more]
    return {name: frame(_COLUMNS[name], found, _UNITS) for name, found in rows.items()}


def _variants(found: Sequence[Variant]) -> list[dict[str, Any]]:
    said = preference(list(found))
    out = []
    for variant in found:
        fit = variant.fit
        row: dict[str, Any] = {
            "variant": variant.name,
            "status": fit.status,
            "objective": fit.objective,
            **_five(fit, fit.estimate[None])[0],
            "held_out_error": variant.held_out_error,
            "preference": said,
        }
        for name in ("exponent_n", "tokens_per_param"):
            if name in fit.derived:
                row |= spread(name, fit.derived[name])
        out.append(row)
    return out


def _allocation(fit: FitResult) -> list[dict[str, Any]]:
    """Return the optimum at decades of compute, from the runs to two decades beyond."""
    if not fit.is_usable:
        return []
    low, high = (math.log10(c) for c in fit.ranges["flops"])
    out = []
    for decade in range(math.floor(low), math.ceil(high) + 3):
        best = fit.optimal(10.0**decade)
        row: dict[str, Any] = {
            "flops": best.flops,
            "tokens_per_param": best.n_tokens.value / best.n_params.value,
            "extrapolation_decades": best.extrapolation_decades,
        }
        row |= spread("n_params", best.n_params) | spread("n_tokens", best.n_tokens)
        out.append(row | spread("loss", best.loss))
    return out


def _runs(item: FamilyFit) -> list[dict[str, Any]]:
    return [{"kind": "run", "segment": "", **row} for row in used_rows(item)]


def _frontier(fit: FitResult) -> list[dict[str, Any]]:
    """Return points of the frontier; segments share their ends so that the line has no gap."""
    if not fit.is_usable:
        return []
    low, high = (math.log10(c) for c in fit.ranges["flops"])
    inside, above = np.linspace(low, high, _GRID), np.linspace(high, high + _AHEAD, _GRID // 3)
    out = []
    for segment, decades in (("inside", inside), ("above", above)):
        for decade in decades:
            best = fit.optimal(float(10.0**decade))
            out.append(
                {"kind": "frontier", "segment": segment, "run": "", "flops": best.flops,
                 "n_params": best.n_params.value, "n_tokens": best.n_tokens.value,
                 **spread("loss", best.loss)}
            )  # fmt: skip
    return out


def _residuals(item: FamilyFit) -> list[dict[str, Any]]:
    misfit = np.expm1(relative_residuals(item))
    return [
        {"run": row["run"], "flops": row["flops"], "residual": misfit[i]}
        for i, row in enumerate(used_rows(item))
    ]


def _outliers(answer: FamilyAnswer) -> list[dict[str, Any]]:
    assert answer.item.fit is not None
    runs, labels = answer.judged.runs, answer.judged.runs.labels()
    n, d, loss = runs.params_per_token(), runs.numbers("n_tokens"), runs.numbers("loss")
    return [
        {
            "run": labels[o.row],
            "kind": o.kind,
            "n_params": n[o.row],
            "n_tokens": d[o.row],
            "loss": loss[o.row],
            "residual": o.residual,
            "distance": o.distance,
            "is_left_out": o.row in answer.dropped,
            "reason": o.reason,
        }
        for o in answer.outliers
    ]


def _draws(fit: FitResult) -> list[dict[str, Any]]:
    rows = [{"kind": "draw", **row} for row in _five(fit, fit.draws[:_MAX_DRAWS])]
    return [*rows, {"kind": "fit", **_five(fit, fit.estimate[None])[0]}]


def _five(fit: FitResult, parameters: Any) -> list[dict[str, float]]:
    """Return E, A, B, alpha, beta of rows of parameters (r, p), those held or tied included."""
    from isoflop.estimation.allocation import two_term_of

    two_term = two_term_of(fit.law)
    assert two_term is not None
    values = two_term({name: parameters[:, i] for i, name in enumerate(fit.law.names)})
    columns = {name: np.broadcast_to(values[name], parameters.shape[:1]) for name in _FIVE}
    return [{name: float(columns[name][i]) for name in _FIVE} for i in range(parameters.shape[0])]
