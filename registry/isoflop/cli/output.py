"""What verbs print: tables, JSON. Names of runs are untrusted, so control codes go."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from isoflop.display.harmless import harmless

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from isoflop.results import AnalysisResult

_PIPE_WIDTH = 250


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
    frame: pd.DataFrame, *, limit: int = 50, title: str = "", longest: int | None = 200
) -> None:
    """Print a table, intervals in one cell, units in the head, and what is not shown.

    Cells are one line of at most `longest` characters; None leaves them as they are.
    """
    from rich.table import Table

    from isoflop.display.table_view import view

    seen = view(frame, limit=limit)
    table = Table(box=None, header_style="bold", title=harmless(title) or None, pad_edge=False,
                  title_justify="left")  # fmt: skip
    for heading in seen.headings:
        unit = f" [{heading.unit}]" if heading.unit else ""
        table.add_column(harmless(heading.title + unit),
                         justify="right" if heading.numeric else "left",
                         overflow="fold")  # fmt: skip
    for row in seen.rows:
        table.add_row(*(_cell(text, longest) for text in row))
    out = console()
    out.print(table)
    if seen.n_hidden:
        out.print(f"{seen.n_hidden:,} more of {seen.n_rows:,}; --limit shows more.", style="dim")


def _cell(text: str, longest: int | None) -> str:
    if longest is not None:
        text = " ".join(text.split()) if "\n" in text else text
        text = text if len(text) <= longest else f"{text[: longest - 3]}..."
    return harmless(text)


def print_result(result: AnalysisResult, *, limit: int = 20) -> None:
    """Print what an analyzer says: verdict, checks, numbers, tables, what was left out."""
    say(f"{result.title}: {result.verdict}", style="bold")
    for text, holds in result.checks:
        say(f"  [{'ok' if holds else 'no'}] {text}")
    for name, number in result.numbers.items():
        say(f"  {name} = {number!r}")
    for name, frame in result.tables.items():
        if len(frame):
            say("")
            print_frame(frame, limit=limit, title=name)
    if result.left_out:
        say(f"\nLeft out: {len(result.left_out)}")
        for left in result.left_out[:5]:
            say(f"  {left.subject}: {left.reason}")
    say(f"\nSource: {result.source}", style="dim")
