"""The law of routed networks: loss by dense size and number of experts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from isoflop.laws import Formula, Law, Parameter, PublishedLaw, Values

_LN10 = float(np.log(10.0))


def saturated_experts(p: Values, n_experts: Any) -> Any:
    """Return E^, the number of experts that counts: E_start at one expert, E_max at most. [1]."""
    knee = 1.0 / (1.0 / p["E_start"] - 1.0 / p["E_max"])
    return 1.0 / (1.0 / (n_experts - 1.0 + knee) + 1.0 / p["E_max"])


def _log_loss(p: Values, v: Values) -> Any:
    n = np.log(v["n_params"]) / _LN10
    e = np.log(saturated_experts(p, v["n_experts"])) / _LN10
    return _LN10 * (p["a"] * n + p["b"] * e + p["c"] * n * e + p["d"])


def effective_params(p: Values, n_params: Any, n_experts: Any) -> Any:
    """Return N_bar, the dense model that loses as much as a routed one. [1].

    Parameters
    ----------
    p : mapping of str to float or NDArray
        Parameters of the law by name.
    n_params, n_experts : float or NDArray, broadcast together
        Parameters that a token passes through; experts. [1], [1]

    Notes
    -----
    Solves L(N_bar, 1) = L(N, E): log N_bar = ((a + c log E^) log N + b log(E^ / E_start)) / (a + c
    log E_start).
    """
    n = np.log10(n_params)
    e, start = np.log10(saturated_experts(p, n_experts)), np.log10(p["E_start"])
    return 10.0 ** (((p["a"] + p["c"] * e) * n + p["b"] * (e - start)) / (p["a"] + p["c"] * start))


def cutoff_params(p: Values) -> Any:
    """Return N at which more experts stop helping: 10^(-b / c); infinite for c at or below 0. [1].

    There the slope of log L in log E^, b + c log N, is zero.
    """
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return np.where(p["c"] > 0, 10.0 ** (-p["b"] / np.where(p["c"] > 0, p["c"], 1.0)), np.inf)


ROUTED = Law(
    name="routed",
    summary="Loss of networks with experts: a power law in N whose exponent the experts weaken.",
    equation=(
        "log10 loss = a log10 N + b log10 E^ + c log10 N log10 E^ + d, N = n_params, 1/E^ = 1/"
        "(n_experts - 1 + 1/(1/E_start - 1/E_max)) + 1/E_max"
    ),
    parameters=(
        *(Parameter(name=name, low=-np.inf, scale="linear") for name in ("a", "b", "c", "d")),
        Parameter(name="E_start", low=1.0, high=20.0),
        Parameter(name="E_max", low=24.0, high=1e6),
    ),
    form=Formula(function=_log_loss, linear=("a", "b", "c", "d"), link="log"),
    variables=("n_params", "n_experts"),
    cannot_say=(
        "What tokens do: it holds for runs of one training length (130 B tokens in the paper); "
        "Krajewski et al. 2024, arXiv 2402.07871, find that with tokens in the law the gain of "
        "experts does not vanish with size. Nothing of granularity, of several experts a token, or "
        "of an irreducible loss."
    ),
    source=(
        "Clark et al. 2022, equations for log L and E^ and table of coefficients, arXiv 2202.01169 "
        "(form and coefficients read in a published summary of the paper; E^ and the effective "
        "parameter count from memory of the paper)"
    ),
)

CLARK: Mapping[str, Mapping[str, float]] = {
    "S-BASE": {
        "a": -0.082,
        "b": -0.108,
        "c": 0.009,
        "d": 1.104,
        "E_start": 1.847,
        "E_max": 314.478,
    },
    "RL-R": {"a": -0.083, "b": -0.126, "c": 0.012, "d": 1.111, "E_start": 1.880, "E_max": 469.982},
    "HASH": {"a": -0.087, "b": -0.136, "c": 0.012, "d": 1.157, "E_start": 4.175, "E_max": 477.741},
}
"""Coefficients that the paper prints, logarithms to base 10; the decimals of E_max beyond the first
from memory of the paper."""

PUBLISHED = tuple(
    PublishedLaw(
        name=f"clark-2022-{method.lower()}",
        law=ROUTED.name,
        form="loss",
        summary=f"The authors' coefficients of {method} routing.",
        params=params,
        n_params_range=(1.5e7, 1.3e9),
        n_tokens_range=(1.3e11, 1.3e11),
        counts="n_params_nonembedding",
        source="Clark et al. 2022, table of coefficients, arXiv 2202.01169",
        notes={
            "digits": "three decimals, which leave the size where experts stop helping open by a "
            "factor of 3 to 30",
            "mark": "read in a summary of the paper; ranges and the count of N from memory of it",
        },
    )
    for method, params in CLARK.items()
)
