"""Cron expressions as triggers of APScheduler."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from isoflop.scheduling.cron import CronExpression, ScheduleError

# Names, because APScheduler 3 counts weekdays from Monday and cron from Sunday.
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def load_apscheduler(module: str) -> Any:
    """Return a module of APScheduler; raises `ScheduleError` that says how to install it."""
    try:
        return importlib.import_module(f"apscheduler.{module}")
    except ImportError as error:
        raise ScheduleError(
            "`isoflop schedule run` needs the package 'apscheduler', which is not installed. "
            "Install it with: pip install 'isoflop[schedule]'. Without it, "
            "`isoflop schedule print` sets up cron, systemd or a CI server."
        ) from error


def time_zone(name: str | None) -> tzinfo:
    """Return a time zone by its name, for example ``Europe/Berlin``; the machine's for None."""
    if name is None:
        load_apscheduler("util")
        from tzlocal import get_localzone

        return get_localzone()
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ScheduleError(
            f"There is no time zone {name[:60]!r}. Give one of the tz database, for example "
            "'Europe/Berlin' or 'UTC'."
        ) from error


def make_trigger(cron: CronExpression, timezone: tzinfo) -> Any:
    """Return the APScheduler trigger that fires when the cron expression does.

    Notes
    -----
    On the day that skips 02:00-03:00, a report for 02:30 is made once, at what is then 03:30. On
    the day that repeats this hour it is made twice, an hour apart; where nothing changed, nobody is
    told of the second.
    """
    cron_trigger = load_apscheduler("triggers.cron").CronTrigger
    triggers = [
        cron_trigger(
            month=_listed(cron.months),
            day=_listed(days),
            day_of_week=",".join(_WEEKDAYS[day] for day in weekdays),
            hour=_listed(cron.hours),
            minute=_listed(cron.minutes),
            timezone=timezone,
        )
        for days, weekdays in cron.day_rules
    ]
    if len(triggers) == 1:
        return triggers[0]
    return load_apscheduler("triggers.combining").OrTrigger(triggers)


def _listed(values: Sequence[int]) -> str:
    return ",".join(map(str, values))


def next_time(trigger: Any, *, after: datetime) -> datetime:
    """Return when the trigger fires first after a time, which must be aware."""
    # In UTC: adding to a local time forgets which of two equal hours it is in.
    just_after = after.astimezone(UTC) + timedelta(microseconds=1)
    fires: datetime = trigger.get_next_fire_time(None, just_after)
    return fires


def is_overdue(trigger: Any, *, last: datetime | None, now: datetime) -> bool:
    """Return whether the trigger fired since the last report; True where there was none."""
    return last is None or next_time(trigger, after=last) <= now
