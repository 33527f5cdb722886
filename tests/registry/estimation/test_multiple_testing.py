from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from isoflop.estimation.scores.multiple_testing import benjamini_hochberg, conservative_q_values

p_values = hnp.arrays(np.float64, st.integers(0, 40), elements=st.floats(0.001, 1.0))


@settings(deadline=None)
@given(p_values)
def test_agrees_with_scipy(p_value):
    from scipy.stats import false_discovery_control

    expected = false_discovery_control(p_value) if p_value.size else p_value
    np.testing.assert_allclose(benjamini_hochberg(p_value), expected, rtol=1e-9)


def test_test_that_was_not_made_does_not_count():
    q_value = benjamini_hochberg(np.array([0.01, np.nan, 0.04]))

    np.testing.assert_allclose(q_value, [0.02, np.nan, 0.04])


@settings(deadline=None)
@given(p_values)
def test_conservative_q_value_is_never_below_the_p_value(p_value):
    assert (conservative_q_values(p_value) >= p_value).all()


def test_few_tests_get_plain_benjamini_hochberg():
    p_value = np.array([0.01, 0.03, 0.9])

    np.testing.assert_array_equal(conservative_q_values(p_value), benjamini_hochberg(p_value))


def test_nulls_at_one_do_not_hide_true_discoveries():
    p_value = np.r_[np.full(20, 0.02), np.ones(200)]

    assert benjamini_hochberg(p_value)[0] > 0.05
    assert conservative_q_values(p_value)[0] == pytest.approx(0.02)


def test_uniform_nulls_are_flagged_at_most_at_the_rate_asked():
    """No discovery is true, so any flag is false: at most 0.05 of the families, three errors up."""
    rng = np.random.default_rng(5)
    flagged = [(conservative_q_values(rng.uniform(size=50)) < 0.05).any() for _ in range(400)]

    assert np.mean(flagged) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)
