"""The law of repeated data: tokens seen again, and parameters beyond the data, are worth less."""

from __future__ import annotations

from typing import Any

import numpy as np

from isoflop.laws import Formula, Law, Parameter, PublishedLaw, Values


def optimal_params(p: Values, n_tokens_unique: Any) -> Any:
    """Return U_N, the N for which `n_tokens_unique` tokens are compute-optimal under the law. [1].

    From A, B, alpha, beta alone: alpha A / N^alpha = beta B / U_D^beta.
    """
    ratio = np.log(p["alpha"] * p["A"]) - np.log(p["beta"] * p["B"])
    return np.exp((ratio + p["beta"] * np.log(n_tokens_unique)) / p["alpha"])


def effective(unique: Any, seen: Any, half_life: Any) -> Any:
    """Return what `seen` is worth in units of first sight; `unique` of it were new.

    U + U R* (1 - exp(-R / R*)), R = seen / unique - 1 repetitions.
    """
    return unique * (1.0 - half_life * np.expm1((1.0 - seen / unique) / half_life))


def _loss(p: Values, v: Values) -> Any:
    tokens = np.minimum(v["n_tokens_unique"], v["n_tokens"])
    params = np.minimum(optimal_params(p, tokens), v["n_params"])
    n = effective(params, v["n_params"], p["R_N"])
    d = effective(tokens, v["n_tokens"], p["R_D"])
    return (
        p["E"] + p["A"] * np.exp(-p["alpha"] * np.log(n)) + p["B"] * np.exp(-p["beta"] * np.log(d))
    )


DATA_CONSTRAINED = Law(
    name="data-constrained",
    summary="Loss falls with N and D until tokens repeat; each repetition is worth less.",
    equation=(
        "loss = E + A / N'^alpha + B / D'^beta, D' = U_D (1 + R_D (1 - exp(-(n_tokens / U_D - 1) / "
        "R_D))), N' = U_N (1 + R_N (1 - exp(-(n_params / U_N - 1) / R_N))), U_D = n_tokens_unique, "
        "U_N = min(n_params, (alpha A U_D^beta / (beta B))^(1/alpha))"
    ),
    parameters=(
        Parameter(name="E", unit="nat/token", scale="linear"),
        Parameter(
            name="A", unit="nat/token x parameters^alpha", low=1e-3, high=3.0, of="response",
            power_of={"n_params": "alpha"},
        ),
        Parameter(
            name="B", unit="nat/token x tokens^beta", low=1e-3, high=3.0, of="response",
            power_of={"n_tokens": "beta"},
        ),
        Parameter(name="alpha", low=0.05, high=1.2),
        Parameter(name="beta", low=0.05, high=1.2),
        Parameter(name="R_D", low=0.1, high=1e4),
        Parameter(name="R_N", low=0.01, high=1e4),
    ),
    form=Formula(function=_loss, linear=("E",)),
    variables=("n_params", "n_tokens", "n_tokens_unique"),
    cannot_say=(
        "What repetition costs beyond the epochs of the runs; harm from overfitting, since under "
        "it a repetition never raises the loss; R_D where few runs repeat often (on the authors' "
        "own 182 runs 15.4 is a local minimum and values from 6 to thousands fit as well); R_N "
        "unless models are larger than their unique data warrants."
    ),
    source=(
        "Muennighoff et al. 2023, equations 5 and 6, arXiv 2305.16264; form and constants as in "
        "the authors' notebook, huggingface/datablations 1370131, utils/parametric_fit.ipynb"
    ),
)  # fmt: skip

MUENNIGHOFF_C4 = {
    "E": float(np.exp(0.6254804)),
    "A": float(np.exp(6.255414)),
    "B": float(np.exp(7.3049974)),
    "alpha": 0.3526596,
    "beta": 0.3526596,
    "R_D": 15.387756,
    "R_N": 5.309743,
}
"""The C4 constants of the authors' notebook: first stage on 54 points of Hoffmann et al. with alpha
and beta tied, second stage R_D and R_N alone on 182 runs."""

PUBLISHED = (
    PublishedLaw(
        name="muennighoff-2023-c4",
        law=DATA_CONSTRAINED.name,
        form="loss",
        summary="The authors' constants of repeated data on C4.",
        params=MUENNIGHOFF_C4,
        n_params_range=(7.098752e6, 8.67e9),
        n_tokens_range=(1e8, 9e11),
        source=(
            "Muennighoff et al. 2023, arXiv 2305.16264; digits from huggingface/datablations "
            "1370131, utils/parametric_fit.ipynb, cell 30"
        ),
        notes={
            "minimum": "on the authors' 182 runs, the rest fixed, summed log-Huber is 0.0158259 "
            "here and 0.0158047 at R_D 95.4, R_N 1.71: R_D is not identified by that fit",
            "range": "sizes and tokens of the notebook's 182 runs",
        },
    ),
)
