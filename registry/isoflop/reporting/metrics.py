"""A report as metrics: counts and headline numbers by name, for trackers and programs."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from isoflop.estimate import Estimate

if TYPE_CHECKING:
    from isoflop.reporting.report import Report


def report_metrics(report: Report) -> dict[str, float]:
    """Return the metrics of a report; what is not finite is left out.

    ``n_runs``, ``n_reference``, ``n_flags``; ``n_<kind>`` for each kind of flag, subjects counted
    once; ``n_added``, ``n_raised``, ``n_cleared``, ``n_moved`` since the last report; and each
    number of an analyzer as ``<analyzer>/<number>``, its interval as ``_low`` and ``_high``.
    """
    changes = report.changes
    counts = {
        "n_runs": report.n_runs,
        "n_reference": report.n_reference,
        "n_flags": len(report.flags),
        "n_added": len(changes.runs_added),
        "n_raised": len(changes.raised),
        "n_cleared": len(changes.cleared),
        "n_moved": len(changes.moved),
        "n_problems": len(report.problems),
    }
    # One run under two laws is two findings, and still one run.
    kinds = Counter(kind for kind, _ in {(f.finding.kind, f.finding.subject) for f in report.flags})
    named = {f"n_{kind.replace('-', '_')}": n for kind, n in sorted(kinds.items())}
    counts = named | counts
    numbers = {
        f"{section.analyzer}/{name}{ending}": value
        for section in report.yours
        if section.result
        for name, number in section.result.numbers.items()
        for ending, value in _ends(number)
        if math.isfinite(value)
    }
    return {name: float(n) for name, n in counts.items()} | numbers


def _ends(number: Estimate) -> tuple[tuple[str, float], ...]:
    return ("", number.value), ("_low", number.low), ("_high", number.high)
