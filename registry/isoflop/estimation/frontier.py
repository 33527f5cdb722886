"""The compute-optimal frontier of a two-term law, in closed form.

L(N, D) = E + A / N**alpha + B / D**beta with C = 6 N D. Minimizing L at fixed C gives
alpha A / N**alpha = beta B / D**beta, from which everything here follows.

Shapes: the parameters have one common shape S, ``()`` for one law or ``(n_draws,)`` for draws of
one. Quantities given to a method have a shape X (two quantities broadcast to X first); the result
has the shape X + S, so draws stand on the last axes. A plain number in and one law give a 0-d
array. NaN in gives NaN out at that place; nothing here raises for a value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from isoflop.errors import UnitError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from isoflop.laws import PublishedLaw

FLOPS_PER_PARAM_TOKEN = 6.0
"""Training FLOPs for one parameter and one token: 2 forward, 4 backward.

Kaplan et al. 2020, section 2.1, arXiv 2001.08361.
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TwoTermFrontier:
    """What a two-term law says about the best split of compute between N and D.

    Parameters
    ----------
    E : float or NDArray, shape S
        Irreducible loss. [nat/token]
    A, alpha : float or NDArray, shape S
        Term of the parameters, A / N**alpha.
    B, beta : float or NDArray, shape S
        Term of the tokens, B / D**beta.
    power : float or NDArray, shape S
        Power of the sum of both terms, for laws E + (A / N**alpha + B / D**beta)**power; it moves
        losses and leaves the best split where it is. [1]

    Notes
    -----
    A, B, alpha and beta must be positive, or there is no interior optimum; where one is not, what
    depends on it is NaN or infinite.

    References
    ----------
    Hoffmann et al. 2022, section 3.3 and equation 4, arXiv 2203.15556.
    """

    E: float | NDArray[np.float64]
    A: float | NDArray[np.float64]
    alpha: float | NDArray[np.float64]
    B: float | NDArray[np.float64]
    beta: float | NDArray[np.float64]
    power: float | NDArray[np.float64] = 1.0

    def loss(self, n_params: ArrayLike, n_tokens: ArrayLike) -> NDArray[np.float64]:
        """Return L(N, D) [nat/token]."""
        return self.E + self._reducible(*self._spread(n_params, n_tokens)) ** self.power

    def n_opt(self, flops: ArrayLike) -> NDArray[np.float64]:
        """Return the parameters that minimize the loss at C `flops` [1]."""
        (c,) = self._spread(flops)
        share = self.beta / (np.asarray(self.alpha) + self.beta)
        return np.exp(self._log_g() + share * _log(c / FLOPS_PER_PARAM_TOKEN))

    def d_opt(self, flops: ArrayLike) -> NDArray[np.float64]:
        """Return the tokens that minimize the loss at C `flops` [token]."""
        (c,) = self._spread(flops)
        share = self.alpha / (np.asarray(self.alpha) + self.beta)
        return np.exp(share * _log(c / FLOPS_PER_PARAM_TOKEN) - self._log_g())

    def d_opt_for_n(self, n_params: ArrayLike) -> NDArray[np.float64]:
        """Return the tokens for which a model of `n_params` is compute-optimal [token]."""
        (n,) = self._spread(n_params)
        return np.exp((self.alpha * _log(n) - self._log_balance()) / self.beta)

    def optimal_loss(self, flops: ArrayLike) -> NDArray[np.float64]:
        """Return the lowest loss that C `flops` can reach [nat/token]."""
        (c,) = self._spread(flops)
        return self.E + np.exp(self.power * self._log_reducible_opt(_log(c)))

    def flops_for_loss(self, loss: ArrayLike) -> NDArray[np.float64]:
        """Return the least C that reaches `loss`; infinite where `loss` <= E [FLOP]."""
        (target,) = self._spread(loss)
        above = np.asarray(target - self.E)
        inner = _log(np.where(above > 0, above, np.nan)) / self.power
        flops = np.exp(self._log_flops_for(inner))
        return np.where(above <= 0, np.inf, flops)

    def token_ratio(self, n_params: ArrayLike, n_tokens: ArrayLike) -> NDArray[np.float64]:
        """Return D / D_opt(N): 1 on the frontier, below 1 with too few tokens [1]."""
        n, d = np.broadcast_arrays(_float(n_params), _float(n_tokens))
        return self._spread(d)[0] / self.d_opt_for_n(n)

    def excess_loss(self, n_params: ArrayLike, n_tokens: ArrayLike) -> NDArray[np.float64]:
        """Return L(N, D) less the lowest loss at the same compute; at least 0 [nat/token]."""
        n, d = self._spread(n_params, n_tokens)
        log_c = np.log(FLOPS_PER_PARAM_TOKEN) + _log(n) + _log(d)
        lowest = np.exp(self.power * self._log_reducible_opt(log_c))
        gap = self._reducible(n, d) ** self.power - lowest
        return np.asarray(np.maximum(gap, 0.0))

    def compute_waste(self, n_params: ArrayLike, n_tokens: ArrayLike) -> NDArray[np.float64]:
        """Return 6 N D over the least compute that reaches the same loss; at least 1 [1]."""
        n, d = self._spread(n_params, n_tokens)
        log_c = np.log(FLOPS_PER_PARAM_TOKEN) + _log(n) + _log(d)
        log_least = self._log_flops_for(_log(self._reducible(n, d)))
        return np.asarray(np.exp(np.maximum(log_c - log_least, 0.0)))

    def _spread(self, *quantities: ArrayLike) -> list[NDArray[np.float64]]:
        """Broadcast quantities to X and give them trailing axes for the draws S."""
        shape = np.broadcast_shapes(*(np.shape(p) for p in self._parameters()))
        arrays = np.broadcast_arrays(*(_float(q) for q in quantities))
        return [a.reshape(a.shape + (1,) * len(shape)) for a in arrays]

    def _parameters(self) -> tuple[float | NDArray[np.float64], ...]:
        return self.E, self.A, self.alpha, self.B, self.beta, self.power

    def _log_balance(self) -> NDArray[np.float64]:
        """Log of alpha A / (beta B): the optimum is where N**alpha / D**beta equals it."""
        return np.asarray(_log(self.alpha) + _log(self.A) - _log(self.beta) - _log(self.B))

    def _log_g(self) -> NDArray[np.float64]:
        return np.asarray(self._log_balance() / (np.asarray(self.alpha) + self.beta))

    def _log_scale(self) -> NDArray[np.float64]:
        """Log of the lowest reducible loss at C = 6."""
        share = 1 + np.asarray(self.alpha) / self.beta
        return _log(self.A) - self.alpha * self._log_g() + _log(share)

    def _decay(self) -> NDArray[np.float64]:
        """Exponent by which the lowest reducible loss falls with C."""
        return np.asarray(self.alpha) * self.beta / (np.asarray(self.alpha) + self.beta)

    def _log_reducible_opt(self, log_flops: NDArray[np.float64]) -> NDArray[np.float64]:
        log_ratio = log_flops - np.log(FLOPS_PER_PARAM_TOKEN)
        return np.asarray(self._log_scale() - self._decay() * log_ratio)

    def _log_flops_for(self, log_reducible: NDArray[np.float64]) -> NDArray[np.float64]:
        log_ratio = (self._log_scale() - log_reducible) / self._decay()
        return np.asarray(np.log(FLOPS_PER_PARAM_TOKEN) + log_ratio)

    def _reducible(self, n: NDArray[np.float64], d: NDArray[np.float64]) -> NDArray[np.float64]:
        n_term = np.exp(_log(self.A) - self.alpha * _log(n))
        return n_term + np.exp(_log(self.B) - self.beta * _log(d))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AllocationFrontier:
    """A frontier that is only an allocation: N_opt = n_coefficient * C ** n_exponent.

    It says nothing about the loss, so there is no excess loss and no compute waste.

    Parameters
    ----------
    n_coefficient, n_exponent : float
        With C in FLOP; `n_exponent` between 0 and 1.
    """

    n_coefficient: float
    n_exponent: float

    def n_opt(self, flops: ArrayLike) -> NDArray[np.float64]:
        """Return the best parameters for C `flops` [1]."""
        return self.n_coefficient * _float(flops) ** self.n_exponent

    def d_opt(self, flops: ArrayLike) -> NDArray[np.float64]:
        """Return the best tokens for C `flops`, C / (6 N_opt) [token]."""
        return _float(flops) / (FLOPS_PER_PARAM_TOKEN * self.n_opt(flops))

    def d_opt_for_n(self, n_params: ArrayLike) -> NDArray[np.float64]:
        """Return the tokens for which a model of `n_params` is compute-optimal [token]."""
        n = _float(n_params)
        flops = (n / self.n_coefficient) ** (1 / self.n_exponent)
        return flops / (FLOPS_PER_PARAM_TOKEN * n)

    def token_ratio(self, n_params: ArrayLike, n_tokens: ArrayLike) -> NDArray[np.float64]:
        """Return D / D_opt(N) [1]."""
        return _float(n_tokens) / self.d_opt_for_n(n_params)


