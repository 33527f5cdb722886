"""Tables of routed networks: runs with their effective size, gain along size, the dense line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.estimation.intervals import intervals
from isoflop.estimation.variables import fitted_values
from isoflop_plugins.analyzers.by_family import tables as rows_of
from isoflop_plugins.laws.routed import effective_params

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimate import Estimates
    from isoflop.estimation import FitResult
    from isoflop_plugins.analyzers.by_family.fits import FamilyFit

_UNITS = {"n_params_effective": "1", "n_experts": "1", "gain": "1"}
_COLUMNS = {
    "params": rows_of.PARAMS,
    "fits": rows_of.FITS,
    "runs": (
        "family", "run", "n_params", "n_experts", "n_params_effective", "n_params_effective_low",
        "n_params_effective_high", "gain", "loss", "residual",
    ),
    "gain": ("family", "segment", "n_experts", "n_params", "gain", "gain_low", "gain_high"),
    "dense": ("family", "segment", "n_params_effective", "loss", "loss_low", "loss_high"),
}  # fmt: skip

_POINTS = 40
_AHEAD = 2.0  # decades of size that gains are drawn beyond the runs
_MOST_LINES = 5


def tables(items: Sequence[FamilyFit]) -> dict[str, pd.DataFrame]:
    """Return all tables by name, empty ones with their columns."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _COLUMNS}
    for item in items:
        rows["fits"].append(rows_of.fit_row(item))
        fit = item.fit
        if fit is None:
            continue
        rows["params"] += rows_of.param_rows(fit)
        if not fit.is_usable:
            continue
        made = _runs(item, fit)
        rows["runs"] += made
        rows["gain"] += _gains(item, fit)
        rows["dense"] += _dense(item, fit, [row["n_params_effective"] for row in made])
    return {name: rows_of.frame(_COLUMNS[name], made, _UNITS) for name, made in rows.items()}


def effective(fit: FitResult, n_params: Any, n_experts: Any) -> Estimates:
    """Return the dense sizes that models are worth, with intervals, shape (n,). [1]."""
    point = {name: fit.estimate[i] for i, name in enumerate(fit.law.names)}
    draws = {name: fit.draws[:, i : i + 1] for i, name in enumerate(fit.law.names)}
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        value = np.asarray(effective_params(point, n_params, n_experts))
        spread = np.asarray(effective_params(draws, n_params, n_experts))
    return intervals(value, spread, fit.level)


def _runs(item: FamilyFit, fit: FitResult) -> list[dict[str, Any]]:
    used = item.runs.take(fit.rows)
    n, experts = fitted_values(used, "n_params"), used.numbers("n_experts")
    loss, worth = used.numbers("loss"), effective(fit, n, experts)
    residual = np.expm1(rows_of.relative_residuals(item))
    return [
        {"family": item.family, "run": label, "n_params": n[i], "n_experts": experts[i],
         **rows_of.spread("n_params_effective", worth[i]), "gain": worth[i].value / n[i],
         "loss": loss[i], "residual": residual[i]}
        for i, label in enumerate(used.labels())
    ]  # fmt: skip


def _gains(item: FamilyFit, fit: FitResult) -> list[dict[str, Any]]:
    """Return the gain along size for a few numbers of experts; segments share their ends."""
    experts = np.unique(item.runs.numbers("n_experts")[fit.rows])
    experts = experts[experts > 1]
    if experts.size > _MOST_LINES:
        experts = experts[np.linspace(0, experts.size - 1, _MOST_LINES).round().astype(int)]
    low, high = np.log10(fit.ranges["n_params"])
    parts = (
        ("inside", np.logspace(low, high, _POINTS)),
        ("outside", np.logspace(high, high + _AHEAD, _POINTS // 2)),
    )
    out = []
    for e in experts:
        for segment, n in parts:
            worth = effective(fit, n, e)
            out += [
                {"family": item.family, "segment": segment, "n_experts": e, "n_params": size,
                 "gain": w.value / size, "gain_low": w.low / size, "gain_high": w.high / size}
                for size, w in zip(n, worth, strict=True)
            ]  # fmt: skip
    return out


def _dense(item: FamilyFit, fit: FitResult, sizes: Sequence[float]) -> list[dict[str, Any]]:
    """Return the loss of dense models over the effective sizes; dashed past any that was dense."""
    low, high = np.log10([min(sizes), max(sizes)])
    edge = float(np.clip(np.log10(fit.ranges["n_params"][1]), low, high))
    out = []
    for segment, begin, end in (("inside", low, edge), ("outside", edge, high)):
        n = np.logspace(begin, end, _POINTS)
        found = fit.predict_at({"n_params": n, "n_experts": np.ones_like(n)})
        out += [
            {"family": item.family, "segment": segment, "n_params_effective": size,
             **rows_of.spread("loss", loss)}
            for size, loss in zip(n, found, strict=True)
        ]  # fmt: skip
    return out
