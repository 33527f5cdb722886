"""Cards of what analyses say."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from isoflop.display.card import Card, CardTable, Number, Reason, Tone, by_reason
from isoflop.display.table_view import cell
from isoflop.words import plural

if TYPE_CHECKING:
    from isoflop.estimate import Estimate
    from isoflop.results import AnalysisResult, Figure, Finding

_TONES: dict[str, Tone] = {
    "severe": "bad", "clear": "caution", "mild": "caution", "info": "neutral",
}  # fmt: skip
_GRAVEST_FIRST = tuple(_TONES)
_MEMBERS = 8


def analysis_card(result: AnalysisResult) -> Card:
    """Return the card of an analysis; of one that cannot answer, the verdict is all there is."""
    status, tone = _state(result)
    title, reasons = _left_out(result)
    return Card(
        title=result.title,
        verdict=result.verdict,
        status=status,
        tone=tone,
        flags=sorted(
            ((finding.severity, finding.message) for finding in result.findings),
            key=lambda flag: _GRAVEST_FIRST.index(flag[0]),
        ),
        checks=result.checks,
        numbers=[Number(name=name, text=repr(e)) for name, e in result.numbers.items()],
        tables=[
            CardTable(name=str(name), frame=frame, n_rows=len(frame), is_in_text=False)
            for name, frame in result.tables.items()
        ],
        figures=figure_lines(result.figures.specs()),
        left_out_title=title,
        left_out=reasons,
        source=result.source,
    )


def _state(result: AnalysisResult) -> tuple[str, Tone]:
    if result.is_silent:
        return "no answer", "neutral"
    found = [finding.severity for finding in result.findings]
    worst = min(found, key=_GRAVEST_FIRST.index, default=None)
    return counted_flags(found), "good" if worst is None else _TONES[worst]


def counted_flags(severities: Iterable[str]) -> str:
    """Return how many flags there are of each severity.

    Examples
    --------
    >>> counted_flags(["mild", "severe", "severe"]), counted_flags(["clear"]), counted_flags([])
    ('flags: 2 severe, 1 mild', 'flag: 1 clear', 'no flags')
    """
    found = Counter(severities)
    counts = ", ".join(f"{found[s]:,} {s}" for s in _GRAVEST_FIRST if found[s])
    return f"{'flag' if found.total() == 1 else 'flags'}: {counts}" if counts else "no flags"


def _left_out(result: AnalysisResult) -> tuple[str, tuple[Reason, ...]]:
    """Return how many are left out, and why; one reason for all stands beside the number."""
    told = result.left_out
    if not told:
        return "", ()
    if len({item.reason for item in told}) == 1:
        return f"left out: {len(told):,}; first: {told[0].reason}", ()
    return f"left out: {len(told):,}", by_reason((item.subject, item.reason) for item in told)


def finding_card(finding: Finding) -> Card:
    """Return the card of one flag: how much it matters, whom it concerns, the number behind it."""
    whose = f" of family {finding.family!r}" if finding.family else ""
    numbers = [] if finding.value is None else [_behind(finding.value)]
    evidence = [
        Number(name=str(name), text=_plain(value, name=str(name)))
        for name, value in finding.evidence.items()
    ]
    return Card(
        title=f"{finding.kind}, {finding.severity}: {finding.subject_name}{whose}",
        verdict=finding.message,
        status=finding.severity,
        tone=_TONES[finding.severity],
        numbers_title="evidence" if evidence else "",
        numbers=[*numbers, *evidence],
        source=finding.law,
    )


def _behind(value: Estimate) -> Number:
    level = "" if math.isnan(value.level) else f"({100 * value.level:g} % interval)"
    return Number(name="value", text=repr(value), note=level)


def _plain(value: object, *, name: str) -> str:
    """Return one piece of evidence in words; a list by its first members."""
    if isinstance(value, (list, tuple)):
        more = f" and {len(value) - _MEMBERS:,} more" if len(value) > _MEMBERS else ""
        return ", ".join(cell(member, name=name) for member in value[:_MEMBERS]) + more
    return cell(value, name=name)


def figures_card(figures: Sequence[Figure]) -> Card:
    """Return the card of charts that are not drawn yet: names and captions."""
    return Card(title=plural(len(figures), "figure"), figures=figure_lines(figures))


def figure_lines(figures: Sequence[Figure]) -> list[tuple[str, str]]:
    """Return the name of each chart and what it shows."""
    return [(figure.name, figure.caption) for figure in figures]
