"""Error against the amount of data kept: a power law, or an exponential.

They read ``n_kept``, the examples or tokens kept after pruning, and ``error``: no columns of the
registry, so give them with `isoflop.tables.RunTable.from_pandas`, or name others with
``using={"n_kept": "n_tokens_unique", "error": "loss"}``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from isoflop.laws import Formula, Law, Parameter, PowerSum, PowerTerm, Values

_SOURCE = (
    "Sorscher et al. 2022, arXiv 2206.14486, abstract: error falls as a power of the data, and may "
    "fall exponentially with the size of a pruned set whose pruning score is good (the paper fits "
    "no equation to it; the forms with a floor are ours)"
)
_CANNOT_SAY = (
    "What another kept fraction or pruning score would do: it is for runs of one of each, and of "
    "one model and training recipe. Which form holds beyond the largest set: a power law and an "
    "exponential part only where sizes range widely."
)


def _exponential(p: Values, v: Values) -> Any:
    return p["E"] + p["A"] * np.exp(-v["n_kept"] / p["s"])


PRUNING_POWER = Law(
    name="pruning-power",
    summary="Error falls to a floor as a power of the data kept.",
    equation="error = E + A / n_kept^p",
    parameters=(
        Parameter(name="E"),
        Parameter(name="A", unit="error x kept^p"),
        Parameter(name="p", low=0.005, high=5.0),
    ),
    form=PowerSum(
        constant="E", terms=(PowerTerm(coefficient="A", exponent="p", variable="n_kept"),)
    ),
    variables=("n_kept",),
    response="error",
    response_unit="1",
    objective="log-squares",
    cannot_say=_CANNOT_SAY,
    source=_SOURCE,
)

PRUNING_EXPONENTIAL = Law(
    name="pruning-exponential",
    summary="Error falls to a floor exponentially in the data kept.",
    equation="error = E + A exp(-n_kept / s)",
    parameters=(
        Parameter(name="E", scale="linear"),
        Parameter(name="A", scale="linear"),
        Parameter(name="s", unit="kept", low=0.05, high=50.0, of="n_kept"),
    ),
    form=Formula(function=_exponential, linear=("E", "A")),
    variables=("n_kept",),
    response="error",
    response_unit="1",
    objective="log-squares",
    cannot_say=_CANNOT_SAY,
    source=_SOURCE,
)

LAWS = (PRUNING_POWER, PRUNING_EXPONENTIAL)
