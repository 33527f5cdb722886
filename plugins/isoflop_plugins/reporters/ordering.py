"""What both pages and summaries pick from a result: gravest findings, reasons by frequency."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from isoflop.reporting.report import Flag
from isoflop.results import PRESSING, Finding, LeftOut

_GRAVITY = {"severe": 0, "clear": 1, "mild": 2, "info": 3}


def gravest(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings, severe first, else in the analyzer's order."""
    return sorted(findings, key=lambda f: _GRAVITY.get(f.severity, len(_GRAVITY)))


def by_reason(left_out: Sequence[LeftOut]) -> list[tuple[str, list[str]]]:
    """Return each reason with its subjects, the most frequent first."""
    groups: dict[str, list[str]] = defaultdict(list)
    for item in left_out:
        groups[item.reason].append(item.subject)
    return sorted(groups.items(), key=lambda group: -len(group[1]))


def pressing(flags: Sequence[Flag]) -> list[Flag]:
    """Return flags to act on, severe first, one for each subject: laws may agree on a run."""
    urgent = [flag for flag in flags if flag.finding.severity in PRESSING]
    ranked = sorted(urgent, key=lambda flag: _GRAVITY[flag.finding.severity])
    once = {(flag.finding.kind, flag.finding.subject): flag for flag in reversed(ranked)}
    return [flag for flag in ranked if once[flag.finding.kind, flag.finding.subject] is flag]
