from __future__ import annotations

import numpy as np
import pytest

from isoflop.estimation.scores.onset import detect_onset
from isoflop.estimation.scores.score_noise import ScoreNoise


def onset(score: list[float], *, floor: float = 0.25, items: float = 500.0):
    n = len(score)
    noise = ScoreNoise(n_examples=np.full(n, items), stderr=np.full(n, np.nan), tau=0.0)
    return detect_onset(np.array(score), floor=floor, noise=noise)


def test_three_models_at_the_floor_and_a_rise_is_an_onset():
    found = onset([0.25, 0.24, 0.26, 0.27, 0.45, 0.6])

    assert found.leaves_floor
    assert (found.index, found.n_leading) == (4, 4)
    assert found.p_value < 1e-6


def test_two_models_at_the_floor_are_too_few():
    assert not onset([0.25, 0.24, 0.4, 0.5, 0.6]).leaves_floor


def test_small_gain_is_no_onset():
    assert not onset([0.25, 0.24, 0.26, 0.25, 0.33]).leaves_floor


def test_rise_that_falls_back_counts_from_its_last_return():
    assert onset([0.25, 0.24, 0.26, 0.4, 0.26, 0.6, 0.7]).index == 5


def test_last_model_back_at_the_floor_has_no_onset():
    found = onset([0.25, 0.24, 0.26, 0.5, 0.25])

    assert not found.leaves_floor
    assert found.index == -1


def test_few_items_widen_the_band():
    assert onset([0.25, 0.2, 0.3, 0.3, 0.4], items=100).band_top == pytest.approx(0.3363, abs=2e-3)


def test_p_value_is_the_binomial_tail_times_the_points():
    from scipy.stats import binom

    found = onset([0.25, 0.25, 0.25, 0.25, 0.36], items=100)

    assert found.p_value == pytest.approx(5 * binom.sf(35, 100, 0.25))
