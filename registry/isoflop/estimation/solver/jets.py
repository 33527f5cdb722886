"""Numbers that carry their first and second derivatives: exact Hessians of any formula.

A jet is a value with its derivatives by the parameters it depends on, arrays that broadcast
together. What does not depend on a parameter holds nothing for it, so a constant costs nothing and
a term that knows no data stays as small as the parameters.

References
----------
Griewank, Walther 2008, Evaluating Derivatives, 2nd edition, chapters 3 and 13.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = Any  # an array or a number: jets do not look inside
Pair = tuple[int, int]


class Jet:
    """A value with derivatives by numbered parameters.

    Parameters
    ----------
    value : NDArray
        The value.
    first : dict of int to NDArray
        First derivatives; a parameter that is missing has none.
    second : dict of (int, int) to NDArray
        Second derivatives, the smaller number first.
    """

    __slots__ = ("first", "second", "value")

    def __init__(self, value: Array, first: dict[int, Array], second: dict[Pair, Array]) -> None:
        self.value, self.first, self.second = value, first, second

    def __add__(self, other: Any) -> Jet:
        if not isinstance(other, Jet):
            return Jet(self.value + other, self.first, self.second)
        return Jet(
            self.value + other.value,
            _merged(self.first, other.first),
            _merged(self.second, other.second),
        )

    __radd__ = __add__

    def __neg__(self) -> Jet:
        return self * -1.0

    def __sub__(self, other: Any) -> Jet:
        return self.__add__(-other)

    def __rsub__(self, other: Any) -> Jet:
        return (-self).__add__(other)

    def __mul__(self, other: Any) -> Jet:
        if not isinstance(other, Jet):
            return Jet(self.value * other, _scaled(self.first, other), _scaled(self.second, other))
        a, b = self, other
        first = _merged(_scaled(a.first, b.value), _scaled(b.first, a.value))
        second = _merged(_scaled(a.second, b.value), _scaled(b.second, a.value))
        for i, slope in a.first.items():
            for j, other_slope in b.first.items():
                cross = slope * other_slope
                key = (i, j) if i <= j else (j, i)
                cross = 2.0 * cross if i == j else cross
                second[key] = second[key] + cross if key in second else cross
        return Jet(a.value * b.value, first, second)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Jet:
        return self * _power(other, -1.0) if isinstance(other, Jet) else self * (1.0 / other)

    def __rtruediv__(self, other: Any) -> Jet:
        return _power(self, -1.0).__mul__(other)

    def __pow__(self, other: Any) -> Jet:
        return _power(self, other)

    def __rpow__(self, other: Any) -> Jet:
        return _exp(self * np.log(other))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs or ufunc not in _FUNCTIONS:
            return NotImplemented
        return _FUNCTIONS[ufunc](*inputs)

    def chained(self, value: Array, slope: Array, curvature: Array) -> Jet:
        """Return f of this jet, given f, f' and f'' at its value."""
        first = _scaled(self.first, slope)
        second = _scaled(self.second, slope)
        items = list(self.first.items())
        for place, (i, own) in enumerate(items):
            bent = curvature * own
            for j, other in items[place:]:
                key = (i, j) if i <= j else (j, i)
                bend = bent * other
                second[key] = second[key] + bend if key in second else bend
        return Jet(value, first, second)


def seeds(values: Array) -> list[Jet]:
    """Return the parameters as jets: column j, kept as a column, has derivative 1 by itself.

    Parameters
    ----------
    values : NDArray, shape (r, p)
        Parameters of each replicate.
    """
    one = np.ones(1)
    return [Jet(values[:, j : j + 1], {j: one}, {}) for j in range(values.shape[1])]


def _merged(a: dict[Any, Array], b: dict[Any, Array]) -> dict[Any, Array]:
    if not b:
        return dict(a)
    out = dict(a)
    for key, array in b.items():
        out[key] = out[key] + array if key in out else array
    return out


def _scaled(derivatives: dict[Any, Array], factor: Any) -> dict[Any, Array]:
    return {key: array * factor for key, array in derivatives.items()}


def _exp(jet: Jet) -> Jet:
    value = np.exp(jet.value)
    return jet.chained(value, value, value)


def _expm1(jet: Jet) -> Jet:
    value = np.exp(jet.value)
    return jet.chained(np.expm1(jet.value), value, value)


def _log(jet: Jet) -> Jet:
    inverse = 1.0 / jet.value
    return jet.chained(np.log(jet.value), inverse, -inverse * inverse)


def _log1p(jet: Jet) -> Jet:
    inverse = 1.0 / (1.0 + jet.value)
    return jet.chained(np.log1p(jet.value), inverse, -inverse * inverse)


def _tanh(jet: Jet) -> Jet:
    value = np.tanh(jet.value)
    slope = 1.0 - value * value
    return jet.chained(value, slope, -2.0 * value * slope)


def _power(base: Any, exponent: Any) -> Jet:
    if isinstance(exponent, Jet):
        return _exp(exponent.__mul__(np.log(base)))
    slope = exponent * base.value ** (exponent - 1.0)
    curvature = exponent * (exponent - 1.0) * base.value ** (exponent - 2.0)
    jet: Jet = base.chained(base.value**exponent, slope, curvature)
    return jet


def _logaddexp(a: Any, b: Any) -> Jet:
    difference = a - b
    share = 0.5 * (1.0 + np.tanh(0.5 * difference.value))
    soft = difference.chained(np.logaddexp(0.0, difference.value), share, share * (1.0 - share))
    jet: Jet = soft + b
    return jet


def _chosen(take_first: Callable[[Array, Array], Array]) -> Callable[[Any, Any], Jet]:
    """Return the function that takes the value and derivatives of one of two, elementwise."""

    def choose(a: Any, b: Any) -> Jet:
        mask = take_first(_value(a), _value(b))
        yes, no = mask * 1.0, ~mask * 1.0
        first = _merged(_scaled(_first(a), yes), _scaled(_first(b), no))
        second = _merged(_scaled(_second(a), yes), _scaled(_second(b), no))
        return Jet(np.where(mask, _value(a), _value(b)), first, second)

    return choose


def _value(x: Any) -> Array:
    return x.value if isinstance(x, Jet) else np.asarray(x)


def _first(x: Any) -> dict[int, Array]:
    return x.first if isinstance(x, Jet) else {}


def _second(x: Any) -> dict[Pair, Array]:
    return x.second if isinstance(x, Jet) else {}


_FUNCTIONS: dict[np.ufunc, Callable[..., Any]] = {
    np.add: lambda a, b: b + a,
    np.subtract: lambda a, b: -b + a,
    np.multiply: lambda a, b: b * a if isinstance(b, Jet) else a * b,
    np.true_divide: lambda a, b: _power(b, -1.0) * a if isinstance(b, Jet) else a * (1.0 / b),
    np.power: lambda a, b: _exp(b * np.log(a)) if isinstance(b, Jet) else _power(a, b),
    np.negative: lambda a: -a,
    np.square: lambda a: a * a,
    np.exp: _exp,
    np.expm1: _expm1,
    np.log: _log,
    np.log1p: _log1p,
    np.sqrt: lambda a: _power(a, 0.5),
    np.tanh: _tanh,
    np.logaddexp: _logaddexp,
    np.minimum: _chosen(lambda a, b: a <= b),
    np.maximum: _chosen(lambda a, b: a >= b),
}  # fmt: skip