def optimal_tokens_per_param(
    frontier: TwoTermFrontier | AllocationFrontier, flops: ArrayLike
) -> NDArray[np.float64]:
    """Return D / N on the frontier at C `flops` [token]."""
    return np.asarray(frontier.d_opt(flops) / frontier.n_opt(flops))


def has_frontier(law: PublishedLaw) -> bool:
    """Return whether a published law places N and D: an allocation, or a two-term loss."""
    if law.form == "loss":
        return set(law.params) == {"E", "A", "B", "alpha", "beta"}
    return law.form == "allocation"


def frontier_of(law: PublishedLaw) -> TwoTermFrontier | AllocationFrontier:
    """Return the frontier of a published parameter set.

    Raises
    ------
    UnitError
        The law does not place N and D: it says only how fast they grow, or is of other things.
    """
    if not has_frontier(law):
        says = (
            "says how fast N and D grow with compute, not how large they are"
            if law.form == "growth"
            else f"is a set of {sorted(law.params)}, not a two-term law of N and D"
        )
        raise UnitError(
            f"Published law {law.name!r} {says}, so it plans no run and judges none: take a "
            "published allocation or a two-term loss."
        )
    if law.form == "allocation":
        return AllocationFrontier(**law.params)
    return TwoTermFrontier(**law.params)


