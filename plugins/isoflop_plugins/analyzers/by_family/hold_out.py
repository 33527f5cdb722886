"""Held-out runs: fit the others, predict these, beside a baseline.

`isoflop.estimation.rollout` holds out runs of largest compute. Here the runs to hold out are the
caller's: those of most tokens per parameter, or all checkpoints of the largest runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import FitError, SchemaError
from isoflop.estimation import Rollout, fit_law
from isoflop.estimation.frontier import FLOPS_PER_PARAM_TOKEN
from isoflop.estimation.variables import fitted_values, group_codes

if TYPE_CHECKING:
    from isoflop.laws import Law
    from isoflop.tables import RunTable

_DRAWS = 200


def by_compute(
    runs: RunTable, rows: NDArray[np.int64], *, share: float, clusters: str | None = None
) -> NDArray[np.int64]:
    """Return the rows of largest compute to hold out; with clusters, whole ones.

    Parameters
    ----------
    runs : RunTable
        The runs.
    rows : NDArray of int, shape (n,)
        Rows that a law was fitted to.
    share : float
        Share of the rows, or of the clusters, to hold out; at least one. [1]
    clusters : str or None
        Column that tells which rows are checkpoints of one run.

    Raises
    ------
    SchemaError
        `share` is not between 0 and 1.
    """
    n, d = _sizes(runs, rows)
    return _last(runs, rows, n * d, (d, n), share=share, clusters=clusters)


def by_tokens_per_param(
    runs: RunTable, rows: NDArray[np.int64], *, share: float
) -> NDArray[np.int64]:
    """Return the rows of most tokens per parameter to hold out; see `by_compute`."""
    n, d = _sizes(runs, rows)
    return _last(runs, rows, d / n, (d,), share=share, clusters=None)


def predict_held_out(
    law: Law,
    runs: RunTable,
    rows: NDArray[np.int64],
    held: NDArray[np.int64],
    settings: Mapping[str, Any],
) -> Rollout | None:
    """Return how well a law that is fitted to the other rows predicts these; None if too few.

    Parameters
    ----------
    law : Law
        A law of N and D.
    runs : RunTable
        The runs.
    rows, held : NDArray of int
        Rows that can be fitted, and those among them to hold out.
    settings : mapping
        Keywords of `isoflop.estimation.fit_law`; at most 200 draws are made.
    """
    kept = np.setdiff1d(rows, held)
    few = {**settings, "n_boot": min(int(settings.get("n_boot", _DRAWS)), _DRAWS)}
    try:
        fit = fit_law(law, runs.take(kept), **few)
    except FitError:
        return None
    n, d = _sizes(runs, held)
    predicted = fit.predict(n, d)
    loss = runs.numbers("loss")
    measured, baseline = loss[held], float(loss[kept].min())
    labels = runs.labels()
    return Rollout(
        fit=fit,
        rows=held,
        labels=tuple(labels[i] for i in held),
        n_params=n,
        n_tokens=d,
        flops=FLOPS_PER_PARAM_TOKEN * n * d,
        loss=measured,
        predicted=predicted,
        error=predicted.value / measured - 1.0,
        baseline=baseline,
        baseline_error=baseline / measured - 1.0,
    )


def _sizes(
    runs: RunTable, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return fitted_values(runs, "n_params")[rows], fitted_values(runs, "n_tokens")[rows]


def _last(
    runs: RunTable,
    rows: NDArray[np.int64],
    key: NDArray[np.float64],
    ties: tuple[NDArray[np.float64], ...],
    *,
    share: float,
    clusters: str | None,
) -> NDArray[np.int64]:
    """Return the rows with the largest key, ascending; whole clusters by their largest row."""
    if not 0 < share < 1:
        raise SchemaError(f"holdout must lie between 0 and 1, got {share!r}; 0.2 is usual.")
    order = np.lexsort((*ties, key))
    if not clusters:
        return np.asarray(rows[order[-max(1, round(share * rows.size)) :]])
    codes = group_codes(runs, clusters)[rows][order]
    # The last row of a cluster in this order is its largest, so unique codes from the end rank it.
    ranked = codes[::-1][np.sort(np.unique(codes[::-1], return_index=True)[1])]
    gone = ranked[: max(1, round(share * ranked.size))]
    return np.asarray(rows[order[np.isin(codes, gone)]])
