"""The law of shape: what depth and width do beside size, upstream and downstream.

The downstream law reads the column ``downstream``, a score that is no column of the registry: give
it with `isoflop.tables.RunTable.from_pandas`, or name another with
``using={"downstream": "superglue"}``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from isoflop.laws import Formula, Law, Parameter, Values

_SOURCE = (
    "Tay et al. 2021, arXiv 2109.10686, abstract and figure 1 (upstream loss follows size whatever "
    "the shape, the downstream score does not; no equation is given there: log-linear in size and "
    "aspect ratio is ours, the aspect ratio as in Kaplan et al. 2020, arXiv 2001.08361, figure 5, "
    "from memory of the paper)"
)
_CANNOT_SAY = (
    "Where depth stops to pay (Tay et al. find gains to fade at 32 to 36 layers): one slope stands "
    "for all shapes. Nothing of heads, feed-forward width or speed on hardware, where deep models "
    "wait longer. Without runs of one size and several shapes the slope rests on the power law in "
    "size alone."
)
_DEPTH = -1.5
"""log(d_model / n_layers) per log(n_layers) at equal N, for N of n_layers x d_model^2. [1]"""


def _slopes(tokens: bool) -> Callable[[Values, Values], Any]:
    def value(p: Values, v: Values) -> Any:
        aspect = np.log(v["d_model"]) - np.log(v["n_layers"])
        out = p["c"] + p["a_N"] * np.log(v["n_params_nonembedding"]) + p["a_shape"] * aspect
        return out + p["a_D"] * np.log(v["n_tokens"]) if tokens else out

    return value


def log_depth_effect(a_shape: Any) -> Any:
    """Return what twice the depth at equal N adds to log loss, or to the score. [1].

    With N of n_layers x d_model^2, twice the layers at equal N divide d_model by sqrt 2 and so
    the aspect ratio by 2^1.5.
    """
    return _DEPTH * np.log(2.0) * a_shape


def depth_worth(a_shape: Any, a_N: Any) -> Any:
    """Return the factor in N that twice the depth at equal N is worth; below 1 where it harms. [1].

    Solves a_N log(factor) = what the depth adds; NaN or infinite where size has no effect.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.exp(log_depth_effect(a_shape) / np.asarray(a_N))


def _shape_law(*, tokens: bool, response: Literal["loss", "downstream"]) -> Law:
    names = ("c", "a_N", "a_shape", "a_D") if tokens else ("c", "a_N", "a_shape")
    upstream = response == "loss"
    variables = ("n_params_nonembedding", "d_model", "n_layers")
    left = "log loss" if upstream else "downstream"
    return Law(
        name=f"shape{'' if upstream else '-downstream'}{'-tokens' if tokens else ''}",
        summary=(
            f"{'Loss' if upstream else 'A downstream score'} by size"
            f"{', tokens' if tokens else ''} and aspect ratio d_model / n_layers."
        ),
        equation=(
            f"{left} = c + a_N log n_params_nonembedding + a_shape log(d_model / n_layers)"
            f"{' + a_D log n_tokens' if tokens else ''}"
        ),
        parameters=tuple(Parameter(name=name, low=-np.inf, scale="linear") for name in names),
        form=Formula(
            function=_slopes(tokens), linear=names, link="log" if upstream else "identity"
        ),
        variables=(*variables, "n_tokens") if tokens else variables,
        response=response,
        response_unit="nat/token" if upstream else "1",
        objective="log-huber" if upstream else "squares",
        cannot_say=_CANNOT_SAY
        + ("" if tokens else " It is for runs of one training length.")
        + ("" if upstream else " A score is bounded, and the law is not."),
        source=_SOURCE,
    )


SHAPE = _shape_law(tokens=False, response="loss")
SHAPE_TOKENS = _shape_law(tokens=True, response="loss")
SHAPE_DOWNSTREAM = _shape_law(tokens=False, response="downstream")
SHAPE_DOWNSTREAM_TOKENS = _shape_law(tokens=True, response="downstream")

LAWS = (SHAPE, SHAPE_TOKENS, SHAPE_DOWNSTREAM, SHAPE_DOWNSTREAM_TOKENS)
