"""Training curves on one grid of compute: bins, lines, sizes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoflop.estimation.curve_smoothing import STEP, at_grid, size_groups, smooth_curves


def power_curve(n: float, *, points: int = 400) -> tuple[np.ndarray, np.ndarray]:
    tokens = np.geomspace(n, 100 * n, points)
    return tokens, 30.0 * tokens**-0.1


def test_a_power_law_is_not_bent_by_smoothing() -> None:
    tokens, loss = power_curve(1e8)
    curves = smooth_curves(np.zeros(400, int), tokens, loss, np.array([1e8]), width=0.05)
    inside = np.isfinite(curves.log_loss[0])
    there = 10 ** curves.log_flops[inside] / 6e8
    assert np.allclose(curves.log_loss[0, inside], np.log(30.0 * there**-0.1), atol=1e-9)


def test_a_curve_has_no_value_before_its_first_and_after_its_last_point() -> None:
    tokens, loss = power_curve(1e8)
    run = np.repeat([0, 1], 400)
    tokens, loss = np.r_[tokens, 1000 * tokens], np.r_[loss, loss]
    curves = smooth_curves(run, tokens, loss, np.array([1e8, 1e8]))
    known = np.isfinite(curves.log_loss)
    assert not (known[0] & known[1]).any()
    assert 10 ** curves.log_flops[known[0]].max() <= 6e8 * 1e10 * (1 + 1e-9)


def test_noise_falls_with_the_points_of_a_bin() -> None:
    rng = np.random.default_rng(0)
    tokens = np.geomspace(1e9, 1e11, 20_000)
    noisy = 3.0 * np.exp(0.05 * rng.normal(size=tokens.size))
    curves = smooth_curves(np.zeros(tokens.size, int), tokens, noisy, np.array([1e8]))
    assert np.nanstd(curves.log_loss) < 0.05 / np.sqrt(200)


@given(seed=st.integers(0, 2**32 - 1))
def test_order_of_points_is_irrelevant(seed: int) -> None:
    tokens, loss = power_curve(1e8, points=60)
    run = np.repeat([0, 1], 30)
    order = np.random.default_rng(seed).permutation(60)
    plain = smooth_curves(run, tokens, loss, np.array([1e8, 3e8]))
    mixed = smooth_curves(run[order], tokens[order], loss[order], np.array([1e8, 3e8]))
    assert np.array_equal(plain.log_loss, mixed.log_loss, equal_nan=True)


def test_runs_stand_by_size_and_then_by_their_end() -> None:
    run = np.array([0, 0, 1, 1, 2, 2])
    tokens = np.array([1e9, 4e9, 1e9, 8e9, 1e9, 2e9])
    curves = smooth_curves(run, tokens, np.full(6, 3.0), np.array([3e8, 1e8, 1.01e8]))
    assert curves.run.tolist() == [2, 1, 0]
    assert curves.size.tolist() == [0, 0, 1]
    assert curves.sizes == pytest.approx([np.sqrt(1e8 * 1.01e8), 3e8])


def test_no_points_give_no_grid() -> None:
    nothing = np.zeros(0)
    curves = smooth_curves(np.zeros(0, int), nothing, nothing, nothing)
    assert curves.log_flops.size == 0
    assert curves.log_loss.shape == (0, 0)


def test_one_point_is_a_curve_of_at_most_one_grid_point() -> None:
    curves = smooth_curves(np.zeros(1, int), np.array([1e9]), np.array([3.0]), np.array([1e8]))
    assert np.isfinite(curves.log_loss).sum() <= 1
    assert curves.end_log_loss == pytest.approx([np.log(3.0)])


def test_another_quantity_follows_the_grid_and_is_unknown_where_a_run_has_none() -> None:
    tokens, loss = power_curve(1e8)
    run = np.repeat([0, 1], 400)
    tokens, loss = np.r_[tokens, tokens], np.r_[loss, loss]
    curves = smooth_curves(run, tokens, loss, np.array([1e8, 3e8]))
    rate = at_grid(curves, run[:400], tokens[:400], np.log10(tokens[:400]))
    inside = np.isfinite(rate[0])
    assert np.isnan(rate[1]).all()
    assert np.allclose(rate[0, inside], curves.log_flops[inside] - np.log10(6e8), atol=STEP)


def test_sizes_are_parted_by_gaps() -> None:
    group, sizes = size_groups(np.array([1e9, 1e8, 1.03e9, 9e9]))
    assert group.tolist() == [1, 0, 1, 2]
    assert sizes[1] == pytest.approx(np.sqrt(1e9 * 1.03e9))
    assert size_groups(np.zeros(0))[1].size == 0
