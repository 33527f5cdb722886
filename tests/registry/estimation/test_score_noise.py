from __future__ import annotations

import numpy as np
import pytest

from isoflop.estimation.scores.score_noise import ScoreNoise


def counted(tau: float) -> ScoreNoise:
    return ScoreNoise(n_examples=np.array([400.0]), stderr=np.array([np.nan]), tau=tau)


def test_variance_is_binomial_plus_scatter():
    assert counted(0.02).variance(np.array([0.3]))[0] == pytest.approx(
        0.3 * 0.7 / 400 + 0.02**2, rel=0.01
    )


def test_draws_have_the_variance_that_is_stated():
    draws = counted(0.02).draw(np.array([0.3]), n_draws=20_000, rng=np.random.default_rng(1))

    assert draws.var() == pytest.approx(counted(0.02).variance(np.array([0.3]))[0], rel=0.05)


def test_zero_correct_keeps_a_positive_variance():
    assert counted(0.0).variance(np.array([0.0]))[0] > 0


def test_partial_credit_uses_the_standard_error_instead_of_items():
    noise = ScoreNoise(n_examples=np.array([np.nan]), stderr=np.array([0.03]), tau=0.04)

    assert noise.variance(np.array([0.5]))[0] == pytest.approx(0.05**2)


def test_inflated_noise_has_the_variance_multiplied():
    before, after = counted(0.02), counted(0.02).inflated(4.0)

    ratio = after.variance(np.array([0.3])) / before.variance(np.array([0.3]))
    assert ratio[0] == pytest.approx(4.0, rel=0.02)
