"""The compute-optimal next run under a fit or a published law."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from isoflop.display.card import Card, ShowsCard
from isoflop.estimate import Estimate
from isoflop.estimation.allocation import check_flops, decades_outside
from isoflop.estimation.frontier import (
    AllocationFrontier,
    TwoTermFrontier,
    frontier_draws,
    frontier_of,
    optimal_tokens_per_param,
)
from isoflop.estimation.intervals import interval
from isoflop.estimation.result import FitResult
from isoflop.estimation.solver.problem import Floats
from isoflop.laws import PublishedLaw

N_DRAWS = 4000
"""Draws from a published law's covariance."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Plan(ShowsCard):
    """The compute-optimal run for a budget.

    Parameters
    ----------
    flops : float
        Budget, 6 N D. [FLOP]
    law : str
        Law it stands on.
    n_params, n_tokens, tokens_per_param : Estimate
        Best N [1], best D [token] and D / N [token]; NaN ends where the law has no interval.
    loss : Estimate or None
        Loss there [nat/token]; None for a law that is only an allocation.
    extrapolation_decades : float
        How far the plan lies outside the runs behind the law; 0 inside. For a fit in compute, for
        a published law in N or D, whichever is farther. [decade]
    source : str
        Where the law comes from.
    warnings : tuple of str
        What to know before using it.
    """

    flops: float
    law: str
    n_params: Estimate
    n_tokens: Estimate
    tokens_per_param: Estimate
    loss: Estimate | None
    extrapolation_decades: float
    source: str
    warnings: tuple[str, ...] = ()

    def _card(self) -> Card:
        from isoflop.estimation.summary import plan_card

        return plan_card(self)


def plan_compute(flops: float, *, law: PublishedLaw | FitResult) -> Plan:
    """Return the compute-optimal run for a budget.

    Parameters
    ----------
    flops : float
        Training compute, 6 N D. [FLOP]
    law : PublishedLaw or FitResult
        Law to plan with.

    Raises
    ------
    UnitError
        `flops` is not positive and finite, or the published law places no run.
    NotIdentifiableError
        The fit cannot place the optimum.
    """
    budget = check_flops(flops)
    return _from_fit(budget, law) if isinstance(law, FitResult) else _from_paper(budget, law)


def _from_fit(flops: float, fit: FitResult) -> Plan:
    best = fit.optimal(flops)
    point, draws = fit.frontier, fit.frontier_draws
    ratio, ratios = (optimal_tokens_per_param(f, flops) for f in (point, draws))
    return Plan(
        flops=flops,
        law=f"{fit.law.name} refitted to {fit.n_runs} runs",
        n_params=best.n_params,
        n_tokens=best.n_tokens,
        tokens_per_param=interval(float(ratio), ratios, fit.level),
        loss=best.loss,
        extrapolation_decades=best.extrapolation_decades,
        source=fit.source,
        warnings=fit.warnings,
    )


def _from_paper(flops: float, law: PublishedLaw) -> Plan:
    point = frontier_of(law)
    draws = frontier_draws(law, n_draws=N_DRAWS, seed=0)

    def estimate(of: Callable[[TwoTermFrontier | AllocationFrontier], Floats]) -> Estimate:
        spread = np.empty(0) if draws is None else of(draws)
        return interval(float(of(point)), spread, 0.95)

    n_params, n_tokens = estimate(lambda f: f.n_opt(flops)), estimate(lambda f: f.d_opt(flops))
    loss = None
    if isinstance(point, TwoTermFrontier):
        spread = np.empty(0) if draws is None else draws.optimal_loss(flops)
        loss = interval(float(point.optimal_loss(flops)), spread, 0.95)
    outside = (
        decades_outside(n_params.value, law.n_params_range),
        decades_outside(n_tokens.value, law.n_tokens_range),
    )
    return Plan(
        flops=flops,
        law=law.name,
        n_params=n_params,
        n_tokens=n_tokens,
        tokens_per_param=estimate(lambda f: optimal_tokens_per_param(f, flops)),
        loss=loss,
        extrapolation_decades=max(outside),
        source=law.source,
        warnings=_warnings(law, draws is None),
    )


def _warnings(law: PublishedLaw, bare: bool) -> tuple[str, ...]:
    out = []
    if bare:
        out.append("the paper gives no covariance, so there is no interval")
    if law.counts == "n_params_nonembedding":
        out.append("N counts no embeddings here")
    return tuple(out)
