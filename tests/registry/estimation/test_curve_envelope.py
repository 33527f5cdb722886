"""Approach 1 on curves from known laws: exponents, what is inside, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from isoflop.errors import TooFewRunsError
from isoflop.estimation.curve_envelope import decay_gap, envelope
from isoflop.estimation.curve_smoothing import RunCurves, smooth_curves

A, E = 400.0, 1.7


def tokens_coefficient(alpha: float, beta: float) -> float:
    """B for which 20 tokens per parameter are best at 1e19 FLOPs."""
    n = np.sqrt(1e19 / 120)
    return float(alpha * A / beta * (20 * n) ** beta / n**alpha)


def ladder(
    sizes: Any, *, alpha: float = 0.34, beta: float = 0.28, runs: int = 1, noise: float = 0.0,
    between: float = 0.0, seed: int = 0, reach: float = 3000.0, points: int = 300,
) -> RunCurves:  # fmt: skip
    rng = np.random.default_rng(seed)
    n = np.repeat(np.asarray(sizes, dtype=float), runs)
    d = n[:, None] * np.geomspace(0.3, reach, points)
    loss = E + A * n[:, None] ** -alpha + tokens_coefficient(alpha, beta) * d**-beta
    loss *= np.exp(between * rng.normal(size=(n.size, 1)) + noise * rng.normal(size=d.shape))
    return smooth_curves(np.repeat(np.arange(n.size), points), d.ravel(), loss.ravel(), n)


SIZES = np.geomspace(3e7, 3e9, 9)


@pytest.mark.parametrize(("alpha", "beta"), [(0.34, 0.34), (0.34, 0.28), (0.4, 0.25), (0.25, 0.4)])
def test_the_exponent_of_a_known_law_is_recovered(alpha: float, beta: float) -> None:
    # The grid has 100 points a decade, so each of the steps over 4 decades is off by 0.005 at most.
    found = envelope(ladder(SIZES, alpha=alpha, beta=beta), n_boot=0)
    assert found.exponent_n.value == pytest.approx(beta / (alpha + beta), abs=3e-3)
    assert found.exponent_n.value + found.exponent_d.value == pytest.approx(1.0)


def test_steps_lie_where_the_law_has_equal_loss() -> None:
    found = envelope(ladder([1e8, 3e8, 9e8], alpha=0.34, beta=0.34), n_boot=0)
    # With equal exponents the best N is the geometric mean of the two that are equally good.
    best = found.n_opt(10.0 ** found.stairs.step[0]).value
    assert best == pytest.approx([np.sqrt(3e16), np.sqrt(27e16)], rel=0.02)


@pytest.mark.parametrize("n_inside", [3, 5])
def test_regression_over_every_compute_is_pulled_towards_zero(n_inside: int) -> None:
    curves = ladder(np.geomspace(1e8, 3e9, n_inside + 2), alpha=0.34, beta=0.34)
    found = envelope(curves, n_boot=0)
    expected = 0.5 * (1 - 1 / n_inside**2)
    assert found.direct_exponent_n.value == pytest.approx(expected, abs=0.01)
    assert found.exponent_n.value == pytest.approx(0.5, abs=2e-3)


def test_only_the_stretch_with_a_size_on_either_side_counts() -> None:
    found = envelope(ladder(SIZES), n_boot=0)
    best, inside = found.stairs.best[0], found.stairs.is_inside[0]
    assert set(best[inside]) == set(range(1, SIZES.size - 1))
    low, high = found.range
    used = 10 ** found.curves.log_flops[inside]
    assert low <= used.min() * 1.03
    assert used.max() <= high * 1.03


def test_intervals_hold_the_exponent() -> None:
    truth, hits = 0.28 / 0.62, 0
    for seed in range(20):
        curves = ladder(SIZES, runs=3, noise=0.01, between=0.002, seed=seed, points=80)
        e = envelope(curves, n_boot=100, seed=seed, level=0.9).exponent_n
        hits += e.low <= truth <= e.high
    assert hits >= 17


def test_the_draws_repeat_with_their_seed() -> None:
    curves = ladder(SIZES, runs=3, noise=0.01)
    first, again, other = (envelope(curves, n_boot=50, seed=s).draws.exponent for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_there_is_no_interval_where_resamples_lose_the_steps() -> None:
    found = envelope(ladder([1e8, 3e8, 9e8], reach=200.0), n_boot=200)
    assert found.lost > 0.05
    assert np.isnan(found.exponent_n.low)
    assert np.isnan(found.n_opt(1e20).low[0])


@pytest.mark.parametrize("sizes", [[1e8], [1e8, 3e8], [1e8, 1.01e8, 1.02e8]], ids=str)
def test_fewer_than_two_steps_are_refused(sizes: list[float]) -> None:
    with pytest.raises(TooFewRunsError, match="a slope needs 2"):
        envelope(ladder(sizes), n_boot=0)


def test_sizes_that_never_meet_are_refused() -> None:
    with pytest.raises(TooFewRunsError, match="show 0 steps"):
        envelope(ladder([1e7, 1e9, 1e11], reach=20.0), n_boot=0)


def test_no_curves_are_refused() -> None:
    nothing = np.zeros(0)
    with pytest.raises(TooFewRunsError, match="no curves"):
        envelope(smooth_curves(np.zeros(0, int), nothing, nothing, nothing), n_boot=10)


def test_constant_loss_is_refused() -> None:
    n = np.array([1e8, 3e8, 9e8])
    d = n[:, None] * np.geomspace(1, 1000, 100)
    curves = smooth_curves(np.repeat(np.arange(3), 100), d.ravel(), np.full(300, 3.0), n)
    with pytest.raises(TooFewRunsError):
        envelope(curves, n_boot=0)


def undecayed() -> RunCurves:
    """Runs of four lengths each, 3 % above the law until the last fifth of their tokens."""
    n = np.repeat(SIZES, 4)
    share = np.geomspace(1e-3, 1, 400)
    d = n[:, None] * np.tile([3.0, 12.0, 48.0, 192.0], SIZES.size)[:, None] * share
    loss = E + A * n[:, None] ** -0.34 + tokens_coefficient(0.34, 0.28) * d**-0.28
    loss *= np.where(share < 0.8, 1.03, 1.03 - 0.03 * (share - 0.8) / 0.2)
    return smooth_curves(np.repeat(np.arange(n.size), 400), d.ravel(), loss.ravel(), n, width=0.01)


def test_longer_runs_stand_above_a_shorter_one_at_its_end() -> None:
    assert np.median(decay_gap(undecayed())) == pytest.approx(0.03, abs=0.005)
    assert decay_gap(ladder(SIZES, runs=2)).size == 0


def test_ends_of_runs_give_the_exponent_of_decayed_runs() -> None:
    found = envelope(undecayed(), finals_only=True, n_boot=0)
    # Straight lines between runs 4 times apart lie above the law by the same share at each size.
    assert found.exponent_n.value == pytest.approx(0.28 / 0.62, abs=0.02)


def test_ends_of_a_resample_are_those_of_its_runs() -> None:
    curves = undecayed()
    plain = envelope(curves, finals_only=True, n_boot=0)
    few = envelope(curves, finals_only=True, n_boot=20)
    assert plain.growth.exponent[0] == few.growth.exponent[0]
    assert few.draws.exponent.size == 20
