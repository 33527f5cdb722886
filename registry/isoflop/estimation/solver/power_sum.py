"""A sum of powers in log-sum-exp form: objective, gradient and Hessian, many at once.

A law with k terms, loss = E + sum_j A_j / v_j^p_j, is worked on as

    log loss = log( exp(e) + sum_j exp(a_j - p_j x_j) ),    x_j = log v_j - mean(log v_j),

with theta = (e, a_1 .. a_k, p_1 .. p_k), the order of `Law.parameters`. Centering makes the
coefficients and the exponents nearly independent, and the logarithms keep them positive. The exact
Hessian of a log-sum-exp is outer products plus diagonal terms, so a Newton step costs what a
Gauss-Newton step costs. Without a constant, e is held where exp(e) is 0.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from isoflop.estimation.solver.problem import Derivatives, Floats, Problem
from isoflop.laws import Law, PowerSum

_NOTHING = -745.0
"""exp of this is the smallest double."""

_LONGEST_STEP = 3.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PowerSumProblem(Problem):
    """Data of one fit of a sum of powers to logarithms.

    Parameters
    ----------
    form : PowerSum
        The law's form.
    x : NDArray, shape (k, n)
        Logarithms of the variables, centered.
    center : NDArray, shape (k,)
        What was subtracted from each logarithm.
    features : NDArray, shape (n, 1 + k + k (k + 1) / 2)
        Columns 1, x_j, x_i x_j, shared by all replicates.
    """

    form: PowerSum
    x: Floats
    center: Floats
    features: Floats

    @property
    def n_terms(self) -> int:
        """Number of power terms k."""
        return int(self.x.shape[0])

    @property
    def breadth(self) -> int:
        """Few: the grid's best cells nearly always lead to one minimum."""
        return 8

    @property
    def log_scaled(self) -> NDArray[np.bool_]:
        """True for constant and coefficients."""
        return np.arange(self.n_parameters) <= self.n_terms

    @property
    def may_vanish(self) -> NDArray[np.bool_]:
        """True for constant and coefficients."""
        return self.log_scaled

    def box(self, j: int) -> tuple[float, float]:
        """Return where exponent j is sought."""
        return float(self.low[j]), float(self.high[j])

    def predicted(self, theta: Floats) -> Floats:
        """Return the predicted log response, shape (r, n), for theta (r, p)."""
        out: Floats = np.log(_terms(theta, self.x).sum(axis=0))
        return out

    def settings(self) -> Floats:
        """Return the centered logarithms of the variables, shape (k, n)."""
        return self.x

    def natural(self, theta: Floats) -> Floats:
        """Return constant, coefficients and exponents in their own units, shape (..., p')."""
        k = self.n_terms
        exponents = theta[..., k + 1 :]
        scales = np.array([t.is_scale for t in self.form.terms])
        logs = theta[..., 1 : k + 1]
        with np.errstate(over="ignore"):
            coefficients = np.where(
                scales,
                np.exp(logs / exponents + self.center),
                np.exp(logs + exponents * self.center),
            )
        parts = [coefficients, exponents]
        if self.form.constant:
            parts.insert(0, np.exp(theta[..., :1]))
        out: Floats = np.concatenate(parts, axis=-1)
        return out

    def thinned(self, rows: slice) -> Self:
        """Return the problem with some of its rows, centered where it was."""
        return replace(
            self,
            x=self.x[:, rows],
            y=self.y[rows],
            features=self.features[rows],
            weights=None if self.weights is None else self.weights[rows],
        )

    def uncentered(self, theta: Floats) -> tuple[Problem, Floats]:
        """Return the problem and theta (p,) with the logarithms of the coefficients themselves."""
        k = self.n_terms
        x = self.x + self.center[:, None]
        logs = np.zeros(self.n_parameters)
        logs[1 : k + 1] = theta[k + 1 :] * self.center
        reach = np.zeros_like(logs)
        reach[1 : k + 1] = np.abs(self.center) * self.high[k + 1 :]
        problem = replace(
            self, x=x, center=np.zeros(k), features=_features(x), low=self.low - reach,
            high=self.high + reach,
        )  # fmt: skip
        return problem, theta + logs

    def jacobian(self, theta: Floats) -> Floats:
        """Return the derivative of the log response by theta, shape (n, p), for one theta (p,)."""
        terms = _terms(theta[None], self.x)[:, 0]
        share = terms / terms.sum(axis=0)
        return np.concatenate([share, -share[1:] * self.x]).T

    def starts(self, count: int, weights: Floats | None = None) -> Floats:
        """Return the best starts of a grid over the exponents, shape (<= count, p)."""
        from isoflop.estimation.solver.projection import grid_starts

        return grid_starts(self, count=count, weights=weights)

    def nearby(self, theta: Floats, count: int, rng: np.random.Generator) -> Floats:
        """Return starts around one theta (p,): coefficients and exponents shaken."""
        k = self.n_terms
        width = np.concatenate([np.full(k + 1, 1.0), np.full(k, 0.3)])
        shaken = theta + rng.normal(size=(count, theta.size)) * width
        shaken[:, k + 1 :] = theta[k + 1 :] * np.exp(rng.normal(size=(count, k)) * 0.7)
        return np.asarray(np.clip(shaken, self.low, self.high))

    def derivatives(self, theta: Floats, counts: Floats | None) -> Derivatives:
        """Return objective, gradient, Hessian and damping scale for theta (r, p), counts (r, n)."""
        share = _terms(theta, self.x)
        total = share.sum(axis=0)
        share /= total
        residual = np.log(total) - self.y
        value, slope, curvature = self.cost(residual)
        tight = np.where(residual == 0.0, 1.0, slope / np.where(residual == 0.0, 1.0, residual))
        weights = self.total_weights(counts)
        if weights is not None:
            value, slope = value * weights, slope * weights
            curvature, tight = curvature * weights, tight * weights
        moments = _moments(share, slope, curvature, tight, self.features)
        gradient, hessian, scale = _assemble(moments, self.n_terms)
        return Derivatives(value.sum(axis=1), gradient, hessian, scale)