def _rounded(factor: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each row on a grid of 2**-34 of its largest entry.

    The last bits of products and eigenvectors depend on where BLAS and LAPACK find their arrays,
    and draws have to repeat.
    """
    largest = np.abs(factor).max(axis=1, keepdims=True)
    grid = np.exp2(np.ceil(np.log2(np.where(largest > 0, largest, 1.0))) - 34)
    return np.asarray(np.round(factor / grid) * grid)


def frontier_draws(law: PublishedLaw, *, n_draws: int, seed: int) -> TwoTermFrontier | None:
    """Return draws of a published loss law from its covariance, for intervals.

    Parameters
    ----------
    law : PublishedLaw
        The law; `log_covariance` is of (log E, log A, log B, alpha, beta).
    n_draws : int
        Number of draws; 0 for none.
    seed : int
        Seed of the generator; same seed, same draws.

    Returns
    -------
    TwoTermFrontier or None
        Parameters of shape ``(n_kept,)``; a draw with an exponent that is not positive has no
        optimum and is left out. None where the paper gives no covariance, for an allocation or a
        growth, and for no draws: then there is no interval.

    Notes
    -----
    The covariance is carried to (log E, slope, offset, log B, beta), where
    log D_opt(N) = slope log N - offset, and the draws are normal there. Drawn normal in the
    parameters themselves, D_opt is skewed in a way that the bootstrap behind the covariance is
    not: for 70e9 parameters on 1.4e12 tokens the 95 % interval of the token ratio is
    [0.44, 2.15], here [0.49, 2.28], of the 4,000 refits themselves [0.54, 2.40].
    """
    if law.form != "loss" or not law.log_covariance or n_draws == 0:
        return None
    e, a, b, alpha, beta = (law.params[k] for k in ("E", "A", "B", "alpha", "beta"))
    balance = np.log(alpha * a) - np.log(beta * b)
    center = np.array([np.log(e), alpha / beta, balance / beta, np.log(b), beta])
    jacobian = np.zeros((5, 5))
    jacobian[0, 0] = jacobian[3, 2] = jacobian[4, 4] = 1
    jacobian[1, 3:] = 1 / beta, -alpha / beta**2
    jacobian[2, 1:] = 1 / beta, -1 / beta, 1 / (alpha * beta), -(1 + balance) / beta**2
    covariance = jacobian @ np.array(law.log_covariance) @ jacobian.T
    rng = np.random.default_rng(seed)
    variances, axes = np.linalg.eigh(covariance)
    factor = _rounded(axes * np.sqrt(np.maximum(variances, 0.0)))
    # Summed by hand: a BLAS product may round by where its arrays lie, and draws have to repeat.
    normal = rng.standard_normal((5, n_draws))
    draws = center[:, None] + (factor[:, :, None] * normal).sum(axis=1)
    keep = (draws[1] > 0) & (draws[4] > 0)
    log_e, slope, offset, log_b, beta_draws = draws[:, keep]
    alpha_draws = slope * beta_draws
    log_a = offset * beta_draws + np.log(beta_draws) + log_b - np.log(alpha_draws)
    return TwoTermFrontier(
        E=np.exp(log_e), A=np.exp(log_a), alpha=alpha_draws, B=np.exp(log_b), beta=beta_draws
    )


def _float(value: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(value, dtype=np.float64)


def _log(value: ArrayLike) -> NDArray[np.float64]:
    """Natural logarithm; 0 gives -inf and a negative number NaN without a warning."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log(_float(value)))
