"""A table in plain text, columns aligned, names made harmless."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

from isoflop.display.card import SHOWN_ROWS
from isoflop.display.harmless import one_line

if TYPE_CHECKING:
    from isoflop.display.card import CardTable

LONGEST_CELL = 40
WIDEST_TABLE = 10
"""Columns that text shows. [1]"""


def text_table(table: CardTable, *, indent: str = "  ") -> list[str]:
    """Return the lines of a table: headings, first rows, and how much is not shown."""
    seen = table.view(rows=SHOWN_ROWS, columns=WIDEST_TABLE)
    heads = [one_line(h.titled, LONGEST_CELL) for h in seen.headings]
    rows = [[one_line(text, LONGEST_CELL) for text in row] for row in seen.rows]
    columns = list(zip(heads, *rows, strict=True))
    widths = [max(map(_width, column)) for column in columns]
    right = [h.numeric for h in seen.headings]
    lines = [indent + _line(row, widths, right) for row in (heads, *rows)] if heads else []
    more = not_shown(seen.n_hidden, seen.n_hidden_columns)
    return [*lines, *([indent + more] if more else [])]


def not_shown(n_rows: int, n_columns: int) -> str:
    """Return how much of a table is not shown; empty for nothing.

    Examples
    --------
    >>> not_shown(990, 0), not_shown(1, 3), not_shown(0, 0)
    ('and 990 more rows', 'and 1 more row, 3 more columns', '')
    """
    parts = [
        f"{n:,} more {noun}{'' if n == 1 else 's'}"
        for n, noun in ((n_rows, "row"), (n_columns, "column"))
        if n > 0
    ]
    return f"and {', '.join(parts)}" if parts else ""


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = [
        _pad(cell, width, at_right=at_right)
        for cell, width, at_right in zip(cells, widths, right, strict=True)
    ]
    return "  ".join(padded).rstrip()


def _pad(cell: str, width: int, *, at_right: bool) -> str:
    space = " " * (width - _width(cell))
    return space + cell if at_right else cell + space


def _width(text: str) -> int:
    """Return how many columns of a terminal a text fills."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def _columns(c: str) -> int:
    if unicodedata.category(c) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(c) in "WF" else 1
