"""Contours of L(N, D), the compute-optimal frontier over them, and the runs by D / N."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isoflop.drawing.family_panels import in_panels, shown_families
from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop.drawing.log_legends import log_color
from isoflop.drawing.palette import BLACK, GRAY, SOFT, dashed_outside
from isoflop.figures.fitted_runs import runs_of_fit
from isoflop.figures.frontier_rows import frontier_rows, why_no_frontier
from isoflop.figures.notes import noted

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

    from isoflop.estimation import FitResult
    from isoflop.estimation.frontier import TwoTermFrontier
    from isoflop.tables import RunTable

Floats = NDArray[np.float64]

_LEVELS = 8
_POINTS = 60
_MARGIN = 0.1
"""How far contours go beyond the runs. [decade]"""

_BY_SIZE = [{"field": "n_params", "order": "ascending"}]


def contours(fit: FitResult, runs: RunTable) -> alt.LayerChart | alt.FacetChart:
    """Return contours of equal loss over N and D, the frontier, and runs colored by D / N.

    Parameters
    ----------
    fit : FitResult
        A fit of a law of N and D. Without a usable optimum only the runs are drawn, and the note
        says why.
    runs : RunTable
        The table that was fitted.

    Raises
    ------
    SchemaError
        `runs` does not hold the runs of the fit.
    """
    import pandas as pd

    found = runs_of_fit(fit, runs)
    table = pd.concat(
        [found.table.assign(kind="run", segment=""), pd.DataFrame(contour_rows(fit))],
        ignore_index=True,
    ).assign(family=fit.family)
    said = why_no_frontier(fit) or (
        "Thin lines join N and D of equal loss [nat/token]; the thick one is the compute-optimal "
        "frontier, dashed outside the compute of the runs."
    )
    return noted(draw_contours(table), [*found.notes, said])


def contour_rows(fit: FitResult) -> list[dict[str, Any]]:
    """Return contours of equal loss and the frontier, one point a row; none without an optimum.

    Columns as in `draw_contours`, without the family.
    """
    if why_no_frontier(fit):
        return []
    frontier = [
        {**{c: row[c] for c in _LINE_COLUMNS}, "run": "", "level": math.nan}
        for row in frontier_rows(fit, "flops")
    ]
    return [*_contours(fit), *frontier]


_LINE_COLUMNS = (
    "kind", "segment", "flops", "n_params", "n_tokens", "tokens_per_param", "loss",
)  # fmt: skip


def draw_contours(table: pd.DataFrame) -> Any:
    """Return the chart; one panel a family, at most four.

    Parameters
    ----------
    table : DataFrame
        Columns ``family``, ``kind`` (``run``, ``contour`` or ``frontier``), ``segment``, ``run``,
        ``level`` of a contour, ``n_params``, ``n_tokens``, ``tokens_per_param`` and ``loss``.
    """
    import altair as alt

    shown = shown_families(table)
    x = _log(shown, "n_params", "Parameters N [1]", alt.X)
    y = _log(shown, "n_tokens", "Tokens D [token]", alt.Y)
    base = alt.Chart(shown)
    equal = base.transform_filter("datum.kind === 'contour'")
    lines = equal.mark_line(strokeWidth=0.8, color=GRAY, clip=True).encode(
        x=x, y=y, detail="level:Q", order="n_params:Q"
    )
    ends = (
        equal.transform_window(place="rank(n_params)", groupby=["level", "family"], sort=_BY_SIZE)
        .transform_filter("datum.place === 1")
        .mark_text(align="left", dx=3, dy=-5, fontSize=9, color=SOFT)
        .encode(x=x, y=y, text=alt.Text("level:Q", format=".3~g"))
    )
    best = (
        base.transform_filter("datum.kind === 'frontier'")
        .mark_line(strokeWidth=2.5, color=BLACK, clip=True)
        .encode(x=x, y=y, strokeDash=dashed_outside(), order="n_params:Q")
    )
    points = (
        base.transform_filter("datum.kind === 'run'")
        .mark_point(filled=True, size=42, opacity=0.9, stroke="white", strokeWidth=0.4)
        .encode(
            x=x, y=y, color=_by_ratio(shown),
            tooltip=["run:N", "family:N", "n_params:Q", "n_tokens:Q", "tokens_per_param:Q",
                     "loss:Q"],
        )
    )  # fmt: skip
    return in_panels(alt.layer(lines, ends, best, points), shown)


def _contours(fit: FitResult) -> list[dict[str, Any]]:
    """Return points of equal loss, levels even in the logarithm of what is above the floor."""
    law = fit.frontier
    box = [_widened(fit.ranges[name]) for name in ("n_params", "n_tokens")]
    n = np.geomspace(box[0][0], box[0][1], _POINTS)
    top, bottom = (float(law.loss(box[0][i], box[1][i]) - law.E) for i in (0, 1))
    levels = law.E + np.geomspace(top, bottom, _LEVELS + 2)[1:-1]
    rows: list[dict[str, Any]] = []
    for level in levels.tolist():
        d = _tokens_at(law, level, n)
        inside = (d >= box[1][0]) & (d <= box[1][1])
        rows += [
            {"kind": "contour", "segment": "inside", "run": "", "level": level,
             "flops": 6.0 * n[i] * d[i], "n_params": n[i], "n_tokens": d[i],
             "tokens_per_param": d[i] / n[i], "loss": level}
            for i in np.flatnonzero(inside)
        ]  # fmt: skip
    return rows


def _widened(ends: tuple[float, float]) -> tuple[float, float]:
    return ends[0] / 10**_MARGIN, ends[1] * 10**_MARGIN


def _tokens_at(law: TwoTermFrontier, level: float, n: Floats) -> Floats:
    """Return D at which the loss is `level` for each N; NaN where no D is enough."""
    rest = (level - law.E) ** (1 / law.power) - law.A * n**-law.alpha
    with np.errstate(invalid="ignore"):
        return np.asarray((law.B / np.where(rest > 0, rest, np.nan)) ** (1 / law.beta))


def _log(table: pd.DataFrame, name: str, title: str, channel: Any) -> Any:
    """Return a log axis that hugs the runs and the frontier inside them."""
    seen = table.loc[(table["kind"] != "frontier") | (table["segment"] == "inside"), name]
    return channel(f"{name}:Q", scale=log_scale(seen), axis=decade_axis(seen, title=title))


def _by_ratio(table: pd.DataFrame) -> Any:
    ratios = table.loc[table["kind"] == "run", "tokens_per_param"]
    title = "Tokens per parameter [token]"
    return log_color("tokens_per_param", ratios, title=title, number_format=",.2~r")
