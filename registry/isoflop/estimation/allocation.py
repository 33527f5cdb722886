"""The compute-optimal split of a budget under a law."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from isoflop.errors import UnitError
from isoflop.estimate import Estimate
from isoflop.estimation.frontier import TwoTermFrontier
from isoflop.estimation.solver.problem import Floats
from isoflop.estimation.variants import power_sum_two_term
from isoflop.laws import Law, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """The compute-optimal split of a budget.

    Parameters
    ----------
    flops : float
        Budget, 6 N D. [FLOP]
    n_params, n_tokens, loss : Estimate
        Best N, best D [token], and the loss there [nat/token].
    extrapolation_decades : float
        How far the budget lies outside the compute of the runs; 0 inside. [decade]
    """

    flops: float
    n_params: Estimate
    n_tokens: Estimate
    loss: Estimate
    extrapolation_decades: float


def two_term_of(law: Law) -> Callable[[Values], Values] | None:
    """Return the function from a law to E, A, alpha, B, beta; None for another kind."""
    if law.two_term is not None:
        return law.two_term
    found: Callable[[Values], Values] | None = power_sum_two_term(law)
    return found


def log10_optimal_tokens(law: Law, params: Floats, flops: float) -> Floats:
    """Return log10 of the optimal D [token] for natural parameters of shape (r, p)."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        return np.log10(law_frontier(law, params).d_opt(flops))


def check_flops(flops: float) -> float:
    """Return the budget as float; raise `UnitError` where it is not positive and finite."""
    budget = float(flops)
    if not (np.isfinite(budget) and budget > 0):
        raise UnitError(f"flops must be positive and finite, got {flops!r}; give it in FLOP.")
    return budget


def decades_outside(value: float, span: tuple[float, float]) -> float:
    """Return how many decades a value lies outside a range; 0 inside."""
    low, high = span
    if value > high:
        return math.log10(value / high)
    return math.log10(low / value) if value < low else 0.0


def law_frontier(law: Law, params: Floats) -> TwoTermFrontier:
    """Return the frontier of natural parameters, shape (..., p); `UnitError` for another kind."""
    two_term = two_term_of(law)
    if two_term is None:
        raise UnitError(
            f"Law {law.name!r} is of {list(law.variables)}, so it has no compute-optimal split."
        )
    values = two_term({name: params[..., i] for i, name in enumerate(law.names)})
    shaped = {name: np.broadcast_to(v, params.shape[:-1]) for name, v in values.items()}
    return TwoTermFrontier(**shaped)


def exponent_n(frontier: TwoTermFrontier) -> Floats:
    """Return the exponent a of N_opt ~ C^a [1]."""
    return np.asarray(frontier.beta / (np.asarray(frontier.alpha) + frontier.beta))
