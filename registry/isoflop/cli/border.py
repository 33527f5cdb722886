"""The border to the shell: errors become one message and an exit code, never a traceback."""

from __future__ import annotations

import functools
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any, TextIO

import typer

from isoflop.errors import IsoflopError, IsoflopWarning

FAILED = 1
FLAGGED = 3
INCOMPLETE = 4
BUSY = 5
FLAGGED_INCOMPLETE = 7
INTERRUPTED = 130


def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the verb with its errors as messages on stderr and its exit code."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            result = function(*args, **kwargs)
            sys.stdout.flush()
        except IsoflopError as error:
            complain(str(error))
            raise typer.Exit(FAILED) from None
        except KeyboardInterrupt:
            complain("Interrupted. What was gathered so far is kept.")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # The reader has seen enough (`| head`); the flush at exit must not fail again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        return result

    return run


def complain(message: str) -> None:
    """Print an error on stderr."""
    from isoflop.cli.output import error_console
    from isoflop.display.harmless import harmless

    console = error_console()
    console.print("Error:", style="bold red", end=" ")
    console.print(harmless(message), markup=False, highlight=False, soft_wrap=True)


def plain_warnings() -> None:
    """Print isoflop's warnings as one line; only for the process that is the command line."""
    usual = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, IsoflopWarning):
            from isoflop.display.harmless import harmless

            sys.stderr.write(f"Warning: {harmless(str(message))}\n")
        else:
            usual(message, category, filename, lineno, file, line)

    warnings.showwarning = show
