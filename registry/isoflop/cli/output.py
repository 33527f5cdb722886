"""What verbs print: tables, JSON. Names of runs are untrusted, so control codes go."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from isoflop.display.harmless import harmless, one_line
from isoflop.errors import UnknownNameError
from isoflop.words import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from rich.console import Console

    from isoflop.results import AnalysisResult

_PIPE_WIDTH = 250
_ROWS = 20
_NAMED = 12


def console() -> Console:
    """Return the console on stdout; wide where nobody looks, so that pipes lose nothing."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    return Console(width=width, markup=False, highlight=False, emoji=False)


def error_console() -> Console:
    """Return the console on stderr."""
    from rich.console import Console

    width = None if sys.stderr.isatty() else _PIPE_WIDTH
    return Console(stderr=True, width=width, markup=False, highlight=False, emoji=False)


def say(text: str, *, style: str = "") -> None:
    """Print text for people."""
    console().print(harmless(text), style=style or None, soft_wrap=True)


def print_json(value: Any, *, in_one_line: bool = False) -> None:
    """Print a value as JSON on stdout: NaN and unknown as null."""
    from isoflop.reporting.plain import plain

    indent = None if in_one_line else 2
    text = json.dumps(plain(value), ensure_ascii=False, allow_nan=False, indent=indent)
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as plain values."""
    from isoflop.reporting.plain import plain_frame

    rows: list[dict[str, Any]] = plain_frame(frame)["rows"]
    return rows


def print_frame(
    frame: pd.DataFrame,
    *,
    limit: int = 50,
    title: str = "",
    longest: int | None = 200,
    more: str = "--limit shows more",
) -> None:
    """Print a table, intervals in one cell, units in the head, and what is not shown.

    Cells are one line of at most `longest` characters; None leaves them as they are. Where the
    terminal is too narrow, the last columns are named and not shown; `more` says how to see more
    rows.
    """
    from isoflop.cli.column_widths import column_widths
    from isoflop.display.table_view import view

    seen = view(frame, limit=limit)
    rows = [[_cell(text, longest) for text in row] for row in seen.rows]
    heads = [harmless(heading.titled) for heading in seen.headings]
    out = console()
    widths = column_widths(heads, rows, room=out.width if sys.stdout.isatty() else None)
    right = [heading.numeric for heading in seen.headings]
    if title:
        say(title, style="italic")
    _print_columns(heads, rows, widths=widths, right=right)
    if seen.n_hidden:
        say(f"{seen.n_hidden:,} more of {seen.n_rows:,}; {more}.", style="dim")
    if hidden := [heading.name for heading in seen.headings[len(widths) :]]:
        _say_hidden(hidden)


def _print_columns(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    widths: Sequence[int],
    right: Sequence[bool],
) -> None:
    from rich.table import Table

    from isoflop.cli.column_widths import GAP

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1))
    for head, width, at_right in zip(heads, widths, right, strict=False):
        table.add_column(head, width=width, justify="right" if at_right else "left",
                         overflow="fold")  # fmt: skip
    for row in rows:
        table.add_row(*row[: len(widths)])
    out = console()
    out.width = max(out.width, sum(widths) + GAP * len(widths))
    out.print(table)


def _say_hidden(columns: Sequence[str]) -> None:
    """Name the columns that did not fit."""
    named = ", ".join(one_line(name, 40) for name in columns[:_NAMED])
    rest = ", ..." if len(columns) > _NAMED else ""
    say(f"{plural(len(columns), 'more column')}: {named}{rest}; a wider terminal or --json shows "
        f"{'it' if len(columns) == 1 else 'them'}.", style="dim")  # fmt: skip


def _cell(text: str, longest: int | None) -> str:
    if longest is not None:
        text = " ".join(text.split()) if "\n" in text else text
        text = text if len(text) <= longest else f"{text[: longest - 3]}..."
    return harmless(text)


def print_result(
    result: AnalysisResult, *, limit: int | None = None, table: str | None = None
) -> None:
    """Print what an analyzer says: verdict, checks, numbers, one table, what was left out.

    The table is the first one with rows, or the one asked for; the others are named. A verb
    without the options --limit and --table gives no limit.

    Raises `UnknownNameError` where the result has no table of that name.
    """
    frames = result.tables
    if table is not None and table not in frames:
        raise UnknownNameError(f"table of {result.name!r}", table, frames)
    say(f"{result.title}: {result.verdict}", style="bold")
    for text, holds in result.checks:
        say(f"  [{'ok' if holds else 'no'}] {text}")
    for name, number in result.numbers.items():
        say(f"  {name} = {number!r}")
    shown = table or next((name for name, frame in frames.items() if len(frame)), None)
    if shown is not None:
        say("")
        print_frame(frames[shown], limit=limit or _ROWS, title=f"{shown}:",
                    more="--json has all" if limit is None else "--limit shows more")  # fmt: skip
    _say_tables({name: len(f) for name, f in frames.items() if name != shown and len(f)},
                have="--json has them" if limit is None else "--table NAME shows one")  # fmt: skip
    if result.left_out:
        say(f"\nLeft out: {len(result.left_out):,}")
        for left in result.left_out[:5]:
            say(f"  {left.subject}: {left.reason}")
    say(f"\nSource: {result.source}", style="dim")


def _say_tables(sizes: Mapping[str, int], *, have: str) -> None:
    if sizes:
        named = ", ".join(f"{name} ({plural(n, 'row')})" for name, n in sizes.items())
        say(f"\nMore tables: {named}; {have}.", style="dim")
