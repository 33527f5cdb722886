"""Breakthroughness and linearity of a score over scale, as BIG-bench defines them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def breakthroughness(score: NDArray[np.float64]) -> float:
    """Return the net improvement over the typical step.

    ``B = I / sqrt(median(d_i^2))`` with ``d_i = y_{i+1} - y_i`` and
    ``I = sign(argmax y - argmin y) (max y - min y)``. B is a number, not a test: on simulated
    curves ``B > 5`` flags 56 % of those without a jump.

    Parameters
    ----------
    score : NDArray, shape (n_points,)
        Scores, smallest scale first.

    Returns
    -------
    float
        B [1]; infinite where more than half of the steps are exactly 0, 0 where all scores are
        equal, NaN for fewer than two points or a NaN among them.

    References
    ----------
    A. Srivastava et al. 2022, arXiv 2206.04615, appendix B.
    """
    improvement, steps = _improvement_and_steps(score)
    if not improvement or math.isnan(improvement):
        return improvement
    typical = math.sqrt(float(np.median(np.square(steps))))
    return improvement / typical if typical else math.copysign(math.inf, improvement)


def linearity(score: NDArray[np.float64]) -> float:
    """Return how close a score is to a straight rise.

    ``L = I / (n_d sqrt(mean(d_i^2)))`` with n_d the number of steps, so that a straight rise gives
    1 and a straight fall -1; symbols as in `breakthroughness`.

    Parameters
    ----------
    score : NDArray, shape (n_points,)
        Scores, smallest scale first.

    Returns
    -------
    float
        L [1]; 0 where all scores are equal, NaN for fewer than two points or a NaN among them.

    References
    ----------
    A. Srivastava et al. 2022, arXiv 2206.04615, appendix B.
    """
    improvement, steps = _improvement_and_steps(score)
    if not improvement or math.isnan(improvement):
        return improvement
    largest = float(np.abs(steps).max())  # squares of tiny steps would underflow to 0
    typical = math.sqrt(float(np.mean(np.square(steps / largest))))
    return improvement / largest / (steps.size * typical)


def _improvement_and_steps(score: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    steps = np.diff(score)
    if score.size < 2 or np.isnan(score).any():
        return math.nan, steps
    sign = float(np.sign(int(score.argmax()) - int(score.argmin())))
    return sign * float(score.max() - score.min()), steps
