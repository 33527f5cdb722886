"""The runs behind a fit, found again in a table: rows of kind `run`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import SchemaError
from isoflop.estimation.frontier import FLOPS_PER_PARAM_TOKEN
from isoflop.estimation.variables import fitted_values
from isoflop.figures.horizontal import SECONDS_AN_HOUR
from isoflop.figures.thinning import MOST_RUNS, even_sample
from isoflop.tables import RunTable
from isoflop.words import plural

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimation import FitResult


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedRuns:
    """Runs to draw.

    Parameters
    ----------
    table : DataFrame
        Columns of `run_frame`, ``row`` in the table given, and ``is_used``; one row a run.
    notes : tuple of str
        What is not drawn.
    """

    table: pd.DataFrame
    notes: tuple[str, ...]


def used_rows(fit: FitResult, runs: RunTable) -> NDArray[np.int64]:
    """Return the rows of a table that a fit used, by id where both have ids, else by place.

    Raises
    ------
    SchemaError
        `runs` is no RunTable, or does not hold the runs of the fit.
    """
    if not isinstance(runs, RunTable):
        raise SchemaError(
            f"runs must be a RunTable, got {type(runs).__name__}: give the table that was fitted, "
            "for example `reg.runs()`, or make one with RunTable.from_pandas."
        )
    places = {uid: i for i, uid in enumerate(runs.texts("run_uid")) if uid}
    if fit.run_uids and places:
        found = [places[uid] for uid in fit.run_uids if uid in places]
    else:
        found = [int(row) for row in fit.rows if row < len(runs)]
    if len(found) < fit.n_runs:
        raise SchemaError(
            f"The fit used {plural(fit.n_runs, 'run')}, of which the table of {len(runs):,} rows "
            f"holds {len(found)}: give the table that was fitted."
        )
    return np.array(found, dtype=np.int64)


def runs_of_fit(fit: FitResult, runs: RunTable, *, with_others: bool = False) -> FittedRuns:
    """Return the runs of a fit, at most 2,000 of them.

    Parameters
    ----------
    fit : FitResult
        The fit.
    runs : RunTable
        The table it was made of.
    with_others : bool
        Also runs of the same family that the fit left out; they have ``is_used`` False.
    """
    used = used_rows(fit, runs)
    rest = _others(runs, used) if with_others else used[:0]
    n_column = fit.settings.using.get("n_params", "n_params")
    rows = np.concatenate([used, rest])
    table = run_frame(runs.take(rows), n_column=n_column).assign(row=rows)
    table["is_used"] = np.arange(len(table)) < used.size
    known = np.flatnonzero(np.isfinite(table[["flops", "loss"]]).all(axis=1))
    return _thinned(table.iloc[known].reset_index(drop=True))


def run_frame(runs: RunTable, *, n_column: str = "n_params") -> pd.DataFrame:
    """Return what figures show of runs, NaN where a number is missing or not positive.

    Columns ``family``, ``run``, ``flops`` (6 N D), ``n_params``, ``n_tokens``,
    ``tokens_per_param``, ``n_steps``, ``hours`` of wall time, ``loss``.
    """
    import pandas as pd

    n, d, steps, seconds = (
        np.where(values > 0, values, np.nan)
        for values in (
            fitted_values(runs, n_column),
            *(runs.numbers(c) for c in ("n_tokens", "n_steps", "wall_time_s")),
        )
    )
    columns: dict[str, Any] = {
        "family": [f or "" for f in runs.texts("family")], "run": runs.labels(),
        "flops": FLOPS_PER_PARAM_TOKEN * n * d, "n_params": n, "n_tokens": d,
        "tokens_per_param": d / n, "n_steps": steps, "hours": seconds / SECONDS_AN_HOUR,
        "loss": runs.numbers("loss"),
    }  # fmt: skip
    return pd.DataFrame(columns)


def _others(runs: RunTable, used: NDArray[np.int64]) -> NDArray[np.int64]:
    families = [f or "" for f in runs.texts("family")]
    shared = {families[i] for i in used.tolist()}
    chosen = set(used.tolist())
    rest = [i for i, f in enumerate(families) if i not in chosen and f in shared]
    return np.array(rest, dtype=np.int64)


def _thinned(table: pd.DataFrame) -> FittedRuns:
    n = len(table)
    if n <= MOST_RUNS:
        return FittedRuns(table=table, notes=())
    # The lowest loss is what a reader looks for, so it is never thinned away.
    lowest = int(table["loss"].to_numpy().argmin())
    kept = np.union1d(even_sample(table["flops"], MOST_RUNS - 1), [lowest])
    note = f"{len(kept):,} of {n:,} runs are drawn, evenly by compute, and the lowest loss."
    return FittedRuns(table=table.iloc[kept].reset_index(drop=True), notes=(note,))
