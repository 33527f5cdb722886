"""Least squares in the linear parameters of a law, for many settings of the others at once."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def solve_nonnegative(
    gram: Floats, right: Floats, signed: NDArray[np.bool_] | None = None
) -> Floats:
    """Return the coefficients that minimize each quadratic, none of them negative.

    Every subset of columns is solved without constraint and the best one without a negative
    coefficient is kept: exact for so few columns.

    Parameters
    ----------
    gram : NDArray, shape (cells, m, m)
        Products of the columns.
    right : NDArray, shape (cells, m)
        Products of the columns with the target.
    signed : NDArray of bool, shape (m,), or None
        Columns whose coefficient may have any sign.
    """
    m = right.shape[1]
    signed = np.zeros(m, dtype=bool) if signed is None else signed
    best = np.zeros_like(right)
    best_fall = np.full(right.shape[0], -np.inf)
    kept = np.flatnonzero(signed).tolist()
    choices = np.flatnonzero(~signed).tolist()
    subsets = (
        sorted([*kept, *chosen])
        for size in range(len(choices), -1, -1)
        for chosen in itertools.combinations(choices, size)
    )
    for subset in subsets:
        if not subset:
            continue
        rows = np.array(subset)
        found = _solve_ridged(gram[:, rows[:, None], rows], right[:, rows])
        fall = (found * right[:, rows]).sum(axis=1)
        allowed = (found >= 0) | signed[rows]
        take = allowed.all(axis=1) & (fall > best_fall)
        best[take] = 0.0
        best[np.ix_(take, rows)] = found[take]
        best_fall = np.where(take, fall, best_fall)
    return best


def _solve_ridged(gram: Floats, right: Floats) -> Floats:
    """Solve with columns scaled to one, so that a tiny ridge is tiny for each of them."""
    size = gram.shape[-1]
    norm = np.sqrt(np.maximum(np.diagonal(gram, axis1=1, axis2=2), 1e-300))
    scaled = gram / (norm[:, :, None] * norm[:, None, :]) + 1e-13 * np.eye(size)
    solved: Floats = np.linalg.solve(scaled, (right / norm)[..., None])[..., 0]
    return solved / norm
