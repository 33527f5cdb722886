"""Runs by family and by the data their loss was measured on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from isoflop.tables import RunTable

if TYPE_CHECKING:
    from isoflop.tables import ScoreTable

_LOSS_UNIT = "nat/token"


def by_domain(runs: RunTable) -> Iterator[tuple[str, str, RunTable]]:
    """Yield family, data set and runs, in order of name; an unknown one is ``""``."""
    for family, part in runs.by_family().items():
        names = np.array([d or "" for d in part.texts("loss_dataset")], dtype=object)
        for domain in sorted(set(names.tolist())):
            yield family, domain, part.take(names == domain)


def losses_as_runs(scores: ScoreTable) -> RunTable:
    """Return the evaluation losses of final models as runs, one a run and data set.

    Losses in another unit than nat/token, of checkpoints, and other metrics are left out.
    """
    import pyarrow as pa

    steps, units, metrics = scores.numbers("step"), scores.texts("unit"), scores.texts("metric")
    wanted = [
        metric == "loss" and unit == _LOSS_UNIT and np.isnan(step)
        for metric, unit, step in zip(metrics, units, steps.tolist(), strict=True)
    ]
    kept = scores.take(wanted)
    columns: Mapping[str, list[str | None]] = {
        name: kept.texts(name) for name in ("run_uid", "run_name", "family", "status")
    }
    numbers = {name: kept.numbers(name) for name in ("n_params", "n_tokens", "flops")}
    arrow = pa.table(
        {
            **{name: pa.array(values, pa.string()) for name, values in columns.items()},
            **{name: pa.array(v, pa.float64(), from_pandas=True) for name, v in numbers.items()},
            "loss": pa.array(kept.numbers("value"), pa.float64(), from_pandas=True),
            "loss_dataset": pa.array(kept.texts("task"), pa.string()),
        }
    )
    return RunTable.from_arrow(arrow, source=scores.source)
