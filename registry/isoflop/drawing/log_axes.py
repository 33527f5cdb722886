"""Log axes of all figures: they hug the data, with ticks at decades as 10²¹."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import altair as alt
    from numpy.typing import ArrayLike

_MARGIN = 0.015
_MOST_TICKS = 8
_FEW_DIGITS = 0.6
"""Decades under which even ticks stand in for those at 1, 2 and 5. [decade]"""
_DIGITS = 1.5
"""Decades under which ticks at 1, 2 and 5 stand in for decades alone. [decade]"""


def log_scale(values: ArrayLike, *, reverse: bool = False) -> alt.Scale:
    """Return a log scale from just below the smallest to just above the largest value."""
    import altair as alt

    low, high = _span(values)
    return alt.Scale(type="log", domain=[10**low, 10**high], nice=False, reverse=reverse)


def decade_axis(values: ArrayLike, **settings: Any) -> alt.Axis:
    """Return an axis with ticks at decades as 10²¹; at 2 and 5 too where decades are few.

    Parameters
    ----------
    values : ArrayLike
        Positive values the axis has to hold.
    **settings
        Further settings of `altair.Axis`.
    """
    import altair as alt

    low, high = _span(values)
    if high - low < _FEW_DIGITS:
        return alt.Axis(values=_even_ticks(10**low, 10**high), format=".4~g", **settings)
    if high - low < _DIGITS:
        decades = range(math.floor(low), math.ceil(high) + 1)
        ticks = [m * 10.0**k for k in decades for m in (1, 2, 5)]
        return alt.Axis(values=ticks, format=".2~g" if high < 4 else ".0e", **settings)
    exponents = range(math.ceil(low), math.floor(high) + 1)
    step = max(1, math.ceil(len(exponents) / _MOST_TICKS))
    ticks = [10.0**k for k in exponents[::step]]
    return alt.Axis(values=ticks, labelExpr=power_of_ten("datum.value"), **settings)


def _even_ticks(low: float, high: float) -> list[float]:
    """Return four to eight round values in a range, evenly apart."""
    step = 10.0 ** math.floor(math.log10((high - low) / 2))
    while (high - low) / step > _MOST_TICKS:
        step *= 2.0 if round(step / 10.0 ** math.floor(math.log10(step) + 1e-9)) != 2 else 2.5
    first, last = math.ceil(low / step), math.floor(high / step)
    return [float(f"{k * step:.12g}") for k in range(first, last + 1)]


def power_of_ten(value: str) -> str:
    """Return the Vega expression that writes a power of ten as 10²¹."""
    exponent = f"format(round(log({value}) / LN10), 'd')"
    for digit, raised in zip("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹", strict=True):
        exponent = f"replace({exponent}, /{digit}/g, '{raised}')"
    return f"'10' + replace({exponent}, /[-\\u2212]/, '⁻')"


def _span(values: ArrayLike) -> tuple[float, float]:
    every = np.log10(np.asarray(values, dtype=np.float64))
    low, high = float(np.nanmin(every)), float(np.nanmax(every))
    margin = 0.04 + _MARGIN * (high - low)
    return low - margin, high + margin
