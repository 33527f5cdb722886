"""Whether a score changes with scale at all, falls, or falls and rises again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """Straight and bent lines through a score over the logarithm of scale.

    Parameters
    ----------
    p_value : float
        Test of "no change": the smaller p of scatter about the mean and of slope, doubled. [1]
    slope_z : float
        Slope of the straight line in standard errors. [1]
    change : float
        Slope times the span of scales. [unit of the score]
    is_u_shaped, is_hump : bool
        Fall then rise (rise then fall): vertex inside the span, both branches significant at 0.01.
    """

    p_value: float
    slope_z: float
    change: float
    is_u_shaped: bool
    is_hump: bool


def describe_trend(
    x: NDArray[np.float64], score: NDArray[np.float64], variance: NDArray[np.float64]
) -> Trend:
    """Return what a score does over scale.

    Parameters
    ----------
    x : NDArray, shape (n_points,)
        Logarithm of scale, sorted, distinct, at least 3 finite points. [decade]
    score, variance : NDArray, shape (n_points,)
        Finite scores and the variance of each.

    Notes
    -----
    Where a parabola misses the points by more than their errors, the errors are widened by the
    excess, so that models that differ for other reasons than scale do not look like a trend. The
    U shape needs two slopes of opposite sign, not only a bent parabola (U. Simonsohn, Two lines,
    Adv. Meth. Pract. Psychol. Sci. 1, 2018).
    """
    from scipy.special import chdtrc, ndtr

    weights = 1.0 / variance
    residual, curve = _parabola(x, score, weights)
    if x.size > 3:
        weights = weights / max(1.0, residual / (x.size - 3))
    slope, slope_z = _line(x, score, weights)
    about_mean = float((weights * (score - np.average(score, weights=weights)) ** 2).sum())
    p_value = min(chdtrc(x.size - 1, about_mean), 2 * ndtr(-abs(slope_z)))
    bend = _bend(x, score, weights, curve)
    return Trend(
        p_value=min(1.0, 2 * float(p_value)),
        slope_z=slope_z,
        change=slope * float(x[-1] - x[0]),
        is_u_shaped=bend > 0,
        is_hump=bend < 0,
    )


def _line(
    x: NDArray[np.float64], score: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float]:
    """Return slope, and slope in standard errors; 0, 0 for one scale."""
    centered = x - np.average(x, weights=weights)
    spread = float((weights * centered**2).sum())
    if spread <= 0:
        return 0.0, 0.0
    slope = float((weights * centered * score).sum()) / spread
    return slope, slope * spread**0.5


def _parabola(
    x: NDArray[np.float64], score: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """Return the weighted sum of squares and the coefficients, constant first, x from its mean."""
    design = np.vander(x - x.mean(), 3, increasing=True)
    root = np.sqrt(weights)
    curve, *_ = np.linalg.lstsq(design * root[:, None], score * root, rcond=None)
    return float((weights * (score - design @ curve) ** 2).sum()), curve


def _bend(
    x: NDArray[np.float64],
    score: NDArray[np.float64],
    weights: NDArray[np.float64],
    curve: NDArray[np.float64],
) -> int:
    """Return 1 for a U, -1 for a hump, 0 for neither."""
    if x.size < 5 or curve[2] == 0:
        return 0
    vertex = x.mean() - curve[1] / (2 * curve[2])
    left, right = x <= vertex, x >= vertex
    if left.sum() < 2 or right.sum() < 2:
        return 0
    significant = 2.326  # one-sided 0.01 of the standard normal
    left_z = _line(x[left], score[left], weights[left])[1]
    right_z = _line(x[right], score[right], weights[right])[1]
    if min(-left_z, right_z) > significant:
        return 1
    return -1 if min(left_z, -right_z) > significant else 0
