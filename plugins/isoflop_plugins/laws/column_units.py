"""Units of the columns that a law of any column is written for."""

from __future__ import annotations

from isoflop.schema import RUNS


def unit_of(column: str) -> str:
    """Return the unit of a column of `runs`; ``"1"`` for a column that the schema does not know.

    Examples
    --------
    >>> unit_of("flops_6nd"), unit_of("my_score")
    ('FLOP', '1')
    """
    return RUNS.column(column).unit if column in RUNS.names else "1"
