"""Color along a log scale, with a legend of few round values that points and lines can share."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

import numpy as np

from isoflop.drawing.palette import viridis

if TYPE_CHECKING:
    import altair as alt
    from numpy.typing import ArrayLike

_MOST_VALUES = 7
_TITLE_WIDTH = 18
"""Longest line of a title: a legend is as wide as it. [character]"""


def log_color(field: str, values: ArrayLike, *, title: str, number_format: str) -> alt.Color:
    """Return viridis over the logarithm of a field, with a legend of its values or round ones.

    A legend that marks of two kinds share is drawn as symbols, one for every tick of the scale,
    which on a log scale are dozens; so its values are given.

    Parameters
    ----------
    field : str
        Column to color by.
    values : array_like
        Its positive values.
    title, number_format : str
        Of the legend; the format is d3's.
    """
    import altair as alt

    every = np.asarray(values, dtype=np.float64)
    low, high = float(np.nanmin(every)), float(np.nanmax(every))
    scale = alt.Scale(type="log", scheme=viridis(), domain=[low, max(high, 1.01 * low)])
    distinct = np.unique(every[np.isfinite(every)]).tolist()
    shown = distinct if len(distinct) <= _MOST_VALUES else round_values(low, high)
    legend = alt.Legend(
        title=textwrap.wrap(title, _TITLE_WIDTH), values=shown, symbolOpacity=1, gradientOpacity=1,
        labelExpr=f"replace(format(datum.value, '{number_format}'), 'G', 'B')",
    )  # fmt: skip
    return alt.Color(f"{field}:Q", scale=scale, legend=legend)


def round_values(low: float, high: float) -> list[float]:
    """Return at most seven of 1, 2, 5 times powers of ten in a range; its ends where none fits.

    Examples
    --------
    >>> round_values(4.9, 650)
    [5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0]
    >>> round_values(31, 34)
    [31, 34]
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [m * 10.0**k for k in decades for m in (1, 2, 5)]
    inside = [v for v in found if low <= v <= high]
    if len(inside) < 2:
        return [low, high]
    return inside[:: math.ceil(len(inside) / _MOST_VALUES)]