def power_sum_problem(
    law: Law,
    variables: Floats,
    response: Floats,
    *,
    delta: float,
    quantile: float = 0.5,
    weights: Floats | None = None,
) -> PowerSumProblem:
    """Return the problem for natural values.

    Parameters
    ----------
    law : Law
        Its form is a `PowerSum`.
    variables : NDArray, shape (k, n)
        Positive values of each term's variable, in base units.
    response : NDArray, shape (n,)
        Positive.
    delta, quantile, weights
        See `Problem`.
    """
    form = law.form
    assert isinstance(form, PowerSum)
    logs = np.log(variables)
    center = logs.mean(axis=1)
    x = logs - center[:, None]
    y = np.log(response)
    k = x.shape[0]
    box = np.array([(law.parameter(t.exponent).low, law.parameter(t.exponent).high)
                    for t in form.terms])  # fmt: skip
    # A constant or term below a millionth of the smallest response is gone; a term above e^5 times
    # the largest at the center of the data cannot fit any row.
    gone, huge = y.min() - np.log(1e6), y.max() + 5.0
    constant = (gone, y.max()) if form.constant else (_NOTHING, _NOTHING)
    return PowerSumProblem(
        form=form,
        x=x,
        y=y,
        center=center,
        delta=delta,
        quantile=quantile,
        weights=weights,
        low=np.concatenate([[constant[0]], np.full(k, gone), box[:, 0]]),
        high=np.concatenate([[constant[1]], np.full(k, huge), box[:, 1]]),
        longest=np.full(2 * k + 1, _LONGEST_STEP),
        features=_features(x),
    )


def _features(x: Floats) -> Floats:
    """Return the columns 1, x_j, x_i x_j, shape (n, 1 + k + k (k + 1) / 2)."""
    pairs = itertools.combinations_with_replacement(range(x.shape[0]), 2)
    return np.stack([np.ones(x.shape[1]), *x, *(x[i] * x[j] for i, j in pairs)], axis=1)


