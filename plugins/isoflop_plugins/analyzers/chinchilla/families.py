"""Approach 3 on one family: sweep, fit, outliers, variants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.errors import SchemaError
from isoflop.results import LeftOut
from isoflop_plugins.analyzers.by_family.fits import FamilyFit, fit_family
from isoflop_plugins.analyzers.chinchilla.exponents_tied import variants
from isoflop_plugins.analyzers.chinchilla.outliers import OUTLIER_LIMIT, Outlier, find_outliers
from isoflop_plugins.analyzers.chinchilla.sweeps import best_of_sweep
from isoflop_plugins.analyzers.chinchilla.tables import FamilyAnswer

if TYPE_CHECKING:
    from isoflop.laws import Law
    from isoflop.tables import RunTable

DROPPED = ("residual", "likely-diverged", "copy")
"""Kinds that may be left out. A run off the ladder may be the one that says most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """How approach 3 departs from a plain fit of all runs.

    Parameters
    ----------
    fixed : mapping of str to float
        Parameters to hold, in their own units.
    tied : sequence of str
        Parameters to hold equal.
    clusters : str
        Column that tells which rows are checkpoints of one run; empty for rows that are runs.
    best_of_sweep : bool
        True to keep the lowest loss of each N and D alone.
    drop_outliers : bool
        True to leave out the runs that stand apart, and fit again.
    outlier_limit : float
        Typical distances from the law beyond which a run stands apart. [1]
    holdout : float
        Share of the runs held out for validation. [1]
    """

    fixed: Mapping[str, float] = field(default_factory=dict)
    tied: Sequence[str] = ()
    clusters: str = ""
    best_of_sweep: bool = False
    drop_outliers: bool = False
    outlier_limit: float = OUTLIER_LIMIT
    holdout: float = 0.2

    def __post_init__(self) -> None:
        if not self.outlier_limit > 0:
            raise SchemaError(
                f"outlier_limit must be positive, got {self.outlier_limit!r}; {OUTLIER_LIMIT:g} "
                "typical distances are usual."
            )


def answer(
    law: Law, family: str, runs: RunTable, settings: Mapping[str, Any], how: Variation
) -> FamilyAnswer:
    """Return all that approach 3 says of one family.

    Parameters
    ----------
    law : Law
        The two-term law.
    family : str
        Its name.
    runs : RunTable
        Its runs.
    settings : mapping
        Keywords of `isoflop.estimation.fit_law`.
    how : Variation
        What departs from a plain fit.
    """
    left: tuple[LeftOut, ...] = ()
    if how.best_of_sweep:
        runs, left = best_of_sweep(law, runs, family=family)
    asked = {
        **settings, "fixed": dict(how.fixed), "tied": tuple(how.tied),
        "clusters": how.clusters or None,
    }  # fmt: skip
    judged = fit_family(law, family, runs, asked, holdout=how.holdout, left_out=left)
    outliers = find_outliers(judged, limit=how.outlier_limit)
    item, dropped = judged, frozenset[int]()
    if how.drop_outliers:
        item, dropped = _without(law, judged, outliers, asked, how)
    found = variants(law, item, asked, holdout=how.holdout)
    return FamilyAnswer(
        item=item, variants=found, outliers=outliers, judged=judged, dropped=dropped
    )


def _without(
    law: Law,
    judged: FamilyFit,
    outliers: Sequence[Outlier],
    asked: Mapping[str, Any],
    how: Variation,
) -> tuple[FamilyFit, frozenset[int]]:
    """Return the fit without the outliers, and their rows; the same fit where there are none."""
    gone = {o.row: o.reason for o in reversed(outliers) if o.kind in DROPPED}
    if not gone:
        return judged, frozenset()
    labels = judged.runs.labels()
    left = tuple(
        LeftOut(subject=labels[row], reason=f"outlier: {gone[row]}") for row in sorted(gone)
    )
    keep = np.ones(len(judged.runs), dtype=bool)
    keep[list(gone)] = False
    item = fit_family(
        law, judged.family, judged.runs.take(keep), asked, holdout=how.holdout,
        left_out=(*judged.left_out, *left),
    )  # fmt: skip
    return item, frozenset(gone)
