"""Steps and compute as at the best batch, and how Kaplan et al. 2020 split compute.

A batch below the critical one wastes steps, one above it wastes compute; laws are stated in the
steps of a large batch and in the compute of a small one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

PRINTED_GROWTH = {"alpha_C_min": 0.050, "N": 0.73, "B": 0.24, "S": 0.03, "D": 0.27}
"""Exponents that the paper fits to its runs: N ~ C_min^0.73 and so on. Kaplan et al. 2020,
equations 1.7, 6.1 and 6.2, table 6, arXiv 2001.08361. [1]"""


def critical_batch(loss: ArrayLike, *, b_star: float, alpha_b: float) -> NDArray[np.float64]:
    """Return the critical batch at a loss, B_* / L^(1 / alpha_B) [token].

    Parameters
    ----------
    loss : array_like
        Loss reached; NaN and values of 0 or below give NaN. [nat/token]
    b_star : float
        Critical batch at a loss of 1 nat/token. [token]
    alpha_b : float
        Exponent. [1]

    References
    ----------
    Kaplan et al. 2020, equation 1.4, arXiv 2001.08361.
    """
    reached = np.asarray(loss, dtype=np.float64)
    return np.asarray(b_star * np.where(reached > 0, reached, np.nan) ** (-1.0 / alpha_b))


def minimal_steps(
    n_steps: ArrayLike, *, batch: ArrayLike, critical: ArrayLike
) -> NDArray[np.float64]:
    """Return the steps that the same loss would have taken at a very large batch [step].

    S_min = S / (1 + B_crit / B); NaN in gives NaN out.

    Parameters
    ----------
    n_steps, batch, critical : array_like, broadcast together
        Steps taken [step], tokens a step, critical batch at the loss reached [token].

    References
    ----------
    Kaplan et al. 2020, equation 5.4, arXiv 2001.08361.
    """
    s, b, crit = (np.asarray(x, dtype=np.float64) for x in (n_steps, batch, critical))
    return np.asarray(s / (1.0 + crit / b))


def minimal_flops(
    flops: ArrayLike, *, batch: ArrayLike, critical: ArrayLike
) -> NDArray[np.float64]:
    """Return the compute that the same loss would have taken at a very small batch [FLOP].

    C_min = C / (1 + B / B_crit); NaN in gives NaN out.

    Parameters
    ----------
    flops, batch, critical : array_like, broadcast together
        Compute [FLOP], tokens a step, critical batch at the loss reached [token].

    References
    ----------
    Kaplan et al. 2020, equation 5.5, arXiv 2001.08361.
    """
    c, b, crit = (np.asarray(x, dtype=np.float64) for x in (flops, batch, critical))
    return np.asarray(c / (1.0 + b / crit))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Growth:
    """How the best size, batch, steps and tokens grow with compute: N ~ C_min^N and so on.

    Parameters
    ----------
    alpha_C_min : NDArray
        Exponent by which the loss falls. [1]
    N, B, S, D : NDArray
        Exponents of size, batch, steps and tokens (batch times steps); N + D = 1. [1]
    """

    alpha_C_min: NDArray[np.float64]
    N: NDArray[np.float64]
    B: NDArray[np.float64]
    S: NDArray[np.float64]
    D: NDArray[np.float64]


def growth(alpha_n: ArrayLike, alpha_s: ArrayLike, alpha_b: ArrayLike) -> Growth:
    """Return the split of compute that follows from L(N, S) at the critical batch.

    Parameters
    ----------
    alpha_n, alpha_s, alpha_b : array_like, broadcast together
        Exponents of size and steps in L(N, S), and of the critical batch; positive. [1]

    Notes
    -----
    alpha_C_min = 1 / (1 / alpha_S + 1 / alpha_B + 1 / alpha_N), and each quantity grows with
    alpha_C_min over its own exponent. The paper's constants (.077, .76, .21) give 0.052 (so its
    equation B.7; equation 6.4 rounds to 0.054), 0.68, 0.25 and 0.07; what it prints from its runs
    is 0.050, 0.73, 0.24 and 0.03.

    References
    ----------
    Kaplan et al. 2020, equations 1.7, 1.8, 6.4, 6.5 and B.7 to B.10, arXiv 2001.08361.
    """
    n, s, b = (np.asarray(x, dtype=np.float64) for x in (alpha_n, alpha_s, alpha_b))
    c = 1.0 / (1.0 / s + 1.0 / b + 1.0 / n)
    return Growth(alpha_C_min=c, N=c / n, B=c / b, S=c / s, D=c / b + c / s)
