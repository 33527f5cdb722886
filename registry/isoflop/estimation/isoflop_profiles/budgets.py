"""Budgets that runs share, found from their compute; a continuum of compute is not grouped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoflop.estimation.solver.problem import Floats

SAME_SIZE = 0.01
"""Two model sizes this close in log N are one size.

Czech 2026, arXiv 2603.22339, `NEAR_DUP_LOG_TOL` of its data pipeline.
"""

_WIDEST = 0.2  # decades of compute in one budget: nominal budgets lie a factor of 2 or more apart
_SNAPPED = 0.005  # decades within which compute is the same up to the rounding of N and D
_APART = 1.5  # times its own width that a budget stays clear of its neighbors
_CLEAR = 0.02  # decades that even a budget of no width stays clear of its neighbors
_GROUPED = 1 / 3  # share of runs that must lie in budgets; of points at random, 2 % do
_THRESHOLDS = 48


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Budgets:
    """Which runs were given the same compute.

    Parameters
    ----------
    index : NDArray of int, shape (n_runs,)
        Place of each run's budget in `flops`; -1 for a run in none.
    flops : NDArray, shape (n_budgets,)
        Median compute of each budget, ascending. [FLOP]
    spread : NDArray, shape (n_budgets,)
        Largest over smallest compute within each, less 1. [1]
    """

    index: NDArray[np.int64]
    flops: Floats
    spread: Floats

    def __len__(self) -> int:
        return int(self.flops.size)


def find_budgets(flops: Floats, n_params: Floats, *, min_sizes: int) -> Budgets:
    """Return the budgets that runs share; none where compute is spread without gaps.

    A budget is a set of runs that is at most 0.2 decades wide in compute and clear of every other
    run by 1.5 times its width, so nominal budgets that jitter by some 20 % are found, and two
    that nearly touch are not. Where under a third of the runs lie in budgets of `min_sizes` model
    sizes, the compute is a continuum and nothing is grouped.

    Parameters
    ----------
    flops : NDArray, shape (n_runs,)
        Compute of each run, positive and finite. [FLOP]
    n_params : NDArray, shape (n_runs,)
        Model size of each run. [1]
    min_sizes : int
        Model sizes, at least 1 % apart, that make a budget worth finding.

    Notes
    -----
    The gap that parts two budgets is chosen to put the most runs into budgets; of equally good
    ones, the smallest. No runs give no budgets; one run, a budget of its own only where
    `min_sizes` is 1.
    """
    order = np.argsort(flops, kind="stable")
    log_c = np.log10(flops[order])
    best = np.full(flops.size, -1, dtype=np.int64)
    most = 0
    for gap in np.geomspace(_SNAPPED, _WIDEST, _THRESHOLDS):
        index = _split(log_c, float(gap))
        held = int(np.isin(index, _worthwhile(index, n_params[order], min_sizes)).sum())
        if held > most:
            best, most = index, held
    if most < _GROUPED * flops.size:
        best = np.full(flops.size, -1, dtype=np.int64)
    back = np.empty_like(best)
    back[order] = best
    return _summary(back, flops)


def count_sizes(n_params: Floats) -> int:
    """Return how many model sizes there are, those within 1 % of the smallest of them one."""
    return int(size_codes(np.log(n_params)).max(initial=-1)) + 1


def size_codes(log_n: Floats) -> NDArray[np.int64]:
    """Return the place of each run's size among the sizes, ascending; shape (n_runs,).

    A size begins at the smallest run that is over 1 % above the beginning of the size before.
    """
    order = np.argsort(log_n, kind="stable")
    ascending = log_n[order]
    begins = []
    begin = 0
    while begin < ascending.size:
        begins.append(begin)
        begin = int(np.searchsorted(ascending, ascending[begin] + SAME_SIZE, side="right"))
    codes = np.empty(log_n.size, dtype=np.int64)
    codes[order] = np.searchsorted(begins, np.arange(log_n.size), side="right") - 1
    return codes


def _split(log_c: Floats, gap: float) -> NDArray[np.int64]:
    """Return the budget of each of the sorted runs, parted at gaps; -1 where it is not clear."""
    if log_c.size == 0:
        return np.empty(0, dtype=np.int64)
    parted = np.diff(log_c) > gap
    group = np.concatenate([[0], np.cumsum(parted)])
    first = np.flatnonzero(np.concatenate([[True], parted]))
    last = np.concatenate([first[1:] - 1, [log_c.size - 1]])
    width = log_c[last] - log_c[first]
    between = np.concatenate([[np.inf], log_c[first[1:]] - log_c[last[:-1]], [np.inf]])
    nearest = np.minimum(between[:-1], between[1:])
    clear = (width <= _WIDEST) & (nearest >= np.maximum(_APART * width, _CLEAR))
    place = np.where(clear, np.cumsum(clear) - 1, -1)
    return np.asarray(place[group], dtype=np.int64)


def _worthwhile(index: NDArray[np.int64], n_params: Floats, min_sizes: int) -> list[int]:
    found = range(int(index.max(initial=-1)) + 1)
    return [k for k in found if count_sizes(n_params[index == k]) >= min_sizes]


def _summary(index: NDArray[np.int64], flops: Floats) -> Budgets:
    groups = [flops[index == k] for k in range(int(index.max(initial=-1)) + 1)]
    return Budgets(
        index=index,
        flops=np.array([np.median(g) for g in groups]),
        spread=np.array([g.max() / g.min() - 1 for g in groups]),
    )
