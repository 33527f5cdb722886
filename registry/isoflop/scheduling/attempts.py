"""What a schedule remembers, in the registry's `events`: attempts that left no report there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from isoflop.reporting.ledger import last_report, rows_of
from isoflop.store.events import event, keep_event

if TYPE_CHECKING:
    from isoflop.store import Registry

ATTEMPT_KIND = "report-attempt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A scheduled report that ended, well or not.

    Parameters
    ----------
    at : datetime
        When it began, UTC.
    trouble : str
        Digest of the trouble that people know of since then; empty where all is well.
    """

    at: datetime
    trouble: str = ""


def last_attempt(registry: Registry) -> Attempt | None:
    """Return the newest of recorded reports and attempts; None where there is neither."""
    rows = [row for row in rows_of(registry.events()) if row["kind"] == ATTEMPT_KIND]
    report = last_report(registry)
    times = [row["created_at"] for row in rows] + ([report.created_at] if report else [])
    if not times:
        return None
    # A report leaves an attempt beside it whenever the trouble changes, so the last one holds.
    told = json.loads(rows[-1]["outputs"] or "{}") if rows else {}
    return Attempt(at=max(times), trouble=str(told.get("trouble", "")))


def record_attempt(registry: Registry, attempt: Attempt, *, message: str) -> None:
    """Keep an attempt.

    Parameters
    ----------
    registry : Registry
        Where.
    attempt : Attempt
        What.
    message : str
        One sentence without names or addresses: others read the registry.
    """
    told = {"trouble": attempt.trouble}
    keep_event(registry, event(ATTEMPT_KIND, message, at=attempt.at, outputs=told))
