from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from isoflop.display.table_view import cell, view


def test_an_interval_shares_the_cell_of_its_value():
    frame = pd.DataFrame({"ratio": [0.3473], "ratio_low": [0.3168], "ratio_high": [0.3733]})
    shown = view(frame)
    assert [h.name for h in shown.headings] == ["ratio"]
    assert shown.rows == (("0.347 [0.317, 0.373]",),)


def test_a_missing_interval_is_said():
    frame = pd.DataFrame({"x": [1.5], "x_low": [np.nan], "x_high": [np.nan]})
    assert view(frame).rows == (("1.5 [?, ?]",),)


def test_counts_with_intervals_are_worded():
    frame = pd.DataFrame({"n_tokens": [2e10], "n_tokens_low": [1e10], "n_tokens_high": [4e10]})
    assert view(frame).rows == (("20 B [10 B, 40 B]",),)


def test_a_count_keeps_the_end_that_is_known():
    frame = pd.DataFrame({"n_tokens": [2e10], "n_tokens_low": [1e10], "n_tokens_high": [np.nan]})
    assert view(frame).rows == (("20 B [10 B, ?]",),)


def test_units_stand_in_the_head_where_cells_do_not_say_them():
    frame = pd.DataFrame({"loss": [3.14159], "wall_time_s": [90.0], "n": [3]})
    frame.attrs["units"] = {"loss": "nat/token", "wall_time_s": "s", "n": "1"}
    shown = view(frame)
    assert [h.unit for h in shown.headings] == ["nat/token", "", ""]
    assert shown.rows == (("3.142", "1.5 min", "3"),)


def test_more_rows_than_the_limit_are_counted():
    shown = view(pd.DataFrame({"a": range(60)}), limit=50)
    assert (len(shown.rows), shown.n_rows, shown.n_hidden) == (50, 60, 10)


def test_an_empty_table_keeps_its_headings():
    shown = view(pd.DataFrame({"a": pd.Series([], dtype=float)}))
    assert (len(shown.headings), shown.rows) == (1, ())


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT], ids=str)
def test_a_missing_value_is_a_dash(missing):
    assert cell(missing) == "-"


def test_a_column_of_nullable_integers_with_interval_takes_nulls():
    frame = pd.DataFrame({"n": pd.array([1, None], "Int64"), "n_low": [0.5, np.nan],
                          "n_high": [2.0, np.nan]})  # fmt: skip
    assert [row[0] for row in view(frame).rows] == ["1.00 [0.50, 2.00]", "-"]


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.83, np.inf, "5.98 [0.83, inf]"),
        (-np.inf, np.inf, "5.98 [-inf, inf]"),
        (0.83, np.nan, "5.979 [0.83, ?]"),
        (np.nan, np.inf, "5.979 [?, inf]"),
    ],
)
def test_an_end_that_is_known_is_shown_beside_one_that_is_not(low, high, text):
    frame = pd.DataFrame({"x": [5.979], "x_low": [low], "x_high": [high]})
    assert view(frame).rows == ((text,),)


class Mute:
    def __str__(self) -> str:
        raise RuntimeError

    def __float__(self) -> float:
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (date(2026, 11, 21), "2026-11-21"),
        (pd.Timestamp("2026-11-21 04:05", tz="Asia/Tokyo"), "2026-11-20 19:05 UTC"),
        (pd.Period("2026-11"), "2026-11"),
        (np.datetime64("2026-11-21"), "2026-11-21"),
        (np.array([1, 2]), "[1 2]"),
        (np.array([3.0]).reshape(()), "3"),
        (10**400, str(10**400)),
        (Decimal("1.5"), "1.5"),
        (Decimal("NaN"), "-"),
        (np.float32("nan"), "-"),
        (Mute(), "<Mute>"),
        (b"\xff", "b'\\xff'"),
        ({"a": [1]}, "{'a': [1]}"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_cell_takes_whatever_a_third_party_puts_into_a_table(value: object, said: str) -> None:
    assert cell(value) == said


def test_ends_that_are_no_numbers_are_not_known() -> None:
    frame = pd.DataFrame({"x": [1.5], "x_low": ["low"], "x_high": [None]})
    assert view(frame).rows == (("1.5 [?, ?]",),)


@pytest.mark.parametrize("units", [None, "s", [1]], ids=str)
def test_units_that_are_not_by_column_are_none(units: object) -> None:
    frame = pd.DataFrame({"x": [1.5]})
    frame.attrs["units"] = units
    assert view(frame).rows == (("1.5",),)
