from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoflop.estimation.scores.score_noise import ScoreNoise
from isoflop.estimation.scores.width_test import WidthTest, run_width_test, sigmoid, sigmoid_grid


def noise(n_points: int, *, items: float = 500.0, tau: float = 0.01) -> ScoreNoise:
    return ScoreNoise(
        n_examples=np.full(n_points, items), stderr=np.full(n_points, np.nan), tau=tau
    )


def run(x: np.ndarray, score: np.ndarray, *, items: float = 500.0, seed: int = 0) -> WidthTest:
    rng = np.random.default_rng(seed)
    return run_width_test(x, score, noise=noise(x.size, items=items), rng=rng, n_boot=399)


X = np.linspace(20.0, 24.0, 10)


def test_sigmoid_goes_from_ten_to_ninety_percent_within_its_width():
    ends = sigmoid(np.array([21.0, 22.5]), center=21.75, width=1.5)

    np.testing.assert_allclose(ends, [0.1, 0.9], rtol=1e-12)


def test_noise_free_sigmoid_is_recovered_with_its_width_inside_the_interval():
    fit = run(X, 0.25 + 0.5 * sigmoid(X, center=22.1, width=2.0))

    assert fit.width_low < 2.0 < fit.width_high
    assert fit.center_low < 22.1 < fit.center_high
    assert fit.center == pytest.approx(22.1, abs=0.2)
    assert fit.p_value > 0.5


def test_best_fit_predicts_the_scores_it_was_fitted_to():
    score = 0.25 + 0.5 * sigmoid(X, center=22.0, width=1.0)

    np.testing.assert_allclose(run(X, score).predict(X), score, atol=0.02)


def test_step_is_abrupt_and_placed_in_its_gap():
    fit = run(X, np.where(X > 22.1, 0.7, 0.25))

    assert fit.p_value < 0.01
    assert X[4] < fit.center < X[5]
    assert fit.width_low == 0.0
    assert fit.amplitude == pytest.approx(0.45, abs=0.01)


def test_step_at_the_last_model_is_never_abrupt():
    fit = run(X, np.where(np.arange(X.size) == X.size - 1, 0.7, 0.25))

    assert fit.p_value > 0.5


def test_straight_line_has_no_upper_bound_on_its_width():
    fit = run(X, np.linspace(0.3, 0.8, X.size))

    assert fit.width_high == np.inf
    assert fit.p_value == 1.0


def test_fall_has_no_rise():
    fit = run(X, np.linspace(0.8, 0.3, X.size))

    assert fit.rise == 0.0
    assert fit.amplitude == 0.0


def test_size_is_kept_where_the_width_is_exactly_one_decade():
    """The least favorable null: 200 curves, p < 0.05 in 0.05 of them, three standard errors up."""
    rng = np.random.default_rng(11)
    level = 0.25 + 0.4 * sigmoid(X, center=22.0, width=1.0)
    draws = noise(X.size).draw(level, n_draws=200, rng=rng)

    flagged = np.mean([run(X, y, seed=i).p_value < 0.05 for i, y in enumerate(draws)])

    assert flagged <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


def test_scatter_beyond_the_noise_widens_it():
    score = 0.5 + 0.15 * np.array([1, -1, 1, -1, 1, -1, 1, -1, 1, -1])

    assert run(X, score).excess_scatter > 10
    assert run(X, score).p_value > 0.05


def test_unit_of_scale_does_not_change_the_p_value():
    score = np.array([0.2, 0.25, 0.22, 0.3, 0.28, 0.5, 0.6, 0.58, 0.6, 0.65])

    assert run(X, score).p_value == run(X + 3.0, score).p_value


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=4, max_size=12), st.integers(0, 5))
def test_any_score_gives_a_p_value_and_the_same_one_again(score: list[float], seed: int):
    x = np.linspace(20.0, 24.0, len(score))
    first, second = (run(x, np.array(score), seed=seed) for _ in range(2))

    assert 0 < first.p_value <= 1
    assert first.p_value == second.p_value
    assert first.width_low <= first.width <= first.width_high


def test_grid_holds_the_null_width_and_keeps_narrow_cells_inside():
    grid = sigmoid_grid(X, null_width=1.0)

    assert 1.0 in grid.widths
    assert grid.widths[grid.smooth].min() == 1.0
    assert X[1] < grid.centers[grid.narrow].min()
    assert grid.centers[grid.narrow].max() < X[-2]


@pytest.mark.parametrize(
    ("x", "score", "n_boot", "words"),
    [
        (X[:3], np.zeros(3), 99, "needs 4 points or more, got 3"),
        (X[::-1], np.zeros(10), 99, "increasing scales"),
        (X, np.full(10, np.nan), 99, "finite scores"),
        (X, np.zeros(10), 20, "at least 99 draws"),
    ],
    ids=["few", "unsorted", "nan", "draws"],
)
def test_impossible_input_is_refused(x, score, n_boot, words):
    with pytest.raises(ValueError, match=words):
        run_width_test(x, score, noise=noise(x.size), rng=np.random.default_rng(0), n_boot=n_boot)
