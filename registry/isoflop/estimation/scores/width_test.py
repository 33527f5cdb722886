"""Is a rise narrower than a decade? A likelihood-ratio test on the width of a transition.

The score of a task against the logarithm of scale is a sigmoid,
``f + a sigmoid(4.394 (x - c) / W)`` with a >= 0; W is the width in decades in which it goes from
10 % to 90 % of its rise (4.394 = 2 ln 9). The null says W is at least one decade; the alternative
lets W be anything. Floor f and rise a are solved by weighted least squares for every center and
width of a grid at once, and the p-value comes from a parametric bootstrap of the null fit.

The statistic is the average likelihood over the narrow cells against the best smooth one. With the
single best narrow cell instead, power on simulated jumps is lower by 0.03 (0.83 against 0.86 at
p < 0.05, 144 curves of 6 to 12 sizes) and the size at a true width of one decade is the same.
Narrow cells have their center between the second and the last but one scale: a rise with a single
model on one side cannot be told from one odd model.

A change-point test or the largest step between neighbors answers another question: both flag
smooth curves that are merely sampled coarsely.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isoflop.estimation.scores.score_noise import ScoreNoise

WIDTH_TO_SLOPE = 2 * math.log(9)
"""Sigmoid argument between its 10 % and its 90 % point: logit(0.9) - logit(0.1)."""

_N_CENTERS = 41
_N_NARROW, _N_WIDE = 8, 10
_NARROWEST, _WIDEST = 0.05, 25.0
_N_PASSES = 2
_FIRST_DRAWS = 99
_WORTH_MORE_DRAWS = 0.20
_BEYOND_DOUBT = 0.001


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SigmoidGrid:
    """Every transition that is tried on one set of scales.

    Parameters
    ----------
    centers, widths : NDArray, shape (n_cells,)
        Center and 10-90 % width of each cell; null cells come last. [decade]
    shapes : NDArray, shape (n_points, n_cells)
        Sigmoid of each cell at each scale, less its mean over the scales. [1]
    means : NDArray, shape (n_cells,)
        That mean. [1]
    narrow, smooth : NDArray of int
        Cells of the alternative (narrower than the null allows, two scales or more on each side of
        the center) and cells of the null.
    """

    centers: NDArray[np.float64]
    widths: NDArray[np.float64]
    shapes: NDArray[np.float64]
    means: NDArray[np.float64]
    narrow: NDArray[np.intp]
    smooth: NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WidthTest:
    """Outcome of the width test for one curve.

    Parameters
    ----------
    p_value : float
        Share of bootstrap curves of the null fit with a statistic at least as large, counting the
        curve itself; 1 where no narrow transition fits better than the best smooth one. [1]
    statistic : float
        Logarithm of the average likelihood over narrow transitions against the best smooth one. [1]
    center, width : float
        Best fit. [decade]
    center_low, center_high, width_low, width_high : float
        Profile-likelihood interval over the grid, widened by what the grid cannot resolve.
        `width_low` is 0 where a step cannot be excluded
        and `width_high` is infinite where a straight line cannot. [decade]
    floor, rise : float
        f and a of the best fit. [unit of the score]
    amplitude : float
        Rise of the best fit between the smallest and the largest scale. [unit of the score]
    excess_scatter : float
        Factor by which the noise variance was raised because even the best fit misses the points
        by more than the noise allows (p < 0.001); 1 where it does not. [1]
    n_draws : int
        Bootstrap curves behind `p_value`.
    """

    p_value: float
    statistic: float
    center: float
    center_low: float
    center_high: float
    width: float
    width_low: float
    width_high: float
    floor: float
    rise: float
    amplitude: float
    excess_scatter: float
    n_draws: int

    def predict(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the best fit at `x` [decade]."""
        return self.floor + self.rise * sigmoid(x, center=self.center, width=self.width)


def sigmoid(x: NDArray[np.float64], *, center: float, width: float) -> NDArray[np.float64]:
    """Return the logistic curve with its 10-90 % width given, at `x` [decade]."""
    z = np.clip(WIDTH_TO_SLOPE * (x - center) / width, -500.0, 500.0)
    curve: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-z))
    return curve


