"""Four shapes of one learning curve: a power law, with a floor, with a ceiling, and with both."""

from __future__ import annotations

from typing import Any

import numpy as np

from isoflop.laws import Formula, Law, Parameter, PowerSum, PowerTerm, Values
from isoflop_plugins.laws.capped_form import capped_form
from isoflop_plugins.laws.column_units import unit_of

_SOURCE = (
    "Alabdulmohsin et al. 2022, Revisiting Neural Scaling Laws in Language and Vision, "
    "arXiv 2209.06640; forms as in google-research/revisiting_neural_scaling_laws"
)
_NO_BREAK = "Where the slope changes for another reason; double descent; what comes after the data."


def power_law(*, x: str = "flops_6nd", y: str = "loss") -> Law:
    """Return M1, y = A x^-c."""
    return Law(
        name="m1-power",
        summary="One power law, falling to zero.",
        equation=f"{y} = A {x}^-c",
        parameters=(
            Parameter(name="A", unit=f"{y} x {x}^c"),
            Parameter(name="c", low=1e-4, high=5.0),
        ),
        form=PowerSum(terms=(PowerTerm(coefficient="A", exponent="c", variable=x),)),
        variables=(x,),
        response=y,
        response_unit=unit_of(y),
        objective="log-squares",
        cannot_say=f"Any floor. {_NO_BREAK}",
        source=_SOURCE,
    )


def power_law_to_floor(*, x: str = "flops_6nd", y: str = "loss") -> Law:
    """Return M2, y = E + A x^-c; the broken neural scaling law without a break."""
    return Law(
        name="m2-floor",
        summary="A power law that falls to a floor.",
        equation=f"{y} = E + A {x}^-c",
        parameters=(
            Parameter(name="E", unit=unit_of(y)),
            Parameter(name="A", unit=f"{y} x {x}^c"),
            Parameter(name="c", low=1e-3, high=5.0),
        ),
        form=PowerSum(constant="E", terms=(PowerTerm(coefficient="A", exponent="c", variable=x),)),
        variables=(x,),
        response=y,
        response_unit=unit_of(y),
        objective="log-squares",
        cannot_say=_NO_BREAK,
        source=_SOURCE,
    )


def saturating_power_law(*, x: str = "flops_6nd", y: str = "loss") -> Law:
    """Return M3, y = A (1/x + 1/x_s)^c: a power law that levels off at x_s.

    Notes
    -----
    The paper writes gamma for 1/x_s; x_s is in the unit of x, so that its box follows the data.
    """

    def form(p: Values, v: Values) -> Any:
        return p["A"] * np.exp(-p["c"] * (np.log(v[x]) - np.log1p(v[x] / p["x_s"])))

    return Law(
        name="m3-saturating",
        summary="A power law that levels off, at a place and not at a value.",
        equation=f"{y} = A (1/{x} + 1/x_s)^c",
        parameters=(
            Parameter(name="A", unit=f"{y} x {x}^c", scale="linear", power_of={x: "c"}),
            Parameter(name="c", low=1e-3, high=10.0),
            Parameter(name="x_s", unit=unit_of(x), low=0.1, high=1e4, of=x),
        ),
        form=Formula(function=form, linear=("A",)),
        variables=(x,),
        response=y,
        response_unit=unit_of(y),
        objective="log-squares",
        cannot_say=f"The floor apart from the slope: y ends at A x_s^-c. {_NO_BREAK}",
        source=_SOURCE,
    )


def capped_power_law(*, x: str = "flops_6nd", y: str = "loss") -> Law:
    """Return M4, (y - E) / (eps_0 - y)^alpha = A x^-c: from a ceiling over a power law to a floor.

    Notes
    -----
    The law is linear in E and eps_0 when it is written with a size in place of the coefficient:
    A = (eps_0 - E)^(1 - alpha) k^c. k is where y leaves the ceiling, in the unit of x.
    `isoflop_plugins.laws.capped_form` has the solution.
    """
    return Law(
        name="m4-capped",
        summary="A sigmoid: a ceiling at small scale, a power law, a floor at large scale.",
        equation=f"(({y} - E)/(eps_0 - E)) / ((eps_0 - {y})/(eps_0 - E))^alpha = (k/{x})^c",
        parameters=(
            Parameter(name="E", unit=unit_of(y), scale="linear"),
            Parameter(name="eps_0", unit=unit_of(y), scale="linear"),
            Parameter(name="alpha", low=0.05, high=5.0),
            Parameter(name="k", unit=unit_of(x), low=1e-2, high=1e2, of=x),
            Parameter(name="c", low=1e-2, high=10.0),
        ),
        form=Formula(function=capped_form(x), linear=("E", "eps_0")),
        variables=(x,),
        response=y,
        response_unit=unit_of(y),
        objective="log-squares",
        cannot_say=(
            "The ceiling, alpha and k apart where the data begin below the ceiling: only "
            f"(eps_0 - E) k^c shows there. {_NO_BREAK}"
        ),
        source=_SOURCE,
    )


M1, M2, M3, M4 = power_law(), power_law_to_floor(), saturating_power_law(), capped_power_law()
