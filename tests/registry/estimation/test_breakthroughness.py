from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoflop.estimation.scores.breakthroughness import breakthroughness, linearity

scores = st.lists(st.floats(0, 1, width=16), min_size=2, max_size=12).map(np.array)


def test_hand_computed_values_of_a_small_curve():
    """Steps 0.1, 0.1, 0.4: I = 0.6, median square 0.01, mean square 0.06."""
    score = np.array([0.1, 0.2, 0.3, 0.7])

    assert breakthroughness(score) == pytest.approx(6.0)
    assert linearity(score) == pytest.approx(0.6 / (3 * math.sqrt(0.06)))


def test_straight_rise_has_linearity_one_and_fall_minus_one():
    line = np.linspace(0.2, 0.8, 7)

    assert linearity(line) == pytest.approx(1.0)
    assert linearity(line[::-1]) == pytest.approx(-1.0)


def test_breakthroughness_is_infinite_where_most_steps_are_zero():
    assert breakthroughness(np.array([0.0, 0.0, 0.0, 0.0, 0.1])) == math.inf


def test_equal_scores_give_zero():
    assert breakthroughness(np.full(5, 0.3)) == 0.0
    assert linearity(np.full(5, 0.3)) == 0.0


@pytest.mark.parametrize("score", [[], [0.5], [0.1, math.nan, 0.3]], ids=["empty", "one", "nan"])
def test_too_little_gives_nan(score):
    assert math.isnan(breakthroughness(np.array(score)))
    assert math.isnan(linearity(np.array(score)))


@settings(deadline=None)
@given(scores)
def test_linearity_never_exceeds_one(score):
    assert abs(linearity(score)) <= 1 + 1e-9
