"""What a check of a run table is, and what it says of a run or family that fails it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from isoflop.results import Severity
from isoflop.tables import RunTable

FLOPS_RANGE = (0.7, 1.4)
"""C / (6 N D) that bookkeeping can explain: embeddings left out or attention counted in.

Source: isoflop's check of 218 published models, where every correct row with large N lies inside.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One failed check.

    Parameters
    ----------
    check : str
        Name of the check.
    subject, subject_name, family : str
        `run_uid` or family, the name people know it by, and the family.
    value, expected : str
        What is there and what would be right, as text.
    number : float
        The value as a number; NaN where it is none.
    severity : Severity
        How much it matters.
    todo : str
        What to do.
    column : str
        Column that sources may disagree about for the same cause; empty where there is none.
    source : str
        Where the limit comes from; empty where the check is a comparison.
    """

    check: str
    subject: str
    subject_name: str
    family: str
    value: str
    expected: str
    severity: Severity
    todo: str
    number: float = float("nan")
    column: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A named statement about every run.

    Parameters
    ----------
    name, statement : str
        Name, and what holds of a right table.
    find : callable
        Yields the runs or families of which it does not hold.
    judged : callable
        Returns how many runs have what it takes to be judged.
    source : str
        Where its limit comes from.
    """

    name: str
    statement: str
    find: Callable[[RunTable], Iterator[Problem]]
    judged: Callable[[RunTable], int] = len
    source: str = ""


def identity(runs: RunTable, row: int) -> tuple[str, str, str]:
    """Return name, `run_uid` and family of one run; the name stands in for a missing id."""
    one = RunTable(runs.to_arrow().slice(row, 1))  # no copy, where `take` joins all chunks
    label = one.labels()[0]
    return label, one.texts("run_uid")[0] or label, one.texts("family")[0] or ""


def handle(uid: str, label: str) -> str:
    """Return how a command names a run: the start of its id, else its name, safe in a shell.

    Examples
    --------
    >>> handle("0123456789abcdef0123456789abcdef", "my run"), handle("my run", "my run")
    ('01234567', "'my run'")
    """
    return uid[:8] if uid != label else shlex.quote(label)
