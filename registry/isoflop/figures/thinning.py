"""Fewer points where a picture would be huge, chosen so that the picture stays the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

MOST_RUNS = 2000
"""Points of runs in one chart; each is some 300 bytes of SVG."""

MOST_CURVES = 240
MOST_CURVE_POINTS = 4800
"""Points of curves in one chart: Altair itself refuses more than 5,000 rows."""

POINTS_A_CURVE = 200
_FEWEST = 20


def even_sample(order: ArrayLike, most: int) -> NDArray[np.int64]:
    """Return rows evenly spaced in the order of a value, both ends kept, in table order.

    Parameters
    ----------
    order : array_like, shape (n,)
        What the rows are ordered by.
    most : int
        How many to keep; all where there are no more.
    """
    ranked = np.argsort(np.asarray(order), kind="stable")
    if ranked.size <= most:
        return np.arange(ranked.size)
    places = np.round(np.linspace(0, ranked.size - 1, most)).astype(int)
    return np.sort(ranked[places])


def log_spaced(x: ArrayLike, most: int) -> NDArray[np.int64]:
    """Return places evenly spaced in log x, both ends kept.

    Parameters
    ----------
    x : array_like, shape (n,)
        Ascending and positive.
    most : int
        How many to keep; all where there are no more. Fewer where points are dense at one end.
    """
    values = np.asarray(x, dtype=np.float64)
    if values.size <= most:
        return np.arange(values.size)
    wanted = np.geomspace(values[0], values[-1], most)
    places = np.clip(np.searchsorted(values, wanted), 0, values.size - 1)
    return np.unique(np.concatenate([[0], places, [values.size - 1]]))


def points_a_curve(n_curves: int) -> int:
    """Return how many points of each curve are drawn where there are so many curves."""
    return int(np.clip(MOST_CURVE_POINTS // max(n_curves, 1), _FEWEST, POINTS_A_CURVE))
