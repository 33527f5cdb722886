"""The columns that Kaplan's laws read: N without embeddings, C and S as at the best batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from isoflop.estimation.frontier import FLOPS_PER_PARAM_TOKEN
from isoflop.estimation.variables import fitted_values
from isoflop.tables import RunTable
from isoflop_plugins.laws.kaplan_batch import critical_batch, minimal_flops, minimal_steps

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE = "n_params_nonembedding"
_FEWEST = 3
"""Runs with a value for a column to count as told: as many as the smallest law needs. [1]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Runs of one family with all columns of the laws, and which stand for N and C.

    Parameters
    ----------
    runs : RunTable
        With ``flops_kaplan``, ``flops_min`` and ``n_steps_min`` filled in where they follow.
    size, flops : str
        Columns that stand for N and C.
    """

    runs: RunTable
    size: str
    flops: str

    def using(self, *variables: str) -> Mapping[str, str]:
        """Return what stands for the variables of a law, those that stand for themselves left out.

        Examples
        --------
        >>> import pyarrow as pa
        >>> c = Columns(runs=RunTable(pa.table({})), size="n_params", flops="flops_6nd")
        >>> dict(c.using("n_params_nonembedding", "n_tokens"))
        {'n_params_nonembedding': 'n_params'}
        """
        stands = {SIZE: self.size, "n_params": self.size, "flops": self.flops}
        return {v: stands[v] for v in variables if v in stands and stands[v] != v}


def kaplan_columns(runs: RunTable, critical: Mapping[str, float]) -> Columns:
    """Return runs with the columns of the laws, and which of theirs stand for N and C.

    N is without embeddings and C is 6 N D of that N where the table tells it; else all parameters,
    and the compute that the table has.

    Parameters
    ----------
    runs : RunTable
        One family.
    critical : mapping of str to float
        ``B_star`` [token] and ``alpha_B`` of the critical batch; empty where unknown, and then
        nothing is counted as at the best batch.
    """
    n, d, loss = runs.numbers(SIZE), runs.numbers("n_tokens"), runs.numbers("loss")
    batch, steps = runs.numbers("batch_tokens"), runs.numbers("n_steps")
    given = runs.numbers("flops_kaplan")
    out = {"flops_kaplan": np.where(np.isnan(given), FLOPS_PER_PARAM_TOKEN * n * d, given)}
    runs = with_numbers(runs, out)
    size = SIZE if _told(n, loss) else "n_params"
    wanted = ("flops_kaplan", "flops") if size == SIZE else ("flops",)
    flops = next((c for c in wanted if _told(runs.numbers(c), loss)), "flops_6nd")
    best = (
        critical_batch(loss, b_star=critical["B_star"], alpha_b=critical["alpha_B"])
        if critical
        else np.full(len(runs), np.nan)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        taken = np.where(np.isnan(steps), d / batch, steps)
        more = {
            "flops_min": minimal_flops(fitted_values(runs, flops), batch=batch, critical=best),
            "n_steps_min": minimal_steps(taken, batch=batch, critical=best),
        }
    return Columns(runs=with_numbers(runs, more), size=size, flops=flops)


def with_numbers(runs: RunTable, columns: Mapping[str, NDArray[np.float64]]) -> RunTable:
    """Return the table with columns of numbers put in or replaced; NaN is null."""
    import pyarrow as pa

    arrow = runs.to_arrow()
    for name, values in columns.items():
        column = pa.array(values, pa.float64(), from_pandas=True)
        if name in arrow.column_names:
            arrow = arrow.set_column(arrow.column_names.index(name), name, column)
        else:
            arrow = arrow.append_column(name, column)
    return RunTable(arrow, source=runs.source)


def _told(values: NDArray[np.float64], loss: NDArray[np.float64]) -> bool:
    return int((np.isfinite(values) & np.isfinite(loss)).sum()) >= _FEWEST
