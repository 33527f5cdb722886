"""Evidence behind a fit: how its minimum was found, and the largest run it saw."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Evidence that a fit is the global minimum.

    Parameters
    ----------
    n_starts, n_agree : int
        Independent starts, and how many ended within 1e-9 of the best objective.
    gradient_norm : float
        Largest free gradient entry, as a share of the largest it could be. [1]
    condition_number : float
        Of the Hessian scaled to a unit diagonal. [1]
    refits_improved, refits_unconverged : int
        Bootstrap refits that a restart brought lower, and that did not reach a minimum.
    """

    n_starts: int
    n_agree: int
    gradient_norm: float
    condition_number: float
    refits_improved: int
    refits_unconverged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRun:
    """The run with the most compute behind a fit; NaN for what the law does not use."""

    name: str
    n_params: float
    n_tokens: float
    flops: float
    loss: float
