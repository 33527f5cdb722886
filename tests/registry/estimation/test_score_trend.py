from __future__ import annotations

import numpy as np
import pytest

from isoflop.estimation.scores.score_trend import Trend, describe_trend

X = np.linspace(20.0, 24.0, 9)


def trend(score: np.ndarray, *, deviation: float = 0.02) -> Trend:
    return describe_trend(X, score, np.full(X.size, deviation**2))


def test_fall_has_a_negative_slope_and_its_change():
    found = trend(np.linspace(0.5, 0.3, 9))

    assert found.slope_z < -5
    assert found.change == pytest.approx(-0.2)
    assert found.p_value < 1e-6


def test_fall_and_rise_is_u_shaped():
    found = trend(0.2 + 0.05 * (X - 22) ** 2)

    assert found.is_u_shaped
    assert not found.is_hump


def test_rise_and_fall_is_a_hump():
    assert trend(0.6 - 0.05 * (X - 22) ** 2).is_hump


@pytest.mark.parametrize("bend", [0.03, -0.03])
def test_bent_rise_is_neither(bend):
    found = trend(0.2 + 0.1 * (X - 20) + bend * (X - 19.8) ** 2 / 4)

    assert not found.is_u_shaped
    assert not found.is_hump


def test_scatter_that_a_parabola_cannot_explain_is_no_trend():
    rng = np.random.default_rng(3)

    assert trend(0.5 + 0.1 * rng.standard_normal(9)).p_value > 0.01


def test_no_change_is_called_a_change_at_most_at_its_rate():
    rng = np.random.default_rng(4)
    p_values = [trend(0.5 + 0.02 * rng.standard_normal(9)).p_value for _ in range(400)]

    assert np.mean(np.array(p_values) < 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)
