"""Pairs of bootstrap draws: which parameters the runs tell apart, and which only together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.drawing.family_panels import HEIGHT, WIDTH
from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop.drawing.palette import BLACK, by_name
from isoflop.errors import SchemaError
from isoflop.figures.notes import noted

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

    from isoflop.estimation import FitResult

_MOST_DRAWS, _MOST_NAMES = 200, 6
_LONGEST = 16
"""Longest title of a small panel; a longer unit is left out. [character]"""
_WIDE = 30.0
"""Largest over smallest draw from which an axis is logarithmic. [1]"""
_NOTHING = 1e-3
_TAIL = 0.005
"""Share of the draws at either end that may lie outside the picture. [1]"""


def parameter_draws(
    fit: FitResult, *, names: Sequence[str] = ()
) -> alt.LayerChart | alt.ConcatChart:
    """Return the bootstrap refits, a panel for each pair of parameters, the fit as a cross.

    Parameters
    ----------
    fit : FitResult
        A fit with bootstrap draws.
    names : sequence of str
        Two or more parameters of the law; all that were free, six at most, by default.

    Raises
    ------
    SchemaError
        The fit has no draws, or fewer than two parameters are left.
    UnknownNameError
        The law has no such parameter.
    """
    import pandas as pd

    if not fit.n_boot:
        raise SchemaError(
            "The fit has no bootstrap draws (n_boot=0): fit again with n_boot=1000 to see them."
        )
    chosen = list(names) or [n for n in fit.law.names if n not in fit.settings.fixed][:_MOST_NAMES]
    for name in chosen:
        fit.law.parameter(name)
    if len(chosen) < 2:
        raise SchemaError(f"A pair needs two parameters, got {chosen}; known: {fit.law.names}.")
    kept = fit.draws[np.isfinite(fit.draws).all(axis=1)]
    shown = kept[:_MOST_DRAWS]
    rows = pd.DataFrame(np.vstack([shown, fit.estimate]), columns=list(fit.law.names))
    rows["kind"] = ["draw"] * len(shown) + ["fit"]
    rows["family"] = fit.family
    units = {n: f"{n} [{fit.law.units[n]}]" for n in chosen}
    if len(chosen) > 2:
        units = {n: title if len(title) <= _LONGEST else n for n, title in units.items()}
    note = f"{len(shown):,} of {fit.n_boot:,} bootstrap refits; the cross is the fit to all runs."
    return noted(draw_pairs(rows, units), [note])


def draw_pairs(table: pd.DataFrame, titles: dict[str, str]) -> Any:
    """Return a panel for each pair of columns, one for two.

    Parameters
    ----------
    table : DataFrame
        Columns ``family``, ``kind`` (``draw`` or ``fit``) and those of `titles`.
    titles : dict of str to str
        Column to title of its axis, two or more.
    """
    import altair as alt

    names = list(titles)
    if len(names) == 2:
        return _pair(table, names[0], names[1], titles, size=(WIDTH, HEIGHT))
    side = max((WIDTH - 30 * len(names)) // (len(names) - 1), 90)
    rows = [
        alt.hconcat(
            *(
                _pair(table, x, y, _edge(titles, x, y, names), size=(side, side))
                for x in names[:place]
            ),
            spacing=6,
        )
        for place, y in enumerate(names)
        if place
    ]
    return alt.vconcat(*rows, spacing=6)


def _edge(titles: dict[str, str], x: str, y: str, names: list[str]) -> dict[str, str]:
    """Return the titles of a panel of the matrix: only at its left and lower edge."""
    return {
        x: titles[x] if y == names[-1] else "",
        y: titles[y] if x == names[0] else "",
    }


def _pair(
    table: pd.DataFrame, x: str, y: str, titles: dict[str, str], *, size: tuple[int, int]
) -> alt.LayerChart:
    import altair as alt

    color, shape = by_name("family", table["family"], title="Family")
    across = alt.X("x:Q", **_along(table[x], titles[x], size[0]))
    up = alt.Y("y:Q", **_along(table[y], titles[y], size[1]))
    points = table[["family", "kind"]].assign(x=table[x], y=table[y])
    small = size[0] < WIDTH
    draws = (
        alt.Chart(points[points["kind"] == "draw"])
        .mark_point(filled=True, size=12 if small else 20, opacity=0.7, clip=True)
        .encode(x=across, y=up, color=color, shape=shape)
    )
    fit = (
        alt.Chart(points[points["kind"] == "fit"])
        .mark_point(
            shape="cross", size=60 if small else 160, filled=True, color=BLACK, stroke="white"
        )
        .encode(x=across, y=up)
    )
    return alt.layer(draws, fit).properties(width=size[0], height=size[1])


def _along(values: pd.Series[float], title: str, pixels: int) -> dict[str, Any]:
    """Return scale and axis that hold the bulk of the draws; logarithmic where they are far."""
    import altair as alt

    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    low, high = (float(q) for q in np.quantile(known, [_TAIL, 1.0 - _TAIL]))
    low, high = min(low, float(known[-1])), max(high, float(known[-1]))
    settings: dict[str, Any] = {"title": title or None, "labels": bool(title)}
    # A parameter whose refits end at zero is spread over all decades below: that is no scale.
    reaches_zero = float(np.quantile(known, 0.05)) < _NOTHING * float(np.median(known))
    if low > 0 and high / low > _WIDE and not reaches_zero:
        return {"scale": log_scale([low, high]), "axis": decade_axis([low, high], **settings)}
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    scale = alt.Scale(domain=[low - margin, high + margin], nice=False)
    return {"scale": scale, "axis": alt.Axis(tickCount=max(pixels // 60, 2), **settings)}
