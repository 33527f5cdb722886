"""Intervals from draws."""

from __future__ import annotations

import numpy as np

from isoflop.estimate import Estimate, Estimates
from isoflop.estimation.solver.problem import Floats

_HUGE, _BEYOND = 1e300, 1e290


def interval(value: float, draws: Floats, level: float) -> Estimate:
    """Return the value with the percentile interval of its draws.

    NaN ends where there are no draws, or where more than one in twenty is not a number: an interval
    over the rest would look better than it is.
    """
    low, high = quantiles(np.asarray(draws)[:, None], level)
    return Estimate(value=float(value), low=float(low[0]), high=float(high[0]), level=level)


def intervals(value: Floats, draws: Floats, level: float) -> Estimates:
    """Return values of one shape with intervals of draws, shape (n_draws, value.size)."""
    low, high = quantiles(draws, level)
    shape = value.shape
    return Estimates(value=value, low=low.reshape(shape), high=high.reshape(shape), level=level)


def quantiles(draws: Floats, level: float) -> tuple[Floats, Floats]:
    """Return both ends of the percentile interval over the first axis.

    An end is infinite where the draws on that side are: between a finite and an infinite draw
    there is nothing to interpolate.
    """
    if draws.shape[0] == 0:
        nothing = np.full(draws.shape[1:], np.nan)
        return nothing, nothing
    bad = np.isnan(draws).mean(axis=0) > 0.05
    tail = (1.0 - level) / 2.0
    filled = np.clip(np.where(bad, 0.0, draws), -_HUGE, _HUGE)
    quantile = np.nanquantile if np.isnan(filled).any() else np.quantile
    low, high = quantile(filled, [tail, 1.0 - tail], axis=0)
    low, high = (np.where(np.abs(q) > _BEYOND, np.copysign(np.inf, q), q) for q in (low, high))
    return np.where(bad, np.nan, low), np.where(bad, np.nan, high)
