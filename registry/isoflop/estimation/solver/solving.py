"""The global minimum of one fit, with the evidence for it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isoflop.estimation.solver.newton import MAX_ITERATIONS, Minima, minimize
from isoflop.estimation.solver.problem import Floats, Problem
from isoflop.estimation.solver.sharing import shared

AGREEMENT = 1e-9
"""Two starts agree where their objectives differ by less than this share of them. [1]"""

_ROUNDING = 1e-22
"""Objective per row of residuals that are all rounding."""

_ENOUGH = 5
_N_REWEIGHTED = 4
_N_SHAKEN = 8
_MAX_ROUNDS = 4
_SCOUTING = 60
_N_FINISHED = 4
_HEAT = 15
_HEAT_ROWS = 80
_SEMIFINALISTS = 16
_FINALISTS = 8
ROUNDEST = 1e-3
"""Huber threshold under which least absolute deviations are searched for and judged."""

_ABSOLUTE_DECADES = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solution:
    """Where the solver ended, and how sure it is.

    Parameters
    ----------
    theta : NDArray, shape (p,)
        Parameters in the solver's scale.
    value : float
        Objective.
    gradient_norm : float
        See `isoflop.estimation.solver.newton.Minima`.
    n_starts, n_agree : int
        Independent starts, and how many ended within `AGREEMENT` of the best.
    condition_number : float
        Of the Hessian, scaled to a unit diagonal; infinite where it is not positive definite.
    held : NDArray of bool, shape (p,)
        Parameters that ended at a wall of the box.
    """

    theta: Floats
    value: float
    gradient_norm: float
    n_starts: int
    n_agree: int
    condition_number: float
    held: NDArray[np.bool_]


@shared
def solve(problem: Problem, *, absolute: bool = False) -> Solution:
    """Return the best minimum over starts from the grid, and from more where those disagree.

    Empty data is the caller's to refuse. The random shakes come from a fixed seed. Starts are cut
    off after 60 steps, and only the best goes on to the end: a bad one can crawl for hundreds.

    With `absolute` the problem's threshold stands for none: the objective is a polyhedron but for
    rounding, so the search is done under a rounder one, which is then made smaller step by step.
    """
    if absolute:
        return _solve_absolute(problem)
    found = _race(problem, problem.starts(problem.breadth))
    if _agreeing(problem, found.value, found.value.min()) < _ENOUGH:
        found = _search_on(problem, found)
    return _certify(problem, found)


def _race(problem: Problem, starts: Floats) -> Minima:
    """Return where the starts lead, those that fall behind left where they are.

    Many starts run first on some of the rows and under a rounder objective, whose minima are
    reached in few steps.
    """
    if starts.shape[0] <= _FINALISTS:
        return minimize(problem, starts, max_iterations=_SCOUTING)
    typical = float(np.median(np.abs(problem.residuals(starts[:1]))))
    rounder = replace(problem, delta=max(problem.delta, min(typical, 1e3 * problem.delta)))
    rounder = rounder.thinned(slice(None, None, -(-problem.n_runs // _HEAT_ROWS)))
    theta = minimize(rounder, starts, max_iterations=_HEAT).theta
    found = minimize(problem, theta, max_iterations=1)
    for left, steps in ((_SEMIFINALISTS, _HEAT), (_FINALISTS, _SCOUTING)):
        found = _improved(problem, found, count=left, steps=steps)
    return found


def _improved(problem: Problem, found: Minima, *, count: int, steps: int) -> Minima:
    """Return the minima with the lowest `count` of them carried on."""
    order = np.argsort(found.value, kind="stable")[:count]
    further = minimize(problem, found.theta[order], max_iterations=steps)
    theta, value, norm = (a.copy() for a in found)
    theta[order], value[order], norm[order] = further
    return Minima(theta, value, norm)


def _solve_absolute(problem: Problem) -> Solution:
    found = solve(replace(problem, delta=ROUNDEST))
    theta = found.theta[None]
    for delta in np.geomspace(ROUNDEST, problem.delta, 1 + 2 * _ABSOLUTE_DECADES)[1:]:
        theta = minimize(replace(problem, delta=float(delta)), theta).theta
    last = minimize(problem, theta)
    return replace(
        found,
        theta=last.theta[0],
        value=float(last.value[0]),
        gradient_norm=float(last.gradient_norm[0]),
    )


def _search_on(problem: Problem, found: Minima) -> Minima:
    """Return the minima and those of further starts, until a round brings nothing."""
    for _ in range(_MAX_ROUNDS):
        before = found.value.min()
        starts = _second_starts(problem, found.theta[found.value.argmin()])
        more = minimize(problem, starts, max_iterations=_SCOUTING)
        found = Minima(*(np.concatenate(pair) for pair in zip(found, more, strict=True)))
        if _agreeing(problem, before, found.value.min()):
            break
    return _improved(problem, found, count=_N_FINISHED, steps=MAX_ITERATIONS)


def _agreeing(problem: Problem, value: Floats, best: float) -> int:
    """Return how many values equal the best one, but for rounding."""
    slack = AGREEMENT * abs(best) + _ROUNDING * problem.n_runs
    return int((np.asarray(value) - best <= slack).sum())


def _second_starts(problem: Problem, best: Floats) -> Floats:
    """Return starts that the first round suggests: outliers looked past, and the best shaken."""
    residual = np.abs(problem.residuals(best[None])[0])
    square = problem.delta if np.isfinite(problem.delta) else 0.0
    typical = max(square, float(np.median(residual)), 1e-12)
    weights = np.minimum(1.0, typical / np.maximum(residual, typical)) ** 2
    reweighted = problem.starts(_N_REWEIGHTED, weights)
    rng = np.random.default_rng(0)
    return np.concatenate([reweighted, problem.nearby(best, _N_SHAKEN, rng)])


def _certify(problem: Problem, found: Minima) -> Solution:
    last = minimize(problem, found.theta[found.value.argmin()][None])
    theta, value = last.theta[0], float(last.value[0])
    held = (theta <= problem.low + 1e-9) | (theta >= problem.high - 1e-9)
    return Solution(
        theta=theta,
        value=value,
        gradient_norm=float(last.gradient_norm[0]),
        n_starts=int(found.value.size),
        n_agree=_agreeing(problem, found.value, value),
        condition_number=_condition(problem, theta, held),
        held=held,
    )


def _condition(problem: Problem, theta: Floats, held: NDArray[np.bool_]) -> float:
    here = problem.derivatives(theta[None], None)
    free = ~held & problem.free
    hessian = here.hessian[0][np.ix_(free, free)]
    diagonal = np.sqrt(np.abs(np.diag(hessian)))
    if not free.any() or (diagonal <= 0).any():
        return float("inf")
    values = np.linalg.eigvalsh(hessian / np.outer(diagonal, diagonal))
    return float(values[-1] / values[0]) if values[0] > 0 else float("inf")
