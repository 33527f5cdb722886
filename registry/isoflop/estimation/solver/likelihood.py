"""Profile likelihood: what the data say of one parameter once the others have followed.

The bootstrap sees only minima near the fit. A parameter that the data do not hold from one side
fits as well at the end of its box, which the profile shows and the bootstrap often misses.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isoflop.estimation.solver.newton import minimize
from isoflop.estimation.solver.problem import Floats, Problem
from isoflop.estimation.solver.sharing import shared
from isoflop.estimation.solver.solving import Solution

WORST_CONDITION = 1e8
"""Condition number of the scaled Hessian beyond which rounding decides."""

_CHI2_1_95 = 3.841  # 95 % point of chi-squared with one degree of freedom
_LOOSE = 0.25  # standard error, of a logarithm or relative, from which ends are looked at
_OFTEN = 0.025
_FEW_SQUARE = 20
_STEPS = 100


class OpenEnds(NamedTuple):
    """Toward where a parameter is not held.

    Parameters
    ----------
    low, high : bool
        True where the lower, the upper end of its box fits as well.
    how : str
        How that was found out.
    """

    low: bool
    high: bool
    how: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Profile:
    """The objective along one parameter, the others at their best.

    Parameters
    ----------
    values : NDArray, shape (m,)
        The parameter, in its own unit.
    ratio : NDArray, shape (m,)
        Likelihood-ratio statistic: 0 at the fit, 3.84 at the ends of a 95 % interval. [1]
    low, high : float
        Ends of the interval; the end of the box where the data do not hold it.
    open_low, open_high : bool
        True where an end is only that of the box.
    """

    values: Floats
    ratio: Floats
    low: float
    high: float
    open_low: bool
    open_high: bool


def covariance(problem: Problem, solution: Solution) -> Floats:
    """Return the sandwich covariance of theta, infinite where the Hessian is singular.

    Parameters that sit at a wall of the box count as known.

    Notes
    -----
    H^-1 (sum slope^2 g g') H^-1 n / (n - p), the M-estimator's large-sample covariance.

    References
    ----------
    Huber (1967), Proc. Fifth Berkeley Symposium 1, 221-233.
    """
    p = solution.theta.size
    if solution.condition_number > WORST_CONDITION:
        return np.full((p, p), np.inf)
    free = np.flatnonzero(~solution.held & problem.free)
    block = np.ix_(free, free)
    here = problem.derivatives(solution.theta[None], None)
    slope = problem.cost(problem.residuals(solution.theta[None])[0]).slope
    if problem.weights is not None:
        slope = slope * problem.weights
    g = problem.jacobian(solution.theta)[:, free]
    inverse = np.linalg.inv(here.hessian[0][block])
    # A product with itself: no variance comes out negative, however near to singular H is.
    half = inverse @ (g * slope[:, None]).T
    out = np.zeros((p, p))
    out[block] = half @ half.T * (problem.n_runs / max(problem.n_runs - p, 1))
    return out


def standard_errors(
    problem: Problem, solution: Solution, quantity: Callable[[Floats], Floats]
) -> float:
    """Return the standard error of a function of theta (r, p), by the delta method."""
    matrix = covariance(problem, solution)
    if not np.isfinite(matrix).all():
        return float("inf")
    step = 1e-5
    shifts = step * np.eye(solution.theta.size)
    with np.errstate(invalid="ignore"):  # infinite on both sides: the quantity is not held
        rise = quantity(solution.theta + shifts) - quantity(solution.theta - shifts)
    slope = rise / (2 * step)
    if not np.isfinite(slope).all():
        return float("inf")
    return float(np.sqrt(max(float(slope @ matrix @ slope), 0.0)))


@shared
def open_ends(problem: Problem, solution: Solution, draws: Floats) -> dict[int, OpenEnds]:
    """Return the entries of theta that fit as well at an end of their box, and at which.

    Parameters
    ----------
    problem, solution
        What was fitted, and where it ended.
    draws : NDArray, shape (n_boot, p)
        Bootstrap draws of theta; may be empty.
    """
    spread = np.sqrt(np.diag(covariance(problem, solution)))
    size = np.where(problem.log_scaled, 1.0, np.abs(solution.theta))
    loose = problem.free & ~solution.held & (spread > _LOOSE * size)
    if _n_square(problem, solution) < _FEW_SQUARE:
        loose |= problem.free & ~solution.held & problem.may_vanish
    out: dict[int, OpenEnds] = {}
    for j in np.flatnonzero(loose).tolist():
        found = [_end_fits(problem, solution, j, end) for end in (problem.low[j], problem.high[j])]
        if any(found):
            out[j] = OpenEnds(found[0], found[1], "by profile likelihood")
    for j in np.flatnonzero(problem.free & ~solution.held).tolist():
        walls = problem.low[j], problem.high[j]
        often = [float((np.abs(draws[:, j] - w) <= 1e-9).mean()) if draws.size else 0.0
                 for w in walls]  # fmt: skip
        if j not in out and max(often) > _OFTEN:
            how = f"in {max(often):.0%} of the resamples"
            out[j] = OpenEnds(often[0] > _OFTEN, often[1] > _OFTEN, how)
    return out


def _n_square(problem: Problem, solution: Solution) -> float:
    """Return how many residuals lie in the square zone: few tell nothing of curvature."""
    cost = problem.cost(problem.residuals(solution.theta[None])[0])
    return float((cost.curvature > 0).sum())


def _end_fits(problem: Problem, solution: Solution, j: int, end: float) -> bool:
    """Return whether the profile likelihood at an end is inside its 95 % region.

    One start that leads inside is enough; only where the nearest does not are the others tried.
    """
    if not np.isfinite(end):
        return False

    scale = _scale(problem, solution, j)
    enough = solution.value + _CHI2_1_95 / scale if scale > 0.0 else np.inf

    def inside(starts: Floats) -> bool:
        value = _held_at(problem, starts, j, np.array([end]), enough=enough).value
        return bool(_ratio(problem, solution, j, value)[0] < _CHI2_1_95)

    nearest, *others = _starts_around(problem, solution)
    return inside(nearest[None]) or inside(np.stack(others))


class _Along(NamedTuple):
    theta: Floats
    value: Floats


def _starts_around(problem: Problem, solution: Solution) -> Floats:
    """Return the fit, the fit with its exponents shrunk, and starts from afar, shape (s, p)."""
    around = problem.nearby(solution.theta, 4, np.random.default_rng(0))
    shrunk = np.repeat(solution.theta[None], 2, axis=0)
    loose = ~problem.log_scaled
    shrunk[:, loose] *= np.array([[0.5], [0.2]])
    return np.concatenate([solution.theta[None], shrunk, problem.starts(3), around])


def _held_at(
    problem: Problem, starts: Floats, j: int, values: Floats, *, enough: float = -np.inf
) -> _Along:
    """Return the best theta (m, p) and objective (m,) with entry j held at each of `values`.

    All stop once an objective is below `enough`.
    """
    s, m = starts.shape[0], values.size
    every = np.repeat(starts, m, axis=0)
    every[:, j] = np.tile(values, s)
    held = np.broadcast_to(~problem.free, every.shape).copy()
    held[:, j] = True
    found = minimize(problem, every, max_iterations=_STEPS, held=held, enough=enough)
    by_value = found.value.reshape(s, m)
    best = by_value.argmin(axis=0)
    theta = found.theta.reshape(s, m, -1)[best, np.arange(m)]
    return _Along(theta, by_value[best, np.arange(m)])


def _scale(problem: Problem, solution: Solution, j: int) -> float:
    """Return by what a fall of the objective is multiplied to be a likelihood-ratio statistic.

    Notes
    -----
    2 [H^-1]_jj / V_jj with the sandwich covariance V, so that the statistic bends at the fit as
    the standard error says, whatever the residuals' distribution (Royall 1986, Int. Stat. Rev. 54).
    Where V is infinite, 2 mean(curvature) / mean(slope^2) (Hampel et al. 1986, section 7.2).
    """
    matrix = covariance(problem, solution)
    free = np.flatnonzero(~solution.held & problem.free)
    if np.isfinite(matrix).all() and j in free and matrix[j, j] > 0:
        hessian = problem.derivatives(solution.theta[None], None).hessian[0][np.ix_(free, free)]
        place = int(np.flatnonzero(free == j)[0])
        return 2.0 * float(np.linalg.inv(hessian)[place, place] / matrix[j, j])
    cost = problem.cost(problem.residuals(solution.theta[None])[0])
    spare = max(problem.n_runs - problem.n_parameters, 1)
    variance = float((cost.slope**2).sum()) / spare
    return 2.0 * float(cost.curvature.mean()) / variance if variance > 0 else np.inf


def _ratio(problem: Problem, solution: Solution, j: int, value: Floats) -> Floats:
    """Return the robust likelihood-ratio statistic of objectives above the minimum."""
    above = np.atleast_1d(np.where(np.isfinite(value), value, np.inf))
    worse = np.maximum(above - solution.value, 0.0) if np.isfinite(solution.value) else above
    out = np.zeros_like(worse)  # at the fit itself, however much a fall is worth
    some = (worse > 0.0) & np.isfinite(worse)
    out[some] = worse[some] * _scale(problem, solution, j) if some.any() else 0.0
    out[np.isinf(worse)] = np.inf
    return out


def profile(
    problem: Problem, solution: Solution, j: int, *, place: int, level: float, n_points: int = 41
) -> Profile:
    """Return the profile of entry j of theta, which is parameter `place` in its own units.

    Parameters
    ----------
    problem, solution
        What was fitted, and where it ended.
    j, place : int
        Entry of theta, and its column in `Problem.natural`.
    level : float
        Level of the interval. [1]
    n_points : int
        Points on either side together.
    """
    from scipy.stats import chi2

    problem, theta = problem.uncentered(solution.theta)
    solution = dataclasses.replace(solution, theta=theta)
    spread = float(np.sqrt(covariance(problem, solution)[j, j]))
    here = float(solution.theta[j])
    reach = 6.0 * spread if np.isfinite(spread) and spread > 0 else 10.0 * (abs(here) + 1.0)
    half = n_points // 2
    below = _outward(here, max(problem.low[j], here - reach), float(problem.low[j]), half)
    above = _outward(here, min(problem.high[j], here + reach), float(problem.high[j]), half)
    values = np.concatenate([below[::-1], [here], above])
    half = below.size
    along = _held_at(problem, _starts_around(problem, solution), j, values)
    ratio = _ratio(problem, solution, j, along.value)
    limit = float(chi2.ppf(level, 1))
    natural = problem.natural(along.theta)[:, place]
    begin, open_low = _crossing(natural[: half + 1][::-1], ratio[: half + 1][::-1], limit)
    end, open_high = _crossing(natural[half:], ratio[half:], limit)
    return Profile(values=natural, ratio=ratio, low=begin, high=end,
                   open_low=open_low, open_high=open_high)  # fmt: skip


def _outward(here: float, near: float, end: float, count: int) -> Floats:
    """Return points from `here` (left out) to `near`, and the end of the box if it is farther."""
    steps = np.linspace(here, near, count + 1)[1:]
    return np.append(steps, end) if np.isfinite(end) and end != near else steps


def _crossing(values: Floats, ratio: Floats, limit: float) -> tuple[float, bool]:
    """Return where the statistic first passes the limit, and whether it never does."""
    over: NDArray[np.intp] = np.flatnonzero(ratio > limit)
    if not over.size:
        return float(values[-1]), True
    i = int(over[0])
    share = (limit - ratio[i - 1]) / (ratio[i] - ratio[i - 1])
    return float(values[i - 1] + share * (values[i] - values[i - 1])), False
