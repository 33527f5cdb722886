"""The laws of Kaplan et al. 2020: loss against size, data, compute and steps; critical batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from isoflop.laws import Formula, Law, Parameter, PowerSum, PowerTerm, PublishedLaw, Values

PAPER = "Kaplan et al. 2020, arXiv 2001.08361"
PF_DAY = 8.64e19
"""One petaflop/s sustained for a day, Kaplan et al. 2020, section 1.3. [FLOP]"""
_NO_FLOOR = "The form has no irreducible loss: it falls to 0, which no text allows. "
_LOW, _HIGH = 0.005, 2.5


def power_law(*, name: str, symbol: str, variable: str, unit: str, equation: str, when: str) -> Law:
    """Return the law L(x) = (x_c / x)^alpha_x of one variable.

    Parameters
    ----------
    name : str
        Name of the law.
    symbol : str
        x as the paper writes it: ``"N"`` gives the parameters ``N_c`` and ``alpha_N``.
    variable, unit : str
        Column x and its unit.
    equation : str
        Number of the paper's equation.
    when : str
        The condition under which the paper states it.
    """
    scale, exponent = f"{symbol}_c", f"alpha_{symbol}"
    return Law(
        name=name,
        summary=f"Loss falls as a power of {variable}, where nothing else holds it back.",
        equation=f"loss = ({scale} / {variable})^{exponent}",
        parameters=(
            Parameter(name=scale, unit=unit),
            Parameter(name=exponent, low=_LOW, high=_HIGH),
        ),
        form=PowerSum(
            terms=(
                PowerTerm(coefficient=scale, exponent=exponent, variable=variable, is_scale=True),
            )
        ),
        variables=(variable,),
        cannot_say=f"{_NO_FLOOR}It is for {when}. The scale depends on the tokenizer.",
        source=f"{PAPER}, equation {equation}",
    )


KAPLAN_N = power_law(
    name="kaplan-n", symbol="N", variable="n_params_nonembedding", unit="1", equation="1.1",
    when="models trained to convergence on data enough",
)  # fmt: skip
KAPLAN_D = power_law(
    name="kaplan-d", symbol="D", variable="n_tokens", unit="token", equation="1.2",
    when="large models on limited data, stopped early",
)  # fmt: skip
KAPLAN_C = power_law(
    name="kaplan-c", symbol="C", variable="flops", unit="FLOP", equation="3.3",
    when="the best size at each compute, at one batch size",
)  # fmt: skip
KAPLAN_C_MIN = power_law(
    name="kaplan-c-min", symbol="C_min", variable="flops_min", unit="FLOP", equation="1.3",
    when="the best size at each compute, the compute counted as at a small batch (`minimal_flops`)",
)  # fmt: skip


def _bracket(p: Values, v: Values) -> Any:
    """Return alpha_D log[(N_c / N)^(alpha_N / alpha_D) + D_c / D]."""
    size = p["alpha_N"] / p["alpha_D"] * (np.log(p["N_c"]) - np.log(v["n_params"]))
    return p["alpha_D"] * np.logaddexp(size, np.log(p["D_c"]) - np.log(v["n_tokens"]))


def _two_term(p: Values) -> Values:
    """Return the two-term law inside the power, which does not move the optimum."""
    ratio = p["alpha_N"] / p["alpha_D"]
    with np.errstate(over="ignore"):  # draws of parameters that the runs do not hold
        a = np.power(p["N_c"], ratio)
    inner = {"A": a, "alpha": ratio, "B": p["D_c"], "beta": 1.0}
    return {"E": p.get("L_inf", 0.0), **inner, "power": p["alpha_D"]}


_JOINT = (
    Parameter(name="N_c", unit="1", low=1.0, high=1e12, of="n_params"),
    Parameter(name="D_c", unit="token", low=1.0, high=1e12, of="n_tokens"),
    Parameter(name="alpha_N", low=_LOW, high=_HIGH),
    Parameter(name="alpha_D", low=_LOW, high=_HIGH),
)

KAPLAN_ND = Law(
    name="kaplan-nd",
    summary="Loss by size and data together: how much data a size needs not to overfit.",
    equation="loss = [(N_c / n_params)^(alpha_N / alpha_D) + D_c / n_tokens]^alpha_D",
    parameters=_JOINT,
    form=Formula(function=_bracket, link="log"),
    variables=("n_params", "n_tokens"),
    cannot_say=(
        f"{_NO_FLOOR}N is without embeddings in the paper: fit it with using={{'n_params': "
        "'n_params_nonembedding'}. Its optimum counts no batch: the paper's own allocation comes "
        "from L(N, S)."
    ),
    source=f"{PAPER}, equations 1.5 and 4.1",
    two_term=_two_term,
)

KAPLAN_ND_CONSTANT = Law(
    name="kaplan-nd-constant",
    summary="Kaplan's law of size and data with an irreducible loss added.",
    equation="loss = L_inf + [(N_c / n_params)^(alpha_N / alpha_D) + D_c / n_tokens]^alpha_D",
    parameters=(Parameter(name="L_inf", unit="nat/token", scale="linear"), *_JOINT),
    form=Formula(
        function=lambda p, v: p["L_inf"] + np.exp(_bracket(p, v)),
        linear=("L_inf",),
    ),
    variables=("n_params", "n_tokens"),
    cannot_say="Whether the floor is the entropy of the data or of the form.",
    source=f"{PAPER}, equation 1.5, with the constant of Henighan et al. 2020, arXiv 2010.14701",
    two_term=_two_term,
)


def _size_and_steps(*, constant: str) -> PowerSum:
    return PowerSum(
        constant=constant,
        terms=(
            PowerTerm(
                coefficient="N_c",
                exponent="alpha_N",
                variable="n_params_nonembedding",
                is_scale=True,
            ),
            PowerTerm(coefficient="S_c", exponent="alpha_S", variable="n_steps_min", is_scale=True),
        ),
    )


_STEPS = (
    Parameter(name="N_c", unit="1"),
    Parameter(name="S_c", unit="step"),
    Parameter(name="alpha_N", low=_LOW, high=_HIGH),
    Parameter(name="alpha_S", low=_LOW, high=_HIGH),
)
_STEPS_SAY = (
    "Steps are counted as at a large batch (`minimal_steps`), and data are endless. It was stated "
    "for points of learning curves past warmup; runs of their own length have a decayed learning "
    "rate and lie below."
)

KAPLAN_NS = Law(
    name="kaplan-ns",
    summary="Loss by size and steps: learning curves with endless data.",
    equation="loss = (N_c / n_params_nonembedding)^alpha_N + (S_c / n_steps_min)^alpha_S",
    parameters=_STEPS,
    form=_size_and_steps(constant=""),
    variables=("n_params_nonembedding", "n_steps_min"),
    cannot_say=f"{_NO_FLOOR}{_STEPS_SAY}",
    source=f"{PAPER}, equations 1.6 and 5.6",
)

KAPLAN_NS_CONSTANT = Law(
    name="kaplan-ns-constant",
    summary="Kaplan's law of size and steps with an irreducible loss added.",
    equation=("loss = L_inf + (N_c / n_params_nonembedding)^alpha_N + (S_c / n_steps_min)^alpha_S"),
    parameters=(Parameter(name="L_inf", unit="nat/token"), *_STEPS),
    form=_size_and_steps(constant="L_inf"),
    variables=("n_params_nonembedding", "n_steps_min"),
    cannot_say=_STEPS_SAY,
    source=f"{PAPER}, equation 1.6, with the constant of Henighan et al. 2020, arXiv 2010.14701",
)

CRITICAL_BATCH = Law(
    name="kaplan-critical-batch",
    summary="The batch beyond which more tokens a step save few steps grows as the loss falls.",
    equation="critical_batch_tokens = B_star / loss^(1 / alpha_B)",
    parameters=(
        Parameter(name="B_star", unit="token", scale="linear"),
        Parameter(name="alpha_B", low=0.02, high=5.0),
    ),
    form=Formula(
        function=lambda p, v: p["B_star"] * np.exp(-np.log(v["loss"]) / p["alpha_B"]),
        linear=("B_star",),
    ),
    variables=("loss",),
    response="critical_batch_tokens",
    response_unit="token",
    cannot_say=(
        "It needs a measured critical batch (column critical_batch_tokens: gradient noise scale, "
        "or the batch at which twice the least steps are needed). The form diverges at a loss of "
        "0, not at the entropy of the data."
    ),
    source=f"{PAPER}, equations 1.4 and 5.3; McCandlish et al. 2018, arXiv 1812.06162",
)


def _published(law: Law, what: str, params: dict[str, float], table: str) -> PublishedLaw:
    return PublishedLaw(
        name=law.name.replace("kaplan-", "kaplan-2020-"),
        law=law.name,
        form="loss",
        summary=f"Kaplan's own constants of {what}.",
        params=params,
        n_params_range=(768, 1.5e9),
        n_tokens_range=(2.2e7, 2.3e10),
        counts="n_params_nonembedding",
        source=f"{PAPER}, {table}",
        notes={"digits": "two, as printed; the scales are far outside the runs and hold for the "
               "paper's tokenizer alone"},
    )  # fmt: skip


PUBLISHED = (
    _published(KAPLAN_N, "L(N)", {"N_c": 8.8e13, "alpha_N": 0.076}, "equation 1.1, table 5"),
    _published(KAPLAN_D, "L(D)", {"D_c": 5.4e13, "alpha_D": 0.095}, "equation 1.2, table 5"),
    _published(
        KAPLAN_C, "L(C) at one batch size", {"C_c": 1.6e7 * PF_DAY, "alpha_C": 0.057}, "table 5"
    ),
    _published(
        KAPLAN_C_MIN,
        "L(C_min)",
        {"C_min_c": 3.1e8 * PF_DAY, "alpha_C_min": 0.050},
        "equation 1.3, table 5",
    ),
    _published(
        KAPLAN_ND,
        "L(N, D)",
        {"N_c": 6.4e13, "D_c": 1.8e13, "alpha_N": 0.076, "alpha_D": 0.103},
        "equation 1.5, table 2",
    ),
    _published(
        KAPLAN_NS,
        "L(N, S)",
        {"N_c": 6.5e13, "S_c": 2.1e3, "alpha_N": 0.077, "alpha_S": 0.76},
        "equation 1.6, table 3",
    ),
    _published(
        CRITICAL_BATCH,
        "the critical batch",
        {"B_star": 2.1e8, "alpha_B": 0.21},
        "table 5 (equation 5.3 rounds B_* to 2e8)",
    ),
)

LAWS = (
    KAPLAN_N,
    KAPLAN_D,
    KAPLAN_C,
    KAPLAN_C_MIN,
    KAPLAN_ND,
    KAPLAN_ND_CONSTANT,
    KAPLAN_NS,
    KAPLAN_NS_CONSTANT,
    CRITICAL_BATCH,
    *PUBLISHED,
)
