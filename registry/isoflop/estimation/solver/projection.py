"""Starts from the data: a grid over the exponents, the rest solved for exactly at each cell.

For fixed exponents the law is linear in E and the A_j, so the problem in 2k + 1 parameters becomes
one in k, which a coarse grid covers (variable projection; Golub and Pereyra 1973). Weights 1 / L^2
make raw residuals stand for log residuals. Nobody has to guess a start, in any unit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isoflop.estimation.solver.linear_cells import solve_nonnegative
from isoflop.estimation.solver.power_sum import PowerSumProblem
from isoflop.estimation.solver.problem import Floats

GRID = {1: 96, 2: 24, 3: 9}
"""Grid points for each exponent, by number of terms."""

_FINEST = 4
_AT_LEAST = 1e-3
_MOST_ROWS = 4000


def grid_starts(problem: PowerSumProblem, *, count: int, weights: Floats | None = None) -> Floats:
    """Return the best starts of the grid, best first.

    Parameters
    ----------
    problem : Problem
        Data and box.
    count : int
        Starts to return; local minima of the grid come first, then the next best cells.
    weights : NDArray, shape (n,), or None
        Extra weight of each run in the linear solves, to look past outliers.

    Returns
    -------
    NDArray, shape (<= count, 2k + 1)
        Parameters in the solver's scale.
    """
    exponents, shape = _cells(problem)
    basis = _basis(problem, exponents)
    coefficients = _solve_cells(problem, basis, weights)
    cost = _cost(problem, basis, coefficients).reshape(shape)
    order = best_cells(cost, count)
    with np.errstate(divide="ignore"):
        theta = np.log(coefficients[order])  # no constant: clipped to where exp is 0
    starts = np.concatenate([theta, exponents[order]], axis=1)
    return np.asarray(np.clip(starts, problem.low, problem.high))


def _cells(problem: PowerSumProblem) -> tuple[Floats, tuple[int, ...]]:
    """Return the exponents of each cell, shape (cells, k), and the shape of the grid."""
    k = problem.n_terms
    size = GRID.get(k, _FINEST)
    axes = [
        np.geomspace(lo, hi, size)
        for lo, hi in zip(problem.low[k + 1 :], problem.high[k + 1 :], strict=True)
    ]
    mesh = np.meshgrid(*axes, indexing="ij")
    return np.stack([m.ravel() for m in mesh], axis=1), (size,) * k


def _basis(problem: PowerSumProblem, exponents: Floats) -> Floats:
    """Return 1, exp(-p_j x_j) for each cell, shape (k + 1, cells, n)."""
    x = problem.x[:, _thinned(problem)]
    basis = np.ones((problem.n_terms + 1, exponents.shape[0], x.shape[1]))
    for j in range(problem.n_terms):
        values, back = np.unique(exponents[:, j], return_inverse=True)
        basis[j + 1] = np.exp(-values[:, None] * x[j])[back]
    return basis


def _solve_cells(problem: PowerSumProblem, basis: Floats, weights: Floats | None) -> Floats:
    """Return non-negative coefficients of each cell, shape (cells, k + 1)."""
    loss = np.exp(problem.y[_thinned(problem)])
    root = 1.0 / loss
    for given in (weights, problem.weights):
        root = root if given is None else root * np.sqrt(given[_thinned(problem)])
    scaled = basis * root
    first = 0 if problem.form.constant else 1
    gram = np.einsum("icn,jcn->cij", scaled[first:], scaled[first:], optimize=True)
    right = np.einsum("icn,n->ci", scaled[first:], loss * root)
    found = np.zeros((basis.shape[1], basis.shape[0]))
    found[:, first:] = solve_nonnegative(gram, right)
    # A zero would sit at the wall of the box, where Newton's steps in log scale crawl.
    found[:, first:] = np.maximum(found[:, first:], _AT_LEAST * loss.min())
    return found


def _thinned(problem: PowerSumProblem) -> slice:
    """Return the rows that starts are looked for with: all, or every k-th of very many."""
    return slice(None, None, -(-problem.n_runs // _MOST_ROWS))


def _cost(problem: PowerSumProblem, basis: Floats, coefficients: Floats) -> Floats:
    """Return the true objective at each cell, shape (cells,)."""
    predicted = np.einsum("jcn,cj->cn", basis, coefficients)
    value = problem.cost(np.log(predicted) - problem.y[_thinned(problem)]).value
    if problem.weights is not None:
        value = value * problem.weights[_thinned(problem)]
    total: Floats = value.sum(axis=1)
    return total


def best_cells(cost: Floats, count: int) -> NDArray[np.intp]:
    """Return flat indices: local minima of the grid by cost, then other cells by cost."""
    lowest = np.ones(cost.shape, dtype=bool)
    for axis in range(cost.ndim):
        step = np.diff(cost, axis=axis)
        pad = [(0, 0)] * cost.ndim
        pad[axis] = (1, 0)
        lowest &= np.pad(step <= 0, pad, constant_values=True)
        pad[axis] = (0, 1)
        lowest &= np.pad(step >= 0, pad, constant_values=True)
    order = np.lexsort((cost.ravel(), ~lowest.ravel()))
    return order[:count]
