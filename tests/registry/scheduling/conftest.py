from datetime import UTC, datetime, timedelta

import pytest

from isoflop.scheduling import parse_cron

# Tests that share them cannot import each other: pytest runs in importlib mode.
EXPRESSIONS = (
    "0 8 * * 1",
    "0 8 * * 0",
    "0 8 * * 7",
    "* * * * 5-7",
    "30 6 * * 1-5",
    "*/2 * * * *",
    "0 */6 1 * *",
    "15 3 13 * 5",
    "0 0 1,15 * mon-fri",
    "5,35 1-23/2 * jan,jul sun",
    "0 12 29 2 *",
    "1-59/7 0 * * 7",
    "0 9 1-7 * 1",
    "0 9 */2 * 1",
    "*/45 5 31 * *",
    "10-12 * * */3 */2",
    "0 8 30 2 1",
)
START = datetime(2026, 11, 21, 14, 45, tzinfo=UTC)
COUNT = 8


def fires(cron):
    """Walk through minutes as a clock does; skip days and hours that do not fit."""
    at, found = START + timedelta(minutes=1), []
    while len(found) < COUNT:
        weekday = (at.weekday() + 1) % 7
        by_date, by_weekday = at.day in cron.days, weekday in cron.weekdays
        day = by_date or by_weekday if cron.either_day else by_date and by_weekday
        if not (day and at.month in cron.months):
            at = (at + timedelta(days=1)).replace(hour=0, minute=0)
        elif at.hour not in cron.hours:
            at = (at + timedelta(hours=1)).replace(minute=0)
        else:
            if at.minute in cron.minutes:
                found.append(at)
            at += timedelta(minutes=1)
    return found


@pytest.fixture(params=EXPRESSIONS)
def clock_case(request):
    """A cron expression, a start, and the minutes after it on which cron fires."""
    cron = parse_cron(request.param)
    return cron, START, fires(cron)
