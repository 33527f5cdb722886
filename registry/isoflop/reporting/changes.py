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
from isoflop.reporting.report import Changes, Flag, FlagKey, Moved, Section
from isoflop.results import SEVERITIES
from isoflop.tables import FIT_SERIES, fit_params
from isoflop.words import moment

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
    now = standing_now(yours)
    last = last_report(registry, since=since)
    if last is None:
        notes = _why_nothing_before(registry, since)
        return Changes(runs_added=tuple(runs.labels()), raised=tuple(now.values()), notes=notes)
    then = standing_flags(registry, at=last.created_at)
    known = Changes(
        since=last.created_at,
        previous_id=last.report_id,
        raised=tuple(f for k, f in now.items() if k not in then or _is_graver(f, then[k])),
        cleared=cleared_flags(then, yours),
        moved=tuple(_moved(registry, yours, last)),
    )
    return _with_runs(known, registry, runs, last)


def _why_nothing_before(registry: Registry, since: datetime | None) -> tuple[str, ...]:
    """Return why there is nothing to compare with, where that is not that no report was made."""
    if since is None or last_report(registry) is None:
        return ()
    return (f"There is no report of {moment(since)} or before: all runs and flags count as new.",)


def standing_now(sections: Iterable[Section]) -> dict[FlagKey, Flag]:
    """Return the flags of sections, each once."""
    return {flag.key: flag for section in sections for flag in section.flags}


def cleared_flags(then: Mapping[FlagKey, Flag], sections: Sequence[Section]) -> tuple[Flag, ...]:
    """Return the flags that stood and do not; a section that did not answer clears none."""
    now = standing_now(sections)
    answered = {s.analyzer for s in sections if s.state == "answered"}
    return tuple(f for k, f in then.items() if k not in now and f.analyzer in answered)


def _is_graver(now: Flag, then: Flag) -> bool:
    return SEVERITIES.index(now.finding.severity) < SEVERITIES.index(then.finding.severity)


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
    rows = rows_of(registry.fits().to_pandas(), at=at)
    yours = (row for row in rows if row["audience"] != "reference")
    return {_fit_key(row): fit_params(row) for row in yours}


def _fit_key(fit: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(fit.get(k) or "") for k in FIT_SERIES)


def _fit_words(fit: Mapping[str, Any]) -> str:
    family = f" (family {fit['family']})" if fit.get("family") else ""
    return f"{fit.get('law', 'fit')}{family}"
