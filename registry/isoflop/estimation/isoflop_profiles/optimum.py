"""The minimum of one IsoFLOP profile: vertex of a parabola, and of an Akima spline.

A batch is many losses over the same model sizes: arrays of shape (n_draws, m) over m sizes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from isoflop.estimation.solver.problem import Floats

_STEPS = 25
"""Grid points between two sizes where the spline is searched.

Porian et al. 2024, arXiv 2406.19146, `interp_num_multiplier` of their code.
"""


_MOST_STEPS = 1000  # grid points of a profile of many sizes, which need fewer between two
_AT_ONCE = 1_000_000  # values of splines held at a time: 8 MB


class Parabolas(NamedTuple):
    """y = c0 + c1 (x - x0) + c2 (x - x0)**2 by least squares, one for each row of y.

    Parameters
    ----------
    x0 : float
        Mean of x.
    coefficients : NDArray, shape (3, ...)
        c0, c1, c2; the trailing shape is that of the batch.
    """

    x0: float
    coefficients: Floats

    @property
    def curvature(self) -> Floats:
        """Coefficient of the square, shape (...)."""
        return np.asarray(self.coefficients[2])

    @property
    def vertex(self) -> Floats:
        """Place of the minimum, shape (...); NaN where the parabola opens downward."""
        _, slope, curvature = self.coefficients
        up = curvature > 0
        return np.where(up, self.x0 - slope / (2 * np.where(up, curvature, 1.0)), np.nan)

    @property
    def lowest(self) -> Floats:
        """Height of the minimum, shape (...); NaN where the parabola opens downward."""
        level, slope, curvature = self.coefficients
        up = curvature > 0
        return np.where(up, level - slope**2 / (4 * np.where(up, curvature, 1.0)), np.nan)

    def at(self, x: Floats) -> Floats:
        """Return the parabolas at x, shape (..., m)."""
        return np.asarray(_design(x, self.x0) @ self.coefficients).T


def solver(x: Floats) -> Floats:
    """Return the matrix that takes y to the coefficients of its parabola, shape (3, m).

    Raises `numpy.linalg.LinAlgError` where x has under three distinct values.
    """
    q, r = np.linalg.qr(_design(x, float(np.mean(x))))
    return np.asarray(np.linalg.solve(r, q.T))


def fit_parabolas(x: Floats, y: Floats) -> Parabolas:
    """Return the least-squares parabola of each row.

    Parameters
    ----------
    x : NDArray, shape (m,)
        At least three distinct values.
    y : NDArray, shape (m,) or (n_draws, m)
        One loss a size, or a batch of them.
    """
    return Parabolas(float(np.mean(x)), np.asarray(solver(x) @ y.T))


def vertex_sd(x: Floats, parabola: Parabolas, noise: Floats) -> tuple[float, float]:
    """Return standard errors of vertex and curvature from the noise of each point, shape (m,).

    First order; the vertex of a flat parabola has heavier tails, which draws show.
    """
    take = solver(x)
    covariance = (take * noise**2) @ take.T
    _, slope, curvature = (float(c) for c in parabola.coefficients)
    toward = np.array([0.0, -1 / (2 * curvature), slope / (2 * curvature**2)])
    return float(np.sqrt(toward @ covariance @ toward)), float(np.sqrt(covariance[2, 2]))


def akima_minima(x: Floats, y: Floats) -> Floats:
    """Return where the Akima spline through each row is lowest; NaN where that is an end.

    Parameters
    ----------
    x : NDArray, shape (m,)
        Ascending and distinct, at least three.
    y : NDArray, shape (m,) or (n_draws, m)
        One loss a size, or a batch of them.

    Notes
    -----
    Searched at up to 25 points between two sizes, then sharpened by a parabola through three.

    References
    ----------
    Akima 1970, doi 10.1145/321607.321609; as an IsoFLOP optimum, Porian et al. 2024, section 3,
    arXiv 2406.19146.
    """
    steps = int(np.clip(_MOST_STEPS // (x.size - 1), 4, _STEPS))
    grid = np.linspace(x[0], x[-1], steps * (x.size - 1) + 1)
    rows = np.atleast_2d(y)
    step = max(1, _AT_ONCE // grid.size)
    parts = [_lowest_on(grid, x, rows[begin : begin + step]) for begin in range(0, len(rows), step)]
    return np.concatenate(parts).reshape(y.shape[:-1])


def _lowest_on(grid: Floats, x: Floats, y: Floats) -> Floats:
    from scipy.interpolate import Akima1DInterpolator

    curve = np.asarray(Akima1DInterpolator(x, y.T)(grid)).T
    place = np.argmin(curve, axis=1)
    inside = np.clip(place, 1, grid.size - 2)
    rows = np.arange(curve.shape[0])
    left, middle, right = (curve[rows, inside + k] for k in (-1, 0, 1))
    bend = left - 2 * middle + right
    shift = np.where(bend > 0, (left - right) / (2 * np.where(bend > 0, bend, 1.0)), 0.0)
    return np.where(place == inside, grid[inside] + shift * (grid[1] - grid[0]), np.nan)


def _design(x: Floats, x0: float) -> Floats:
    z = np.asarray(x) - x0
    return np.stack([np.ones_like(z), z, z**2], axis=1)
