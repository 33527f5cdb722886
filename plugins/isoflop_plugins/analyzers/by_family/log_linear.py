"""Partial effects: a fitted response along one variable, the others held at their middle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from isoflop.estimation import FitResult

Floats = NDArray[np.float64]
Placed = Callable[[Floats], Mapping[str, Any]]
"""From values of one variable to values of all the law's variables."""

_POINTS = 30
_BEYOND = 0.15
"""How far lines are drawn beyond the data, as a share of its range in logarithms. [1]"""


def partial_points(fit: FitResult, x: Floats, placed: Placed) -> Floats:
    """Return what each fitted run would have measured with the other variables at their middle.

    Parameters
    ----------
    fit : FitResult
        Of any law.
    x : NDArray, shape (n_runs,)
        The variable, in the order of `fit.rows`.
    placed : callable
        The law's variables at values of x.

    Returns
    -------
    NDArray, shape (n_runs,)
        The law's value there less the run's residual, in the unit of the response.
    """
    value = fit.predict_at(placed(x)).value
    if fit.objective_name.startswith("log-"):
        return np.asarray(value * np.exp(-fit.residuals))
    return np.asarray(value - fit.residuals)


def partial_lines(fit: FitResult, x: Floats, placed: Placed) -> list[dict[str, Any]]:
    """Return the law along a variable with its band, one point a row.

    Columns ``segment`` (``inside`` or ``outside`` the data), ``x``, ``y``, ``y_low``, ``y_high``.
    Segments share their ends.
    """
    low, high = np.log([x.min(), x.max()])
    over = _BEYOND * (high - low)
    parts = (("outside", low - over, low), ("inside", low, high), ("outside", high, high + over))
    out = []
    for index, (segment, begin, end) in enumerate(parts):
        grid = np.exp(np.linspace(begin, end, _POINTS if segment == "inside" else _POINTS // 3))
        found = fit.predict_at(placed(grid))
        out += [
            {"segment": segment, "part": index, "x": at, "y": e.value, "y_low": e.low,
             "y_high": e.high}
            for at, e in zip(grid, found, strict=True)
        ]  # fmt: skip
    return out


def middle(values: Floats) -> float:
    """Return the geometric mean."""
    return float(np.exp(np.log(values).mean()))
