"""The law of transfer: how much data of the target a pre-trained model brings along."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from isoflop.laws import Formula, Law, Parameter, PublishedLaw, Values


def _log_transferred(p: Values, v: Values) -> Any:
    return np.log(p["k"]) + p["a"] * np.log(v["n_tokens"]) + p["b"] * np.log(v["n_params"])


TRANSFER = Law(
    name="transfer",
    summary="Data that pre-training is worth: a power law of fine-tuning data and of size.",
    equation="n_tokens_transferred = k n_tokens^a n_params^b",
    parameters=(
        Parameter(name="k", unit="token^(1 - a)", low=1e-25, high=1e25),
        Parameter(name="a", low=-np.inf, scale="linear"),
        Parameter(name="b", low=-np.inf, scale="linear"),
    ),
    form=Formula(function=_log_transferred, linear=("a", "b"), link="log"),
    variables=("n_params", "n_tokens"),
    cannot_say=(
        "Anything outside the low-data regime (fine-tuning data within 10 % of what would bring a "
        "model trained from scratch to 1 % of its floor), where pre-training can even hurt "
        "(ossification); k without its unit: the paper's are in characters."
    ),
    source=(
        "Hernandez et al. 2021, equation 1.1, arXiv 2102.01293 (read in a published summary of the "
        "paper)"
    ),
    response="n_tokens_transferred",
    response_unit="token",
    objective="log-squares",
    stages=(),
)

HERNANDEZ: Mapping[str, Mapping[str, float]] = {
    "text to Python": {"k": 1.9e4, "a": 0.18, "b": 0.38},
    "text and code to Python": {"k": 2.1e5, "a": 0.096, "b": 0.38},
}
"""Table 1 of the paper: data in characters, N without embeddings."""

LOW_DATA = 0.1
"""Largest share of D(N) that is the low-data regime; Hernandez et al. 2021, section 1.1. [1]"""

NEAR_FLOOR = 0.99
"""D(N): the floor of a size is this share of its loss there; section 3.1, footnote 7. [1]"""

PUBLISHED = tuple(
    PublishedLaw(
        name=name,
        law=TRANSFER.name,
        form="loss",
        summary=f"The authors' constants, {what}.",
        params=HERNANDEZ[what],
        counts="n_params_nonembedding",
        source="Hernandez et al. 2021, table 1, arXiv 2102.01293",
        notes={
            "unit": "D_F and D_T in characters, not tokens, so that k is in characters^(1 - a)",
            "mark": "read in a summary of the paper",
        },
    )
    for name, what in (
        ("hernandez-2021-text", "text to Python"),
        ("hernandez-2021-text-code", "text and code to Python"),
    )
)
