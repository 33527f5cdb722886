"""Runs as the explorer draws them: an id, a name, four quantities, and why one cannot be fitted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.display.harmless import one_line
from isoflop.estimation.frontier import FLOPS_PER_PARAM_TOKEN
from isoflop.estimation.variables import fitted_values
from isoflop.words import count, flops, number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from isoflop.laws import Law
    from isoflop.tables import RunTable

LONGEST_NAME = 200
"""Characters of a run's name that travel to the browser; names are untrusted text."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunSet:
    """Runs of one family with an id each.

    Parameters
    ----------
    runs : RunTable
        The runs.
    ids : tuple of str
        One a run, each once: its `run_uid`, or its row where that is null or stands twice.
    """

    runs: RunTable
    ids: tuple[str, ...]

    def without(self, excluded: frozenset[str]) -> RunTable:
        """Return the runs that are not excluded, in their order."""
        return self.runs.take(np.array([i not in excluded for i in self.ids], dtype=bool))

    def names(self) -> dict[str, str]:
        """Return what to call each run, by id."""
        return dict(zip(self.ids, self.runs.labels(), strict=True))


def run_sets(runs: RunTable) -> dict[str, RunSet]:
    """Return the runs by family, in order of name; a table without runs gives none."""
    uids = runs.texts("run_uid")
    seen: set[str] = set()
    ids: list[str] = []
    for row, uid in enumerate(uids):
        known = uid if uid and uid not in seen else f"row {row}"
        seen.add(known)
        ids.append(known)
    families = [f or "" for f in runs.texts("family")]
    out = {}
    for family in sorted(set(families)):
        rows = [i for i, f in enumerate(families) if f == family]
        out[family] = RunSet(runs=runs.take(rows), ids=tuple(ids[i] for i in rows))
    return out


def missing_values(law: Law, runs: RunTable) -> list[str]:
    """Return which of the law's columns each run lacks, in words; empty where none."""
    columns = {name: fitted_values(runs, name) for name in law.needs}
    return [
        ", ".join(
            f"{name} is not known"
            for name, values in columns.items()
            if not np.isfinite(values[row])
        )
        for row in range(len(runs))
    ]


def axes_of(runs: RunTable) -> Mapping[str, NDArray[np.float64]]:
    """Return N, D, C and loss of each run; C is 6 N D where the table does not say it."""
    n, d = fitted_values(runs, "n_params"), fitted_values(runs, "n_tokens")
    told = runs.numbers("flops")
    compute = np.where(np.isfinite(told), told, FLOPS_PER_PARAM_TOKEN * n * d)
    return {"n_params": n, "n_tokens": d, "flops": compute, "loss": runs.numbers("loss")}


def point_records(chosen: RunSet, unusable: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return one record a run for the browser: plain JSON, None for what is not known.

    Parameters
    ----------
    chosen : RunSet
        The runs.
    unusable : mapping of str to str
        Why a run cannot be fitted, by id.
    """
    axes, names = axes_of(chosen.runs), chosen.names()
    return [
        {
            "id": i,
            "name": one_line(names[i], LONGEST_NAME),
            **{name: plain(values[row]) for name, values in axes.items()},
            "words": _words(*(float(values[row]) for values in axes.values())),
            "unusable": unusable.get(i, ""),
        }
        for row, i in enumerate(chosen.ids)
    ]


def _words(n: float, d: float, c: float, loss: float) -> str:
    return f"N {count(n)}, D {count(d)}, C {flops(c)}, loss {number(loss)}"


def plain(value: float) -> float | None:
    """Return a number that JSON can hold: None for NaN and infinities."""
    return float(value) if math.isfinite(value) else None
