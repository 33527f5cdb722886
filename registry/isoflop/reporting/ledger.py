"""Reads back what earlier reports left in the registry's `events` and `findings`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from isoflop.estimate import Estimate, as_estimate
from isoflop.reporting.report import Flag, FlagKey
from isoflop.results import Finding
from isoflop.store.events import REPORT_KIND
from isoflop.store.standing import standing

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.store import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class LastReport:
    """An earlier report as its event tells it.

    Parameters
    ----------
    report_id : str
        Its id.
    created_at : datetime
        When, UTC.
    data_versions : mapping of str to int
        Versions of the tables it read.
    numbers : mapping of str to mapping of str to Estimate
        Headline numbers by analyzer.
    """

    report_id: str
    created_at: datetime
    data_versions: Mapping[str, int]
    numbers: Mapping[str, Mapping[str, Estimate]]


def last_report(registry: Registry, *, since: datetime | None = None) -> LastReport | None:
    """Return the last recorded report, or the last at or before `since`; None where none is."""
    rows = [
        row
        for row in rows_of(registry.events())
        if row["kind"] == REPORT_KIND and (since is None or row["created_at"] <= since)
    ]
    if not rows:
        return None
    row = max(rows, key=lambda r: r["created_at"])
    outputs = json.loads(row["outputs"] or "{}")
    return LastReport(
        report_id=str(outputs.get("report_id", "")),
        created_at=row["created_at"],
        data_versions=json.loads(row["inputs"] or "{}"),
        numbers={
            analyzer: {name: as_estimate(entry) for name, entry in numbers.items()}
            for analyzer, numbers in outputs.get("numbers", {}).items()
        },
    )


def standing_flags(registry: Registry, *, at: datetime) -> dict[FlagKey, Flag]:
    """Return the flags that stood at a time, by what makes two flags the same one."""
    flags = (_flag(row) for row in standing(rows_of(registry.findings(), at=at)))
    return {flag.key: flag for flag in flags}


def rows_of(frame: pd.DataFrame, *, at: datetime | None = None) -> list[dict[str, Any]]:
    """Return dated rows of a ledger table, oldest first, nulls as None.

    Parameters
    ----------
    frame : DataFrame
        ``fits``, ``findings`` or ``events``; rows without `created_at` are left out.
    at : datetime or None
        Leave out rows of later.
    """
    dated = frame[frame["created_at"].notna()]
    if at is not None:
        dated = dated[dated["created_at"] <= at]
    dated = dated.sort_values("created_at", kind="stable").astype(object)
    return [
        {str(k): v for k, v in r.items()}
        for r in dated.where(dated.notna(), None).to_dict("records")
    ]


def _flag(row: Mapping[str, Any]) -> Flag:
    texts = ("kind", "subject", "subject_name", "law", "message", "family")
    finding = Finding(
        **{name: row[name] or "" for name in texts},
        severity=row["severity"] or "info",
        value=None if row["value"] is None else as_estimate(row),
        evidence=json.loads(row["evidence"] or "{}"),
    )
    return Flag(analyzer=row["analyzer"] or "", finding=finding)
