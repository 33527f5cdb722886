"""Tables of runs, scores and curves: Arrow inside, NumPy for analysis, pandas at the edge."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from isoflop.display.card import ShowsCard
from isoflop.errors import SchemaError, UnknownNameError
from isoflop.estimate import Estimate, as_estimate
from isoflop.schema import CURVES, FITS, METRICS, RUNS, SCORES, TableSchema, arrow_type

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa
    from numpy.typing import NDArray

    from isoflop.display.card import Card

_ROWS_AT_ONCE = 1_024


class ArrowRows:
    """Rows in Arrow, whatever their columns.

    Parameters
    ----------
    arrow : pyarrow.Table
        The rows; none is fine.
    """

    def __init__(self, arrow: pa.Table) -> None:
        self._arrow = arrow

    def to_arrow(self) -> pa.Table:
        """Return the rows as an Arrow table."""
        return self._arrow

    def to_pandas(self) -> pd.DataFrame:
        """Return the rows as a DataFrame: nullable integers, NaN for unknown floats."""
        import pandas as pd
        import pyarrow as pa

        nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
        frame: pd.DataFrame = self._arrow.to_pandas(types_mapper=nullable.get)
        return frame

    def to_polars(self) -> pl.DataFrame:
        """Return the rows as a Polars DataFrame; needs the extra ``isoflop[polars]``."""
        import polars as pl

        frame = pl.from_arrow(self._arrow)
        assert isinstance(frame, pl.DataFrame)
        return frame

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that are there."""
        return tuple(self._arrow.column_names)

    def __len__(self) -> int:
        return int(self._arrow.num_rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield each row as a dict, None where a value is unknown."""
        for batch in self._arrow.to_batches(max_chunksize=_ROWS_AT_ONCE):
            yield from batch.to_pylist()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return the rows as any library reads them that speaks Arrow: Polars, DuckDB, Altair."""
        return self._arrow.__arrow_c_stream__(requested_schema)


class ArrowTable(ShowsCard, ArrowRows):
    """A table with known columns; unknown ones are carried along.

    Parameters
    ----------
    arrow : pyarrow.Table
        Columns as in the schema; a column of the schema that is missing counts as null.
    source : str
        Where the rows come from, for results to name.
    """

    schema: ClassVar[TableSchema]
    joined: ClassVar[tuple[str, ...]] = ()
    """Columns of `runs` that may stand beside the table's own."""

    def __init__(self, arrow: pa.Table, *, source: str = "") -> None:
        super().__init__(arrow)
        self.source = source

    @classmethod
    def from_arrow(cls, table: pa.Table, *, source: str = "") -> Self:
        """Return the table with columns of the schema cast to their types, units in their fields.

        Raises `SchemaError` where a value does not fit its column, naming the column.
        """
        known = {c.name: c.type for c in cls.schema.columns}
        known |= {name: RUNS.column(name).type for name in cls.joined}
        fields = {field.name: field for field in (*RUNS.to_arrow(), *cls.schema.to_arrow())}
        for index, name in enumerate(table.column_names):
            if name in known:
                column = _cast(table.column(index), known[name], name, cls.schema)
                table = table.set_column(index, fields[name], column)
        return cls(table, source=source)

    @classmethod
    def from_pandas(cls, frame: pd.DataFrame, *, source: str = "pandas DataFrame") -> Self:
        """Return the table for a DataFrame whose columns are named as in the schema.

        Moments with a time zone are kept as the same moments in UTC. Raises `SchemaError` where a
        column mixes types or two columns share a name.
        """
        import pyarrow as pa

        try:
            arrow = pa.Table.from_pandas(_in_utc(frame), preserve_index=False)
        except (TypeError, ValueError, OverflowError, NotImplementedError) as error:
            raise SchemaError(
                f"The frame cannot be read: {error}. Give every column a name of its own and "
                "one kind of value: numbers as numbers, text as text."
            ) from error
        return cls.from_arrow(arrow.replace_schema_metadata(None), source=source)

    def to_pandas(self) -> pd.DataFrame:
        """Return a DataFrame: nullable integers, NaN for unknown floats, units in `attrs`."""
        frame = super().to_pandas()
        units = {c.name: c.unit for c in self.schema.columns}
        units |= {name: RUNS.column(name).unit for name in self.joined}
        frame.attrs["units"] = {name: unit for name, unit in units.items() if name in frame}
        return frame

    def _card(self) -> Card:
        from isoflop.display.table_cards import rows_card

        return rows_card(self, noun="row", columns=self.columns)

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return a numeric column as float64, NaN where it is null or missing."""
        if name not in self.columns:
            self._known(name)
            return np.full(len(self), np.nan)
        import pyarrow as pa

        column = self._arrow.column(name).cast(pa.float64(), safe=False)
        return np.asarray(column.to_numpy(), dtype=np.float64)

    def texts(self, name: str) -> list[str | None]:
        """Return a text column, None where it is null or missing."""
        if name not in self.columns:
            self._known(name)
            return [None] * len(self)
        return list(self._arrow.column(name).to_pylist())

    def flags(self, name: str) -> list[bool | None]:
        """Return a boolean column, None where it is null or missing."""
        if name not in self.columns:
            self._known(name)
            return [None] * len(self)
        return list(self._arrow.column(name).to_pylist())

    def take(self, rows: NDArray[Any] | Sequence[int] | Sequence[bool]) -> Self:
        """Return the rows chosen by a boolean mask or by indices, in that order."""
        import pyarrow as pa

        chosen = np.asarray(rows)
        if chosen.dtype == bool:
            return type(self)(self._arrow.filter(pa.array(chosen)), source=self.source)
        return type(self)(self._arrow.take(pa.array(chosen, pa.int64())), source=self.source)

    def by_family(self) -> Mapping[str, Self]:
        """Return the rows of each family, in order of name; unknown family is ``""``."""
        families = np.array([f or "" for f in self.texts("family")], dtype=object)
        return {f: self.take(families == f) for f in sorted(set(families.tolist()))}

    def _known(self, name: str) -> None:
        if name not in self.schema.names and name not in self.joined:
            raise UnknownNameError(f"column of {self.schema.name!r}", name, self.schema.names)


def _in_utc(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with moments in UTC and no zone, which Arrow reads without pandas' warning.

    The cast to the schema puts the zone back.
    """
    import pandas as pd

    zoned = [i for i, kind in enumerate(frame.dtypes) if isinstance(kind, pd.DatetimeTZDtype)]
    frame = frame.copy(deep=False) if zoned else frame
    for index in zoned:
        frame.isetitem(index, frame.iloc[:, index].dt.tz_convert(None))
    return frame


def _cast(column: Any, kind: Any, name: str, schema: TableSchema) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    target = arrow_type(kind)
    try:
        if pa.types.is_floating(column.type) and pa.types.is_integer(target):
            whole = pc.if_else(pc.is_finite(column), column, pa.scalar(None, column.type))
            return pc.round(whole).cast(target)
        if pa.types.is_null(column.type):
            return column.cast(target)
        if pa.types.is_timestamp(target) and pa.types.is_timestamp(column.type):
            return column.cast(target, safe=False)
        return column.cast(target)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        unit = schema.column(name).unit if name in schema.names else ""
        raise SchemaError(
            f"Column {name!r} of {schema.name!r} must be {kind}"
            f"{f' [{unit}]' if unit else ''}, got {column.type}: {error}. "
            "Convert the column, or leave it out where it is unknown."
        ) from error


class SizedRows(ArrowTable):
    """Rows that tell N of the run they belong to."""

    def is_mixture(self) -> NDArray[np.bool_]:
        """Return which runs are mixtures of experts: they say so, or use under 99 % of N a token.

        Shape (n_rows,).
        """
        total, active = self.numbers("n_params"), self.numbers("n_params_active")
        named = np.array([a == "moe" for a in self.texts("architecture")], dtype=bool)
        return named | (active < 0.99 * total)

    def params_per_token(self) -> NDArray[np.float64]:
        """Return N as laws and 6 N D count it: all parameters, of experts the active ones. [1].

        Shape (n_rows,); NaN where that count is null.
        """
        return np.where(
            self.is_mixture(), self.numbers("n_params_active"), self.numbers("n_params")
        )


class RunTable(SizedRows):
    """Runs, one a row; columns as in the registry's table `runs`.

    Enough for a fit: ``n_params``, ``n_tokens``, ``loss``.
    """

    schema = RUNS

    def labels(self) -> list[str]:
        """Return what to call each run: its name, else its id, else its row number."""
        names, uids = self.texts("run_name"), self.texts("run_uid")
        return [n or u or f"run {i}" for i, (n, u) in enumerate(zip(names, uids, strict=True))]

    def _card(self) -> Card:
        from isoflop.display.table_cards import run_card

        return run_card(self)


class ScoreTable(ArrowTable):
    """Scores, one a row; columns as in `scores` plus the run's N, D, C, loss and family."""

    schema = SCORES
    joined = ("run_name", "family", "n_params", "n_tokens", "flops", "loss", "status", "created_at")

    def _card(self) -> Card:
        from isoflop.display.table_cards import rows_card

        return rows_card(
            self,
            noun="score",
            columns=("run_name", "family", "task", "metric", "value", "stderr", "unit",
                     "n_examples", "n_shot", "step"),
            kinds=(("task", "task", "tasks"), ("metric", "metric", "metrics")),
        )  # fmt: skip


class CurveTable(SizedRows):
    """Training-curve points, one a row; columns as in `curves` plus facts of the run.

    `n_tokens` is that of the point: tokens seen up to it.
    """

    schema = CURVES
    joined = (
        "run_name", "family", "n_params", "n_params_active", "architecture", "n_tokens_planned",
        "status", "stage", "dataset", "tokenizer",
    )  # fmt: skip

    def _card(self) -> Card:
        from isoflop.display.table_cards import rows_card

        return rows_card(
            self,
            noun="point",
            columns=("run_name", "family", "split", "step", "n_tokens", "loss", "learning_rate"),
            kinds=(("run_uid", "run", "runs"), ("split", "split", "splits")),
        )


class MetricTable(ArrowTable):
    """Logged metric points, one a row; columns as in `metrics`."""

    schema = METRICS

    def _card(self) -> Card:
        from isoflop.display.table_cards import rows_card

        return rows_card(
            self,
            noun="point",
            columns=("run_uid", "name", "step", "value"),
            kinds=(("run_uid", "run", "runs"), ("name", "metric", "metrics")),
        )


SHORTEST_FIT_ID = 4
"""Characters of the start of a fit's id that name it. [1]"""

FIT_SERIES = ("law", "family", "loss_dataset", "objective", "variant")
"""Columns of `fits` in which two fits agree that can be compared over time."""


class FitTable(ArrowTable):
    """Law fits, one a row, oldest first; columns as in the registry's table `fits`."""

    schema = FITS

    def _card(self) -> Card:
        from isoflop.display.table_cards import fit_card

        return fit_card(self)

    def params(self) -> list[dict[str, Estimate]]:
        """Return the parameters of each fit, and what follows from them, by name."""
        texts, levels = self.texts("params"), self.numbers("level")
        return [
            fit_params({"params": text, "level": level})
            for text, level in zip(texts, levels, strict=True)
        ]

    def objects(self, name: str) -> list[Any]:
        """Return what a JSON column of each fit holds, None where it is null or missing."""
        return [json.loads(text) if text else None for text in self.texts(name)]

    def find(self, fit_id: str) -> int:
        """Return the row of the fit that has this id, or whose id alone starts so.

        Raises `UnknownNameError` with the candidates where it is not exactly one fit.
        """
        ids = [i or "" for i in self.texts("fit_id")]
        if fit_id in ids:
            return ids.index(fit_id)
        found = [i for i in ids if len(fit_id) >= SHORTEST_FIT_ID and i.startswith(fit_id)]
        if len(found) == 1:
            return ids.index(found[0])
        hint = "`isoflop fits` lists them."
        if found:
            hint = f"{len(found)} fits start with {fit_id!r}: give more of the id."
        raise UnknownNameError("fit", fit_id, [i[:12] for i in found or ids], hint=hint)


def fit_params(row: Mapping[str, Any]) -> dict[str, Estimate]:
    """Return the parameters of a row of `fits` as estimates; a null end becomes NaN."""
    told = row.get("params") or {}
    told = json.loads(told) if isinstance(told, str) else told
    level = row.get("level")
    level = math.nan if level is None else float(level)
    return {
        name: entry if isinstance(entry, Estimate) else as_estimate(entry, level=level)
        for name, entry in told.items()
    }