def sigmoid_grid(x: NDArray[np.float64], *, null_width: float = 1.0) -> SigmoidGrid:
    """Return the grid of transitions for scales `x`, sorted, in decades.

    Centers cover the span with a quarter of it to the left and half of it to the right, so that a
    rise that has only begun can be told from a step; the middle of each gap is among them, because
    a step is known only up to its gap. Of more points than centers only the gaps that are wider
    than the step between centers have one: the others hold no place that the centers miss.
    """
    span = max(float(x[-1] - x[0]), 1e-9)
    even = np.linspace(x[0] - 0.25 * span, x[-1] + 0.5 * span, _N_CENTERS)
    gap = np.diff(x)
    seen = gap > even[1] - even[0] if x.size > _N_CENTERS else np.ones(gap.size, bool)
    centers = np.union1d(even, ((x[1:] + x[:-1]) / 2)[seen])
    narrower = np.geomspace(min(_NARROWEST, null_width / 2), null_width, _N_NARROW + 1)[:-1]
    wider = np.geomspace(null_width, max(_WIDEST, 5 * null_width), _N_WIDE)
    widths, at = (a.ravel() for a in np.meshgrid(np.r_[narrower, wider], centers, indexing="ij"))
    z = np.clip(WIDTH_TO_SLOPE * (x[:, None] - at) / widths, -500.0, 500.0)
    shapes = 1.0 / (1.0 + np.exp(-z))
    means = shapes.mean(axis=0)
    return SigmoidGrid(
        centers=at,
        widths=widths,
        shapes=shapes - means,
        means=means,
        narrow=np.flatnonzero((widths < null_width) & (at > x[1]) & (at < x[-2])),
        smooth=np.flatnonzero(widths >= null_width),
    )


def run_width_test(
    x: NDArray[np.float64],
    score: NDArray[np.float64],
    *,
    noise: ScoreNoise,
    rng: np.random.Generator,
    null_width: float = 1.0,
    n_boot: int = 499,
    level: float = 0.95,
) -> WidthTest:
    """Test whether a score rises within less than `null_width` decades of scale.

    Parameters
    ----------
    x : NDArray, shape (n_points,)
        Logarithm of scale, sorted, distinct, at least 4 finite points. [decade]
    score : NDArray, shape (n_points,)
        Finite scores, larger is better.
    noise : ScoreNoise
        Error of each score.
    rng : numpy.random.Generator
        Source of the bootstrap; the same state gives the same p-value.
    null_width : float
        Narrowest 10-90 % width that still counts as smooth. [decade]
    n_boot : int
        Bootstrap curves, at least 99. Drawing stops after each 99 where p > 0.2 by then: such a
        curve is not going to be flagged (sequential p-values, Besag and Clifford 1991).
    level : float
        Level of the intervals of center and width. [1]

    Raises
    ------
    ValueError
        Fewer than 4 points, unsorted scales, values that are not finite, or `n_boot` below 99.

    References
    ----------
    J. Besag and P. Clifford, Sequential Monte Carlo p-values, Biometrika 78, 1991.
    """
    _check(x, score, n_boot)
    # Rounded distances from the first scale: a change of unit must not change a single draw.
    origin = float(x[0])
    grid = sigmoid_grid(np.round(x - origin, 9), null_width=null_width)
    fit = _fit(grid, score[None, :], noise)
    excess = _excess_scatter(grid, fit)
    if excess > 1.0:
        noise = noise.inflated(excess)
        fit = _fit(grid, score[None, :], noise)
    p_value, n_draws = _bootstrap(fit, grid, noise=noise, rng=rng, n_boot=n_boot)
    return _describe(
        fit, grid, origin=origin, p_value=p_value, n_draws=n_draws, level=level, excess=excess
    )


def _check(x: NDArray[np.float64], score: NDArray[np.float64], n_boot: int) -> None:
    if x.size < 4 or x.size != score.size:
        raise ValueError(f"The width test needs 4 points or more, got {x.size} and {score.size}.")
    if not (np.isfinite(x).all() and np.isfinite(score).all() and (np.diff(x) > 0).all()):
        raise ValueError("The width test needs finite scores at finite, increasing scales.")
    if n_boot < _FIRST_DRAWS:
        raise ValueError(f"n_boot is {n_boot}, but a p-value needs at least {_FIRST_DRAWS} draws.")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fits:
    """Weighted fits of curves to the grid: the best smooth one of each, and the statistic."""

    score: NDArray[np.float64]
    weights: NDArray[np.float64]
    null_level: NDArray[np.float64]
    statistic: NDArray[np.float64]
    narrow_wins: NDArray[np.bool_]


def _fit(grid: SigmoidGrid, score: NDArray[np.float64], noise: ScoreNoise) -> _Fits:
    smooth = grid.shapes[:, grid.smooth]
    level = np.broadcast_to(score.mean(axis=1, keepdims=True), score.shape)
    for _ in range(_N_PASSES):
        level, _ = _best_level(smooth, score, 1.0 / noise.variance(level))
    weights = 1.0 / noise.variance(level)
    null_level, null_rss = _best_level(smooth, score, weights)
    narrow_rss, _ = _solve(grid.shapes[:, grid.narrow], score, weights)
    gain = (null_rss[:, None] - narrow_rss) / 2
    top = gain.max(axis=1)
    statistic = top + np.log(np.exp(gain - top[:, None]).mean(axis=1))
    return _Fits(
        score=score,
        weights=weights,
        null_level=null_level,
        statistic=statistic,
        narrow_wins=top > 0,
    )


