"""Estimates and errors."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoflop.errors import UnknownNameError
from isoflop.estimate import Estimate, format_interval


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (0.34731, 0.3168, 0.3733, "0.347 [0.317, 0.373]"),
        (477.8, 286.09, 743.61, "480 [290, 740]"),
        (1.81722, 1.7694, 1.8712, "1.817 [1.769, 1.871]"),
        (3.3e9, 1.1e9, 9.9e9, "3.3e9 [1.1e9, 9.9e9]"),
        (2.0, math.nan, math.nan, "2 [?, ?]"),
        (2.0, 1.5, math.nan, "2 [1.5, ?]"),
        (math.inf, 1.0, math.inf, "inf [1, inf]"),
        (28.0, 6.5, 10_000.0, "28 [6.5, 1e4]"),
        (2.0, 2.0, 2.0, "2 [2, 2]"),
    ],
)
def test_digits_follow_the_interval(value, low, high, text):
    assert format_interval(value, low, high) == text


@given(st.floats(), st.floats(), st.floats())
def test_no_number_fails_to_print(value, low, high):
    assert repr(Estimate(value=value, low=low, high=high))


def test_unknown_name_says_what_is_known_and_what_was_meant():
    error = UnknownNameError("law", "chinchila", ["chinchilla", "kaplan"], hint="Look.")
    assert str(error) == (
        "There is no law 'chinchila'. Did you mean 'chinchilla'? Known: 'chinchilla', 'kaplan'. "
        "Look."
    )
    assert isinstance(error, LookupError)


def test_known_names_are_cut_where_they_are_endless():
    assert len(str(UnknownNameError("family", "x", ["y" * 10_000]))) < 200
