"""What is new since the last report: runs, flags, and numbers outside their last interval."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from isoflop.errors import IsoflopError
from isoflop.estimate import Estimate
from isoflop.records import REFERENCE_KIND
from isoflop.reporting.ledger import LastReport, last_report, rows_of, standing_flags
from isoflop.reporting.report import Changes, Moved, Section
from isoflop.tables import FIT_SERIES, fit_params

if TYPE_CHECKING:
    from isoflop.store import Registry
    from isoflop.tables import RunTable


def find_changes(
    registry: Registry, runs: RunTable, sections: Sequence[Section], *, since: datetime | None
) -> Changes:
    """Compare with the last recorded report, or the last one at or before `since`.

    Parameters
    ----------
    registry : Registry
        Read only.
    runs : RunTable
        The user's runs now.
    sections : sequence of Section
        What analyzers say now; one that did not answer clears no flag.
    since : datetime or None
        None for the last report.
    """
    yours = [s for s in sections if s.audience == "yours"]
    now = {flag.key: flag for section in yours for flag in section.flags}
    last = last_report(registry, since=since)
    if last is None:
        return Changes(runs_added=tuple(runs.labels()), raised=tuple(now.values()))
    answered = {s.analyzer for s in yours if s.state == "answered"}
    then = standing_flags(registry, at=last.created_at)
    raised = [f for k, f in now.items() if k not in then or _graver(f, then[k])]
    cleared = [f for k, f in then.items() if k not in now and k[0] in answered]
    known = Changes(
        since=last.created_at,
        previous_id=last.report_id,
        raised=tuple(raised),
        cleared=tuple(cleared),
        moved=tuple(_moved(registry, yours, last)),
    )
    return _with_runs(known, registry, runs, last)


def _graver(now: Any, then: Any) -> bool:
    return bool(now.finding.severity != then.finding.severity)


def _with_runs(changes: Changes, registry: Registry, runs: RunTable, last: LastReport) -> Changes:
    """Add which runs are new, changed or gone, by reading the table as it was."""
    version = last.data_versions.get("runs")
    if version is None or registry.versions().get("runs") == version:
        return changes
    try:
        before = registry.runs(version=version)
    except IsoflopError as error:
        note = f"Runs cannot be compared with version {version} of the table: {error}"
        return dataclasses.replace(changes, notes=(*changes.notes, note))
    own = [kind != REFERENCE_KIND for kind in before.texts("source_kind")]
    then, now = _revisions(before.take(own)), _revisions(runs)
    return dataclasses.replace(
        changes,
        runs_added=tuple(name for uid, (name, _) in now.items() if uid not in then),
        runs_changed=tuple(
            name for uid, (name, rev) in now.items() if uid in then and then[uid][1] != rev
        ),
        runs_removed=tuple(name for uid, (name, _) in then.items() if uid not in now),
    )


def _revisions(runs: RunTable) -> dict[str, tuple[str, float]]:
    uids = [uid or "" for uid in runs.texts("run_uid")]
    return dict(zip(uids, zip(runs.labels(), runs.numbers("rev").tolist(), strict=True),
                    strict=True))  # fmt: skip


def _moved(registry: Registry, sections: Iterable[Section], last: LastReport) -> Iterator[Moved]:
    """Yield parameters of fits, and headline numbers of analyzers without fits, that moved."""
    before = _last_fits(registry, at=last.created_at)
    for section in sections:
        result = section.result
        if result is None:
            continue
        for fit in result.fits:
            yield from _outside(before.get(_fit_key(fit), {}), fit_params(fit), _fit_words(fit))
        if not result.fits:
            then = last.numbers.get(section.analyzer, {})
            yield from _outside(then, result.numbers, section.title)


def _outside(
    then: Mapping[str, Estimate], now: Mapping[str, Estimate], words: str
) -> Iterator[Moved]:
    for name, after in now.items():
        before = then.get(name)
        if before is None or not math.isfinite(after.value):
            continue
        # A missing end is NaN and compares false: without an interval nothing can leave it.
        if after.value < before.low or after.value > before.high:
            yield Moved(name=f"{words}: {name}", before=before, after=after)


def _last_fits(registry: Registry, *, at: datetime) -> dict[tuple[str, ...], dict[str, Estimate]]:
    return {_fit_key(row): fit_params(row) for row in rows_of(registry.fits().to_pandas(), at=at)}


def _fit_key(fit: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(fit.get(k) or "") for k in FIT_SERIES)


def _fit_words(fit: Mapping[str, Any]) -> str:
    family = f" (family {fit['family']})" if fit.get("family") else ""
    return f"{fit.get('law', 'fit')}{family}"
