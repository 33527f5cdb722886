"""Columns as fits use them: as they stand in the table, or derived from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import UnknownNameError
from isoflop.estimation.frontier import FLOPS_PER_PARAM_TOKEN

if TYPE_CHECKING:
    from isoflop.tables import RunTable

Floats = NDArray[np.float64]


def fitted_values(runs: RunTable, name: str) -> Floats:
    """Return a column as fits use it, NaN where null. Shape (n_runs,), in its unit.

    ``n_params`` is what a token passes through: for experts the active ones. ``tokens_per_param``
    is D / N, and ``flops_6nd`` is 6 N D where the table does not say it.

    Raises
    ------
    UnknownNameError
        The table has no such column.
    """
    if name == "n_params":
        return runs.params_per_token()
    if name == "tokens_per_param":
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(runs.numbers("n_tokens") / runs.params_per_token())
    if name == "flops_6nd":
        derived = FLOPS_PER_PARAM_TOKEN * runs.params_per_token() * runs.numbers("n_tokens")
        return np.asarray(np.where(np.isnan(runs.numbers(name)), derived, runs.numbers(name)))
    return runs.numbers(name)


def group_codes(runs: RunTable, name: str) -> NDArray[np.int64]:
    """Return the number of each row's group under any column, shape (n_runs,); null is a group.

    Raises `UnknownNameError` where the table has no such column.
    """
    if name not in runs.columns:
        raise UnknownNameError("column of the runs", name, runs.columns)
    values: list[Any] = runs.to_arrow().column(name).to_pylist()
    known = {value: code for code, value in enumerate(dict.fromkeys(values))}
    return np.array([known[value] for value in values], dtype=np.int64)
