"""Downstream error foretold: loss from size and tokens, then error from loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import FitError, UnitError
from isoflop.estimation import FitResult, fit_law
from isoflop.estimation.intervals import intervals
from isoflop.estimation.variables import fitted_values
from isoflop_plugins.analyzers.by_family.hold_out import by_compute

if TYPE_CHECKING:
    from isoflop.estimate import Estimates
    from isoflop.laws import Law
    from isoflop.tables import RunTable

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeldOutErrors:
    """How well the smaller runs foretell the error of the largest.

    Parameters
    ----------
    rows : NDArray of int, shape (m,)
        Rows of the table that were held out, by growing compute.
    error : NDArray, shape (m,)
        Measured average error. [1]
    from_loss : Estimates, shape (m,)
        Error foretold from the run's own loss. [1]
    from_size : Estimates or None
        Error foretold from N and D by way of the loss; None where that law could not be fitted.
    baseline : float
        Lowest error among the smaller runs. [1]
    """

    rows: NDArray[np.int64]
    error: Floats
    from_loss: Estimates
    from_size: Estimates | None
    baseline: float

    def missed(self, foretold: Estimates) -> float:
        """Return the mean absolute relative error of predictions [1]."""
        return float(np.abs(foretold.value / self.error - 1.0).mean())


def chained(loss: FitResult, error: FitResult, n: Floats, d: Floats) -> Estimates:
    """Return the error at N and D by way of the loss, with bands over both fits' draws, (m,)."""
    names = loss.law.names
    at = {"n_params": n, "n_tokens": d}
    draws = {name: loss.draws[:, i : i + 1] for i, name in enumerate(names)}
    losses = np.asarray(loss.law.form(draws, at))
    steps = {name: error.draws[:, i : i + 1] for i, name in enumerate(error.law.names)}
    few = min(loss.n_boot, error.n_boot)
    with np.errstate(all="ignore"):
        spread = np.asarray(
            error.law.form({k: v[:few] for k, v in steps.items()}, {"loss": losses[:few]})
        )
    value = error.predict_at({"loss": loss.predict(n, d).value}).value
    return intervals(value, spread, error.level)


def held_out_errors(
    laws: tuple[Law, Law],
    runs: RunTable,
    rows: NDArray[np.int64],
    settings: Mapping[str, Any],
    *,
    holdout: float,
) -> HeldOutErrors | None:
    """Return the errors of the largest runs as the others foretell them; None where too few.

    Parameters
    ----------
    laws : (Law, Law)
        Of the loss by N and D, and of the error by the loss.
    runs : RunTable
        With the column ``error``.
    rows : NDArray of int
        Rows that can be fitted.
    settings : mapping
        Keywords of `isoflop.estimation.fit_law`.
    holdout : float
        Share of the rows to hold out, those of largest compute. [1]
    """
    n, d = fitted_values(runs, "n_params"), fitted_values(runs, "n_tokens")
    placed = rows[np.isfinite(n[rows]) & np.isfinite(d[rows])]
    if placed.size < 2:
        return None
    held = by_compute(runs, placed, share=holdout)
    kept = runs.take(np.setdiff1d(rows, held))
    try:
        error = fit_law(laws[1], kept, **settings)
    except (FitError, UnitError):
        return None
    try:
        loss: FitResult | None = fit_law(laws[0], kept, **settings)
    except (FitError, UnitError):
        loss = None
    chain = chained(loss, error, n[held], d[held]) if loss is not None and loss.is_usable else None
    return HeldOutErrors(
        rows=held,
        error=fitted_values(runs, "error")[held],
        from_loss=error.predict_at({"loss": runs.numbers("loss")[held]}),
        from_size=chain,
        baseline=float(fitted_values(kept, "error").min()),
    )
