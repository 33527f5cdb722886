"""Half-lives of repetition: their intervals, and what a repetition is worth under them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from isoflop.estimate import Estimate, Estimates

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from isoflop.estimation import FitResult

ONE_PASS = 1.01
"""Epochs up to which a run repeats nothing: counts of tokens are rounded. [1]"""

OFTEN = 0.025
"""Share of the resamples at an end of the box from which that end is open; each end has as much of
a 95 % interval. [1]"""

_AT_END = 1e-3


def half_life(fit: FitResult, name: str) -> Estimate:
    """Return a half-life with its interval, open where the runs do not hold it. [1].

    Open to zero or to infinity where the fit says that it is not identified, and where more than
    one resample in forty ends at that end of the box in which it is sought.
    """
    found = fit.params[name]
    box = fit.law.parameter(name)
    draws = fit.draws[:, fit.law.names.index(name)]
    if not draws.size:
        return found
    falls = float((draws <= box.low * (1 + _AT_END)).mean()) > OFTEN
    grows = float((draws >= box.high * (1 - _AT_END)).mean()) > OFTEN
    return dataclasses.replace(
        found, low=0.0 if falls else found.low, high=np.inf if grows else found.high
    )


def last_worth(epochs: ArrayLike, half_life: float) -> NDArray[np.float64]:
    """Return what one more token is worth of a new one after so many epochs, shape as `epochs`.

    exp(-(epochs - 1) / R*): 1 where R* is infinite, 0 past the first epoch where it is 0.
    """
    repeats = np.maximum(np.asarray(epochs, dtype=np.float64) - 1.0, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(repeats == 0.0, 1.0, np.exp(-repeats / half_life))


def mean_worth(epochs: ArrayLike, half_life: float) -> NDArray[np.float64]:
    """Return what all tokens seen are worth of as many new ones, D' / D, shape as `epochs`."""
    seen = np.asarray(epochs, dtype=np.float64)
    repeats = np.maximum(seen - 1.0, 0.0)
    if half_life == 0.0:
        extra = np.zeros_like(repeats)
    elif np.isinf(half_life):
        extra = repeats
    else:
        extra = -half_life * np.expm1(-repeats / half_life)
    return np.asarray((1.0 + extra) / np.maximum(seen, 1.0))


def worth_at(epochs: float, found: Estimate) -> Estimate:
    """Return `last_worth` with its interval: it grows with the half-life, so ends map to ends."""
    ends = [float(last_worth(epochs, e)) for e in (found.value, found.low, found.high)]
    return Estimate(value=ends[0], low=ends[1], high=ends[2], level=found.level)


def mean_worths(epochs: NDArray[np.float64], found: Estimate) -> Estimates:
    """Return `mean_worth` with its interval at each of `epochs`, shape (n,)."""
    value, low, high = (mean_worth(epochs, e) for e in (found.value, found.low, found.high))
    return Estimates(value=value, low=low, high=high, level=found.level)
