"""A fit as a row of the registry's table `fits`."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

import numpy as np

from isoflop import __version__
from isoflop.estimate import Estimate
from isoflop.estimation.result import FitResult


def fit_row(
    fit: FitResult, *, created_at: datetime | None, runs_version: int | None
) -> dict[str, Any]:
    """Return the row; its id is the same for the same law, equation, settings and numbers."""
    settings = fit.settings
    key = (fit.law.name, fit.law.equation, settings.to_json(), fit.family, fit.data_digest)
    return {
        "fit_id": hashlib.sha256(repr(key).encode()).hexdigest()[:32],
        "created_at": created_at,
        "law": fit.law.name,
        "family": fit.family or None,
        "loss_dataset": fit.loss_dataset or None,
        "objective": settings.objective_words,
        "objective_value": _number(fit.objective),
        "gradient_norm": _number(fit.gradient_norm),
        "status": fit.status,
        "n_runs": fit.n_runs,
        "n_left_out": len(fit.left_out),
        "params": json.dumps(_params(fit)),
        "level": fit.level,
        "n_boot": fit.n_boot,
        "seed": fit.seed,
        "runs_version": runs_version,
        "diagnostics": json.dumps(_diagnostics(fit), sort_keys=True),
        "source": fit.law.source,
        "writer_version": __version__,
        "variant": settings.variant or None,
        "audience": None,
        "equation": fit.law.equation,
        "settings": settings.to_json(),
        "data_digest": fit.data_digest,
        "run_uids": json.dumps(fit.run_uids) if all(fit.run_uids) else None,
        "unidentified": json.dumps(list(fit.unidentified)),
    }


def _params(fit: FitResult) -> dict[str, list[float | str | None]]:
    return {name: _ends(e) for name, e in {**fit.params, **fit.derived}.items()}


def _ends(estimate: Estimate) -> list[float | str | None]:
    """Return value, low and high as JSON holds them: an open end as the text ``"Infinity"``."""
    numbers = (float(x) for x in (estimate.value, estimate.low, estimate.high))
    return [f"{'-' * (x < 0)}Infinity" if np.isinf(x) else _number(x) for x in numbers]


def _number(value: float) -> float | None:
    """Return a finite number; null where it is none."""
    return float(value) if np.isfinite(value) else None


def _diagnostics(fit: FitResult) -> dict[str, Any]:
    c = fit.certificate
    return {
        "n_starts": c.n_starts,
        "n_agree": c.n_agree,
        "condition_number": _number(c.condition_number),
        "refits_improved": c.refits_improved,
        "refits_unconverged": c.refits_unconverged,
        "residual_scale": _number(fit.residual_scale),
        "warnings": list(fit.warnings),
    }
