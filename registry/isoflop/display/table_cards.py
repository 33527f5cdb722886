"""Cards of tables: how much there is, the main columns of the first rows, what is not known."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.display.card import SHOWN_ROWS, Card, CardTable, Reason, by_reason
from isoflop.display.harmless import one_line
from isoflop.words import number, plural

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from isoflop.estimate import Estimate
    from isoflop.tables import ArrowTable, FitTable, RunTable

_MOST_COUNTED = 100_000
"""Rows up to which kinds are counted: a card is there at once. [1]"""

_NAMED = 3
_QUANTITIES = {"n_params": "N", "n_tokens": "D", "flops": "C", "loss": "loss"}
_FIRST_ID = 8


def run_card(runs: RunTable) -> Card:
    """Return the card of runs: families, N, D, C and loss in words, and why some are not known."""
    title, reasons = _unknown(runs)
    return Card(
        title=plural(len(runs), "run"),
        verdict=_counted(runs, "family", "family", "families"),
        tables=[_first(runs, _run_frame(runs))],
        left_out_title=title,
        left_out=reasons,
        source=runs.source,
    )


def rows_card(
    table: ArrowTable,
    *,
    noun: str,
    columns: Sequence[str],
    kinds: Sequence[tuple[str, str, str]] = (),
) -> Card:
    """Return the card of a table of points or scores.

    Parameters
    ----------
    table : ArrowTable
        The rows.
    noun : str
        What one row is.
    columns : sequence of str
        Columns to show; those that the table has not are left out.
    kinds : sequence of (column, noun, plural)
        What to count.
    """
    said = [_counted(table, *kind) for kind in kinds]
    head = table.take(range(min(SHOWN_ROWS, len(table))))
    frame = head.to_pandas()
    shown = frame[[name for name in columns if name in frame]]
    return Card(
        title=plural(len(table), noun),
        verdict="; ".join(part for part in said if part),
        tables=[_first(table, shown)],
        source=table.source,
    )


def fit_card(fits: FitTable) -> Card:
    """Return the card of kept fits: law, data, status, and parameters without their intervals."""
    head = fits.take(range(min(SHOWN_ROWS, len(fits))))
    frame = head.to_pandas()
    names = ("fit_id", "created_at", "law", "family", "loss_dataset", "n_runs", "status")
    shown = frame[[name for name in names if name in frame]].copy()
    if "fit_id" in shown:
        shown["fit_id"] = shown["fit_id"].str[:_FIRST_ID]
    shown["parameters"] = [_values(params) for params in head.params()]
    return Card(
        title=plural(len(fits), "fit"),
        verdict="; ".join(filter(None, (_counted(fits, "law", "law", "laws"),
                                        _counted(fits, "status", "status", "statuses")))),
        tables=[_first(fits, shown)],
        source=fits.source,
    )  # fmt: skip


def frame_card(frame: pd.DataFrame, *, n_rows: int, columns: Sequence[str]) -> Card:
    """Return the card of rows that a query returned; `frame` holds the first rows and columns."""
    if not n_rows:
        return Card(title=f"no rows; columns: {', '.join(columns)}")
    beside = len(columns) - len(frame.columns)
    table = CardTable(name="", frame=frame, n_rows=n_rows, n_columns_beside=beside, is_queried=True)
    return Card(title=plural(n_rows, "row"), tables=[table])


def _first(table: ArrowTable, frame: pd.DataFrame) -> CardTable:
    return CardTable(name="", frame=frame, n_rows=len(table))


def _run_frame(runs: RunTable) -> pd.DataFrame:
    import pandas as pd

    head = runs.take(range(min(SHOWN_ROWS, len(runs))))
    n, d = head.numbers("n_params"), head.numbers("n_tokens")
    frame = pd.DataFrame(
        {
            "run": pd.Series(head.labels(), dtype=object),
            "family": pd.Series(head.texts("family"), dtype=object),
            "n_params": n,
            "n_tokens": d,
            "tokens_per_param": d / n,
            "flops": head.numbers("flops"),
            "loss": head.numbers("loss"),
            "status": pd.Series(head.texts("status"), dtype=object),
        }
    )
    units = {name: runs.schema.column(name).unit for name in _QUANTITIES}
    frame.attrs["units"] = units | {"tokens_per_param": "token"}
    return frame


def _values(params: Mapping[str, Estimate]) -> str:
    return ", ".join(
        f"{name} {number(estimate.value, digits=3)}" for name, estimate in params.items()
    )


def _counted(table: ArrowTable, column: str, noun: str, nouns: str) -> str:
    if column not in table.columns or not 0 < len(table) <= _MOST_COUNTED:
        return ""
    told = table.to_arrow().column(column)
    return counted_kinds(told, noun, nouns, named=0 if column.endswith("_uid") else _NAMED)


def counted_kinds(told: pa.ChunkedArray, noun: str, nouns: str, *, named: int = _NAMED) -> str:
    """Return how many kinds there are, and the most frequent; empty where none is known."""
    entries = told.value_counts().to_pylist()
    counts = {entry["values"]: entry["counts"] for entry in entries if entry["values"]}
    if not counts or not named:
        return plural(len(counts), noun, nouns) if counts else ""
    top = sorted(counts, key=lambda name: (-counts[name], name))
    shown = ", ".join(f"{one_line(name, 40)} {counts[name]:,}" for name in top[:named])
    more = ", ..." if len(top) > named else ""
    return f"{plural(len(top), noun, nouns)} ({shown}{more})"


def _unknown(runs: RunTable) -> tuple[str, tuple[Reason, ...]]:
    """Return for how many runs N, D, C or loss is not known, and why."""
    import pyarrow as pa
    import pyarrow.compute as pc

    arrow, n_runs = runs.to_arrow(), len(runs)
    if not n_runs:
        return "", ()
    missing: dict[str, pa.Array] = {}
    for name in _QUANTITIES:
        if name in runs.columns:
            missing[name] = pc.is_null(arrow.column(name), nan_is_null=True).combine_chunks()
        else:
            missing[name] = pa.array([True] * n_runs)
    amounts = {name: pc.sum(mask).as_py() or 0 for name, mask in missing.items()}
    known = ", ".join(f"{_QUANTITIES[k]} of {n:,}" for k, n in amounts.items() if n)
    if not known:
        return f"N, D, C and loss are known of {'it' if n_runs == 1 else 'all'}", ()
    return f"not known: {known} of {plural(n_runs, 'run')}", by_reason(_told(runs, missing))


def _told(runs: RunTable, missing: Mapping[str, pa.Array]) -> Iterator[tuple[str, str]]:
    """Yield the run and the reason of every number that is missing and has a reason."""
    if "null_reasons" not in runs.columns:
        return
    lacking = np.logical_or.reduce([np.asarray(mask) for mask in missing.values()])
    needed = [n for n in ("run_name", "run_uid", "null_reasons") if n in runs.columns]
    rows = type(runs)(runs.to_arrow().select(needed)).take(lacking)
    parsed = [_reasons(text) for text in rows.texts("null_reasons")]
    labels = rows.labels()
    for name, mask in missing.items():
        for row in np.flatnonzero(np.asarray(mask)[lacking]):
            if name in parsed[row]:
                yield labels[row], f"{_QUANTITIES[name]}: {parsed[row][name]}"


def _reasons(text: str | None) -> dict[str, Any]:
    try:
        told = json.loads(text or "{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
