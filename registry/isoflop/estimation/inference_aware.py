"""The size and the tokens that cost least over a model's life: training plus inference.

A model of quality L(N, D) that serves D_inf tokens costs 6 N D + 2 N D_inf. With the reducible
loss R = L - E held, N = (A / (R s))**(1 / alpha) and D = (B / (R q))**(1 / beta), s + q = 1, where
s is the share of R that is owed to the size of the model. The best split solves

    alpha s D / (D + D_inf / 3) = beta q,

which is the compute-optimal split where D_inf = 0; demand moves it to smaller models on more
tokens. In x = log q the logarithm of the ratio of both sides falls and is concave, so that Newton's
method from the compute-optimal split walks to the root from one side and cannot leave it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from isoflop.estimation.frontier import FLOPS_PER_PARAM_TOKEN, TwoTermFrontier

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

INFERENCE_FLOPS_PER_PARAM_TOKEN = 2.0
"""FLOPs of one parameter for one token read or written: the forward pass alone.

Sardana et al. 2024, section 2, arXiv 2401.00448.
"""

_STEPS = 50
"""Measured: seven at most, for a demand of 1e6 to 1e30 tokens and exponents of 0.01 to 2.5."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InferenceOptimum:
    """The cheapest model of one quality over its life, beside the compute-optimal one.

    All arrays have the shape X + S of the quantities asked for and of the law's parameters; NaN
    where no model reaches the loss or a quantity is not a positive number.

    Parameters
    ----------
    inference_tokens : NDArray
        Demand: tokens read and written after training. [token]
    loss : NDArray
        The quality that both models have. [nat/token]
    n_params, n_tokens : NDArray
        The cheapest model and its training tokens. [1], [token]
    n_params_training, n_tokens_training : NDArray
        The compute-optimal model: cheapest to train. [1], [token]
    """

    inference_tokens: Floats
    loss: Floats
    n_params: Floats
    n_tokens: Floats
    n_params_training: Floats
    n_tokens_training: Floats

    @property
    def tokens_per_param(self) -> Floats:
        """D / N of the cheapest model [token]."""
        return self.n_tokens / self.n_params

    @property
    def total_flops(self) -> Floats:
        """Training and inference of the cheapest model [FLOP]."""
        return lifetime_flops(self.n_params, self.n_tokens, self.inference_tokens)

    @property
    def total_flops_training(self) -> Floats:
        """Training and inference of the compute-optimal model [FLOP]."""
        return lifetime_flops(self.n_params_training, self.n_tokens_training, self.inference_tokens)

    @property
    def saved_flops(self) -> Floats:
        """What the cheapest model saves against the compute-optimal one; at least 0 [FLOP]."""
        return np.asarray(np.maximum(self.total_flops_training - self.total_flops, 0.0))

    @property
    def saved_share(self) -> Floats:
        """Saved compute as a share of the total of the compute-optimal model; 0 to 1 [1]."""
        return self.saved_flops / self.total_flops_training


def lifetime_flops(n_params: ArrayLike, n_tokens: ArrayLike, inference_tokens: ArrayLike) -> Floats:
    """Return 6 N D + 2 N D_inf, arrays broadcast together [FLOP]."""
    n = np.asarray(n_params, dtype=np.float64)
    training = FLOPS_PER_PARAM_TOKEN * n * np.asarray(n_tokens, dtype=np.float64)
    served = np.asarray(inference_tokens, dtype=np.float64)
    return np.asarray(training + INFERENCE_FLOPS_PER_PARAM_TOKEN * n * served)


def inference_optimal(
    frontier: TwoTermFrontier, loss: ArrayLike, inference_tokens: ArrayLike
) -> InferenceOptimum:
    """Return the model of this loss that costs least to train and to serve.

    Parameters
    ----------
    frontier : TwoTermFrontier
        The law; parameters of one shape S.
    loss : array_like, shape X
        Quality wanted; NaN comes out where it is not above E. [nat/token]
    inference_tokens : array_like, shape X
        Tokens read and written over the model's life; 0 gives the compute-optimal model, a
        negative number NaN. [token]

    References
    ----------
    Sardana et al. 2024, equations 1 to 3, arXiv 2401.00448.
    """
    return _of_quality(
        frontier,
        (loss,),
        inference_tokens,
        reducible=lambda target: np.power(target - frontier.E, 1.0 / np.asarray(frontier.power)),
    )


