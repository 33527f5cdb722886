"""Contours of L(N, D) with the efficient frontier: rows of the table `contours`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isoflop_plugins.analyzers.by_family.tables import used_rows

if TYPE_CHECKING:
    from isoflop.estimation import FitResult
    from isoflop.estimation.frontier import TwoTermFrontier
    from isoflop_plugins.analyzers.by_family.fits import FamilyFit

COLUMNS = (
    "family", "kind", "segment", "run", "level", "flops", "n_params", "n_tokens",
    "tokens_per_param", "loss",
)  # fmt: skip

_LEVELS = 8
_POINTS = 60
_MARGIN = 0.1  # decades of N and D that contours go beyond the runs
_AHEAD = 1.0  # decades of compute that the frontier is drawn beyond the runs

Floats = NDArray[np.float64]


def contour_rows(item: FamilyFit) -> list[dict[str, Any]]:
    """Return runs, contours of equal loss and the frontier of one family, one point a row.

    A fit whose optimum cannot be placed has its runs alone.
    """
    assert item.fit is not None
    rows: list[dict[str, Any]] = [
        {"kind": "run", "segment": "", "level": math.nan, **row} for row in used_rows(item)
    ]
    if item.fit.is_usable:
        rows += [*_contours(item.fit), *_frontier(item.fit)]
    return [{**row, "family": item.family} for row in rows]


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
    rest = level - law.E - law.A * n**-law.alpha
    with np.errstate(invalid="ignore"):
        return np.asarray((law.B / np.where(rest > 0, rest, np.nan)) ** (1 / law.beta))


def _frontier(fit: FitResult) -> list[dict[str, Any]]:
    """Return the best N and D along compute; segments share an end, so the line has no gap."""
    low, high = (math.log10(c) for c in fit.ranges["flops"])
    law, rows = fit.frontier, []
    for segment, begin, end in (("inside", low, high), ("outside", high, high + _AHEAD)):
        flops = np.logspace(begin, end, _POINTS // 2)
        n, d, loss = law.n_opt(flops), law.d_opt(flops), law.optimal_loss(flops)
        rows += [
            {"kind": "frontier", "segment": segment, "run": "", "level": math.nan,
             "flops": flops[i], "n_params": n[i], "n_tokens": d[i],
             "tokens_per_param": d[i] / n[i], "loss": loss[i]}
            for i in range(flops.size)
        ]  # fmt: skip
    return rows
