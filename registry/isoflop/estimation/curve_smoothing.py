"""Training curves of many runs, smoothed onto one grid of compute."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoflop.estimation.frontier import FLOPS_PER_PARAM_TOKEN

Floats = NDArray[np.float64]

STEP = 0.01
"""Distance of two points of the grid. [decade]"""

_ONE_SIZE = 0.02
"""Runs whose N lie closer are of one size: 5 %, less than any ladder's step. [decade]"""

_FAR = 1000.0
"""Keeps the curves of two runs apart on one axis; no compute spans as many decades. [decade]"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunCurves:
    """Smoothed training curves on one grid of compute, runs by size, then by their end.

    Parameters
    ----------
    log_flops : NDArray, shape (g,)
        log10 of C = 6 N D. [FLOP]
    log_loss : NDArray, shape (r, g)
        log of the smoothed loss; NaN before a run's first and after its last point.
    run : NDArray of int, shape (r,)
        Number of the run in the points that were given.
    n_params : NDArray, shape (r,)
        N of each run. [1]
    size : NDArray of int, shape (r,)
        Place of its size in `sizes`.
    sizes : NDArray, shape (s,)
        N of each size, ascending: geometric mean of runs within 5 %. [1]
    end, end_log_loss : NDArray, shape (r,)
        log10 of C at the last point, and log of the smoothed loss there.
    """

    log_flops: Floats
    log_loss: Floats
    run: NDArray[np.intp]
    n_params: Floats
    size: NDArray[np.intp]
    sizes: Floats
    end: Floats
    end_log_loss: Floats


def smooth_curves(
    run: NDArray[np.intp],
    n_tokens: Floats,
    loss: Floats,
    n_params: Floats,
    *,
    width: float = 0.05,
) -> RunCurves:
    """Return the curves, averaged over bins of compute and joined by straight lines in logs.

    Parameters
    ----------
    run : NDArray of int, shape (p,)
        Number of the run of each point; every run has one point or more.
    n_tokens, loss : NDArray, shape (p,)
        Tokens seen [token] and loss [nat/token] of each point, finite and positive.
    n_params : NDArray, shape (r,)
        N of each run, finite and positive. [1]
    width : float
        Width of a bin; a bin holds one point or more. [decade]

    Notes
    -----
    No points give a grid without points. The order of the points is irrelevant; points of one run
    at the same tokens are averaged. A curve ends at the mean of its last bin.
    """
    x = np.log10(FLOPS_PER_PARAM_TOKEN * n_params[run] * n_tokens)
    owner, at, value = _binned(run, x, np.log(loss), width)
    last = np.searchsorted(owner, np.arange(n_params.size), side="right") - 1
    size, sizes = size_groups(n_params)
    order = np.lexsort((value[last], n_params, at[last], size))
    grid = _grid(at)
    return RunCurves(
        log_flops=grid,
        log_loss=_onto(grid, owner, at, value, n_params.size)[order],
        run=order,
        n_params=n_params[order],
        size=size[order],
        sizes=sizes,
        end=at[last][order],
        end_log_loss=value[last][order],
    )


def at_grid(curves: RunCurves, run: NDArray[np.intp], n_tokens: Floats, values: Floats) -> Floats:
    """Return another quantity of the points on the grid of the curves, shape (r, g).

    Parameters
    ----------
    curves : RunCurves
        Gives grid and order of runs.
    run, n_tokens, values : NDArray, shape (p,)
        As for `smooth_curves`; a run without points gets NaN.
    """
    n_params = np.empty(curves.n_params.size)
    n_params[curves.run] = curves.n_params
    x = np.log10(FLOPS_PER_PARAM_TOKEN * n_params[run] * n_tokens)
    owner, at, mean = _binned(run, x, values, STEP)
    return _onto(curves.log_flops, owner, at, mean, n_params.size)[curves.run]


def _binned(
    run: NDArray[np.intp], x: Floats, y: Floats, width: float
) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Return run, mean x and mean y of each bin that holds points, by run and x."""
    if not x.size:
        return run[:0], x, y
    cell = np.floor(x / width)
    order = np.lexsort((y, x, run))
    run, x, y, cell = run[order], x[order], y[order], cell[order]
    begin = np.flatnonzero(np.r_[True, (np.diff(run) != 0) | (np.diff(cell) != 0)])
    count = np.diff(np.r_[begin, x.size])
    return run[begin], np.add.reduceat(x, begin) / count, np.add.reduceat(y, begin) / count


def _grid(at: Floats) -> Floats:
    if not at.size:
        return at
    low, high = np.floor(at.min() / STEP), np.ceil(at.max() / STEP)
    return np.asarray(np.arange(low, high + 1) * STEP)


def _onto(grid: Floats, owner: NDArray[np.intp], at: Floats, value: Floats, n_runs: int) -> Floats:
    """Return straight lines through the bins of each run, NaN outside them."""
    if not at.size:
        return np.full((n_runs, grid.size), np.nan)
    runs = np.arange(n_runs)
    left, right = np.searchsorted(owner, runs), np.searchsorted(owner, runs, side="right") - 1
    known = right >= left
    first = np.where(known, at[np.minimum(left, at.size - 1)], np.inf)
    last = np.where(known, at[np.maximum(right, 0)], -np.inf)
    # All runs in one call: each has a stretch of the axis of its own.
    lines = np.interp(grid + _FAR * runs[:, None], at + _FAR * owner, value)
    inside = (grid >= first[:, None]) & (grid <= last[:, None])
    return np.where(inside, lines, np.nan)


def size_groups(values: Floats, *, apart: float = _ONE_SIZE) -> tuple[NDArray[np.intp], Floats]:
    """Return the size of each run, and the sizes, ascending.

    Parameters
    ----------
    values : NDArray, shape (r,)
        N or C of each run, finite and positive.
    apart : float
        Sizes are parted by gaps wider than this. [decade]

    Returns
    -------
    group : NDArray of int, shape (r,)
        Place of the run's size in `sizes`.
    sizes : NDArray, shape (s,)
        Geometric mean of the runs of each size.
    """
    if not values.size:
        return np.zeros(0, dtype=np.intp), values
    order = np.argsort(values, kind="stable")
    logs = np.log10(values[order])
    of_sorted = np.cumsum(np.r_[True, np.diff(logs) > apart]) - 1
    group = np.empty(values.size, dtype=np.intp)
    group[order] = of_sorted
    return group, 10.0 ** (np.bincount(of_sorted, logs) / np.bincount(of_sorted))
