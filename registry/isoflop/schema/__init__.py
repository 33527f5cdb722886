"""The registry's schema: every table and column with its type, unit and meaning."""

from isoflop.schema.column import Column, ColumnType, TableSchema, arrow_type
from isoflop.schema.ledger import EVENTS, FINDINGS, FITS
from isoflop.schema.runs import ESTIMATED, RUNS
from isoflop.schema.series import CURVES, METRICS, SCORES
from isoflop.schema.sources import LINKS, SOURCES

SCHEMA_VERSION = "1.1"
"""Major.minor: a reader refuses a newer major; a newer minor only adds columns."""

TABLES: dict[str, TableSchema] = {
    t.name: t for t in (RUNS, CURVES, METRICS, SCORES, SOURCES, LINKS, FITS, FINDINGS, EVENTS)
}

__all__ = [
    "CURVES",
    "ESTIMATED",
    "EVENTS",
    "FINDINGS",
    "FITS",
    "LINKS",
    "METRICS",
    "RUNS",
    "SCHEMA_VERSION",
    "SCORES",
    "SOURCES",
    "TABLES",
    "Column",
    "ColumnType",
    "TableSchema",
    "arrow_type",
]
