"""Damped Newton's method in a box, for many replicates or starts at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isoflop.estimation.solver.problem import Derivatives, Floats, Problem

MAX_ITERATIONS = 400
"""For an answer; starts that are only compared may be cut off sooner."""

_CACHED_VALUES = 50 * 240
_MOST_VALUES = 50 * 1000
_STALL = 1e-14
_FLAT = 1e-9
_WEAKEST, _STRONGEST = 1e-12, 1e12


def chunk_size(n_runs: int) -> int:
    """Return how many replicates to work on together.

    Fifty, or as many as their doubles stay in the cache where runs are few, and fewer where
    they are so many that memory would grow.
    """
    n = max(n_runs, 1)
    return max(1, max(_CACHED_VALUES, min(50 * n, _MOST_VALUES)) // n)


class Minima(NamedTuple):
    """Where each start ended.

    Parameters
    ----------
    theta : NDArray, shape (r, p)
        Parameters in the solver's scale.
    value : NDArray, shape (r,)
        Objective.
    gradient_norm : NDArray, shape (r,)
        Largest entry of the gradient, along the free directions, as a share of the largest it
        could be; 0 at a minimum. [1]
    """

    theta: Floats
    value: Floats
    gradient_norm: Floats


def minimize(
    problem: Problem,
    starts: Floats,
    weights: Floats | None = None,
    *,
    max_iterations: int = MAX_ITERATIONS,
    held: NDArray[np.bool_] | None = None,
    enough: float = -np.inf,
    is_near: bool = False,
) -> Minima:
    """Return the minimum that each start leads to.

    Parameters
    ----------
    problem : Problem
        Data and box.
    starts : NDArray, shape (r, p)
        Start of each replicate.
    weights : NDArray, shape (r, n), or None
        Times each run counts in each replicate; None for once. [1]
    max_iterations : int
        Newton steps, refused ones counted, after which a replicate is left where it is.
    held : NDArray of bool, shape (r, p), or None
        Parameters to leave where they start.
    enough : float
        Objective below which all stop where they are, once one of them has come there.
    is_near : bool
        True for refits, which start near their minimum: they take long steps where the objective
        bends down, where by the scaled gradient they would crawl for more than a thousand. A search
        from afar goes by the gradient there and keeps to its valley.

    Notes
    -----
    A replicate is done when the objective fell by less than 1e-14 of itself twice, in a refit once
    where its gradient norm is below 1e-9; never by an absolute tolerance: objectives of 1e-3 stop
    far too early under those.
    """
    if held is None:
        held = np.broadcast_to(~problem.free, starts.shape)
    parts = []
    size = chunk_size(problem.n_runs)
    for begin in range(0, starts.shape[0], size):
        chunk = slice(begin, begin + size)
        w = None if weights is None else weights[chunk]
        parts.append(
            _minimize_chunk(problem, starts[chunk], w, max_iterations, held[chunk], enough, is_near)
        )
    return Minima(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _minimize_chunk(
    problem: Problem,
    starts: Floats,
    weights: Floats | None,
    max_iterations: int,
    fixed: NDArray[np.bool_],
    enough: float,
    is_near: bool,
) -> Minima:
    theta = np.clip(starts, problem.low, problem.high)
    here = problem.derivatives(theta, weights)
    live = np.arange(theta.shape[0])
    damping = np.full(live.size, 1e-3)
    stalls = np.zeros(live.size, dtype=np.int64)
    final = theta.copy()
    for _ in range(max_iterations):
        if (here.value < enough).any():
            break
        w = None if weights is None else weights[live]
        step = _step(theta, here, damping, problem, fixed[live], is_near=is_near)
        trial = np.clip(theta + step, problem.low, problem.high)
        there = problem.derivatives(trial, w)
        better = there.value < here.value
        with np.errstate(invalid="ignore"):
            gain = here.value - there.value  # inf - inf where there is no value on either side
        stalled = (gain <= _STALL * here.value) & (
            better | (_foreseen(trial - theta, here) <= _STALL * here.value)
        )
        stalls = np.where(stalled, stalls + 1, np.where(better, 0, stalls))
        damping = np.clip(np.where(better, damping * 0.1, damping * 8.0), _WEAKEST, _STRONGEST)
        theta = np.where(better[:, None], trial, theta)
        here = _choose(better, there, here)
        done = (stalls >= 2) | (damping >= _STRONGEST)
        if is_near and (stalls == 1).any():
            done |= (stalls == 1) & (_gradient_norm(theta, here, problem, fixed[live]) < _FLAT)
        if done.any():
            final[live[done]] = theta[done]
            go = ~done
            live, theta, damping, stalls = live[go], theta[go], damping[go], stalls[go]
            here = Derivatives(*(a[go] for a in here))
            if not live.size:
                break
    final[live] = theta
    last = problem.derivatives(final, weights)
    return Minima(final, last.value, _gradient_norm(final, last, problem, fixed))


def _choose(better: NDArray[np.bool_], there: Derivatives, here: Derivatives) -> Derivatives:
    if better.all():
        return there
    picked = []
    for new, old in zip(there, here, strict=True):
        mask = better.reshape(-1, *(1,) * (new.ndim - 1))
        picked.append(np.where(mask, new, old))
    return Derivatives(*picked)


def _held(theta: Floats, gradient: Floats, problem: Problem) -> NDArray[np.bool_]:
    """Return where the box holds a parameter back: at its wall, and pushed outward."""
    at_low = (theta <= problem.low) & (gradient > 0)
    at_high = (theta >= problem.high) & (gradient < 0)
    return at_low | at_high


def _step(
    theta: Floats,
    here: Derivatives,
    damping: Floats,
    problem: Problem,
    fixed: NDArray[np.bool_],
    *,
    is_near: bool,
) -> Floats:
    held = fixed | _held(theta, here.gradient, problem)
    gradient = np.where(held, 0.0, here.gradient)
    p = gradient.shape[1]
    scale = here.scale + 1e-12 * here.scale.max(axis=1, keepdims=True) + 1e-300
    matrix = here.hessian.copy()
    if held.any():
        free = ~held
        matrix *= free[:, :, None] & free[:, None, :]
    diagonal = matrix.reshape(-1, p * p)[:, :: p + 1]
    diagonal += np.where(held, scale, damping[:, None] * scale)
    step = -_solve(matrix, gradient)
    uphill = (step * gradient).sum(axis=1) >= 0
    if uphill.any():
        # The damped Hessian is not positive definite here: go down the scaled gradient instead.
        step[uphill] = -gradient[uphill] / scale[uphill] / (1.0 + damping[uphill, None])
        if is_near:
            step[uphill] = _off_saddle(matrix[uphill], gradient[uphill], scale[uphill])
    reach = (np.abs(step) / problem.longest).max(axis=1, keepdims=True)
    shortened: Floats = step / np.maximum(1.0, reach)
    return shortened


def _off_saddle(matrix: Floats, gradient: Floats, scale: Floats) -> Floats:
    """Return Newton's step with every curvature taken as positive, where some are not.

    References
    ----------
    Dauphin et al. 2014, arXiv 1406.2572.
    """
    root = np.sqrt(scale)
    scaled = matrix / (root[:, :, None] * root[:, None, :])
    curvature, ways = np.linalg.eigh(np.clip(scaled, -_STRONGEST, _STRONGEST))
    slope = ((gradient / root)[:, None] @ ways)[:, 0]
    along = slope / np.maximum(np.abs(curvature), _WEAKEST)
    step: Floats = -(ways @ along[:, :, None])[:, :, 0] / root
    return step


def _solve(matrix: Floats, right: Floats) -> Floats:
    try:
        solved = np.linalg.solve(matrix, right[..., None])
    except np.linalg.LinAlgError:
        ridge = 1e-9 * np.abs(matrix).max(axis=(1, 2), keepdims=True) + 1e-300
        solved = np.linalg.solve(matrix + ridge * np.eye(matrix.shape[1]), right[..., None])
    return np.asarray(solved[..., 0], dtype=np.float64)


def _foreseen(step: Floats, here: Derivatives) -> Floats:
    """Return how far the gradient says the objective should fall along the step."""
    fall: Floats = np.abs((step * here.gradient).sum(axis=1))
    return fall


def _gradient_norm(
    theta: Floats, here: Derivatives, problem: Problem, fixed: NDArray[np.bool_]
) -> Floats:
    """Return the free gradient relative to what it would be if no residual cancelled another."""
    free = np.where(fixed | _held(theta, here.gradient, problem), 0.0, here.gradient)
    # Cauchy-Schwarz: |sum w slope g| <= sqrt(sum w slope r) sqrt(sum w slope / r g g). Residuals
    # below 1e-9 count as that, or rounding alone would look like a slope on noise-free data.
    reach = np.sqrt(2.0 * np.maximum(here.value, 0.0)) + 1e-9 * np.sqrt(problem.n_runs)
    bound = reach[:, None] * np.sqrt(here.scale) + 1e-300
    norm: Floats = (np.abs(free) / bound).max(axis=1)
    return norm
