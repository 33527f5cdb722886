"""Labels beside points, as many as do not cover each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isoflop.drawing.end_labels import LINE_HEIGHT

CHARACTER = 5.0
"""Mean width of a character of a label. [pixel]"""


def readable(
    x: ArrayLike,
    y: ArrayLike,
    labels: Sequence[str],
    *,
    width: float,
    others: tuple[ArrayLike, ArrayLike] = ((), ()),
) -> NDArray[np.bool_]:
    """Return which labels can stand right of their points: none over another, a mark or the edge.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        Where the points are. [pixel]
    labels : sequence of str, length n
        Texts, the most important first.
    width : float
        Of the plot. [pixel]
    others : (array_like, array_like)
        Across and down, where marks are that no label may cover. [pixel]
    """
    across, down = (np.asarray(o, dtype=np.float64) for o in others)
    left, middle = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    right = left + CHARACTER * np.array([len(label) for label in labels]) + 8.0
    kept = np.zeros(left.size, dtype=bool)
    for i in range(left.size):
        beside = (left[kept] < right[i]) & (left[i] < right[kept])
        covers = beside & (np.abs(middle[kept] - middle[i]) < LINE_HEIGHT)
        marked = (across > left[i] + 4.0) & (across < right[i])
        marked &= np.abs(down - middle[i]) < LINE_HEIGHT / 2
        kept[i] = bool(right[i] <= width and not covers.any() and not marked.any())
    return kept
