"""Runs that do not belong with the others, each with the reason in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isoflop.estimation.variables import fitted_values
from isoflop.words import number, percent, plural
from isoflop_plugins.analyzers.by_family.tables import relative_residuals

if TYPE_CHECKING:
    from isoflop.estimation import FitResult
    from isoflop.tables import RunTable
    from isoflop_plugins.analyzers.by_family.fits import FamilyFit

Floats = NDArray[np.float64]

OUTLIER_LIMIT = 6.0
"""Typical distances from the law beyond which a run is named. A normal scatter passes it once in
5e8 runs; losses scatter with heavier tails. [1]"""

FINEST = 1e-4
"""Losses are seldom printed with more digits than this share, so less is no distance. [1]"""

GAP = 1.0
"""Distance from all other runs, in N or in D / N, from which a run is off the ladder. [decade]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlier:
    """A run that stands apart.

    Parameters
    ----------
    row : int
        Row of the table of runs.
    kind : str
        ``"residual"``, ``"likely-diverged"``, ``"off-ladder"`` or ``"copy"``.
    reason : str
        Why, in words; names of other runs are untrusted text.
    residual, distance : float
        Measured over predicted loss, less 1; and its logarithm in typical distances. [1]
    """

    row: int
    kind: str
    reason: str
    residual: float
    distance: float


def find_outliers(item: FamilyFit, *, limit: float = OUTLIER_LIMIT) -> list[Outlier]:
    """Return the runs of one family that stand apart, one a run and kind, in order of rows.

    Parameters
    ----------
    item : FamilyFit
        A family; one without a fit has none.
    limit : float
        Typical distances from the law (1.4826 x median) beyond which a run is named. [1]
    """
    if item.fit is None:
        return []
    above = -relative_residuals(item)
    scale = max(1.4826 * float(np.median(np.abs(above))), FINEST)
    distance = above / scale
    points = _points(item.runs, item.fit)
    named = [
        *_far(points, distance, scale=scale, limit=limit),
        *_off_ladder(points.n, "N", "parameters"),
        *_off_ladder(points.d / points.n, "D/N", "tokens per parameter"),
        *_copies(points),
    ]
    return [
        Outlier(
            row=int(item.fit.rows[i]),
            kind=kind,
            reason=reason,
            residual=float(np.expm1(above[i])),
            distance=float(distance[i]),
        )
        for i, kind, reason in sorted(named)
    ]


class _Points(NamedTuple):
    """N, D, loss and names of the runs that were fitted."""

    n: Floats
    d: Floats
    loss: Floats
    labels: list[str]


def _points(runs: RunTable, fit: FitResult) -> _Points:
    n, d = fitted_values(runs, "n_params"), fitted_values(runs, "n_tokens")
    labels = runs.labels()
    return _Points(
        n[fit.rows], d[fit.rows], runs.numbers("loss")[fit.rows], [labels[i] for i in fit.rows]
    )


def _far(
    points: _Points, distance: Floats, *, scale: float, limit: float
) -> list[tuple[int, str, str]]:
    """Name runs far from the law; one that a smaller run beats has likely diverged."""
    n, d, loss, labels = points
    out = []
    for i in np.flatnonzero(np.abs(distance) > limit).tolist():
        is_above = distance[i] > 0
        share = abs(float(np.expm1(distance[i] * scale)))
        words = (
            f"its loss is {percent(share)} {'above' if is_above else 'below'} the law, "
            f"{number(abs(distance[i]), digits=2)} times the typical "
            f"{percent(float(np.expm1(scale)))}"
        )
        smaller = np.flatnonzero((n <= n[i]) & (d <= d[i]) & (loss < loss[i]))
        if is_above and smaller.size:
            name = labels[int(smaller[np.argmin(loss[smaller])])]
            words += f", and above that of run {name!r}, which is no larger and saw no more tokens"
            out.append((i, "likely-diverged", words))
        else:
            out.append((i, "residual", words))
    return out


def _off_ladder(values: Floats, symbol: str, noun: str) -> list[tuple[int, str, str]]:
    """Name runs that lie more than a decade beyond all others in one quantity."""
    logs = np.log10(values)
    order = np.argsort(logs, kind="stable").tolist()
    out = []
    for i, neighbor in ((order[0], order[1]), (order[-1], order[-2])):
        gap = float(abs(logs[i] - logs[neighbor]))
        if gap > GAP:
            words = (
                f"off the ladder: {number(float(values[i]))} {noun}, {gap:.1f} decades from the "
                f"nearest {symbol} of the other runs"
            )
            out.append((i, "off-ladder", words))
    return out


def _copies(points: _Points) -> list[tuple[int, str, str]]:
    """Name rows whose N, D and loss are those of an earlier row."""
    n, d, loss, labels = points
    _, first, group = np.unique(
        np.stack([n, d, loss]), axis=1, return_index=True, return_inverse=True
    )
    original = first[group.reshape(-1)]
    copies = np.flatnonzero(original != np.arange(n.size)).tolist()
    return [
        (i, "copy", f"an exact copy of run {labels[int(original[i])]!r}: same N, D and loss")
        for i in copies
    ]


def outliers_words(found: list[Outlier]) -> str:
    """Return how many runs stand apart, by kind; empty for none."""
    kinds = [o.kind for o in found]
    words = {
        "residual": "far from the law", "likely-diverged": "likely diverged",
        "off-ladder": "off the ladder", "copy": "an exact copy",
    }  # fmt: skip
    said = [f"{kinds.count(k)} {w}" for k, w in words.items() if k in kinds]
    rows = len({o.row for o in found})
    return f"{plural(rows, 'run stands', 'runs stand')} apart: {', '.join(said)}" if said else ""