def _solve(
    shapes: NDArray[np.float64], score: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weighted sum of squares and rise (>= 0) of each curve in each cell."""
    total = weights.sum(axis=1, keepdims=True)
    centered = score - (weights * score).sum(axis=1, keepdims=True) / total
    spread = weights @ np.square(shapes)
    spread -= np.square(weights @ shapes) / total
    # A step outside the scales has no spread and no covariance: it is the constant, with no rise.
    np.maximum(spread, 1e-9 * total, out=spread)
    together = (weights * centered) @ shapes
    np.maximum(together, 0.0, out=together)
    rise = together / spread
    rss = (weights * centered**2).sum(axis=1, keepdims=True) - rise * together
    return rss, rise


def _best_level(
    shapes: NDArray[np.float64], score: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the best fit of each curve, shape (n_curves, n_points), and its sum of squares."""
    rss, rise = _solve(shapes, score, weights)
    best = rss.argmin(axis=1)
    rows = np.arange(score.shape[0])
    curve = rise[rows, best, None] * shapes[:, best].T
    total = weights.sum(axis=1, keepdims=True)
    return curve + (weights * (score - curve)).sum(1, keepdims=True) / total, rss[rows, best]


def _excess_scatter(grid: SigmoidGrid, fit: _Fits) -> float:
    """Return by how much the variance exceeds the noise model, 1 unless that is beyond doubt.

    Judged at the best fit of any width, so that a step is not mistaken for scatter.
    """
    from scipy.special import chdtrc

    rss, _ = _solve(grid.shapes, fit.score, fit.weights)
    freedom = fit.score.shape[1] - 4
    if freedom < 1 or chdtrc(freedom, rss.min()) > _BEYOND_DOUBT:
        return 1.0
    return float(rss.min() / freedom)


def _bootstrap(
    fit: _Fits, grid: SigmoidGrid, *, noise: ScoreNoise, rng: np.random.Generator, n_boot: int
) -> tuple[float, int]:
    if not fit.narrow_wins[0]:
        return 1.0, 0
    exceeded = drawn = 0
    # Batches keep the arrays of all cells in the processor's cache.
    while drawn < n_boot:
        wanted = min(_FIRST_DRAWS, n_boot - drawn)
        draws = noise.draw(fit.null_level[0], n_draws=wanted, rng=rng)
        exceeded += int((_fit(grid, draws, noise).statistic >= fit.statistic[0]).sum())
        drawn += wanted
        if (1 + exceeded) / (1 + drawn) > _WORTH_MORE_DRAWS:
            break
    return (1 + exceeded) / (1 + drawn), drawn


def _describe(
    fit: _Fits,
    grid: SigmoidGrid,
    *,
    origin: float,
    p_value: float,
    n_draws: int,
    level: float,
    excess: float,
) -> WidthTest:
    (rss,), (rise,) = _solve(grid.shapes, fit.score, fit.weights)
    weights = fit.weights[0]
    best = int(rss.argmin())
    reach = NormalDist().inv_cdf((1 + level) / 2) ** 2  # likelihood ratio of one parameter
    inside = (rss <= rss[best] + reach) & (rise > 0)
    widths = grid.widths[inside] if inside.any() else grid.widths
    centers = grid.centers[inside] if inside.any() else grid.centers
    margin, half_step = _center_step(grid), _half_width_step(grid)
    shape = grid.shapes[:, best]
    middle = float((weights * (fit.score[0] - rise[best] * shape)).sum() / weights.sum())
    return WidthTest(
        p_value=p_value,
        statistic=float(fit.statistic[0]),
        center=origin + _middle_center(grid, rss, best),
        center_low=origin + float(centers.min()) - margin,
        center_high=origin + float(centers.max()) + margin,
        width=float(grid.widths[best]),
        width_low=0.0 if widths.min() <= grid.widths.min() else float(widths.min()) / half_step,
        width_high=(
            math.inf if widths.max() >= grid.widths.max() else float(widths.max()) * half_step
        ),
        floor=middle - float(rise[best] * grid.means[best]),
        rise=float(rise[best]),
        amplitude=float(rise[best] * (shape[-1] - shape[0])),
        excess_scatter=excess,
        n_draws=n_draws,
    )


def _center_step(grid: SigmoidGrid) -> float:
    """Return the step of the even part of the grid, within which a center is not resolved."""
    return float(grid.centers.max() - grid.centers.min()) / (_N_CENTERS - 1)


def _half_width_step(grid: SigmoidGrid) -> float:
    """Return half the step between neighboring widths, as a factor."""
    widths = np.unique(grid.widths)
    return float((widths[-1] / widths[0]) ** (0.5 / (widths.size - 1)))


def _middle_center(grid: SigmoidGrid, rss: NDArray[np.float64], best: int) -> float:
    """Return the middle of the centers that fit as well as the best one at its width.

    A step inside a gap has a flat likelihood: the middle of the gap is the least wrong answer.
    """
    as_good = (rss <= rss[best] + 0.1) & (grid.widths == grid.widths[best])
    at = grid.centers[as_good]
    return float((at.min() + at.max()) / 2)
