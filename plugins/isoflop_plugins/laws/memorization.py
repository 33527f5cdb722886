"""The law of memorization: the extractable fraction grows with logarithms.

It reads ``repetitions``, ``context`` and ``fraction_extractable``: no columns of the registry, so
give them with `isoflop.tables.RunTable.from_pandas`, one measurement a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from isoflop.laws import Formula, Law, Parameter, Values

SLOPES: Mapping[str, str] = {"n_params": "a", "repetitions": "b", "context": "d"}
"""Parameter of each variable: what ten times as much adds to the extractable fraction. [1]"""

_SOURCE = (
    "Carlini et al. 2022, arXiv 2202.07646, abstract and section 4: three log-linear relations "
    "(the paper fits them one by one; their sum in one form is ours)"
)


def memorization_law(variables: Sequence[str]) -> Law:
    """Return the law of some of model size, repetitions and context.

    Parameters
    ----------
    variables : sequence of str
        Keys of `SLOPES`: those that vary over the runs, at least one.
    """
    known = tuple(name for name in SLOPES if name in variables)

    def fraction(p: Values, v: Values) -> Any:
        total: Any = p["c"]
        for name in known:
            total = total + p[SLOPES[name]] * np.log(v[name]) / np.log(10.0)
        return total

    names = ("c", *(SLOPES[name] for name in known))
    part = "" if len(known) == len(SLOPES) else f"-{'-'.join(known).replace('_', '-')}"
    return Law(
        name=f"memorization{part}",
        summary=f"Extractable fraction, linear in the logarithm of {' and '.join(known)}.",
        equation="fraction_extractable = c"
        + "".join(f" + {SLOPES[name]} log10 {name}" for name in known),
        parameters=tuple(Parameter(name=name, low=-np.inf, scale="linear") for name in names),
        form=Formula(function=fraction, linear=names),
        variables=known,
        response="fraction_extractable",
        response_unit="1",
        objective="squares",
        stages=(),
        cannot_say=(
            "A fraction: the form leaves 0 to 1 at small and at large sizes. How much of the whole "
            "training set is memorized, where the sequences were chosen by how often they repeat; "
            "whether the effects add up, or one grows with another; anything of other data."
        ),
        source=_SOURCE,
    )


MEMORIZATION = memorization_law(tuple(SLOPES))

CARLINI: Mapping[str, float] = {
    "n_params": 0.19,
    "context": float((0.65 - 0.33) / np.log10(450 / 50)),
}
"""What ten times as much adds on GPT-Neo, 125 M to 6 B parameters, the Pile. [1]

Model size: section 4.1, "a ten fold increase in model size corresponds to an increase in
memorization of 19 percentage points" (R^2 99.8 %). Context: from the two values of section 4.3,
33 % extractable with 50 tokens and 65 % with 450, of the 6 B model. For repetitions the text prints
no slope. Read in published excerpts of version 3."""

LAWS = (
    MEMORIZATION,
    *(memorization_law((name,)) for name in SLOPES),
    memorization_law(("n_params", "repetitions")),
    memorization_law(("n_params", "context")),
    memorization_law(("repetitions", "context")),
)
