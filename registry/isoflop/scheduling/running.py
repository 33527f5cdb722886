"""A clock of our own: reports in this process, on APScheduler."""

from __future__ import annotations

import queue
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from isoflop.scheduling.cron import CronExpression
from isoflop.scheduling.rounds import Round, ScheduledReports, present
from isoflop.scheduling.triggers import load_apscheduler, make_trigger, next_time, time_zone

if TYPE_CHECKING:
    from isoflop.plugin_host import PluginHost

LOOK_EVERY_S = 1.0
"""Pause between looks at the clock and for signals. [s]"""


def run_schedule(
    cron: CronExpression,
    *,
    registry: str,
    out: str | Path,
    on_start: Callable[[datetime, bool], None],
    on_round: Callable[[Round, datetime], None],
    on_ending: Callable[[bool], None],
    timezone: str | None = None,
    targets: Sequence[str] = (),
    host: PluginHost | None = None,
) -> None:
    """Make reports by the clock until SIGTERM or SIGINT; call it in the main thread.

    The report under way is finished first; a second signal ends the process at once. A report that
    was due since the last one in the registry is made at the start. Reports never overlap: a time
    that comes while one is being made is left out, and several that were slept through are one.

    Parameters
    ----------
    cron : CronExpression
        When. A local time that does not exist on the day that clocks are put forward counts an hour
        later; one that comes twice when they are put back fires twice.
    registry, out : str
        As for `deliver_report`.
    on_start : callable (next time, whether a report is overdue and made now)
        Called before the first report.
    on_round : callable (round, next time)
        Called after each report, in another thread.
    on_ending : callable (whether a report is under way)
        Called at the first signal.
    timezone : str or None
        Name of the time zone of `cron`; the machine's by default.
    targets : sequence of str
        Addresses of notices.
    host : PluginHost or None
        Plugins; all installed ones by default.

    Raises
    ------
    ScheduleError
        No such time zone, or APScheduler is not installed.
    RegistryError
        There is no registry, or it cannot be read now; later this is told, and the schedule goes
        on.
    """
    zone = time_zone(timezone)
    trigger = make_trigger(cron, zone)
    reports = ScheduledReports(registry=registry, out=out, targets=targets, host=host)
    is_overdue = reports.resume(trigger)

    def following() -> datetime:
        return next_time(trigger, after=present().astimezone(zone))

    under_way = threading.Lock()

    def report() -> None:
        with under_way:
            on_round(reports.make(), following())

    def left_out(_event: object) -> None:
        message = "The report before is still being made, so this time is left out."
        on_round(Round(outcome="busy", began_at=present(), message=message), following())

    scheduler = load_apscheduler("schedulers.background").BackgroundScheduler(timezone=zone)
    scheduler.add_listener(left_out, load_apscheduler("events").EVENT_JOB_MAX_INSTANCES)
    scheduler.add_job(
        report, trigger, coalesce=True, max_instances=1, misfire_grace_time=None,
        next_run_time=present() if is_overdue else following(),
    )  # fmt: skip
    with _signals() as told:
        on_start(following(), is_overdue)
        scheduler.start()
        _wait(told, scheduler)
        on_ending(under_way.locked())
        for number in _ENDING:
            signal.signal(number, signal.SIG_DFL)
        scheduler.shutdown(wait=True)


_ENDING = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def _signals() -> Iterator[queue.SimpleQueue[int]]:
    """Gather the signals that end the schedule; what a handler did before comes back after."""
    # A handler may come in the midst of anything: of all queues and events, only this one may be
    # put into then without a deadlock.
    told: queue.SimpleQueue[int] = queue.SimpleQueue()

    def note(number: int, _frame: FrameType | None) -> None:
        told.put(number)

    before = {number: signal.signal(number, note) for number in _ENDING}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait(told: queue.SimpleQueue[int], scheduler: Any) -> None:
    """Return at the first signal; until then make the scheduler look at the clock."""
    while True:
        try:
            told.get(timeout=LOOK_EVERY_S)
        except queue.Empty:
            # It would sleep until the next report, by a clock that stands still while the machine
            # sleeps. And a signal that reached another thread does not end the wait above.
            scheduler.wakeup()
        else:
            return
