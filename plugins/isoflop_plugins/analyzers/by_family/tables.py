"""Rows that the tables of every analyzer with fitted laws share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.estimation.frontier import FLOPS_PER_PARAM_TOKEN
from isoflop.estimation.variables import fitted_values

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimate import Estimate
    from isoflop.estimation import FitResult, Rollout
    from isoflop_plugins.analyzers.by_family.fits import FamilyFit

PARAMS = ("family", "parameter", "value", "low", "high", "unit")
FITS = (
    "family", "status", "n_runs", "n_left_out", "objective", "residual_scale", "n_starts",
    "n_agree", "gradient_norm", "condition_number", "reason",
)  # fmt: skip
HELD_OUT = (
    "family", "run", "n_params", "n_tokens", "flops", "loss", "predicted", "predicted_low",
    "predicted_high", "error", "baseline", "baseline_error",
)  # fmt: skip

UNITS = {
    "flops": "FLOP", "n_params": "1", "n_tokens": "token", "loss": "nat/token",
    "predicted": "nat/token", "baseline": "nat/token", "error": "1", "baseline_error": "1",
    "residual": "1", "extrapolation_decades": "decade", "tokens_per_param": "token",
    "compute_factor": "1", "size_factor": "1",
}  # fmt: skip
"""Units of columns; the ends of an interval have that of its value."""


def frame(
    columns: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    units: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return rows as a DataFrame with these columns, units in ``attrs``; none gives none."""
    import pandas as pd

    known = {**UNITS, **(units or {})}
    made = pd.DataFrame(list(rows), columns=list(columns))
    stems = {c: c.removesuffix("_low").removesuffix("_high") for c in made.columns}
    made.attrs["units"] = {c: known[s] for c, s in stems.items() if s in known}
    return made


def spread(name: str, estimate: Estimate) -> dict[str, float]:
    """Return an estimate as the three columns of a table."""
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def fit_row(item: FamilyFit) -> dict[str, Any]:
    """Return status, certificate and warnings of one family's fit."""
    fit = item.fit
    before = len(item.left_out)
    if fit is None:
        return {"family": item.family, "status": "not-fitted", "n_runs": 0,
                "n_left_out": len(item.runs) + before, "reason": item.refusal}  # fmt: skip
    c = fit.certificate
    return {
        "family": item.family,
        "status": fit.status,
        "n_runs": fit.n_runs,
        "n_left_out": len(fit.left_out) + before,
        "objective": fit.objective,
        "residual_scale": fit.residual_scale,
        "n_starts": c.n_starts,
        "n_agree": c.n_agree,
        "gradient_norm": fit.gradient_norm,
        "condition_number": c.condition_number,
        "reason": "; ".join(fit.warnings),
    }


def param_rows(fit: FitResult) -> list[dict[str, Any]]:
    """Return parameters and derived numbers with intervals, one a row."""
    return [
        {"family": fit.family, "parameter": n, "value": e.value, "low": e.low, "high": e.high,
         "unit": fit.units[n]}
        for n, e in {**fit.params, **fit.derived}.items()
    ]  # fmt: skip


def held_out_rows(family: str, held: Rollout) -> list[dict[str, Any]]:
    """Return the held-out runs with prediction, error and baseline, one a row."""
    return [
        {
            "family": family,
            "run": held.labels[i],
            "n_params": held.n_params[i],
            "n_tokens": held.n_tokens[i],
            "flops": held.flops[i],
            "loss": held.loss[i],
            **spread("predicted", held.predicted[i]),
            "error": held.error[i],
            "baseline": held.baseline,
            "baseline_error": held.baseline_error[i],
        }
        for i in range(len(held.labels))
    ]


def used_rows(item: FamilyFit) -> list[dict[str, Any]]:
    """Return the runs that were fitted: N, D, 6 N D, D / N and loss, one a row."""
    assert item.fit is not None
    used = item.runs.take(item.fit.rows)
    n, d, loss = (
        fitted_values(used, "n_params"),
        fitted_values(used, "n_tokens"),
        used.numbers("loss"),
    )
    return [
        {"family": item.family, "run": label, "flops": FLOPS_PER_PARAM_TOKEN * n[i] * d[i],
         "n_params": n[i], "n_tokens": d[i], "tokens_per_param": d[i] / n[i], "loss": loss[i]}
        for i, label in enumerate(used.labels())
    ]  # fmt: skip


def relative_residuals(item: FamilyFit) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return log predicted less log measured loss of the runs fitted, shape (n,).

    Whatever the objective, so that residuals of fits in nat/token compare.
    """
    assert item.fit is not None
    used = item.runs.take(item.fit.rows)
    law = item.fit.law
    variables = {name: fitted_values(used, name) for name in law.variables}
    parameters = dict(zip(law.names, item.fit.estimate.tolist(), strict=True))
    with np.errstate(all="ignore"):
        predicted = np.asarray(law.form(parameters, variables))
        return np.asarray(np.log(predicted) - np.log(used.numbers("loss")))
