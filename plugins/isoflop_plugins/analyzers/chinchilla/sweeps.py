"""The best run of each sweep: runs at one N and D that differ in other settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from isoflop.errors import FitError, UnitError
from isoflop.estimation.selection import select_runs
from isoflop.results import LeftOut

if TYPE_CHECKING:
    from isoflop.laws import Law
    from isoflop.tables import RunTable


def best_of_sweep(law: Law, runs: RunTable, *, family: str) -> tuple[RunTable, tuple[LeftOut, ...]]:
    """Return the runs without those that another run of equal N and D beats, and those.

    Parameters
    ----------
    law : Law
        A law of N and D; runs that it cannot use neither win nor lose.
    runs : RunTable
        Runs of one family. Equal losses keep the first; runs that cannot be compared, and too few
        of them, are returned as they are, for the fit to refuse.
    family : str
        Its name.
    """
    try:
        chosen = select_runs(law, runs, family=family)
    except (FitError, UnitError):
        return runs, ()
    sizes = np.stack([chosen.variables["n_params"], chosen.variables["n_tokens"]])
    group = np.unique(sizes, axis=1, return_inverse=True)[1].reshape(-1)
    order = np.lexsort((np.arange(group.size), chosen.response, group))
    first = np.r_[True, np.diff(group[order]) != 0]
    winner = order[np.flatnonzero(first)[np.cumsum(first) - 1]]
    losers, winners = order[~first], winner[~first]
    keep = np.ones(len(runs), dtype=bool)
    keep[chosen.rows[losers]] = False
    reached = {int(a): int(b) for a, b in zip(losers, winners, strict=True)}
    left = tuple(
        LeftOut(
            subject=chosen.labels[i],
            reason=f"run {chosen.labels[reached[i]]!r} reached a lower loss at the same N and D",
        )
        for i in sorted(reached)
    )
    return runs.take(keep), left
