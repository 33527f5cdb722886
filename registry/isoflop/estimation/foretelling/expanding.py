"""Expanding-window validation: fit up to one size or budget, predict the larger ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import FitError, NotIdentifiableError
from isoflop.estimate import Estimates
from isoflop.estimation.curve_smoothing import size_groups
from isoflop.estimation.fitting import fit_law
from isoflop.estimation.foretelling.forecasting import RunBand, run_band
from isoflop.estimation.frontier import FLOPS_PER_PARAM_TOKEN
from isoflop.estimation.result import FitResult
from isoflop.estimation.selection import Selection, select_runs
from isoflop.estimation.variables import fitted_values
from isoflop.laws import Law
from isoflop.tables import RunTable

Floats = NDArray[np.float64]
By = Literal["n_params", "flops"]

_ONE_BUDGET = 0.1
"""Runs whose compute lies closer are of one budget. [decade]"""

_STAGE = 0.5
"""Width of a stage of compute, where it is spread and shows no budgets. [decade]"""

_FEWEST_BUDGETS = 4
_FEWEST_VALUES = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """A law fitted to runs up to some size, and what it predicts for the larger ones.

    Parameters
    ----------
    by : str
        What the runs were ordered by: ``n_params`` or ``flops``.
    fitted_to, predicts : float
        Largest size among the fitted runs, and the size of the next runs. [1 or FLOP]
    fit : FitResult
        The fit to the smaller runs.
    labels : tuple of str, length m
        Larger runs, by growing size; untrusted text.
    ahead : NDArray of int, shape (m,)
        Sizes beyond the last one fitted: 1 for the next.
    n_params, n_tokens, flops : NDArray, shape (m,)
        N [1], D [token] and 6 N D [FLOP]; NaN where unknown.
    measured : NDArray, shape (m,)
        What was measured, in the unit of the response.
    predicted : RunBand, shape (m,)
        What the law says, with bands of the law and of a single run.
    carried : float
        Lowest value among the fitted runs: the forecast that nothing improves.
    decades : NDArray, shape (m,)
        How far the compute of each run lies beyond the fitted ones; 0 inside. [decade]
    """

    by: By
    fitted_to: float
    predicts: float
    fit: FitResult
    labels: tuple[str, ...]
    ahead: NDArray[np.intp]
    n_params: Floats
    n_tokens: Floats
    flops: Floats
    measured: Floats
    predicted: RunBand
    carried: float
    decades: Floats

    @property
    def error(self) -> Floats:
        """Relative error of the law, predicted / measured - 1, shape (m,) [1]."""
        return np.asarray(self.predicted.law.value / self.measured - 1.0)

    @property
    def carried_error(self) -> Floats:
        """Relative error of carrying, carried / measured - 1, shape (m,) [1]."""
        return self.carried / self.measured - 1.0

    @property
    def beats_carrying(self) -> bool:
        """True where the mean absolute error on the next size is below that of carrying."""
        following = self.ahead == 1
        own, other = np.abs(self.error[following]), np.abs(self.carried_error[following])
        return bool(own.mean() < other.mean())

    def holds(self, band: Estimates) -> NDArray[np.bool_]:
        """Return which measured values lie in a band, shape (m,)."""
        return np.asarray((self.measured >= band.low) & (self.measured <= band.high))


def expanding_window(
    law: Law,
    runs: RunTable,
    *,
    by: By,
    most: int = 12,
    family: str | None = None,
    using: Mapping[str, str] | None = None,
    **settings: Any,
) -> tuple[list[Step], list[str]]:
    """Fit the runs up to each size and predict the larger ones.

    Parameters
    ----------
    law : Law
        What to fit.
    runs : RunTable
        As for `fit_law`.
    by : {"n_params", "flops"}
        ``n_params``: model sizes, 5 % apart or more. ``flops``: budgets of compute, or stages of
        half a decade where compute is spread.
    most : int
        Steps to make at most, the largest sizes first.
    family, using
        As for `fit_law`.
    **settings
        The other arguments of `fit_law`.

    Returns
    -------
    steps : list of Step
        By growing size; empty for fewer than two sizes.
    refusals : list of str
        Why a step could not be made.

    Raises
    ------
    UnitError, TooFewRunsError, UnknownNameError
        As for `fit_law`, over all runs.
    """
    chosen = select_runs(law, runs, family=family, using=using)
    usable = runs.take(chosen.rows)
    flops = known_flops(usable)
    scale = fitted_values(usable, "n_params") if by == "n_params" else flops
    if not np.isfinite(scale).all():
        return [], [f"{by} is null for some runs, so they cannot be put in order"]
    group, sizes = (size_groups if by == "n_params" else _stages)(scale)
    steps, refusals = [], []
    for last in range(max(0, sizes.size - 1 - most), sizes.size - 1):
        small, large = group <= last, np.flatnonzero(group > last)
        large = large[np.lexsort((flops[large], group[large]))]
        try:
            _check_spread({name: x[small] for name, x in chosen.variables.items()})
            fit = fit_law(law, usable.take(small), using=using, **settings)
        except FitError as error:
            refusals.append(f"up to {sizes[last]:.3g}: {error}")
            continue
        ends = {"by": by, "fitted_to": float(sizes[last]), "predicts": float(sizes[last + 1])}
        steps.append(_step(fit, chosen, usable, small, large, ahead=group[large] - last, **ends))
    return steps, refusals


def _check_spread(variables: Mapping[str, Floats]) -> None:
    """Raise where a variable has too few values to tell a floor from a power of it."""
    for name, values in variables.items():
        several = np.unique(values).size
        if several < _FEWEST_VALUES:
            raise NotIdentifiableError(
                f"the runs have {several} {name} only, and a floor and a power of it need "
                f"{_FEWEST_VALUES}"
            )


def known_flops(runs: RunTable) -> Floats:
    """Return 6 N D of each run, its `flops` where that is unknown, NaN for neither [FLOP]."""
    n, d = fitted_values(runs, "n_params"), fitted_values(runs, "n_tokens")
    product = FLOPS_PER_PARAM_TOKEN * n * d
    return np.where(np.isnan(product), runs.numbers("flops"), product)


def _step(
    fit: FitResult,
    chosen: Selection,
    usable: RunTable,
    small: NDArray[np.bool_],
    large: NDArray[np.intp],
    **ends: Any,
) -> Step:
    """Return what a fit to the small runs says of the large ones."""
    flops = known_flops(usable)
    points = {name: values[large] for name, values in chosen.variables.items()}
    return Step(
        fit=fit,
        labels=tuple(chosen.labels[i] for i in large),
        n_params=fitted_values(usable, "n_params")[large],
        n_tokens=fitted_values(usable, "n_tokens")[large],
        flops=flops[large],
        measured=chosen.response[large],
        predicted=run_band(fit, points),
        carried=float(chosen.response[small].min()),
        decades=np.maximum(0.0, np.log10(flops[large] / flops[small].max())),
        **ends,
    )


def _stages(flops: Floats) -> tuple[NDArray[np.intp], Floats]:
    """Return the budget of each run, and the budgets: found by gaps, else half a decade wide."""
    log_c = np.log10(flops)
    group, sizes = size_groups(flops, apart=_ONE_BUDGET)
    if sizes.size >= _FEWEST_BUDGETS and sizes.size <= flops.size / 2:
        return group, sizes
    stage = np.floor((log_c - log_c.min()) / _STAGE).astype(np.intp)
    _, group = np.unique(stage, return_inverse=True)
    return group, 10.0 ** (np.bincount(group, log_c) / np.bincount(group))
