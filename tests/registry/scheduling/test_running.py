import os
import signal
import threading
from datetime import UTC, datetime

import pytest

from isoflop.errors import RegistryError
from isoflop.scheduling import ScheduleError, parse_cron, running
from isoflop.scheduling.rounds import Round
from isoflop.scheduling.running import run_schedule
from isoflop.store import open_registry

pytest.importorskip("apscheduler", reason="APScheduler is not installed")
NEVER_SOON = parse_cron("0 0 29 2 *")


@pytest.fixture
def registry(tmp_path):
    open_registry(tmp_path / "registry", create=True)
    return str(tmp_path / "registry")


def run(registry, tmp_path, *, cron=NEVER_SOON, on_round=lambda _round, _next: None,
        on_start=lambda _next, _overdue: None, on_ending=lambda _under_way: None,
        **options):  # fmt: skip
    run_schedule(cron, registry=registry, out=tmp_path / "out", on_start=on_start,
                 on_round=on_round, on_ending=on_ending, **options)  # fmt: skip


def end(*_):
    os.kill(os.getpid(), signal.SIGTERM)


def test_an_overdue_report_is_made_at_once_and_a_signal_ends_after_it(
    registry, tmp_path, monkeypatch
):
    done, ending, began, told_of_end = [], [], threading.Event(), threading.Event()

    def make(self):
        began.set()
        end()  # in the midst of the report
        assert told_of_end.wait(timeout=30)
        return Round(outcome="made", began_at=datetime.now(UTC))

    monkeypatch.setattr(running.ScheduledReports, "make", make)

    def note_end(under_way):
        ending.append(under_way)
        told_of_end.set()

    run(registry, tmp_path, on_ending=note_end,
        on_round=lambda told, following: done.append((told, following)))  # fmt: skip
    assert began.is_set()
    assert ending == [True]
    ((told, following),) = done
    assert told.outcome == "made"
    assert (following.month, following.day) == (2, 29)


def test_an_end_with_nothing_under_way_is_told_so(registry, tmp_path, monkeypatch):
    monkeypatch.setattr(running.ScheduledReports, "resume", lambda *_: False)
    ending = []
    run(registry, tmp_path, on_start=end, on_ending=ending.append)
    assert ending == [False]


def test_handlers_of_signals_come_back(registry, tmp_path):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    run(registry, tmp_path, on_start=end)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_the_next_time_is_in_the_zone_that_was_asked_for(registry, tmp_path):
    told = []

    def start(following, overdue):
        told.append((following, overdue))
        end()

    run(registry, tmp_path, on_start=start, timezone="Asia/Kolkata", cron=parse_cron("0 8 * * 1"))
    ((following, overdue),) = told
    assert overdue
    assert f"{following:%a %H:%M %z}" == "Mon 08:00 +0530"


def test_a_registry_that_is_not_there_is_an_error_before_anything_waits(tmp_path):
    with pytest.raises(RegistryError, match="nowhere"):
        run(str(tmp_path / "nowhere"), tmp_path)


def test_an_unknown_time_zone_is_an_error_before_anything_waits(registry, tmp_path):
    with pytest.raises(ScheduleError, match="no time zone"):
        run(registry, tmp_path, timezone="Mars/Base")
