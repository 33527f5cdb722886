"""Over-training: loss from compute and tokens per parameter, and downstream error from loss."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from isoflop.laws import Formula, Law, Parameter, Values

_LOG_6 = math.log(6.0)  # C = 6 N D
_SOURCE = (
    "Gadre et al. 2024, arXiv 2403.08540; form and objective as in the authors' code, "
    "scaling/laws.py and shared.py of mlfoundations/scaling at a003c49"
)


def _loss(p: Values, v: Values) -> Any:
    """Return E + (a M^eta + b M^-eta) C^-eta, written in N and D.

    With C = 6 N D and M = D / N the two terms are a (6 N^2)^-eta and b (6 D^2)^-eta.
    """
    n = _LOG_6 + 2.0 * np.log(v["n_params"])
    d = _LOG_6 + 2.0 * np.log(v["n_tokens"])
    return p["E"] + p["a"] * np.exp(-p["eta"] * n) + p["b"] * np.exp(-p["eta"] * d)


def _two_term(p: Values) -> Values:
    """Return the tied two-term law that this one is: alpha = beta = 2 eta."""
    sixth = np.exp(-_LOG_6 * p["eta"])
    doubled = 2.0 * p["eta"]
    return {
        "E": p["E"], "A": p["a"] * sixth, "B": p["b"] * sixth, "alpha": doubled, "beta": doubled,
    }  # fmt: skip


_POWER = {"n_params": "eta", "n_tokens": "eta"}

OVER_TRAINING = Law(
    name="over-training",
    summary="Loss falls with compute by one power law; tokens per parameter decide its height.",
    equation="loss = E + (a M^eta + b M^-eta) C^-eta, C = 6 n_params n_tokens, "
    "M = n_tokens / n_params",
    parameters=(
        Parameter(name="E", unit="nat/token", scale="linear"),
        Parameter(name="a", unit="nat/token x FLOP^eta", scale="linear", power_of=_POWER),
        Parameter(name="b", unit="nat/token x FLOP^eta", scale="linear", power_of=_POWER),
        # Half of the box of alpha and beta in the law "chinchilla": 2 eta is both.
        Parameter(name="eta", low=0.005, high=1.25),
    ),
    form=Formula(function=_loss, linear=("E", "a", "b")),
    variables=("n_params", "n_tokens"),
    objective="squares",
    two_term=_two_term,
    cannot_say=(
        "Whether loss falls with N and with D at different rates: one exponent stands for both, so "
        "the best tokens per parameter are the same at every compute."
    ),
    source=_SOURCE,
)


def _error(p: Values, v: Values) -> Any:
    return p["eps"] - p["k"] * np.exp(-p["gamma"] * v["loss"])


DOWNSTREAM_ERROR = Law(
    name="downstream-error",
    summary="Average top-1 error of downstream tasks falls from its level of guessing with loss.",
    equation="error = eps - k exp(-gamma loss)",
    parameters=(
        Parameter(name="k", unit="1", scale="linear"),
        Parameter(name="gamma", unit="token/nat", low=0.01, high=20.0),
        Parameter(name="eps", unit="1", scale="linear"),
    ),
    form=Formula(function=_error, linear=("k", "eps")),
    variables=("loss",),
    response="error",
    response_unit="1",
    objective="squares",
    cannot_say=(
        "The error of a single task, which moves in steps where their average is smooth; anything "
        "about a loss on other text, or about models whose training data differ."
    ),
    source=_SOURCE,
)
