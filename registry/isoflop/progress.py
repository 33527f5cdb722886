"""Progress of long work: a bar in a notebook, one in a terminal, nothing where nobody looks."""

from __future__ import annotations

import contextlib
import html
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal

from isoflop.display.harmless import one_line

Progress = Callable[[int, int | None, str], None]
"""Called now and then with what is done, the total (None where unknown), and words."""

Onlooker = Literal["notebook", "terminal", "nobody"]

_LONGEST = 120
_EVERY_S = 0.1
"""Pause between two pictures in a notebook: each is a message to the browser. [s]"""


def onlooker() -> Onlooker:
    """Return who looks: a notebook's kernel, a terminal on stderr, or nobody (cron, a pipe)."""
    if _kernel() is not None:
        return "notebook"
    return "terminal" if _is_terminal() else "nobody"


@contextlib.contextmanager
def progress(words: str, *, instead: Progress | None = None) -> Iterator[Progress]:
    """Show how far the work inside is, and take it away when that is over.

    Parameters
    ----------
    words : str
        What is done, until the work says more.
    instead : callable or None
        Shown nothing but told: a caller who brings an own way to show it.

    Yields
    ------
    callable (done, total, words)
        To call now and then; a total of None means that it is not known. Words are untrusted.
    """
    looks = onlooker()
    if instead is not None:
        yield instead
    elif looks == "notebook":
        with _in_notebook(words) as tick:
            yield tick
    elif looks == "terminal":
        with _in_terminal(words) as tick:
            yield tick
    else:
        yield lambda _done, _total, _words: None


def _is_terminal() -> bool:
    # What a notebook runs by `!` writes to a pseudo-terminal that keeps every picture of a bar.
    if "JPY_PARENT_PID" in os.environ:
        return False
    return sys.stderr is not None and sys.stderr.isatty()


def _kernel() -> Any:
    """Return IPython's shell where a kernel runs it, without importing IPython."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell if getattr(shell, "kernel", None) is not None else None


@contextlib.contextmanager
def _in_terminal(words: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.progress import Progress as Bar

    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(),
               MofNCompleteColumn(), TimeElapsedColumn())  # fmt: skip
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task(one_line(words, _LONGEST), total=None)

        def tick(done: int, total: int | None, now: str) -> None:
            bar.update(task, completed=done, total=total, description=one_line(now or words, 60))

        yield tick


@contextlib.contextmanager
def _in_notebook(words: str) -> Iterator[Progress]:
    """Show a bar that is HTML alone, so that no widget has to be installed."""
    from IPython.display import display

    start = shown_at = time.monotonic()
    # IPython has no annotations.
    handle: Any = display(_picture(0, None, words), raw=True, display_id=True)  # type: ignore[no-untyped-call]

    def tick(done: int, total: int | None, now: str) -> None:
        nonlocal shown_at
        if time.monotonic() - shown_at >= _EVERY_S or (total is not None and done >= total):
            shown_at = time.monotonic()
            handle.update(_picture(done, total, now or words), raw=True)

    try:
        yield tick
    except BaseException:
        handle.update(_line(f"{words}: stopped", time.monotonic() - start), raw=True)
        raise
    handle.update(_line(f"{words}: done", time.monotonic() - start), raw=True)


def _picture(done: int, total: int | None, words: str) -> dict[str, str]:
    text = one_line(words, _LONGEST)
    amount = f"{done:,} of {total:,}" if total is not None else f"{done:,}" if done else ""
    ends = "" if total is None else f' value="{done}" max="{max(total, 1)}"'
    bar = f'<progress aria-label="{html.escape(text)}"{ends}></progress>'
    shown = f'<div class="isoflop-progress">{bar} {amount} {html.escape(text)}</div>'
    return {"text/html": shown, "text/plain": f"{text} {amount}".rstrip()}


def _line(words: str, seconds: float) -> dict[str, str]:
    """Return the one line that stays in the notebook."""
    text = f"{one_line(words, _LONGEST)} in {seconds:.1f} s"
    shown = f'<div class="isoflop-progress" style="opacity:.75">{html.escape(text)}</div>'
    return {"text/html": shown, "text/plain": text}
