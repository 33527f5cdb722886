"""Records a report in the registry: flags raised and cleared, fits, and the event."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from isoflop.reporting.changes import cleared_flags, standing_now
from isoflop.reporting.fit_rows import fit_rows
from isoflop.reporting.ledger import last_report, standing_flags
from isoflop.reporting.plain import plain
from isoflop.reporting.report import Flag, FlagKey, Report
from isoflop.schema import TABLES
from isoflop.store.events import REPORT_KIND, event

if TYPE_CHECKING:
    from isoflop.store import Registry


def record_report(report: Report, registry: Registry) -> bool:
    """Drop a report's flags, fits and event into the registry, once.

    What flags are raised and cleared there is against the last report, whichever one the report
    itself was compared with: so they add up to what stands.

    Returns
    -------
    bool
        False where the last recorded report is the same one, or this one is on a part of the runs;
        then nothing is written.
    """
    last = last_report(registry)
    if not report.changes.is_compared or (last is not None and last.report_id == report.id):
        return False
    then = standing_flags(registry, at=last.created_at) if last else {}
    writer = registry.writer()
    # The event comes last: without it the report does not count and is recorded again, under the
    # same ids.
    for name, rows in (
        ("findings", _findings(report, then)),
        ("fits", _fits(report)),
        ("events", [_event(report)]),
    ):
        if rows:
            writer.drop_table(name, _arrow(name, rows))
    registry.fold()
    return True


def _arrow(name: str, rows: Sequence[Mapping[str, Any]]) -> Any:
    import pyarrow as pa

    schema = TABLES[name].to_arrow()
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "replace")).hexdigest()[:32]


def _findings(report: Report, then: Mapping[FlagKey, Flag]) -> list[dict[str, Any]]:
    raised = [
        _finding(report, flag, "raised")
        for key, flag in standing_now(report.yours).items()
        if key not in then or flag.finding.severity != then[key].finding.severity
    ]
    cleared = cleared_flags(then, report.yours)
    return raised + [_finding(report, flag, "cleared") for flag in cleared]


def _finding(report: Report, flag: Flag, state: str) -> dict[str, Any]:
    finding, value = flag.finding, flag.finding.value
    texts = ("kind", "subject", "subject_name", "family", "severity", "law", "message")
    ends = ("value", "low", "high", "level")
    row = {name: getattr(finding, name) for name in texts}
    row |= {name: None if value is None else _number(getattr(value, name)) for name in ends}
    return row | {
        "finding_id": _digest(report.id, *flag.key, state),
        "report_id": report.id,
        "created_at": report.created_at,
        "analyzer": flag.analyzer,
        "state": state,
        "evidence": json.dumps(plain(finding.evidence)),
    }


def _number(value: float) -> float | None:
    """Return a float for Parquet: NaN is null."""
    return None if math.isnan(value) else float(value)


def _fits(report: Report) -> list[dict[str, Any]]:
    """Return the fits; a fold ignores those that the registry holds: a fit is immutable."""
    return fit_rows(
        (section.result for section in report.yours),
        at=report.created_at,
        runs_version=report.provenance.data_versions.get("runs"),
    )


def _event(report: Report) -> dict[str, Any]:
    numbers = {s.analyzer: plain(s.result.numbers) for s in report.yours if s.result}
    return event(
        REPORT_KIND,
        report.changes.sentence,
        inputs=dict(report.provenance.data_versions),
        outputs={"report_id": report.id, "numbers": numbers},
        at=report.created_at,
        event_id=_digest("report", report.id),
    )
