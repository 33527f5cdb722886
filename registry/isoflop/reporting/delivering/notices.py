"""What a notice says: what changed first, short enough for a chat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from isoflop.credentials import without_addresses
from isoflop.hookspecs import Notice
from isoflop.reporting.markdown import escaped
from isoflop.reporting.report import Changes, Flag, Report
from isoflop.results import PRESSING

LONGEST = 1_800
"""Characters of a body: Discord takes 2,000, others more. [1]"""

_FLAGS, _NAMES, _VERDICTS, _LONGEST_LINE = 5, 10, 3, 300


def report_notice(report: Report, *, where: Sequence[str], files: Sequence[Path]) -> Notice:
    """Return what people are told of a report: the headline, then what changed.

    Parameters
    ----------
    report : Report
        Its names of runs are untrusted: they are escaped, and call nobody.
    where : sequence of str
        Where the report is now.
    files : sequence of Path
        Attached where the channel can.
    """
    raised = report.changes.raised
    return Notice(
        title=_harmless(" ".join(report.headline[0].split())),
        body=_shortened([_harmless(line) for line in _lines(report)], _links(where)),
        is_problem=any(f.finding.severity in PRESSING for f in raised),
        files=tuple(files),
    )


def failure_notice(error: BaseException) -> Notice:
    """Return what people are told when no report could be made; addresses are left out."""
    words = without_addresses(f"{type(error).__name__}: {error}")
    return Notice(
        title="The scaling report failed",
        body=_shortened([_harmless(escaped(words))], []),
        is_problem=True,
    )


def _lines(report: Report) -> Iterator[str]:
    yield from _changed(report.changes)
    yield from _bullets("Could not be done", report.problems)
    verdicts = [s for s in report.yours if s.result]
    for section in verdicts[:_VERDICTS]:
        verdict = section.result.verdict if section.result else ""
        yield _line(f"{section.title}: {verdict}")


def _changed(changes: Changes) -> Iterator[str]:
    yield f"**{escaped(changes.sentence)}**"
    yield from _flags("Raised", changes.raised)
    yield from _flags("Cleared", changes.cleared)
    for moved in changes.moved[:_FLAGS]:
        yield _line(f"{moved.name}: was {moved.before!r}, is {moved.after!r}")
    if changes.is_first:
        return
    for word, names in (
        ("Runs added", changes.runs_added),
        ("Runs changed", changes.runs_changed),
        ("Runs removed", changes.runs_removed),
    ):
        if names:
            more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
            yield _line(f"{word}: {', '.join(names[:_NAMES])}{more}")


def _flags(word: str, flags: Sequence[Flag]) -> Iterator[str]:
    # The grave ones are what somebody must act on.
    ordered = sorted(flags, key=lambda flag: flag.finding.severity not in PRESSING)
    yield from _bullets(word, [flag.finding.message for flag in ordered])


def _bullets(word: str, texts: Sequence[str]) -> Iterator[str]:
    for text in texts[:_FLAGS]:
        yield _line(f"{word}: {text}")
    if len(texts) > _FLAGS:
        yield _line(f"{word}: and {len(texts) - _FLAGS} more")


def _line(text: str) -> str:
    text = text if len(text) <= _LONGEST_LINE else f"{text[: _LONGEST_LINE - 3]}..."
    return f"- {escaped(text)}"


def _links(where: Sequence[str]) -> list[str]:
    return [f"Report: {place}" for place in where]


def _harmless(text: str) -> str:
    """Return text that calls nobody: a run may be named ``@everyone``."""
    return text.replace("@", "@\u200b")


def _shortened(lines: Sequence[str], last: Sequence[str]) -> str:
    """Return lines up to the longest body; the last ones are always there."""
    end = "\n\n".join(last)
    kept: list[str] = []
    for index, line in enumerate(lines):
        room = LONGEST - len(end) - len("\n".join([*kept, line])) - 40
        if room < 0:
            kept.append(f"- and {len(lines) - index} more lines in the report")
            break
        kept.append(line)
    head, rest = kept[:1], kept[1:]
    parts = ["\n".join(head), "\n".join(rest), end]
    return "\n\n".join(part for part in parts if part)
