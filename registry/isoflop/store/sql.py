"""SQL over Arrow tables in a sandbox: no file, no network, no setting can be reached."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from isoflop.display.card import SHOWN_COLUMNS, SHOWN_ROWS, ShowsCard
from isoflop.errors import RegistryError, SchemaError
from isoflop.schema import TABLES
from isoflop.tables import ArrowRows

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa

    from isoflop.display.card import Card


class SqlResult(ShowsCard, ArrowRows):
    """Rows that a query returned.

    Parameters
    ----------
    arrow : pyarrow.Table
        The rows.
    """

    def to_pandas(self) -> pd.DataFrame:
        """Return a DataFrame; columns that are named as in a table of the registry keep their unit.

        A sum or mean under a column's own name counts as that column.
        """
        frame = super().to_pandas()
        frame.attrs["units"] = {n: _units()[n] for n in self.columns if n in _units()}
        return frame

    def _card(self) -> Card:
        from isoflop.display.table_cards import frame_card

        names = self.columns[:SHOWN_COLUMNS]
        head = self._arrow.slice(0, SHOWN_ROWS).select(list(range(len(names))))
        return frame_card(SqlResult(head).to_pandas(), n_rows=len(self), columns=self.columns)


def query(
    text: str, views: Mapping[str, Any], derived: Mapping[str, str] | None = None
) -> SqlResult:
    """Run one SELECT over Arrow tables or datasets.

    Parameters
    ----------
    text : str
        The query, in DuckDB's SQL.
    views : mapping of str to pyarrow.Table or pyarrow.dataset.Dataset
        What the query may name.
    derived : mapping of str to str or None
        More names, each a SELECT over `views`.

    Raises
    ------
    RegistryError
        The query is no SELECT, names something else, or reaches out of the sandbox.
    """
    import duckdb

    with _sandbox(views, derived or {}) as connection:
        try:
            statements = connection.extract_statements(text)
            kinds = {s.type for s in statements}
            if len(statements) != 1 or kinds - {
                duckdb.StatementType.SELECT,
                duckdb.StatementType.EXPLAIN,
            }:
                raise RegistryError("A registry is queried with one SELECT; it is never changed.")
            result = connection.sql(text)
            arrow = result.to_arrow_table()
        except duckdb.Error as error:
            raise RegistryError(
                f"The query cannot be run: {error}\nTables: {', '.join(sorted(TABLES))}."
            ) from error
    return SqlResult(_with_units(_plain_numbers(arrow)))


def rows_where(table: pa.Table, where: str, *, name: str) -> pa.Table:
    """Return the rows of a table for which a SQL expression is true, in order.

    Raises `SchemaError` where the expression is not one over the table's columns.
    """
    import duckdb
    import pyarrow as pa

    numbered = table.append_column("_row", pa.array(range(table.num_rows), pa.int64()))
    with _sandbox({name: numbered}) as connection:
        try:
            # A relation's filter takes one expression and nothing else.
            found = connection.view(name).filter(where).project("_row").order("_row")
            rows = found.to_arrow_table().column("_row")
        except duckdb.Error as error:
            raise SchemaError(
                f"{where!r} is not a condition on {name!r}: {str(error).splitlines()[0]} "
                f"Columns: {', '.join(table.column_names)}."
            ) from error
    return table.take(rows)


def _sandbox(
    views: Mapping[str, Any], derived: Mapping[str, str] | None = None
) -> duckdb.DuckDBPyConnection:
    """Return a connection that sees the views and nothing else."""
    import duckdb

    # Without the first setting SQL could read any Python variable by its name.
    config = {"python_enable_replacements": "false", "autoinstall_known_extensions": "false"}
    connection = duckdb.connect(":memory:", config=config)
    for name, view in views.items():
        connection.register(name, view)
    for name, select in (derived or {}).items():
        connection.execute(f"CREATE VIEW {name} AS {select}")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _plain_numbers(table: pa.Table) -> pa.Table:
    """Return 128-bit sums as int64 where they fit, else as float64."""
    import pyarrow as pa

    for index, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type):
            column = table.column(index)
            try:
                column = column.cast(pa.int64() if field.type.scale == 0 else pa.float64())
            except pa.ArrowInvalid:
                column = column.cast(pa.float64())
            table = table.set_column(index, field.name, column)
    return table


def _with_units(table: pa.Table) -> pa.Table:
    """Return the rows with the unit of every column that a table of the registry knows."""
    import pyarrow as pa

    units = _units()
    fields = [
        field.with_metadata({"unit": units[field.name]}) if field.name in units else field
        for field in table.schema
    ]
    return pa.table(table.columns, schema=pa.schema(fields))


@functools.cache
def _units() -> Mapping[str, str]:
    return {c.name: c.unit for schema in TABLES.values() for c in schema.columns}
