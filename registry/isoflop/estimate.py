"""A number with its interval: no estimate leaves isoflop bare."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_ENDS = ("value", "low", "high")
_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value with the interval that holds it at a stated level.

    Parameters
    ----------
    value : float
        Point estimate, in the unit of the quantity.
    low, high : float
        Ends of the interval; NaN where none could be computed.
    level : float
        Coverage the interval aims at, for example 0.95. [1]

    Examples
    --------
    >>> Estimate(value=0.3473, low=0.3168, high=0.3733, level=0.95)
    0.347 [0.317, 0.373]
    """

    value: float
    low: float
    high: float
    level: float = 0.95

    def __float__(self) -> float:
        return float(self.value)

    def __repr__(self) -> str:
        return format_interval(self.value, self.low, self.high)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimates:
    """Values with intervals, elementwise.

    Parameters
    ----------
    value, low, high : NDArray, one common shape
        Point estimates and interval ends, in the unit of the quantity.
    level : float
        Coverage the intervals aim at. [1]
    """

    value: NDArray[Any]
    low: NDArray[Any]
    high: NDArray[Any]
    level: float = 0.95

    def __len__(self) -> int:
        return int(self.value.size)

    def __getitem__(self, index: int) -> Estimate:
        value, low, high = (a.reshape(-1)[index] for a in (self.value, self.low, self.high))
        return Estimate(value=float(value), low=float(low), high=float(high), level=self.level)

    def __iter__(self) -> Iterator[Estimate]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        shown = [repr(self[i]) for i in range(min(len(self), _SHOWN))]
        more = [f"and {len(self) - _SHOWN:,} more"] if len(self) > _SHOWN else []
        return "[" + ", ".join([*shown, *more]) + "]"


def as_estimate(entry: Mapping[str, Any] | Sequence[Any], *, level: float = math.nan) -> Estimate:
    """Return an estimate from its plain form; a number that is missing or None becomes NaN.

    Parameters
    ----------
    entry : mapping or sequence
        ``value``, ``low``, ``high`` and perhaps ``level`` by name, or the first three in order.
    level : float
        Level where the entry names none. [1]

    Examples
    --------
    >>> as_estimate([0.35, 0.32, None], level=0.9)
    0.35 [0.32, ?]
    """
    named = entry if isinstance(entry, Mapping) else dict(zip(_ENDS, entry, strict=False))
    told = {end: named.get(end) for end in _ENDS} | {"level": named.get("level", level)}
    return Estimate(**{end: math.nan if x is None else float(x) for end, x in told.items()})


def format_interval(value: float, low: float, high: float) -> str:
    """Return ``value [low, high]`` with as many digits as the interval supports.

    A missing end is a question mark, never hidden, and an open one is infinite.

    Examples
    --------
    >>> format_interval(477.8259, 286.09, 743.61)
    '480 [290, 740]'
    >>> format_interval(28.0, 6.5, math.inf), format_interval(28.0, math.nan, math.nan)
    ('28 [6.5, inf]', '28 [?, ?]')
    """
    if math.isnan(low) or math.isnan(high):
        return f"{_short(value, 4)} [{_short(low, 2)}, {_short(high, 2)}]"
    if math.isinf(low) or math.isinf(high):
        return f"{_short(value, 3)} [{_short(low, 2)}, {_short(high, 2)}]"
    half = high / 2 - low / 2
    if not math.isfinite(value) or half <= 0:
        return f"{_short(value, 4)} [{_short(low, 4)}, {_short(high, 4)}]"
    decimals = 1 - math.floor(math.log10(half))
    if low > 0 and high > 30 * low:
        # Digits fit for the high end would round the low one away: 6.5 to 10,000.
        return f"{_short(value, 2)} [{_short(low, 2)}, {_short(high, 2)}]"
    if max(abs(value), abs(low), abs(high)) >= 1e6 or decimals > 6:
        gap = math.log10(abs(value)) - math.log10(half) if value else 0.0
        digits = min(max(2, 2 + math.floor(gap)), 15)
        return f"{_short(value, digits)} [{_short(low, digits)}, {_short(high, digits)}]"
    rounded = (round(x, decimals) for x in (value, low, high))
    value_text, low_text, high_text = (f"{x:.{max(decimals, 0)}f}" for x in rounded)
    return f"{value_text} [{low_text}, {high_text}]"


def _short(value: float, digits: int) -> str:
    """Return a number with so many digits, powers of ten as the field writes them: 5.1e20."""
    if math.isnan(value):
        return "?"
    mantissa, power, exponent = f"{value:.{digits}g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if power else mantissa
