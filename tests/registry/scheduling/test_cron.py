import pytest

from isoflop.scheduling import ScheduleError, parse_cron


@pytest.mark.parametrize(
    ("text", "weekdays"),
    [
        ("0 8 * * 1", (1,)),
        ("0 8 * * 0", (0,)),
        ("0 8 * * 7", (0,)),
        ("* * * * 5-7", (0, 5, 6)),
        ("0 8 * * 1-5", (1, 2, 3, 4, 5)),
        ("0 8 * * mon-FRI", (1, 2, 3, 4, 5)),
        ("0 8 * * */2", (0, 2, 4, 6)),
        ("0 8 * * 1,3-5/2", (1, 3, 5)),
    ],
)
def test_weekdays_count_from_sunday_which_is_also_seven(text, weekdays):
    assert parse_cron(text).weekdays == weekdays


def test_steps_lists_and_names_are_values():
    cron = parse_cron("*/20 1-5/2 1,15 jan,jul *")
    assert (cron.minutes, cron.hours, cron.days, cron.months) == (
        (0, 20, 40), (1, 3, 5), (1, 15), (1, 7),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "either"),
    [("0 8 13 * 5", True), ("0 8 * * 5", False), ("0 8 13 * *", False), ("0 8 */2 * 1", False)],
)
def test_two_limits_on_days_mean_either_of_them(text, either):
    assert parse_cron(text).either_day is either


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("61 8 * * 1", "In the minute of .* '61' is outside 0-59. Allowed: .* 0-59"),
        ("0 24 * * 1", "In the hour of .* '24' is outside 0-23"),
        ("0 8 0 * 1", "In the day of month of .* '0' is outside 1-31"),
        ("0 8 * 13 *", "In the month of .* '13' is outside 1-12. Allowed: .* or jan-dec"),
        ("0 8 * * 8", "In the day of week of .* '8' is outside 0-7.*0 and 7 are Sunday"),
        ("0 8 * * xyz", "'xyz' is no number or name"),
        ("xyz 8 * * *", "'xyz' is no number. Allowed"),
        ("0 8 * * 5-1", "the range '5-1' runs backward"),
        ("5/15 * * * *", "step without a range; write 5-59/15"),
        ("*/0 * * * *", "the step of '\\*/0' must be 1-59"),
        ("*/90 * * * *", "must be 1-59"),
        ("0 8 L * *", "'l' cannot be read"),
        ("0 8 * * 1 *", "five fields .* has 6 fields and 11 characters"),
        ("@weekly", "five fields .* has 1 field and 7 characters"),
        ("", "five fields .* has 0 fields and"),
        ("², * * * *", "cannot be read"),
        ("1,,2 * * * *", "'' cannot be read"),
        ("0 8 30 2 *", "a day that never comes"),
        ("0 8 31 4,6 *", "a day that never comes"),
        (f"{'1,' * 5000}1 * * * *", "200 characters at most"),
    ],
)
def test_a_wrong_expression_says_which_field_and_what_is_allowed(text, says):
    with pytest.raises(ScheduleError, match=says) as raised:
        parse_cron(text)
    assert len(str(raised.value)) < 500


def test_a_day_that_never_comes_is_left_out_where_weekdays_come():
    assert parse_cron("0 8 30 2 1").day_rules == ((tuple(range(1, 32)), (1,)),)