def _terms(theta: Floats, x: Floats) -> Floats:
    """Return exp(e), exp(a_j - p_j x_j), shape (k + 1, r, n).

    No maximum is taken out: the box of `make_problem` keeps the exponents under a hundred.
    """
    k, n = x.shape
    out = np.empty((k + 1, theta.shape[0], n))
    out[0] = theta[:, :1]
    for j in range(k):
        np.multiply(theta[:, k + 1 + j, None], x[j], out=out[j + 1])
        np.subtract(theta[:, j + 1, None], out[j + 1], out=out[j + 1])
    return np.exp(out, out=out)


def _moments(
    share: Floats, slope: Floats, curvature: Floats, tight: Floats, features: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return sums over runs against `features`: of each share, each pair, each squared share."""
    m, r, n = share.shape
    pairs = list(itertools.combinations_with_replacement(range(m), 2))
    rows = np.empty((2 * m + len(pairs), r, n))
    np.multiply(share, slope, out=rows[:m])
    np.multiply(share * share, tight, out=rows[m : 2 * m])
    # d2F = sum curvature g g' + slope (diag(share) - g g'): the outer products share one factor.
    bend = share * (curvature - slope)
    for row, (i, j) in enumerate(pairs, start=2 * m):
        np.multiply(bend[i], share[j], out=rows[row])
    sums = (rows.reshape(-1, n) @ features).reshape(rows.shape[0], r, features.shape[1])
    return sums[:m], sums[2 * m :], sums[m : 2 * m]


def _assemble(moments: tuple[Floats, Floats, Floats], k: int) -> tuple[Floats, Floats, Floats]:
    """Return gradient, Hessian and scale from the sums of `_moments`."""
    single, pair, square = moments
    r, p = single.shape[1], 2 * k + 1
    gradient, scale = np.empty((r, p)), np.empty((r, p))
    hessian = np.empty((r, p, p))
    for s, i, sign, column, own in _first_layout(k):
        gradient[:, s] = sign * single[i][:, column]
        scale[:, s] = square[i][:, own]
    for s, t, sign, q, column, diagonal in _second_layout(k):
        entry = pair[q][:, column]
        if diagonal >= 0:
            entry = entry + single[diagonal][:, column]
        hessian[:, s, t] = hessian[:, t, s] = sign * entry
    return gradient, hessian, scale


def _factors(k: int) -> list[tuple[int, int | None, float]]:
    """Return each parameter's derivative of log loss: share of a term, variable, sign."""
    return [(j, None, 1.0) for j in range(k + 1)] + [(j + 1, j, -1.0) for j in range(k)]


@functools.cache
def _first_layout(k: int) -> tuple[tuple[int, int, float, int, int], ...]:
    """Return (parameter, term, sign, feature, feature of its square) for every parameter."""
    column = {key: c for c, key in enumerate(_feature_keys(k))}
    return tuple(
        (s, i, sign, column[_key(u, None)], column[_key(u, u)])
        for s, (i, u, sign) in enumerate(_factors(k))
    )


@functools.cache
def _second_layout(k: int) -> tuple[tuple[int, int, float, int, int, int], ...]:
    """Return (parameter, parameter, sign, pair of terms, feature, term or -1) for every pair."""
    column = {key: c for c, key in enumerate(_feature_keys(k))}
    pairs = itertools.combinations_with_replacement(range(k + 1), 2)
    row = {key: q for q, key in enumerate(pairs)}
    return tuple(
        (
            s, t, sign_s * sign_t, row[min(i, j), max(i, j)], column[_key(u, v)],
            i if i == j else -1,
        )
        for s, (i, u, sign_s) in enumerate(_factors(k))
        for t, (j, v, sign_t) in enumerate(_factors(k)[: s + 1])
    )  # fmt: skip


def _feature_keys(k: int) -> list[tuple[int, ...]]:
    pairs = itertools.combinations_with_replacement(range(k), 2)
    return [(), *((j,) for j in range(k)), *pairs]


def _key(u: int | None, v: int | None) -> tuple[int, ...]:
    return tuple(sorted(w for w in (u, v) if w is not None))