def inference_optimal_like(
    frontier: TwoTermFrontier, n_params: ArrayLike, n_tokens: ArrayLike, inference_tokens: ArrayLike
) -> InferenceOptimum:
    """Return the model as good as N on D tokens that costs least to train and to serve.

    Every draw of the law holds its own loss of that run, so that E does not widen intervals.

    Parameters
    ----------
    frontier : TwoTermFrontier
        The law; parameters of one shape S.
    n_params, n_tokens : array_like, shape X
        The run to match. [1], [token]
    inference_tokens : array_like, shape X
        Tokens read and written over the model's life. [token]
    """
    return _of_quality(
        frontier,
        (n_params, n_tokens),
        inference_tokens,
        reducible=lambda n, d: frontier.A * n**-frontier.alpha + frontier.B * d**-frontier.beta,
    )


def inference_optimal_for_budget(
    frontier: TwoTermFrontier, flops: ArrayLike, inference_tokens: ArrayLike
) -> InferenceOptimum:
    """Return the model as good as the compute-optimal one of a training budget, at least cost.

    Every draw of the law holds its own lowest loss at the budget.

    Parameters
    ----------
    frontier : TwoTermFrontier
        The law; parameters of one shape S.
    flops : array_like, shape X
        Training budget of the compute-optimal model, 6 N D. [FLOP]
    inference_tokens : array_like, shape X
        Tokens read and written over the model's life. [token]
    """
    # Without E, or the difference of two losses would cost the digits of a small reducible part.
    bare = replace(frontier, E=np.zeros_like(frontier.E), power=1.0)
    budget, demand = np.broadcast_arrays(flops, inference_tokens)
    return _of_quality(frontier, (), demand, reducible=lambda: bare.optimal_loss(budget))


def _of_quality(
    frontier: TwoTermFrontier,
    quantities: tuple[ArrayLike, ...],
    inference_tokens: ArrayLike,
    *,
    reducible: Callable[..., Floats],
) -> InferenceOptimum:
    """Solve for the reducible loss that `reducible` makes of quantities of shape X + (1, ...)."""
    draws = np.broadcast_shapes(
        *(np.shape(p) for p in (frontier.E, frontier.A, frontier.alpha, frontier.B, frontier.beta))
    )
    arrays = np.broadcast_arrays(
        *(np.asarray(q, dtype=np.float64) for q in (*quantities, inference_tokens))
    )
    *given, demand = (a.reshape(a.shape + (1,) * len(draws)) for a in arrays)
    with np.errstate(all="ignore"):
        above = np.asarray(reducible(*given))
        log_above = np.log(np.where(above > 0, above, np.nan))
        log_demand = np.log(demand)
        n, d = _cheapest(frontier, log_above, log_demand)
        n_training, d_training = _cheapest(frontier, log_above, np.full_like(log_demand, -np.inf))
    shape = np.broadcast_shapes(n.shape, demand.shape)
    full = (np.broadcast_to(a, shape) for a in (demand, frontier.E + above**frontier.power, n, d))
    served, loss, n, d = full
    known = np.isfinite(n) & np.isfinite(d)
    return InferenceOptimum(
        inference_tokens=served,
        loss=np.where(known, loss, np.nan),
        n_params=n,
        n_tokens=d,
        n_params_training=np.broadcast_to(n_training, shape),
        n_tokens_training=np.broadcast_to(d_training, shape),
    )


def _cheapest(
    frontier: TwoTermFrontier, log_reducible: Floats, log_demand: Floats
) -> tuple[Floats, Floats]:
    """Return N and D of least 3 D + D_inf times N at the reducible loss.

    The unknown is x = log q, q the share of the tokens in the reducible loss.
    """
    alpha, beta = np.asarray(frontier.alpha), np.asarray(frontier.beta)
    log_d_whole = (np.log(frontier.B) - log_reducible) / beta
    log_ratio = np.log(alpha) - np.log(beta)
    offset = log_demand - np.log(3.0) - log_d_whole
    x = np.broadcast_to(
        np.log(alpha / (alpha + beta)), np.broadcast_shapes(offset.shape, log_ratio.shape)
    )
    for _ in range(_STEPS):
        burden = offset + x / beta
        value = log_ratio + np.log1p(-np.exp(x)) - x - np.logaddexp(0.0, burden)
        slope = -1.0 / -np.expm1(x) - 1.0 / (beta * (1.0 + np.exp(-burden)))
        step = value / slope
        x = x - step
        if not (np.abs(step) > 1e-14 * np.maximum(np.abs(x), 1.0)).any():
            break
    log_n = (np.log(frontier.A) - log_reducible - np.log1p(-np.exp(x))) / alpha
    return np.exp(log_n), np.exp(log_d_whole - x / beta)
