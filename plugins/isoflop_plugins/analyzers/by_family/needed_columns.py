"""What a table lacks for a question: columns that are missing, or null in every row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.estimation.variables import fitted_values

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isoflop.tables import RunTable


def values_or_nan(runs: RunTable, name: str) -> NDArray[np.float64]:
    """Return a numeric column, NaN where it is null, missing or no number. Shape (n_runs,)."""
    import pyarrow as pa

    if name not in runs.schema.names and name not in runs.columns:
        return np.full(len(runs), np.nan)
    try:
        return fitted_values(runs, name)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return np.full(len(runs), np.nan)


def lacking(runs: RunTable, names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of these that no run has a number in."""
    return tuple(n for n in names if not np.isfinite(values_or_nan(runs, n)).any())


def with_values(runs: RunTable, name: str, values: NDArray[Any]) -> RunTable:
    """Return the runs with a numeric column set; NaN becomes null."""
    import pyarrow as pa

    arrow = runs.to_arrow()
    if name in arrow.column_names:
        arrow = arrow.drop_columns([name])
    column = pa.array(np.asarray(values, dtype=np.float64), pa.float64(), from_pandas=True)
    return type(runs).from_arrow(arrow.append_column(name, column), source=runs.source)
