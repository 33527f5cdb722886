"""A report as Markdown: headline, changes, one short part a section; usable in chat and mail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from isoflop.display.table_view import MISSING, view
from isoflop.reporting.markdown import escaped
from isoflop.reporting.report import Changes, Report, Section
from isoflop.results import AnalysisResult, Finding
from isoflop.words import moment, plural
from isoflop_plugins.reporters.ordering import by_reason, gravest

_ROWS, _FINDINGS, _NAMES = 10, 10, 20


def render_markdown(report: Report) -> str:
    """Return the report as Markdown; untrusted text is escaped to show as it is."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"# Scaling report, {moment(report.created_at)}"
    yield ""
    yield f"**{escaped(report.headline[0])}**"
    yield ""
    yield from _bullets(report.headline[1:])
    if report.problems:
        yield "## What could not be done"
        yield ""
        yield from _bullets(report.problems)
    yield from _changes(report.changes)
    for section in report.yours:
        if section.state != "cannot-answer":
            yield from _section(section)
    if report.unanswered:
        yield "## Cannot be answered from these runs"
        yield ""
        yield from _bullets(f"{s.title}: {s.failure}" for s in report.unanswered)
    if report.reference:
        yield f"## Published models beside yours ({report.n_reference})"
        yield ""
        yield "Not counted above; their tables are in index.html and report.json."
        yield ""
        yield from _bullets(f"{s.title}: {s.result.verdict}" for s in report.reference if s.result)
    yield from _provenance(report)


def _bullets(texts: Iterable[str]) -> Iterator[str]:
    lines = [f"- {escaped(text)}" for text in texts]
    if lines:
        yield from lines
        yield ""


def _changes(changes: Changes) -> Iterator[str]:
    yield "## What changed"
    yield ""
    yield escaped(changes.sentence)
    yield ""
    if changes.is_first:
        return
    yield from _bullets(
        f"{word}: {_names(names)}"
        for word, names in (
            ("Runs added", changes.runs_added),
            ("Runs changed", changes.runs_changed),
            ("Runs removed", changes.runs_removed),
            ("Raised", [f.finding.message for f in changes.raised]),
            ("Cleared", [f.finding.message for f in changes.cleared]),
        )
        if names
    )
    yield from _bullets(f"{m.name}: was {m.before!r}, is {m.after!r}" for m in changes.moved)
    yield from _bullets(changes.notes)


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return ", ".join(names[:_NAMES]) + more


def _section(section: Section) -> Iterator[str]:
    yield f"## {escaped(section.title)}"
    yield ""
    if section.result is None:
        yield f"**Failed:** {escaped(section.failure)}"
        yield ""
    else:
        yield from _result(section.result)


def _result(result: AnalysisResult) -> Iterator[str]:
    yield escaped(result.verdict)
    yield ""
    yield from _bullets(f"{'ok' if ok else 'NO'}: {text}" for text, ok in result.checks)
    yield from _bullets(f"{name} = {number!r}" for name, number in result.numbers.items())
    found = gravest(result.findings)
    yield from _bullets(_finding(f) for f in found[:_FINDINGS])
    if len(found) > _FINDINGS:
        more = plural(len(found) - _FINDINGS, "more finding")
        yield from _bullets([f"and {more} (see report.json)"])
    yield from _tables(result)
    yield from _bullets(f"Figure {f.name}: {f.caption}" for f in result.figures.specs())
    yield from _bullets(
        f"Left out, {plural(len(subjects), 'subject')}: {reason}"
        for reason, subjects in by_reason(result.left_out)[:5]
    )
    yield f"Source: {escaped(result.source)}"
    yield ""


def _finding(finding: Finding) -> str:
    law = "" if finding.law in finding.message else f" (law: {finding.law})"
    return f"{finding.severity}: {finding.message}{law}"


def _tables(result: AnalysisResult) -> Iterator[str]:
    """Yield the first table as rows and name the others: a chat message is short."""
    for index, (name, frame) in enumerate(result.tables.items()):
        shown = view(frame, limit=_ROWS)
        if index or not shown.rows:
            rows = plural(shown.n_rows, "row")
            yield f"Table {escaped(name)}: {rows}" + (" (see report.json)" if index else "")
            yield ""
            continue
        heads = [f"{h.title} [{h.unit}]" if h.unit else h.title for h in shown.headings]
        yield f"Table {escaped(name)}:"
        yield ""
        yield _row(heads)
        yield "|" + "|".join("--:" if h.numeric else "---" for h in shown.headings) + "|"
        yield from (_row(cells) for cells in shown.rows)
        yield ""
        if shown.n_hidden:
            yield f"and {shown.n_hidden} more (see report.json)"
            yield ""


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(escaped(cell) or MISSING for cell in cells) + " |"


def _provenance(report: Report) -> Iterator[str]:
    provenance = report.provenance
    software = ", ".join(f"{name} {version}" for name, version in provenance.software.items())
    versions = ", ".join(f"{name} {v}" for name, v in provenance.data_versions.items())
    yield "## Provenance"
    yield ""
    yield f"- Report {report.id}, registry {escaped(report.registry_uri)}"
    yield f"- Data versions: {versions or 'none'}"
    yield f"- Software: {software}"
    broken = [p for p in provenance.plugins if p.state == "broken"]
    yield from (f"- Broken plugin {escaped(p.name)}: {escaped(p.error)}" for p in broken)
    yield f"- Again: {escaped(provenance.command)}"
