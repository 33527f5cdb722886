"""Exponents of the optima of IsoFLOP profiles: weighted regression in log-log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from isoflop.estimate import Estimate
from isoflop.estimation.intervals import interval
from isoflop.estimation.isoflop_profiles.parabolas import Profile
from isoflop.estimation.solver.problem import Floats

MIN_BUDGETS = 3
"""Optima that an exponent needs: two make a line, the third shows whether it is one."""

PARABOLA, EQUAL, TRIMMED, AKIMA = (
    "parabola", "parabola, equal weights", "parabola, trimmed", "akima",
)  # fmt: skip
"""Names of the methods."""

_FLOOR = 1e-6  # of log N: exact optima weigh the same, not by their rounding


class PowerLawFit(NamedTuple):
    """log y = intercept + exponent (log x - center), with the weights that gave it.

    Parameters
    ----------
    exponent, intercept : NDArray, shape ()  or (n_draws,)
        [1]; natural log.
    center : float
        Weighted mean of log x.
    weights : NDArray, shape (k,)
        Weight of each optimum.
    scatter : float
        Standard deviation of the optima about the line beyond their own standard errors; natural
        log. 0 where the errors explain it.
    """

    exponent: Floats
    intercept: Floats
    center: float
    weights: Floats
    scatter: float

    def at(self, log_x: float) -> Floats:
        """Return log y at log x, shape () or (n_draws,)."""
        return self.intercept + self.exponent * (log_x - self.center)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exponents:
    """N_opt ~ C**a and D_opt ~ C**b from optima by one method.

    Parameters
    ----------
    method : str
        ``"parabola"`` (weighted), ``"parabola, equal weights"``, ``"parabola, trimmed"`` or
        ``"akima"``.
    flops : NDArray, shape (k,)
        Budgets whose optima were used. [FLOP]
    n_params, n_tokens : PowerLawFit
        Of the optima.
    n_params_draws, n_tokens_draws : PowerLawFit
        Of the draws, shape (n_boot,).
    level : float
        Level of the intervals.
    """

    method: str
    flops: Floats
    n_params: PowerLawFit
    n_tokens: PowerLawFit
    n_params_draws: PowerLawFit
    n_tokens_draws: PowerLawFit
    level: float

    @property
    def exponent_n(self) -> Estimate:
        """The exponent a of N_opt ~ C**a [1]."""
        return self._interval(self.n_params.exponent, self.n_params_draws.exponent)

    @property
    def exponent_d(self) -> Estimate:
        """The exponent b of D_opt ~ C**b [1]."""
        return self._interval(self.n_tokens.exponent, self.n_tokens_draws.exponent)

    def optimum(self, flops: float) -> Mapping[str, Estimate]:
        """Return n_params [1], n_tokens [token] and tokens_per_param [token] at a budget."""
        log_c = float(np.log(flops))
        n, d = self.n_params.at(log_c), self.n_tokens.at(log_c)
        n_draws, d_draws = self.n_params_draws.at(log_c), self.n_tokens_draws.at(log_c)
        logs = {
            "n_params": (n, n_draws),
            "n_tokens": (d, d_draws),
            "tokens_per_param": (d - n, d_draws - n_draws),
        }
        return {k: self._interval(np.exp(v), np.exp(w)) for k, (v, w) in logs.items()}

    def _interval(self, value: Floats, draws: Floats) -> Estimate:
        return interval(float(value), draws, self.level)


def exponents_of(
    method: str, profiles: Sequence[Profile], *, level: float, rng: np.random.Generator
) -> Exponents | None:
    """Return the exponents of the profiles that have an optimum; None with under three of them.

    Optima are weighted by their standard errors but for `EQUAL`; the draws add to those of each
    optimum what the optima scatter about the line beyond their errors.
    """
    first = 2 if method == AKIMA else 0
    have = [p for p in profiles if p.has_optimum and np.isfinite(p.points[first:]).all()]
    if len(have) < MIN_BUDGETS:
        return None
    flops = np.array([p.flops for p in have])
    log_c = np.log(flops)
    # Where C = 6 N D, an optimum that is high in N is as much too low in D.
    wobble = rng.standard_normal((have[0].draws.shape[1], log_c.size))
    fits = []
    for place, sign in ((first, 1.0), (first + 1, -1.0)):
        log_y, sd = (np.array([row[place] for row in rows]) for rows in _points_and_sd(have))
        fit = fit_power_law(log_c, log_y, sd, equal=method == EQUAL)
        draws = np.stack([p.draws[place] for p in have], axis=1)
        moved = draws + sign * fit.scatter * wobble
        fits += [fit, line(log_c, moved, fit.weights, fit.scatter)]
    n, n_draws, d, d_draws = fits
    return Exponents(
        method=method,
        flops=flops,
        n_params=n,
        n_tokens=d,
        n_params_draws=n_draws,
        n_tokens_draws=d_draws,
        level=level,
    )


def _points_and_sd(profiles: Sequence[Profile]) -> tuple[list[Floats], list[Floats]]:
    return [p.points for p in profiles], [p.sd for p in profiles]


def fit_power_law(log_x: Floats, log_y: Floats, sd: Floats, *, equal: bool = False) -> PowerLawFit:
    """Return the weighted least-squares line through optima.

    Weights are 1 / (sd**2 + scatter**2), where `scatter` is what the optima vary by beyond their
    standard errors, by the method of moments of DerSimonian and Laird 1986
    (doi 10.1016/0197-2456(86)90046-2): an optimum of small error does not outweigh the rest where
    errors do not explain the scatter.

    Parameters
    ----------
    log_x, log_y : NDArray, shape (k,)
        Natural logs; at least two distinct log_x.
    sd : NDArray, shape (k,)
        Standard error of each log_y; where one is NaN, all weigh the same.
    equal : bool
        True for equal weights all the same.
    """
    ones = np.ones_like(log_x)
    if not np.isfinite(sd).all():
        return line(log_x, log_y, ones, 0.0)
    variance = sd**2 + _FLOOR**2
    scatter = _scatter(log_x, log_y, 1 / variance)
    return line(log_x, log_y, ones if equal else 1 / (variance + scatter**2), scatter)


def line(log_x: Floats, log_y: Floats, weights: Floats, scatter: float) -> PowerLawFit:
    """Return the line under given weights.

    Parameters
    ----------
    log_y : NDArray, shape (k,) or (n_draws, k)
        NaN for an optimum that a draw does not have; the line of that draw goes without it, and is
        NaN where under two are left.
    """
    center = float(weights @ log_x / weights.sum())
    x = log_x - center
    there = np.isfinite(log_y)
    w = np.where(there, weights, 0.0)
    y = np.where(there, log_y, 0.0)
    enough = there.sum(axis=-1) >= 2
    s0, s1, s2 = (np.where(enough, (w * x**k).sum(axis=-1), np.nan) for k in range(3))
    t0, t1 = (w * y).sum(axis=-1), (w * x * y).sum(axis=-1)
    determinant = s0 * s2 - s1**2
    exponent = (s0 * t1 - s1 * t0) / determinant
    return PowerLawFit(exponent, (s2 * t0 - s1 * t1) / determinant, center, weights, scatter)


def _scatter(log_x: Floats, log_y: Floats, weights: Floats) -> float:
    spare = log_x.size - 2
    if spare < 1:
        return 0.0
    fit = line(log_x, log_y, weights, 0.0)
    misfit = log_y - fit.intercept - fit.exponent * (log_x - fit.center)
    design = np.stack([np.ones_like(log_x), log_x - fit.center], axis=1)
    middle = np.linalg.inv((design.T * weights) @ design)
    held = weights.sum() - np.trace(middle @ ((design.T * weights**2) @ design))
    excess = float((weights * misfit**2).sum()) - spare
    return float(np.sqrt(max(excess / float(held), 0.0)))
