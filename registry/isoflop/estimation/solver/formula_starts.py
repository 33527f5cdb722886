"""Starts for a formula: a net over its non-linear parameters, the linear ones solved for exactly.

Variable projection (Golub and Pereyra 1973): for fixed non-linear parameters the best linear ones
are a least-squares problem, so only the others need to be searched.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoflop.estimation.solver.formula import FormulaProblem, named
from isoflop.estimation.solver.jets import Jet, seeds
from isoflop.estimation.solver.linear_cells import solve_nonnegative
from isoflop.estimation.solver.problem import Floats

_GRID = {0: 1, 1: 96, 2: 24, 3: 10}
_NET = 1536
_LOOKED_AT = 256
_NEAR = 0.15
_MOST_VALUES = 2_000_000
_MOST_ROWS = 200


def net_starts(problem: FormulaProblem, *, count: int) -> Floats:
    """Return the best starts of the net, lowest of each neighborhood first, shape (<= count, p)."""
    theta = projected(problem, _net(problem))
    cost = _cost(problem, theta)
    order = np.argsort(cost, kind="stable")[:_LOOKED_AT]
    order = order[np.isfinite(cost[order])]
    lonely = _lowest_nearby(problem, theta[order])
    best: Floats = theta[np.concatenate([order[lonely], order[~lonely]])[:count]]
    return best


def reweighted(problem: FormulaProblem, count: int, weights: Floats) -> Floats:
    """Return the best of the starts that are known, fitted again with weights (n,) of the rows."""
    theta = projected(problem, problem.net, weights)
    order = np.argsort(_cost(problem, theta), kind="stable")
    best: Floats = theta[order[:count]]
    return best


def _lowest_nearby(problem: FormulaProblem, theta: Floats) -> NDArray[np.bool_]:
    """Return which of theta (r, p), best first, have no better one close by, shape (r,)."""
    searched = ~problem.scales.is_linear & problem.free
    width = np.where(searched, problem.high - problem.low, np.inf)
    place = theta / width
    far = np.abs(place[:, None] - place[None]).max(axis=2) > _NEAR
    return np.asarray((far | ~np.tri(theta.shape[0], k=-1, dtype=bool)).all(axis=1))


def linear_units(problem: FormulaProblem, best: Floats) -> Floats:
    """Return the size of each linear parameter at a start (p,), 1 for the others, shape (p,)."""
    size = np.abs(best)
    usable = problem.scales.is_linear & np.isfinite(size) & (size > 0)
    return np.where(usable, size, 1.0)


def projected(problem: FormulaProblem, theta: Floats, weights: Floats | None = None) -> Floats:
    """Return theta (r, p) with the linear parameters that fit best, the others as they are.

    `weights`, shape (n,), makes rows count less.
    """
    linear = np.flatnonzero(problem.scales.is_linear)
    if not linear.size:
        return theta
    rows = _thinned(problem)
    size = max(1, _MOST_VALUES // (_MOST_ROWS * (linear.size + 1)))
    parts = [
        _projected_part(problem, theta[i : i + size], weights, linear, rows)
        for i in range(0, theta.shape[0], size)
    ]
    return np.concatenate(parts)


def _thinned(problem: FormulaProblem) -> slice:
    """Return the rows that starts are looked for with: all, or every k-th of many."""
    return slice(None, None, -(-problem.n_runs // _MOST_ROWS))


def _projected_part(
    problem: FormulaProblem,
    theta: Floats,
    weights: Floats | None,
    linear: NDArray[np.intp],
    rows: slice,
) -> Floats:
    offset, basis = _basis(problem, theta, linear, rows)
    response = problem.y[rows]
    root = np.ones_like(response)
    if problem.space == "log" and problem.form.link == "identity":
        response = np.exp(response)
        root = 1.0 / response  # makes raw residuals stand for log residuals
    elif problem.space == "raw" and problem.form.link == "log":
        root = np.abs(response)
        response = np.log(np.maximum(response, 1e-300))
    for given in (weights, problem.weights):
        root = root if given is None else root * np.sqrt(given[rows])
    scaled = basis * root
    target = (response - offset) * root
    good = np.asarray(np.isfinite(scaled).all(axis=(0, 2)) & np.isfinite(target).all(axis=1))
    kept = good.reshape(-1, 1)
    scaled, target = np.where(kept, scaled, 0.0), np.where(kept, target, 0.0)
    gram = np.einsum("irn,jrn->rij", scaled, scaled, optimize=True)
    right = np.einsum("irn,rn->ri", scaled, target)
    found = solve_nonnegative(gram, right, np.asarray(problem.low[linear] < 0))
    out = theta.copy()
    out[:, linear] = np.clip(found, problem.low[linear], problem.high[linear])
    out[~good] = np.nan
    return out


def _basis(
    problem: FormulaProblem, theta: Floats, linear: NDArray[np.intp], rows: slice
) -> tuple[Floats, Floats]:
    """Return the form's value at linear parameters of 0, shape (r, n), and its slopes (m, r, n)."""
    at_zero = theta.copy()
    at_zero[:, linear] = 0.0
    values: dict[str, Any] = {**named(problem.names, problem.natural(at_zero))}
    ones = at_zero.copy()
    ones[:, linear] = 1.0
    units = problem.natural(ones)
    for j, jet in zip(linear, seeds(np.zeros((len(theta), linear.size))), strict=True):
        values[problem.names[j]] = jet * units[:, j : j + 1]
    variables = {name: v[rows] for name, v in problem.variables.items()}
    with np.errstate(all="ignore"):
        out: Jet = problem.form.function(values, variables)
    n = problem.y[rows].size
    basis = np.zeros((linear.size, len(theta), n))
    for place, slope in out.first.items():
        basis[place] = slope
    return np.broadcast_to(out.value, (len(theta), n)), basis


def _net(problem: FormulaProblem) -> Floats:
    """Return settings of the non-linear parameters, shape (cells, p).

    A grid for up to three of them; for more, points of a Kronecker sequence, which fill the box
    evenly (Roberts 2018, the generalized golden ratio).
    """
    searched = np.flatnonzero(~problem.scales.is_linear & problem.free)
    q = searched.size
    low, high = problem.low[searched], problem.high[searched]
    if q in _GRID:
        axes = [np.linspace(a, b, _GRID[q] + 2)[1:-1] for a, b in zip(low, high, strict=True)]
        mesh = np.meshgrid(*axes, indexing="ij")
        points = np.stack([m.ravel() for m in mesh], axis=1) if q else np.zeros((1, 0))
    else:
        ratio = 2.0
        for _ in range(60):
            ratio = (1.0 + ratio) ** (1.0 / (q + 1))
        steps = ratio ** -np.arange(1.0, q + 1)
        points = low + (high - low) * ((0.5 + np.outer(np.arange(_NET), steps)) % 1.0)
    fixed = np.where(problem.scales.is_linear, 0.0, problem.low)
    net = np.repeat(fixed[None], points.shape[0], axis=0)
    net[:, searched] = points
    return net


def _cost(problem: FormulaProblem, theta: Floats) -> Floats:
    """Return the objective over some rows at each theta (r, p), infinite where there is none."""
    problem = problem.thinned(_thinned(problem))
    size = max(1, _MOST_VALUES // problem.n_runs)
    parts = [problem.objective(theta[i : i + size]) for i in range(0, theta.shape[0], size)]
    return np.concatenate(parts)
