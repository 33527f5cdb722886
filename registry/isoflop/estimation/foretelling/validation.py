"""Held-out validation: fit the small runs, predict the large ones, beside a baseline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import SchemaError
from isoflop.estimate import Estimates
from isoflop.estimation.fitting import fit_law
from isoflop.estimation.frontier import FLOPS_PER_PARAM_TOKEN
from isoflop.estimation.result import FitResult
from isoflop.estimation.selection import select_runs
from isoflop.estimation.solver.problem import Floats
from isoflop.laws import Law
from isoflop.tables import RunTable


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rollout:
    """How well a law predicts runs larger than those it was fitted to.

    Parameters
    ----------
    fit : FitResult
        Fit to the smaller runs.
    rows : NDArray of int, shape (m,)
        Rows of the table that were held out, by growing compute.
    labels : tuple of str, length m
        Their names; untrusted text.
    n_params, n_tokens, flops, loss : NDArray, shape (m,)
        N [1], D [token], 6 N D [FLOP], measured loss [nat/token].
    predicted : Estimates, shape (m,)
        Loss the fit predicts. [nat/token]
    error : NDArray, shape (m,)
        predicted / measured - 1. [1]
    baseline : float
        Lowest loss among the smaller runs: the forecast that nothing improves. [nat/token]
    baseline_error : NDArray, shape (m,)
        baseline / measured - 1. [1]
    """

    fit: FitResult
    rows: NDArray[np.int64]
    labels: tuple[str, ...]
    n_params: Floats
    n_tokens: Floats
    flops: Floats
    loss: Floats
    predicted: Estimates
    error: Floats
    baseline: float
    baseline_error: Floats

    @property
    def beats_baseline(self) -> bool:
        """True where the mean absolute error is below the baseline's."""
        return bool(np.abs(self.error).mean() < np.abs(self.baseline_error).mean())


def rollout(
    law: Law,
    runs: RunTable,
    *,
    holdout: float = 0.2,
    objective: str = "log-huber",
    delta: float = 1e-3,
    n_boot: int = 200,
    seed: int = 0,
    level: float = 0.95,
    family: str | None = None,
) -> Rollout:
    """Fit all but the runs of largest compute and predict those.

    Parameters
    ----------
    law : Law
        A law of N and D.
    runs : RunTable
        As for `fit_law`.
    holdout : float
        Share of the usable runs to hold out, at least one run. [1]
    objective, delta, n_boot, seed, level, family
        As for `fit_law`.

    Raises
    ------
    SchemaError
        `holdout` is not between 0 and 1.
    TooFewRunsError
        Too few runs are left to fit.
    """
    if not 0 < holdout < 1:
        raise SchemaError(f"holdout must lie between 0 and 1, got {holdout!r}; 0.2 is usual.")
    chosen = select_runs(law, runs, family=family)
    n, d = chosen.variables["n_params"], chosen.variables["n_tokens"]
    by_compute = np.lexsort((d, n, n * d))
    held = by_compute[-max(1, round(holdout * by_compute.size)) :]
    small = np.sort(by_compute[: by_compute.size - held.size])
    fit = fit_law(
        law,
        runs.take(chosen.rows[small]),
        objective=objective,
        delta=delta,
        n_boot=n_boot,
        seed=seed,
        level=level,
    )
    predicted = fit.predict(n[held], d[held])
    measured, baseline = chosen.response[held], float(chosen.response[small].min())
    return Rollout(
        fit=fit,
        rows=chosen.rows[held],
        labels=tuple(chosen.labels[i] for i in held),
        n_params=n[held],
        n_tokens=d[held],
        flops=FLOPS_PER_PARAM_TOKEN * n[held] * d[held],
        loss=measured,
        predicted=predicted,
        error=predicted.value / measured - 1.0,
        baseline=baseline,
        baseline_error=baseline / measured - 1.0,
    )
