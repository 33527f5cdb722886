"""The tables of a result that a figure is drawn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isoflop.errors import SchemaError
from isoflop.results import AnalysisResult

if TYPE_CHECKING:
    import pandas as pd


def table_of(result: AnalysisResult, name: str, columns: tuple[str, ...]) -> pd.DataFrame:
    """Return a table of a result that has certain columns.

    Raises
    ------
    SchemaError
        The result has no such table, so it is that of another analyzer.
    """
    if not isinstance(result, AnalysisResult):
        raise SchemaError(
            f"result must be what isoflop.analyze returned, got {type(result).__name__}."
        )
    table = result.tables.get(name)
    missing = [c for c in columns if table is None or c not in table]
    if table is None or missing:
        raise SchemaError(
            f"This figure needs a table {name!r} with the columns {list(columns)}; the result of "
            f"{result.name!r} has the tables {sorted(result.tables)}. Its own figures: "
            f"{sorted(result.figures) or 'none'}."
        )
    return table
