"""Delivers a report: collects, builds, writes, records, publishes, tells people; each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from isoflop.errors import RegistryError
from isoflop.plugin_host import default_host
from isoflop.reporting.building import build_report
from isoflop.reporting.delivering.locking import report_lock
from isoflop.reporting.delivering.notices import failure_notice, report_notice
from isoflop.reporting.delivering.owing import owe, pay, settle
from isoflop.reporting.delivering.sending import publish_report, send
from isoflop.reporting.delivering.sources import collect_again
from isoflop.reporting.ledger import last_report
from isoflop.reporting.pictures import PICTURE, write_pictures
from isoflop.reporting.recording import record_report
from isoflop.reporting.writing import chosen_reporters, write_formats
from isoflop.results import PRESSING

if TYPE_CHECKING:
    from isoflop.hookspecs import Notice, Reporter
    from isoflop.plugin_host import PluginHost
    from isoflop.progress import Progress
    from isoflop.reporting.report import Report
    from isoflop.store import Registry


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Delivery:
    """What became of a report.

    Parameters
    ----------
    report : Report
        The report, with its problems.
    files : tuple of Path
        What was written.
    problems : tuple of str
        What could not be done; those of notifiers are not in the report, which was written before.
    published : tuple of str
        Where the report is now, beside its folder.
    notified : int
        Addresses that were told. [1]
    is_recorded : bool
        True where the registry took the report in; False where it holds it already, or cannot.
    """

    report: Report
    files: tuple[Path, ...]
    problems: tuple[str, ...] = ()
    published: tuple[str, ...] = ()
    notified: int = 0
    is_recorded: bool = False

    @property
    def outcome(self) -> Literal["made", "flagged", "incomplete", "flagged-incomplete"]:
        """Flagged: a clear or severe flag was raised; incomplete: something could not be done."""
        if any(f.finding.severity in PRESSING for f in self.report.changes.raised):
            return "flagged-incomplete" if self.problems else "flagged"
        return "incomplete" if self.problems else "made"


def deliver_report(
    registry_uri: str,
    out: str | Path,
    *,
    since: datetime | None = None,
    sources: Sequence[str] | None = None,
    formats: Sequence[str] | None = None,
    record: bool = True,
    publish: bool = True,
    notify_targets: Sequence[str] = (),
    always: bool = False,
    host: PluginHost | None = None,
    now: datetime | None = None,
    progress: Progress | None = None,
) -> Delivery:
    """Collect, build, write, record, publish and tell people of a report.

    The same registry twice gives the same report id, one record, one published report and one
    notice. What cannot be done is a problem, in the report and in the delivery; the rest is done.

    Parameters
    ----------
    registry_uri : str
        Folder of the registry; made where it does not exist and `sources` are given.
    out : str or Path
        Folder for the files; a half-written report in it is replaced.
    since : datetime or None
        Compare with the last report at or before this time; None for the last one.
    sources : sequence of str or None
        What to collect first; None for what was collected before, empty for nothing.
    formats : sequence of str or None
        Names of reporters; None for the usual ones.
    record : bool
        Keep flags and fits in the registry, for the next comparison.
    publish : bool
        Keep the report wherever publishers are in use.
    notify_targets : sequence of str
        Addresses to tell when something changed, from
        `isoflop.reporting.delivering.targets.notify_targets`.
    always : bool
        Tell them also when nothing changed, or when the registry holds this report already.
    host : PluginHost or None
        Plugins; all installed ones by default.
    now : datetime or None
        Time to print; the present by default.
    progress : callable (done, total, words) or None
        Called now and then.

    Raises
    ------
    ReportBusyError
        Another report on the registry is being made; at once.
    UnknownNameError
        No reporter of a name in `formats`.
    RegistryError
        The registry cannot be read, or the files cannot be written.
    """
    from isoflop.store import open_registry

    host, out = host or default_host(), Path(out)
    reporters = chosen_reporters(host, formats)
    registry = open_registry(registry_uri, create=bool(sources), host=host)
    with report_lock(Path(registry.uri)):
        problems = collect_again(registry, sources, host=host, progress=progress)
        built = build_report(registry, host=host, since=since, now=now, progress=progress)
        report, files = _write(built, out, reporters, [*problems, *_broken(built)])
        published: list[str] = []
        if publish:
            published, failed = publish_report(report, files, host)
            if failed:
                problems = [*report.problems, *failed]
                report, files = _write(built, out, reporters, problems)
        last = last_report(registry)
        is_known = last is not None and last.report_id == report.id
        notice = None
        if always or (report.changes.anything and not is_known):
            pictures = [file for file in files if file.name == PICTURE]
            where = published or [str(out.absolute())]
            notice = report_notice(report, where=where, files=pictures)
        if record:
            is_recorded, notified, failed = _record_and_tell(
                report, notice, notify_targets, registry, host
            )
        else:
            is_recorded, (notified, failed) = False, _tell(notice, notify_targets, host)
        host.notify("isoflop_report_ready", report_id=report.id, folder=str(out))
    return Delivery(
        report=report, files=tuple(files), problems=(*report.problems, *failed),
        published=tuple(published), notified=notified, is_recorded=is_recorded,
    )  # fmt: skip


def deliver_failure(
    error: BaseException, targets: Sequence[str], host: PluginHost | None = None
) -> tuple[str, ...]:
    """Tell people that no report could be made; return what could not be told, in words."""
    return send(failure_notice(error), targets, host or default_host()).problems


def _broken(report: Report) -> list[str]:
    failed = [section for section in report.yours if section.state == "failed"]
    return [f"Analyzer {section.analyzer!r} failed: {section.failure}" for section in failed]


def _write(
    built: Report, out: Path, reporters: Sequence[Reporter], problems: Sequence[str]
) -> tuple[Report, list[Path]]:
    """Write formats and pictures; once more where a format fails, so that the others tell of it.

    Returns the report with all its problems, and the files.
    """
    pictures = write_pictures(built, out)
    report = built.with_problems(problems)
    files, failed = write_formats(report, out, reporters)
    if failed:
        new = [problem for problem in failed if problem not in problems]
        report = built.with_problems([*problems, *new])
        files, _ = write_formats(report, out, reporters)
    return report, [*files, *pictures]


def _record_and_tell(
    report: Report,
    notice: Notice | None,
    targets: Sequence[str],
    registry: Registry,
    host: PluginHost,
) -> tuple[bool, int, list[str]]:
    """Return whether the report was recorded, how many were told, and what could not be done.

    The notice is owed before the report counts as known: whatever ends the process, it is sent.
    """
    problems, owed, is_recorded = pay(registry, targets, host), "", False
    if notice is not None and targets:
        owed, failed = owe(registry, notice, targets)
        problems += failed
    try:
        is_recorded = record_report(report, registry)
    except RegistryError as error:
        why = f"The registry could not keep the report for the next comparison: {error}"
        problems.append(why)
    if notice is None:
        return is_recorded, 0, problems
    sent = send(notice, targets, host)
    problems += sent.problems
    if owed:
        problems += settle(registry, owed, title=notice.title, left=sent.failed)
    return is_recorded, sent.n_told, problems


def _tell(notice: Notice | None, targets: Sequence[str], host: PluginHost) -> tuple[int, list[str]]:
    if notice is None:
        return 0, []
    sent = send(notice, targets, host)
    return sent.n_told, list(sent.problems)
