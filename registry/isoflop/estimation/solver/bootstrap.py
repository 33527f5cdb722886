"""Refits over resampled runs, many at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isoflop.estimation.solver.newton import Minima, chunk_size, minimize
from isoflop.estimation.solver.problem import Floats, Problem
from isoflop.estimation.solver.sharing import shared

_RESTARTED = 0.05
_WELL = 1e-6
_STEPS = 60  # nearly all need a dozen; the few that crawl hold up their whole chunk
_ROUNDINGS = (64.0, 16.0, 4.0, 2.0)
_STEPS_ROUNDED = 40
_STEPS_TO_THE_END = 1000


class Refits(NamedTuple):
    """Parameters of each replicate.

    Parameters
    ----------
    theta : NDArray, shape (n_boot, p)
        In the solver's scale.
    improved : int
        Replicates that a restart brought lower by more than 1e-9.
    unconverged : int
        Replicates whose gradient norm stayed above 1e-6.
    """

    theta: Floats
    improved: int
    unconverged: int


def resample_counts(
    n_runs: int, *, n_boot: int, seed: int, at_once: int | None = None
) -> Iterator[Floats]:
    """Yield how often each run is drawn, in chunks of shape (<= at_once, n_runs).

    Notes
    -----
    Uses NumPy's legacy generator on purpose: its stream is frozen for good (NEP 19), where that of
    `numpy.random.Generator` may change with a release; and with seed 42 and the same order of runs
    the resamples are those of Besiroglu et al. 2024 (arXiv 2404.10102).
    """
    rng = np.random.RandomState(seed)
    size = at_once or chunk_size(n_runs)
    for begin in range(0, n_boot, size):
        drawn = rng.randint(0, n_runs, size=(min(size, n_boot - begin), n_runs))
        yield np.stack([np.bincount(row, minlength=n_runs) for row in drawn]).astype(np.float64)


@shared
def refit(
    problem: Problem,
    theta: Floats,
    *,
    n_boot: int,
    seed: int,
    order: NDArray[np.int64],
    clusters: NDArray[np.int64] | None = None,
) -> Refits:
    """Return the parameters of `n_boot` refits to runs drawn with replacement.

    Parameters
    ----------
    problem : Problem
        Data; its runs are those of the table in the order `order`.
    theta : NDArray, shape (p,)
        The fit to all runs, where every refit starts.
    n_boot, seed : int
        Replicates, and seed of the resampling.
    order : NDArray of int, shape (n_runs,)
        Place in the table of each of the problem's runs; resampling follows the table.
    clusters : NDArray of int, shape (n_runs,), or None
        Group of each row of the table, numbered from 0: groups are drawn, not rows. Checkpoints of
        one run are no independent runs.
    """
    groups = np.arange(problem.n_runs) if clusters is None else clusters
    at_once = chunk_size(problem.n_runs)
    thetas, improved, unconverged = [], 0, 0
    n_groups = int(groups.max()) + 1
    for counts in resample_counts(n_groups, n_boot=n_boot, seed=seed, at_once=at_once):
        weights = counts[:, groups][:, order]
        chunk, better, left = _refit_chunk(problem, theta, weights)
        thetas.append(chunk)
        improved, unconverged = improved + better, unconverged + left
    found = np.concatenate(thetas) if thetas else np.empty((0, theta.size))
    return Refits(found, improved, unconverged)


def _refit_chunk(problem: Problem, theta: Floats, weights: Floats) -> tuple[Floats, int, int]:
    """Refit, take the slow ones the long way, then restart the oddest; the lower one is kept."""
    starts = np.repeat(theta[None], weights.shape[0], axis=0)
    first = minimize(problem, starts, weights, max_iterations=_STEPS, is_near=True)
    found = Minima(*(a.copy() for a in first))
    slow = np.flatnonzero(found.gradient_norm > _WELL)
    if slow.size:
        _keep_lower(found, slow, _through_rounder(problem, starts[slow], weights[slow]))
    worst = _oddest(found)
    before = found.value[worst].copy()
    elsewhere = np.repeat(np.median(found.theta, axis=0)[None], worst.size, axis=0)
    again = minimize(problem, elsewhere, weights[worst], max_iterations=_STEPS, is_near=True)
    _keep_lower(found, worst, again)
    improved = int((before - found.value[worst] > 1e-9).sum())
    return found.theta, improved, int((found.gradient_norm > _WELL).sum())


def _through_rounder(problem: Problem, starts: Floats, weights: Floats) -> Minima:
    """Minimize under a Huber threshold that shrinks to the problem's own.

    Where most residuals lie in the linear zone (few runs, scatter far above delta) the objective
    is nearly a polyhedron and Newton crawls along its edges; rounder ones lead close to the end.
    """
    theta = starts
    for factor in _ROUNDINGS:
        rounder = replace(problem, delta=problem.delta * factor)
        theta = minimize(rounder, theta, weights, max_iterations=_STEPS_ROUNDED, is_near=True).theta
    return minimize(problem, theta, weights, max_iterations=_STEPS_TO_THE_END, is_near=True)


def _oddest(found: Minima) -> NDArray[np.intp]:
    middle = np.median(found.theta, axis=0)
    width = np.median(np.abs(found.theta - middle), axis=0) + 1e-12
    oddness = (np.abs(found.theta - middle) / width).max(axis=1)
    oddness += np.where(found.gradient_norm > _WELL, 1e6, 0.0)
    return np.argsort(-oddness, kind="stable")[: int(np.ceil(_RESTARTED * oddness.size))]


def _keep_lower(found: Minima, rows: NDArray[np.intp], other: Minima) -> None:
    """Write the minima of `other` into those rows of `found` that they are lower than."""
    lower = other.value < found.value[rows]
    for kept, new in zip(found, other, strict=True):
        kept[rows[lower]] = new[lower]
