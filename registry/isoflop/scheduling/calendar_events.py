"""Cron expressions in the words of systemd's ``OnCalendar=``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from isoflop.scheduling.cron import CronExpression

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def on_calendar(cron: CronExpression) -> tuple[str, ...]:
    """Return the calendar events that together fire when the cron expression does.

    Two where both the day of month and the day of week are limited: systemd asks for both, cron
    for either, and a timer fires on any of its events.

    References
    ----------
    systemd.time(7), "Calendar Events".

    Examples
    --------
    >>> from isoflop.scheduling.cron import parse_cron
    >>> on_calendar(parse_cron("0 8 * * 1-5"))
    ('Mon..Fri *-*-* 08:00:00',)
    """
    months = _numbers(cron.months, low=1, high=12)
    hours = _numbers(cron.hours, low=0, high=23)
    minutes = _numbers(cron.minutes, low=0, high=59)
    return tuple(
        f"{_weekdays(weekdays)}*-{months}-{_numbers(days, low=1, high=31)} {hours}:{minutes}:00"
        for days, weekdays in cron.day_rules
    )


def _weekdays(weekdays: Sequence[int]) -> str:
    """Return the days from Monday on and a space; nothing for all of them."""
    if len(weekdays) == len(_WEEKDAYS):
        return ""
    from_monday = sorted((day - 1) % 7 for day in weekdays)
    return ",".join(_ranges(from_monday, lambda day: _WEEKDAYS[day])) + " "


def _numbers(values: Sequence[int], *, low: int, high: int) -> str:
    if len(values) == high - low + 1:
        return "*"
    if len(values) > 2:
        step = values[1] - values[0]
        steps_on = all(b - a == step for a, b in pairwise(values))
        if steps_on and step > 1 and values[-1] + step > high:
            return f"{values[0]:02d}/{step}"
    return ",".join(_ranges(values, "{:02d}".format))


def _ranges(values: Sequence[int], spelled: Callable[[int], str]) -> Iterator[str]:
    """Yield single values, and neighbors of three and more as a range."""
    start = 0
    while start < len(values):
        end = start
        while end + 1 < len(values) and values[end + 1] == values[end] + 1:
            end += 1
        if end - start >= 2:
            yield f"{spelled(values[start])}..{spelled(values[end])}"
        else:
            yield from (spelled(value) for value in values[start : end + 1])
        start = end + 1
