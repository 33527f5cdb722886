"""What approach 2 gets wrong on a known surface: its own procedure on noise-free losses.

A parabola is only the second-order part of a profile, so a grid that is wide or off-center moves
its vertex even where nothing is noisy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isoflop.estimation.frontier import FLOPS_PER_PARAM_TOKEN, TwoTermFrontier
from isoflop.estimation.isoflop_profiles.exponents import Exponents, line
from isoflop.estimation.isoflop_profiles.optimum import fit_parabolas
from isoflop.estimation.isoflop_profiles.parabolas import Profile
from isoflop.estimation.solver.problem import Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bias:
    """Approach 2 on noise-free losses of a surface, against the surface itself.

    Parameters
    ----------
    exponent_n, exponent_d : float
        Exponent found less the true one. [1]
    flops, flops_6nd : NDArray, shape (m,)
        Budgets under the convention of the fit, and as 6 N D, which the surface means. [FLOP]
    n_params, n_tokens : NDArray, shape (m,)
        Optimum found over the true one, less 1; NaN where a noise-free profile has no minimum.
    """

    exponent_n: float
    exponent_d: float
    flops: Floats
    flops_6nd: Floats
    n_params: Floats
    n_tokens: Floats


def expected_bias(
    fit: Exponents,
    profiles: Sequence[Profile],
    *,
    n_params: Floats,
    n_tokens: Floats,
    surface: TwoTermFrontier,
    flops: Floats,
) -> Bias:
    """Return the error of approach 2 on noise-free losses at the very N and D of the runs.

    Parameters
    ----------
    fit : Exponents
        The fit to the runs: budgets and weights are its own.
    profiles : sequence of Profile
        The profiles behind it; others are passed over.
    n_params, n_tokens : NDArray, shape (n_runs,)
        N [1] and D [token] of all runs, in the order of `Profile.rows`.
    surface : TwoTermFrontier
        The law taken as true, one set of parameters.
    flops : NDArray, shape (m,)
        Budgets to compare at, under the convention of `fit`. [FLOP]

    References
    ----------
    Czech 2026, arXiv 2603.22339.
    """
    used = [p for p in profiles if p.flops in fit.flops]
    log_n, log_d = np.log(n_params), np.log(n_tokens)
    vertices = np.array([_vertices(log_n[p.rows], log_d[p.rows], surface) for p in used])
    log_c = np.log(fit.flops)
    n = line(log_c, vertices[:, 0], fit.n_params.weights, 0.0)
    d = line(log_c, vertices[:, 1], fit.n_tokens.weights, 0.0)
    products = [np.median(log_n[p.rows] + log_d[p.rows]) for p in used]
    off = np.mean(np.log(FLOPS_PER_PARAM_TOKEN) + np.array(products) - log_c)
    flops_6nd = flops * np.exp(off)
    share = float(np.asarray(surface.beta) / (np.asarray(surface.alpha) + surface.beta))
    return Bias(
        exponent_n=float(n.exponent) - share,
        exponent_d=float(d.exponent) - (1 - share),
        flops=flops,
        flops_6nd=flops_6nd,
        n_params=_over(n.intercept, n.exponent, n.center, flops, surface.n_opt(flops_6nd)),
        n_tokens=_over(d.intercept, d.exponent, d.center, flops, surface.d_opt(flops_6nd)),
    )


def _vertices(log_n: Floats, log_d: Floats, surface: TwoTermFrontier) -> tuple[float, float]:
    loss = surface.loss(np.exp(log_n), np.exp(log_d))
    return float(fit_parabolas(log_n, loss).vertex), float(fit_parabolas(log_d, loss).vertex)


def _over(
    intercept: Floats, exponent: Floats, center: float, flops: Floats, true: Floats
) -> Floats:
    return np.asarray(np.exp(intercept + exponent * (np.log(flops) - center)) / true - 1)
