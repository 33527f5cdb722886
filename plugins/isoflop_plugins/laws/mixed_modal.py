"""The law of mixed modalities: what training on two at once costs, and when it pays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from isoflop.laws import Formula, Law, Parameter, Values


def _interaction(p: Values, v: Values) -> Any:
    return (
        -1.0 * p["C"]
        + p["A"] * np.exp(-p["alpha"] * np.log(v["n_params"]))
        + p["B"] * np.exp(-p["beta"] * np.log(v["n_tokens"]))
    )


class Barrier(NamedTuple):
    """The cheapest point where the interaction is zero; infinite where there is none.

    Parameters
    ----------
    n_params, n_tokens, flops : float or NDArray
        N [1], tokens of both modalities [token], 6 N D [FLOP].
    """

    n_params: Any
    n_tokens: Any
    flops: Any


def barrier(p: Values) -> Barrier:
    """Return where competition ends at least compute, for parameters of the law by name.

    Notes
    -----
    The smallest N D with A / N^alpha + B / D^beta = C has alpha A / N^alpha = beta B / D^beta.
    Without synergy (C at or below zero) competition never ends. A vanished A or B puts no demand
    on N or on D: that count is then 0.
    """
    total, synergy = p["alpha"] + p["beta"], np.asarray(p["C"], dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        n = (p["A"] * total / (synergy * p["beta"])) ** (1.0 / p["alpha"])
        d = (p["B"] * total / (synergy * p["alpha"])) ** (1.0 / p["beta"])
        never = ~(synergy > 0)
        return Barrier(*(np.where(never, np.inf, x) for x in (n, d, 6.0 * n * d)))


MIXED_MODAL = Law(
    name="mixed-modal",
    summary="What two modalities in one model lose or gain against one model each.",
    equation=(
        "loss_interaction = -C + A / n_params^alpha + B / n_tokens^beta, with loss_interaction = "
        "loss(N, D_i, D_j) - (loss(N, D_i) + loss(N, D_j)) / 2 and n_tokens = D_i + D_j"
    ),
    parameters=(
        Parameter(name="C", unit="nat/token", low=-np.inf, scale="linear"),
        Parameter(
            name="A", unit="nat/token x parameters^alpha", scale="linear",
            power_of={"n_params": "alpha"},
        ),
        Parameter(
            name="B", unit="nat/token x tokens^beta", scale="linear",
            power_of={"n_tokens": "beta"},
        ),
        Parameter(name="alpha", low=0.02, high=2.0),
        Parameter(name="beta", low=0.02, high=2.0),
    ),
    form=Formula(function=_interaction, linear=("C", "A", "B")),
    variables=("n_params", "n_tokens"),
    cannot_say=(
        "How the mixing ratio changes the interaction: only the sum of both modalities' tokens is "
        "in it; which of the two gains; synergy that the runs do not come near, since C is then an "
        "extrapolation."
    ),
    source=(
        "Aghajanyan et al. 2023, bimodal law and competition barrier, arXiv 2301.03728 (read in "
        "two published summaries of the paper; that the barrier is its cheapest point, from "
        "memory of the paper)"
    ),
    response="loss_interaction",
    objective="huber",
)  # fmt: skip

AGHAJANYAN: Mapping[str, Mapping[str, float]] = {
    "text": {"E": 2.42, "A": 492.51, "B": 1987.40, "alpha": 0.18, "beta": 0.22},
    "code": {"E": 0.16, "A": 611.91, "B": 4484.08, "alpha": 0.37, "beta": 0.32},
    "image": {"E": 2.84, "A": 340.96, "B": 875.30, "alpha": 0.13, "beta": 0.13},
    "speech": {"E": 3.02, "A": 154.45, "B": 205.10, "alpha": 0.31, "beta": 0.24},
    "image-text": {"E": 2.47, "A": 320.51, "B": 658.31, "alpha": 0.12, "beta": 0.11},
    "molecules": {"E": 2.39, "A": 158.19, "B": 189.36, "alpha": 0.37, "beta": 0.26},
}
"""One law a modality, E + A / N^alpha + B / D^beta, each in nats per token of its own tokenizer."""
