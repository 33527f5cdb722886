"""The first screen answers whether something needs to be done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from isoflop.reporting.report import Changes, Section
from isoflop.results import PRESSING
from isoflop.words import plural

_VERDICTS = 5


def headline(
    sections: Sequence[Section], changes: Changes, *, n_runs: int, n_reference: int
) -> tuple[str, ...]:
    """Return sentences, most pressing first: what to act on, what broke, what each part says.

    Only sections on the user's runs count.
    """
    yours = [s for s in sections if s.audience == "yours"]
    said = (
        _action(yours, n_runs=n_runs, n_reference=n_reference),
        *_broken(yours),
        changes.sentence,
        *_verdicts(yours),
    )
    return tuple(sentence for sentence in said if sentence)


def _verdicts(sections: Sequence[Section]) -> tuple[str, ...]:
    """Return the verdicts that fit on a first screen: pressing ones, then those that come first."""
    answered = [s for s in sections if s.result]
    pressing = [s for s in answered if any(f.finding.severity in PRESSING for f in s.flags)]
    first = [s for s in answered if s not in pressing][: max(0, _VERDICTS - len(pressing))]
    shown = [s for s in answered if s in pressing or s in first]
    said = [f"{s.title}: {s.result.verdict}" for s in shown if s.result]
    rest = [s.title for s in answered if s not in shown]
    if rest:
        said.append(f"Also answered below: {', '.join(rest)}.")
    return tuple(said)


def _action(sections: Sequence[Section], *, n_runs: int, n_reference: int) -> str:
    if n_runs == 0:
        beside = f"; {plural(n_reference, 'published model')} to compare with" * bool(n_reference)
        return f"No runs of yours yet{beside}. Collect some: `isoflop collect SOURCE`."
    flags = [f.finding for s in sections for f in s.flags if f.finding.severity in PRESSING]
    if not flags:
        return f"Nothing to act on: no clear or severe flag on {plural(n_runs, 'run')}."
    # One run under two laws is two findings, and still one thing to act on.
    kinds = Counter(kind for kind, _ in {(f.kind, f.subject) for f in flags})
    grave = {(f.kind, f.subject) for f in flags if f.severity == "severe"}
    severe = Counter(kind for kind, _ in grave)
    parts = [
        f"{n} {kind}" + (f" ({severe[kind]} severe)" if severe[kind] else "")
        for kind, n in sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    ]
    return f"Look at what is flagged: {', '.join(parts)}; {plural(n_runs, 'run')} checked."


def _broken(sections: Sequence[Section]) -> tuple[str, ...]:
    failed = [s.title for s in sections if s.state == "failed"]
    silent = [s.title for s in sections if s.state == "cannot-answer"]
    said = []
    if failed:
        said.append(f"Failed, see below: {', '.join(failed)}.")
    if silent:
        said.append(f"Cannot be answered from these runs: {', '.join(silent)}.")
    return tuple(said)
