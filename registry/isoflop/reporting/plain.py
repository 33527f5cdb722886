"""Results as plain values that JSON can hold; the report's id is a hash of them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from isoflop.display.table_view import units_of
from isoflop.estimate import Estimate
from isoflop.results import AnalysisResult, Finding
from isoflop.words import any_text

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.reporting.report import Changes, Flag, Moved, Report, Section


def plain(value: Any) -> Any:
    """Return the value as JSON can hold it.

    NaN, NaT, NA and None become null; infinities become the text ``"Infinity"`` or
    ``"-Infinity"``, which JSON has no number for; an unknown object becomes its ``str``.
    """
    if isinstance(value, float):
        return _float(float(value))
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, (datetime, date)):
        # NaT is a datetime and differs from itself.
        return value.isoformat() if value == value else None
    if isinstance(value, Estimate):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return _foreign(value)


def _float(value: float) -> float | str | None:
    if math.isfinite(value):
        return value
    return None if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def _foreign(value: Any) -> Any:
    """Return NumPy and pandas values as plain ones, anything else as text."""
    import pandas as pd

    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if value is pd.NA or value is pd.NaT:
        return None
    return any_text(value)


def plain_frame(frame: pd.DataFrame) -> dict[str, Any]:
    """Return a table as ``{"units": ..., "rows": [...]}``, one object a row."""
    names = [str(c) for c in frame.columns]
    columns = [[plain(v) for v in frame.iloc[:, i].tolist()] for i in range(len(names))]
    units = units_of(frame)
    rows = [dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)]
    return {"units": {n: str(units[n]) for n in names if n in units}, "rows": rows}


def plain_finding(finding: Finding) -> dict[str, Any]:
    """Return a finding as plain values."""
    return {f.name: plain(getattr(finding, f.name)) for f in dataclasses.fields(finding)}


def plain_result(result: AnalysisResult) -> dict[str, Any]:
    """Return everything a result says, charts by caption and table."""
    return {
        "analyzer": result.name,
        "title": result.title,
        "verdict": result.verdict,
        "checks": [{"statement": text, "holds": bool(ok)} for text, ok in result.checks],
        "numbers": plain(result.numbers),
        "findings": [plain_finding(f) for f in result.findings],
        "tables": {name: plain_frame(t) for name, t in result.tables.items()},
        "figures": [
            {"name": f.name, "caption": f.caption, "table": f.table} for f in result.figures.specs()
        ],
        "left_out": [{"subject": o.subject, "reason": o.reason} for o in result.left_out],
        "fits": [plain(fit) for fit in result.fits],
        "source": result.source,
    }


def plain_section(section: Section) -> dict[str, Any]:
    """Return a section as plain values."""
    head = {
        "analyzer": section.analyzer,
        "title": section.title,
        "summary": section.summary,
        "audience": section.audience,
        "state": section.state,
        "failure": section.failure,
    }
    return head | {"result": plain_result(section.result) if section.result else None}


def plain_report(report: Report) -> dict[str, Any]:
    """Return the whole report as plain values; ``format`` rises when a key changes meaning."""
    provenance = report.provenance
    return {
        "format": 1,
        "id": report.id,
        "created_at": plain(report.created_at),
        "registry": {"uri": report.registry_uri, "id": report.registry_id},
        "n_runs": report.n_runs,
        "n_reference": report.n_reference,
        "headline": list(report.headline),
        "problems": list(report.problems),
        "changes": _plain_changes(report.changes),
        "sections": [plain_section(s) for s in report.sections],
        "provenance": {
            "software": plain(provenance.software),
            "plugins": [
                {"name": p.name, "version": p.version, "state": p.state, "error": p.error}
                for p in provenance.plugins
            ],
            "data_versions": plain(provenance.data_versions),
            "options": plain(provenance.options),
            "command": provenance.command,
        },
    }


def content_id(sections: Iterable[Section], data_versions: Mapping[str, int]) -> str:
    """Return the report's id: 16 hexadecimal digits of results and data versions.

    Dates of fits, in tables too, and tracebacks are left out: they differ between two readings of
    the same data.
    """
    content = [plain_section(s) for s in sections]
    for section in content:
        for fit in (section["result"] or {}).get("fits", ()):
            fit.pop("created_at", None)
        for table in (section["result"] or {}).get("tables", {}).values():
            for row in table["rows"]:
                row.pop("created_at", None)
    text = json.dumps([content, plain(data_versions)], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _plain_changes(changes: Changes) -> dict[str, Any]:
    return {
        "sentence": changes.sentence,
        "since": plain(changes.since),
        "previous_id": changes.previous_id,
        "runs_added": list(changes.runs_added),
        "runs_changed": list(changes.runs_changed),
        "runs_removed": list(changes.runs_removed),
        "raised": [_plain_flag(f) for f in changes.raised],
        "cleared": [_plain_flag(f) for f in changes.cleared],
        "moved": [_plain_moved(m) for m in changes.moved],
        "notes": list(changes.notes),
    }


def _plain_flag(flag: Flag) -> dict[str, Any]:
    return {"analyzer": flag.analyzer} | plain_finding(flag.finding)


def _plain_moved(moved: Moved) -> dict[str, Any]:
    return {"name": moved.name, "before": plain(moved.before), "after": plain(moved.after)}
