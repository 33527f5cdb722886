"""What a fitted law says of runs that are not there yet, for the law and for a single run."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import UnitError
from isoflop.estimate import Estimates
from isoflop.estimation.frontier import FLOPS_PER_PARAM_TOKEN
from isoflop.estimation.intervals import intervals
from isoflop.estimation.result import FitResult
from isoflop.estimation.solver.objectives import objective_of
from isoflop.laws import Law

Floats = NDArray[np.float64]

PROJECTED = ("n_params", "n_tokens", "flops", "flops_6nd", "tokens_per_param")
"""Variables that follow from compute and tokens per parameter."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunBand:
    """A prediction with two bands.

    Parameters
    ----------
    law : Estimates
        The law's value with the band of the law: where its mean lies.
    run : Estimates
        The same value with the band of a single run, which scatters around the law.
    """

    law: Estimates
    run: Estimates


def path(law: Law, flops: Floats, *, tokens_per_param: float) -> dict[str, Floats]:
    """Return the law's variables at each compute, for a fixed number of tokens per parameter.

    Parameters
    ----------
    law : Law
        Of variables in `PROJECTED`.
    flops : NDArray, shape (x,)
        Compute, 6 N D. [FLOP]
    tokens_per_param : float
        D / N. [token]

    Raises
    ------
    UnitError
        The law reads a variable that does not follow from C and D / N.
    """
    other = [v for v in law.variables if v not in PROJECTED]
    if other:
        raise UnitError(
            f"Law {law.name!r} reads {other}, which do not follow from compute and tokens per "
            f"parameter; a forecast over compute needs a law of {list(PROJECTED)}."
        )
    n = np.sqrt(flops / (FLOPS_PER_PARAM_TOKEN * tokens_per_param))
    every = {
        "n_params": n,
        "n_tokens": tokens_per_param * n,
        "flops": flops,
        "flops_6nd": flops,
        "tokens_per_param": np.full_like(flops, tokens_per_param),
    }
    return {name: every[name] for name in law.variables}


def run_band(fit: FitResult, points: Mapping[str, Floats]) -> RunBand:
    """Return the prediction of a fit with the bands of the law and of a single run.

    Parameters
    ----------
    fit : FitResult
        Its draws give the band of the law; without draws both bands are NaN.
    points : mapping of str to NDArray, shape (x,)
        The law's variables.

    Notes
    -----
    A single run is a draw of the law with a residual of the fit, drawn with replacement in the
    space of the objective, and widened by sqrt(n / (n - p)), as p parameters bring the law closer
    to its n runs than it is to the next. The seed is the fit's.
    """
    value = _evaluate(fit, fit.estimate[None], points)[0]
    draws = _evaluate(fit, fit.draws, points)
    rng = np.random.default_rng(fit.seed)
    wider = math.sqrt(fit.n_runs / max(1, fit.n_runs - len(fit.law.names)))
    drawn = wider * rng.choice(fit.residuals, size=draws.shape)
    minimized = objective_of(fit.objective_name, delta=fit.delta, quantile=fit.settings.quantile)
    single = draws * np.exp(-drawn) if minimized.space == "log" else draws - drawn
    law, run = (intervals(value, some, fit.level) for some in (draws, single))
    # A lopsided residual can shift the band of a run off that of the law: a run is never surer.
    low, high = np.fmin(run.low, law.low), np.fmax(run.high, law.high)
    return RunBand(law=law, run=dataclasses.replace(run, low=low, high=high))


def _evaluate(fit: FitResult, params: Floats, points: Mapping[str, Floats]) -> Floats:
    """Return the response, shape (b, x), for parameters (b, p)."""
    by_name = {name: params[:, i : i + 1] for i, name in enumerate(fit.law.names)}
    with np.errstate(all="ignore"):
        value = np.asarray(fit.law.form(by_name, points))
    return np.broadcast_to(value, (params.shape[0], next(iter(points.values())).size))
