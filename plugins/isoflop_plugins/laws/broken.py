"""Broken neural scaling laws: power laws whose slope changes at breaks."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from isoflop.laws import Formula, Law, Parameter, Values
from isoflop_plugins.laws.column_units import unit_of

_SOURCE = (
    "Caballero et al. 2023, Broken Neural Scaling Laws, arXiv 2210.14891; with one break as in "
    "ethancaballero/broken_neural_scaling_laws, with more (from memory of the paper)"
)


class _Box(NamedTuple):
    """Where the parameters are sought."""

    first_slope: tuple[float, float]
    change: tuple[float, float]
    width: tuple[float, float]


_WIDE = _Box((-3.0, 5.0), (-10.0, 10.0), (0.02, 3.0))
_NARROW = _Box((-1.5, 2.0), (-3.0, 3.0), (0.03, 1.5))
"""For more than one break: in the wide box most starts are so wild that the best is not found."""
_GAP = (1.5, 1e3)


def broken_power_law(n_breaks: int, *, x: str = "flops_6nd", y: str = "loss") -> Law:
    """Return the broken neural scaling law of one column with so many breaks.

    Parameters
    ----------
    n_breaks : int
        1 to 3. None is the power law plus constant, `isoflop_plugins.laws.shifted.M2`.
    x : str
        Column that the curve runs along, positive.
    y : str
        Column it predicts, positive and at least the constant a.

    Raises
    ------
    ValueError
        `n_breaks` is not 1, 2 or 3.

    Notes
    -----
    y = a + b x^-c0 prod_i (1 + (x / d_i)^(1 / f_i))^(-c_i f_i). On log axes, less a, the slope is
    -c0 before the first break and falls by c_i over break i at d_i, which is f_i natural
    logarithms wide; f_i near 0 is a corner. Slopes have either sign: c0 > 0 > c0 + c1 is U-shaped,
    c0 < 0 inverse, and three breaks of alternating sign are double descent.

    The first break is not sought beyond the data, where a slope could be anything.

    Breaks would fit as well in any order, so each is placed after the one before:
    d_i = d_(i-1) gap_i with gap_i > 1, and no draw of a bootstrap can swap them.
    """
    if n_breaks not in (1, 2, 3):
        raise ValueError(
            f"n_breaks must be 1, 2 or 3, got {n_breaks!r}; M2 is the law without one."
        )
    numbers = range(1, n_breaks + 1)
    box = _WIDE if n_breaks == 1 else _NARROW
    return Law(
        name=f"broken-{n_breaks}",
        summary=(
            "A power law plus constant whose exponent changes at "
            f"{n_breaks} break{'s' if n_breaks > 1 else ''}; may rise and fall."
        ),
        equation=(
            f"{y} = a + b {x}^-c0 "
            + " ".join(f"(1 + ({x}/d{i})^(1/f{i}))^(-c{i} f{i})" for i in numbers)
            + "".join(f", d{i} = d{i - 1} gap{i}" for i in numbers if i > 1)
        ),
        parameters=(
            Parameter(name="a", unit=unit_of(y), scale="linear"),
            Parameter(name="b", unit=f"{y} x {x}^c0", scale="linear", power_of={x: "c0"}),
            Parameter(name="c0", low=box.first_slope[0], high=box.first_slope[1], scale="linear"),
            *(parameter for i in numbers for parameter in _break(i, x, box)),
        ),
        form=Formula(function=_form(n_breaks, x), linear=("a", "b")),
        variables=(x,),
        response=y,
        response_unit=unit_of(y),
        objective="log-squares",
        cannot_say=(
            "Breaks beyond the data: none of them shows before it begins. With few points on one "
            "side of a break its sharpness and the slope on that side are open."
        ),
        source=_SOURCE,
    )


def _break(i: int, x: str, box: _Box) -> tuple[Parameter, Parameter, Parameter]:
    """Return change of slope, place and width of one break."""
    place = (
        Parameter(name="d1", unit=unit_of(x), low=0.5, high=1.0, of=x)
        if i == 1
        else Parameter(name=f"gap{i}", low=_GAP[0], high=_GAP[1])
    )
    return (
        Parameter(name=f"c{i}", low=box.change[0], high=box.change[1], scale="linear"),
        place,
        Parameter(name=f"f{i}", low=box.width[0], high=box.width[1]),
    )


def _form(n_breaks: int, x: str) -> Any:
    """Return the function of parameters and variables, in logarithms so as not to overflow."""

    def form(p: Values, v: Values) -> Any:
        size = np.log(v[x])
        power = -p["c0"] * size
        place = 0.0
        for i in range(1, n_breaks + 1):
            place = place + np.log(p["d1"] if i == 1 else p[f"gap{i}"])
            width = p[f"f{i}"]
            power = power - p[f"c{i}"] * width * np.logaddexp((size - place) / width, 0.0)
        return p["a"] + p["b"] * np.exp(power)

    return form


BROKEN_1, BROKEN_2, BROKEN_3 = (broken_power_law(n) for n in (1, 2, 3))
