from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from isoflop import hookimpl
from isoflop.errors import RegistryError
from isoflop.hookspecs import Notifier
from isoflop.plugin_host import PluginHost
from isoflop.reporting import Changes
from isoflop.reporting.delivering import ReportBusyError
from isoflop.scheduling import parse_cron, rounds
from isoflop.scheduling.attempts import last_attempt
from isoflop.scheduling.rounds import ScheduledReports
from isoflop.scheduling.triggers import make_trigger
from isoflop.store import open_registry

pytest.importorskip("apscheduler", reason="APScheduler is not installed")
SECRET = "mail://ada:s3cret@mail.example"
START = datetime(2026, 11, 23, 8, tzinfo=UTC)


class Channel:
    """A notifier that keeps what it is told; it is down while `is_down`."""

    def __init__(self):
        self.told, self.is_down = [], False

    def notify(self, notice, target):
        if self.is_down:
            raise OSError(f"cannot reach {target}")
        self.told.append(notice)

    def isoflop_notifiers(self):
        return [
            Notifier(
                name="channel",
                summary="Keeps notices.",
                recognizes=lambda target: target == SECRET,
                notify=self.notify,
            )
        ]

    @property
    def titles(self):
        return [notice.title for notice in self.told]


class Deliveries:
    """Stands for the making of a report: gives or raises what is next."""

    def __init__(self):
        self.next = None

    def __call__(self, registry, out, **options):
        if isinstance(self.next, BaseException):
            raise self.next
        problems, recorded = self.next
        changes = Changes(since=START)
        return SimpleNamespace(report=SimpleNamespace(changes=changes, id="r1"), files=(),
                               problems=problems, notified=0, is_recorded=recorded,
                               outcome="incomplete" if problems else "made")  # fmt: skip


@pytest.fixture
def channel():
    return Channel()


@pytest.fixture
def world(tmp_path, monkeypatch, channel):
    """A real registry, a clock that goes an hour a look, a channel, and deliveries to order."""
    open_registry(tmp_path / "registry", create=True)
    host = PluginHost()

    class Plugin:
        @hookimpl
        def isoflop_notifiers(self):
            return channel.isoflop_notifiers()

    host.register(Plugin(), name="channel")
    deliveries, clock = Deliveries(), iter(START + timedelta(hours=h) for h in range(1000))
    monkeypatch.setattr(rounds, "deliver_report", deliveries)

    def schedule():
        return ScheduledReports(registry=str(tmp_path / "registry"), out=tmp_path / "out",
                                targets=[SECRET], host=host, now=lambda: next(clock))  # fmt: skip

    return SimpleNamespace(schedule=schedule, deliveries=deliveries, root=tmp_path / "registry")


def weekly():
    return make_trigger(parse_cron("0 8 * * 1"), UTC)


def failure(n=1):
    return ConnectionError(f"<Pool 0x{n:x}> to http://ada:pw@tracker/x refused after {n} tries")


def test_a_failure_is_told_once_and_so_is_the_recovery(world, channel):
    reports = world.schedule()
    outcomes = []
    for world.deliveries.next in (failure(1), failure(2), failure(3), ((), True), ((), True)):
        outcomes.append(reports.make().outcome)
    assert outcomes == ["failed", "failed", "failed", "made", "made"]
    assert channel.titles == ["The scaling report failed", "The scaling report works again"]


def test_another_failure_is_told_again(world, channel):
    reports = world.schedule()
    for world.deliveries.next in (failure(), RegistryError("The disk is full.")):
        reports.make()
    assert len(channel.told) == 2


def test_what_could_not_be_done_is_told_once_when_nothing_changed(world, channel):
    reports = world.schedule()
    for world.deliveries.next in ((("@everyone is down",), False),) * 3:
        done = reports.make()
    assert done.outcome == "incomplete"
    assert done.problems == ("@everyone is down",)
    assert channel.titles == ["The scaling report was made, but something could not be done"]
    assert "@everyone" not in channel.told[0].body


def test_an_address_that_is_down_is_one_problem(world, channel):
    channel.is_down = True
    down = "The notice to address 1 (mail) failed: notifier 'channel' raised OSError."
    world.deliveries.next = ((down,), False)
    assert world.schedule().make().problems == (down,)


def test_a_failure_that_reached_nobody_is_told_later(world, channel):
    reports = world.schedule()
    channel.is_down = True
    world.deliveries.next = failure()
    assert len(reports.make().problems) == 1
    channel.is_down = False
    assert reports.make().problems == ()
    assert channel.titles == ["The scaling report failed"]


def test_no_line_and_no_row_holds_an_address(world, channel):
    channel.is_down = True
    world.deliveries.next = failure()
    done = world.schedule().make()
    kept = open_registry(world.root).events().to_csv()
    for text in (done.message, *done.problems, kept):
        assert "pw" not in text
        assert "s3cret" not in text


def test_a_busy_registry_is_no_failure_and_no_attempt(world, channel):
    world.deliveries.next = ReportBusyError("A report is being made.", holder={})
    assert world.schedule().make().outcome == "busy"
    assert channel.told == []
    assert last_attempt(open_registry(world.root)) is None


def test_a_new_registry_is_overdue_and_one_that_was_tried_is_not(world):
    assert world.schedule().resume(weekly())
    world.deliveries.next = failure()
    world.schedule().make()
    assert not world.schedule().resume(weekly())


def test_a_report_that_found_nothing_new_counts_as_made(world):
    world.deliveries.next = ((), False)
    world.schedule().make()
    assert last_attempt(open_registry(world.root)).at == START
    assert not world.schedule().resume(weekly())


def test_a_restart_remembers_what_was_told(world, channel):
    world.deliveries.next = failure()
    world.schedule().make()
    again = world.schedule()
    again.resume(weekly())
    again.make()
    assert len(channel.told) == 1
    world.deliveries.next = ((), True)
    again.make()
    third = world.schedule()
    third.resume(weekly())
    third.make()
    assert channel.titles[1:] == ["The scaling report works again"]


def test_a_registry_that_went_away_is_told_and_the_schedule_goes_on(tmp_path, channel):
    reports = ScheduledReports(registry=str(tmp_path / "nowhere"), out=tmp_path / "out",
                               host=PluginHost())  # fmt: skip
    done = reports.make()
    assert done.outcome == "failed"
    assert "nowhere" in done.message
    with pytest.raises(RegistryError, match="nowhere"):
        reports.resume(weekly())
