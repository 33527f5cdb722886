"""Which columns of a table fit a terminal, and how wide they are: words are never cut."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

LONGEST_UNBROKEN = 24
"""Longer cells are broken between words before a column is dropped. [character]"""
LONGEST_WORD = 40
"""Longer words are cut. [character]"""

GAP = 2


def column_widths(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, room: int | None
) -> list[int]:
    """Return the widths of the first columns that fit, at least of one.

    Parameters
    ----------
    headings : sequence of str
        One a column.
    rows : sequence of sequence of str
        Cells.
    room : int or None
        Width of the terminal; None for no limit: every column, as wide as its longest line.
    """
    columns = list(zip(headings, *rows, strict=True))
    wanted = [max(map(_longest_line, column)) for column in columns]
    if room is None:
        return wanted
    needed = [_needed(column) for column in columns]
    shown = _n_fitting(needed, room)
    widths = [min(width, room) for width in needed[:shown]]
    spare = room - sum(widths) - GAP * (shown - 1)
    for i in range(shown):
        more = min(spare, max(wanted[i] - widths[i], 0))
        widths[i] += more
        spare -= more
    return widths


def _n_fitting(needed: Sequence[int], room: int) -> int:
    used = -GAP
    for n, width in enumerate(needed):
        used += GAP + width
        if used > room:
            return max(n, 1)
    return len(needed)


def _needed(column: Sequence[str]) -> int:
    """Return the least width that cuts no word and breaks no cell of usual length."""
    words = max((cell_len(word) for text in column for word in text.split()), default=0)
    cells = max(map(_longest_line, column[1:]), default=0)
    return max(min(words, LONGEST_WORD), min(cells, LONGEST_UNBROKEN))


def _longest_line(text: str) -> int:
    return max(map(cell_len, text.split("\n")))
