import sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from isoflop.scheduling import ScheduleError, parse_cron
from isoflop.scheduling.triggers import is_overdue, make_trigger, next_time, time_zone

pytest.importorskip("apscheduler", reason="APScheduler is not installed")
BERLIN = ZoneInfo("Europe/Berlin")


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


def times(cron, start, count, zone=BERLIN):
    """Ask as the scheduler does: after each time, for the next."""
    trigger, found = make_trigger(parse_cron(cron), zone), [None]
    for _ in range(count):
        found.append(trigger.get_next_fire_time(found[-1], found[-1] or start))
    return [at.astimezone(UTC) for at in found[1:]]


def test_the_trigger_fires_when_cron_does(clock_case):
    cron, start, expected = clock_case
    trigger, found = make_trigger(cron, UTC), [start]
    for _ in expected:
        found.append(next_time(trigger, after=found[-1]))
    assert found[1:] == expected


def test_monday_is_monday():
    trigger = make_trigger(parse_cron("0 8 * * 1"), BERLIN)
    assert f"{next_time(trigger, after=utc(2026, 11, 21)):%a %H:%M}" == "Mon 08:00"


def test_a_time_that_clocks_skip_fires_once_an_hour_later():
    assert times("30 2 * * *", datetime(2026, 3, 28, 12, tzinfo=BERLIN), 2) == [
        utc(2026, 3, 29, 1, 30),  # 03:30 summer time
        utc(2026, 3, 30, 0, 30),
    ]


def test_a_time_that_clocks_repeat_fires_twice():
    assert times("30 2 * * *", datetime(2026, 10, 24, 12, tzinfo=BERLIN), 3) == [
        utc(2026, 10, 25, 0, 30), utc(2026, 10, 25, 1, 30), utc(2026, 10, 26, 1, 30),
    ]  # fmt: skip


def test_in_the_second_of_two_equal_hours_the_next_time_is_ahead():
    trigger = make_trigger(parse_cron("30 2 * * *"), BERLIN)
    after = utc(2026, 10, 25, 1, 35).astimezone(BERLIN)  # 02:35, winter time
    assert next_time(trigger, after=after) == utc(2026, 10, 26, 1, 30)


@pytest.mark.parametrize(
    ("last", "overdue"),
    [
        (None, True),
        (utc(2026, 11, 15, 8), True),
        (utc(2026, 11, 16, 7, 59), True),
        (utc(2026, 11, 16, 8, 0, 1), False),
        (utc(2026, 11, 21, 12), False),
    ],
)
def test_a_report_is_overdue_where_the_clock_fired_since_the_last(last, overdue):
    trigger = make_trigger(parse_cron("0 8 * * 1"), UTC)
    assert is_overdue(trigger, last=last, now=utc(2026, 11, 21, 12)) is overdue


@pytest.mark.parametrize("name", ["Europe/Atlantis", "", "../../etc/passwd", "x\x00y", "/etc"])
def test_an_unknown_time_zone_says_what_is_allowed(name):
    with pytest.raises(ScheduleError, match=r"There is no time zone .*'Europe/Berlin' or 'UTC'"):
        time_zone(name)


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "apscheduler.triggers.cron", None)
    with pytest.raises(ScheduleError, match=r"pip install 'isoflop\[schedule\]'"):
        make_trigger(parse_cron("0 8 * * 1"), UTC)
