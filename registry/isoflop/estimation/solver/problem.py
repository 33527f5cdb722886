"""What the solver asks of a fit, whatever the form of the law."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from isoflop.estimation.solver.huber import Huber, huber

Floats = NDArray[np.float64]


class Derivatives(NamedTuple):
    """Objective and its derivatives at many parameter vectors.

    Parameters
    ----------
    value : NDArray, shape (r,)
        Weighted sum of Huber's function; infinite where the law has no value.
    gradient : NDArray, shape (r, p)
        First derivative.
    hessian : NDArray, shape (r, p, p)
        Second derivative; not always positive definite.
    scale : NDArray, shape (r, p)
        Diagonal of the reweighted Gauss-Newton matrix: positive, for the damping.
    """

    value: Floats
    gradient: Floats
    hessian: Floats
    scale: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem(abc.ABC):
    """Data of one fit in the solver's own scale; theta is a vector of that scale.

    Parameters
    ----------
    y : NDArray, shape (n,)
        What is fitted: the response, or its logarithm.
    delta : float
        Huber threshold on the residual. [unit of y]
    quantile : float
        See `isoflop.estimation.solver.huber.huber`. [1]
    weights : NDArray, shape (n,), or None
        Weight of each row; None for one. [1]
    low, high : NDArray, shape (p,)
        Box in which theta is sought.
    longest : NDArray, shape (p,)
        Longest step of each parameter in one iteration.
    """

    y: Floats
    delta: float
    quantile: float
    weights: Floats | None
    low: Floats
    high: Floats
    longest: Floats

    @property
    def n_parameters(self) -> int:
        """Number of parameters p."""
        return int(self.low.size)

    @property
    def n_runs(self) -> int:
        """Number of rows n."""
        return int(self.y.size)

    @property
    def free(self) -> NDArray[np.bool_]:
        """Parameters that have room to move, shape (p,)."""
        return np.asarray(self.low < self.high)

    @property
    @abc.abstractmethod
    def breadth(self) -> int:
        """How many starts the first round of a search takes."""

    @property
    @abc.abstractmethod
    def log_scaled(self) -> NDArray[np.bool_]:
        """Entries of theta that are logarithms, shape (p,)."""

    @property
    @abc.abstractmethod
    def may_vanish(self) -> NDArray[np.bool_]:
        """Entries whose lower wall means that the law goes on without them, shape (p,)."""

    @abc.abstractmethod
    def box(self, j: int) -> tuple[float, float]:
        """Return where entry j of theta is sought, in the parameter's own unit."""

    @abc.abstractmethod
    def predicted(self, theta: Floats) -> Floats:
        """Return the law's value, shape (r, n), for theta (r, p), in the scale of `y`."""

    @abc.abstractmethod
    def derivatives(self, theta: Floats, counts: Floats | None) -> Derivatives:
        """Return objective, gradient, Hessian and damping scale for theta (r, p), counts (r, n)."""

    @abc.abstractmethod
    def jacobian(self, theta: Floats) -> Floats:
        """Return the derivative of the law's value by theta, shape (n, p), for one theta (p,)."""

    @abc.abstractmethod
    def natural(self, theta: Floats) -> Floats:
        """Return parameters in their own units, shape (..., p'), in the order of the law."""

    @abc.abstractmethod
    def starts(self, count: int, weights: Floats | None = None) -> Floats:
        """Return up to `count` starts from the data, best first, shape (s, p).

        `weights`, shape (n,), makes rows count less, to look past outliers.
        """

    @abc.abstractmethod
    def nearby(self, theta: Floats, count: int, rng: np.random.Generator) -> Floats:
        """Return `count` starts around one theta (p,), shape (count, p)."""

    @abc.abstractmethod
    def thinned(self, rows: slice) -> Self:
        """Return the problem with some of its rows."""

    @abc.abstractmethod
    def uncentered(self, theta: Floats) -> tuple[Problem, Floats]:
        """Return the same problem, and theta (p,), with coefficients as they are reported.

        The solver measures them at the center of the data; a profile is of the reported one.
        """

    @abc.abstractmethod
    def settings(self) -> Floats:
        """Return the variables of each row, shape (k, n), to tell settings apart."""

    def residuals(self, theta: Floats) -> Floats:
        """Return predicted less measured, shape (r, n)."""
        return self.predicted(theta) - self.y

    def cost(self, residual: Floats) -> Huber:
        """Return the objective's function of residuals with its derivatives."""
        return huber(residual, self.delta, self.quantile)

    def objective(self, theta: Floats, counts: Floats | None = None) -> Floats:
        """Return the weighted objective, shape (r,), for theta (r, p) and counts (r, n)."""
        value = self.cost(self.residuals(theta)).value
        weights = self.total_weights(counts)
        total: Floats = value.sum(axis=1) if weights is None else (value * weights).sum(axis=1)
        return np.where(np.isnan(total), np.inf, total)

    def total_weights(self, counts: Floats | None) -> Floats | None:
        """Return the weight of each row in each replicate, times each row is drawn included."""
        if self.weights is None:
            return counts
        return self.weights[None] if counts is None else counts * self.weights
