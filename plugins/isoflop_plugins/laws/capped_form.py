"""The capped power law, which is an equation to solve: on arrays and with exact derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoflop.estimation.solver.jets import Jet
from isoflop.laws import Values

Floats = NDArray[np.float64]

_MOST_STEPS = 40
_CLOSE = 1e-7  # the step that follows squares it


def capped_form(x: str) -> Callable[[Values, Values], Any]:
    """Return the function of the parameters E, eps_0, alpha, k, c and of the column `x`.

    Notes
    -----
    With w = (y - E) / (eps_0 - E), the share of the way up from floor to ceiling, the law is
    w / (1 - w)^alpha = (k / x)^c. With w = 1 / (1 + exp(-z)) it reads g(z) = t for
    g(z) = z + (alpha - 1) log(1 + e^z) and t = c log(k / x).
    """

    def form(p: Values, v: Values) -> Any:
        t = p["c"] * (np.log(p["k"]) - np.log(v[x]))
        z = _root(t, p["alpha"])
        below = np.logaddexp(z, 0.0)  # -log(1 - w)
        return p["eps_0"] * np.exp(z - below) + p["E"] * np.exp(-below)

    return form


def _root(t: Any, alpha: Any) -> Any:
    """Return z where g(z) = t, with the derivatives that t and alpha carry.

    From the root itself, each Newton step with the slope held gains an order of derivatives, so
    that two make the first and the second exact (Griewank and Walther 2008, chapter 15).
    """
    z, slope = _root_value(_plain(t), _plain(alpha))
    if not (isinstance(t, Jet) or isinstance(alpha, Jet)):
        return z
    out: Any = z
    for _ in range(2):
        out = out - (out + (alpha - 1.0) * np.logaddexp(out, 0.0) - t) * (1.0 / slope)
    return out


def _plain(number: Any) -> Floats:
    return np.asarray(number.value if isinstance(number, Jet) else number)


def _root_value(t: Floats, alpha: Floats) -> tuple[Floats, Floats]:
    """Return the root and g' there, elementwise, by Newton's method.

    g rises with a slope between 1 and alpha and bends one way only, so the first step lands on the
    side of the root from which the others approach it without passing it: no bracket is needed.
    """
    bend = alpha - 1.0
    z = t - bend / alpha * np.logaddexp(t, 0.0)
    slope = np.ones(1)
    for _ in range(_MOST_STEPS):
        small = np.exp(-np.abs(z))
        share = np.where(z > 0.0, 1.0, small) / (1.0 + small)
        slope = 1.0 + bend * share
        step = (z + bend * (np.maximum(z, 0.0) + np.log1p(small)) - t) / slope
        z = z - step
        if not (np.abs(step) > _CLOSE * (1.0 + np.abs(z))).any():
            break
    return z, slope
