"""Labels at the ends of lines, kept apart so that each can be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

LINE_HEIGHT = 13.0
"""Least distance of two labels on the page. [pixel]"""


def kept_apart(places: ArrayLike, *, gap: float) -> NDArray[np.float64]:
    """Return places at least `gap` apart, in the same order, as close to the given as can be.

    Parameters
    ----------
    places : array_like, shape (n,)
        Where the lines end, in any linear unit; none gives none.
    gap : float
        Least distance, in the same unit.

    Notes
    -----
    Least squares by pooling neighbors that are too close (Ayer et al. 1955, doi
    10.1214/aoms/1177728423).
    """
    given = np.asarray(places, dtype=np.float64)
    order = np.argsort(given, kind="stable")
    steps = gap * np.arange(given.size)
    pools: list[tuple[float, int]] = []
    for value in (given[order] - steps).tolist():
        total, size = value, 1
        while pools and pools[-1][0] / pools[-1][1] > total / size:
            before, members = pools.pop()
            total, size = total + before, size + members
        pools.append((total, size))
    level = np.repeat([t / n for t, n in pools], [n for _, n in pools])
    out = np.empty(given.size)
    out[order] = level + steps
    return out
