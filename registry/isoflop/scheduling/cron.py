"""Cron expressions, read the way the cron daemon reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from isoflop.errors import IsoflopError
from isoflop.words import plural

_TERM = re.compile(
    r"(?:\*|(?P<first>[0-9]{1,2}|[a-z]{3})(?:-(?P<last>[0-9]{1,2}|[a-z]{3}))?)"
    r"(?:/(?P<step>[0-9]{1,2}))?"
)
_LONGEST = 200
"""A longer expression is no expression. [characters]"""


class ScheduleError(IsoflopError, ValueError):
    """A schedule cannot be made: its cron expression, time zone or paths, or a missing package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CronField:
    """One of the five fields.

    Parameters
    ----------
    name : str
        As messages call it.
    low, high : int
        Values that may be written.
    names : tuple of str
        Names of the values from `low` on; empty where there are none.
    """

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """What may be written, in words."""
        span = f"{self.low}-{self.high}"
        named = f" or {self.names[0]}-{self.names[-1]}" if self.names else ""
        counted = " (0 and 7 are Sunday)" if self is WEEKDAY else ""
        return (
            f"* for all, numbers {span}{named}{counted}, lists such as {self.low},{self.low + 2}, "
            f"ranges such as {self.low}-{self.low + 4}, and steps such as */2"
        )


MINUTE = CronField(name="minute", low=0, high=59)
HOUR = CronField(name="hour", low=0, high=23)
DAY = CronField(name="day of month", low=1, high=31)
MONTH = CronField(
    name="month",
    low=1,
    high=12,
    names=("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
)
WEEKDAY = CronField(
    name="day of week", low=0, high=7, names=("sun", "mon", "tue", "wed", "thu", "fri", "sat")
)
FIELDS = (MINUTE, HOUR, DAY, MONTH, WEEKDAY)
_DAYS_OF_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True, kw_only=True)
class CronExpression:
    """When a schedule fires, as sets of values.

    Parameters
    ----------
    text : str
        The expression, single spaces between its fields.
    minutes, hours, days, months : tuple of int
        Values on which it fires, ascending.
    weekdays : tuple of int
        The same, 0 is Sunday, 6 is Saturday.
    either_day : bool
        True where day of month and day of week are both limited: cron then fires on a day that
        fits either of them, while most other clocks ask for both.
    """

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    either_day: bool

    @property
    def day_rules(self) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]:
        """Days of month and days of week that must both fit; one pair of several is enough."""
        if not self.either_day:
            return ((self.days, self.weekdays),)
        by_weekday = (tuple(range(1, 32)), self.weekdays)
        if _never_comes(self.days, self.months):
            return (by_weekday,)
        return ((self.days, tuple(range(7))), by_weekday)


def parse_cron(text: str) -> CronExpression:
    """Return what a cron expression of five fields says.

    Parameters
    ----------
    text : str
        Minute, hour, day of month, month, day of week. Names of months and weekdays are read in
        any case. Only what every cron daemon reads is accepted: a step needs ``*`` or a range, a
        range runs upward.

    Raises
    ------
    ScheduleError
        It is no such expression, or a time that never comes, such as 30 February.

    Examples
    --------
    >>> parse_cron("0 8 * * 1-5").weekdays
    (1, 2, 3, 4, 5)
    """
    written = text.split()
    if len(written) != len(FIELDS) or len(text) > _LONGEST:
        raise ScheduleError(
            f"The cron expression {_shown(text)} is no expression of five fields (minute, hour, "
            f"day of month, month, day of week; {_LONGEST} characters at most): it has "
            f"{plural(len(written), 'field')} and {plural(len(text), 'character')}. For example "
            "'0 8 * * 1': Mondays at 08:00."
        )
    minutes, hours, days, months, weekdays = (
        _values(terms, field, text) for field, terms in zip(FIELDS, written, strict=True)
    )
    expression = CronExpression(
        text=" ".join(written),
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=tuple(sorted({day % 7 for day in weekdays})),
        # The daemon looks at the first character only: */2 counts as no limit here.
        either_day=not written[2].startswith("*") and not written[4].startswith("*"),
    )
    if not expression.either_day and _never_comes(days, months):
        raise ScheduleError(
            f"The cron expression {_shown(text)} names a day that never comes: no month of "
            f"{written[3]!r} has a day {days[0]}. Choose another day of month or month."
        )
    return expression


def _never_comes(days: tuple[int, ...], months: tuple[int, ...]) -> bool:
    return days[0] > max(_DAYS_OF_MONTH[month - 1] for month in months)


def _values(terms: str, field: CronField, text: str) -> tuple[int, ...]:
    """Return the values of one field, ascending."""
    values: set[int] = set()
    for term in terms.lower().split(","):
        values.update(_term_values(term, field, text))
    return tuple(sorted(values))


def _term_values(term: str, field: CronField, text: str) -> Iterator[int]:
    match = _TERM.fullmatch(term)
    if match is None:
        raise _error(f"{_shown(term)} cannot be read", field, text)
    first, last, step = match["first"], match["last"], int(match["step"] or 1)
    if match["step"] and first and not last:
        said = f"{_shown(term)} has a step without a range; write {first}-{field.high}/{step}"
        raise _error(said, field, text)
    if not 1 <= step <= field.high:
        raise _error(f"the step of {_shown(term)} must be 1-{field.high}", field, text)
    low = field.low if first is None else _number(first, field, text)
    # Only "0 or 7 is Sunday" needs 7: a star must not count Sunday twice when it steps.
    top = 6 if field is WEEKDAY else field.high
    high = top if first is None else _number(last or first, field, text)
    if low > high:
        raise _error(f"the range {_shown(term)} runs backward", field, text)
    yield from range(low, high + 1, step)


def _number(word: str, field: CronField, text: str) -> int:
    if word in field.names:
        return field.low + field.names.index(word)
    if not word.isdigit():
        raise _error(f"{_shown(word)} is no number{' or name' * bool(field.names)}", field, text)
    if not field.low <= int(word) <= field.high:
        raise _error(f"{_shown(word)} is outside {field.low}-{field.high}", field, text)
    return int(word)


def _error(what: str, field: CronField, text: str) -> ScheduleError:
    return ScheduleError(
        f"In the {field.name} of the cron expression {_shown(text)}, {what}. "
        f"Allowed: {field.allowed}."
    )


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
