"""IsoFLOP profiles: budgets, optima, exponents, and the bias of approach 2."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from isoflop.estimation.frontier import TwoTermFrontier
from isoflop.estimation.isoflop_profiles.analysis import IsoflopProfiles, isoflop_profiles
from isoflop.estimation.isoflop_profiles.bias import expected_bias
from isoflop.estimation.isoflop_profiles.budgets import find_budgets
from isoflop.estimation.isoflop_profiles.exponents import (
    AKIMA,
    EQUAL,
    PARABOLA,
    TRIMMED,
    fit_power_law,
)
from isoflop.estimation.isoflop_profiles.optimum import akima_minima, fit_parabolas, vertex_sd
from isoflop.estimation.isoflop_profiles.runs import merged, outliers

Floats = NDArray[np.float64]

SYMMETRIC = TwoTermFrontier(E=1.69, A=400.0, alpha=0.31, B=400.0, beta=0.31)
CHINCHILLA = TwoTermFrontier(E=1.69, A=406.4, alpha=0.34, B=410.7, beta=0.28)
ASYMMETRIC = TwoTermFrontier(E=1.69, A=406.4, alpha=0.465, B=410.7, beta=0.155)
BUDGETS: Floats = np.array([1e17, 1e18, 1e19, 1e20, 1e21])


def grid(
    surface: TwoTermFrontier,
    *,
    width: float,
    points: int = 15,
    budgets: Floats = BUDGETS,
    shift: float = 1.0,
) -> tuple[Floats, Floats, Floats]:
    """Return N, D and noise-free losses from optimum / width to optimum * width at each budget."""
    flops = np.repeat(budgets, points)
    steps = np.tile(np.linspace(-1, 1, points) * np.log(width), budgets.size)
    n = surface.n_opt(flops) * np.exp(steps) * shift
    d = flops / (6 * n)
    return n, d, surface.loss(n, d)


def noisy(seed: int, noise: float = 0.002, **settings: Any) -> tuple[Floats, Floats, Floats]:
    n, d, loss = grid(CHINCHILLA, width=4, points=9, **settings)
    return n, d, loss * np.exp(noise * np.random.default_rng(seed).normal(size=n.size))


@pytest.mark.parametrize(
    ("surface", "width", "percent"),
    [
        *[(SYMMETRIC, w, 0.0) for w in (2, 4, 8, 16)],
        (CHINCHILLA, 2, -0.326937803732719),
        (CHINCHILLA, 4, -1.301125043704300),
        (CHINCHILLA, 8, -2.902904738135434),
        (CHINCHILLA, 16, -5.100244551712022),
        (ASYMMETRIC, 2, -1.674747716507073),
        (ASYMMETRIC, 4, -6.497778742083532),
        (ASYMMETRIC, 8, -13.910418584294648),
        (ASYMMETRIC, 16, -23.116308048545221),
    ],
)
def test_bias_by_grid_width_is_the_published_one(
    surface: TwoTermFrontier, width: float, percent: float
) -> None:
    """Czech 2026, arXiv 2603.22339, extrapolation_error_data.csv: error of D* at 1e24 FLOPs."""
    n, d, loss = grid(surface, width=width)
    found = isoflop_profiles(n, d, loss, n_boot=20)
    fit = found.exponents[PARABOLA]
    true = float(surface.d_opt(1e24))
    assert fit.optimum(1e24)["n_tokens"].value / true - 1 == pytest.approx(percent / 100, abs=1e-8)
    bias = expected_bias(
        fit, found.profiles, n_params=n, n_tokens=d, surface=surface, flops=np.array([1e24])
    )
    assert bias.n_tokens[0] == pytest.approx(percent / 100, abs=1e-8)


def test_a_symmetric_surface_is_recovered_exactly() -> None:
    n, d, loss = grid(SYMMETRIC, width=4)
    found = isoflop_profiles(n, d, loss, n_boot=50)
    for method in (PARABOLA, EQUAL, TRIMMED, AKIMA):
        fit = found.exponents[method]
        assert float(fit.n_params.exponent) == pytest.approx(0.5, rel=1e-6)
        assert float(fit.n_tokens.exponent) == pytest.approx(0.5, rel=1e-6)
    best = [p.n_params.value for p in found.profiles]
    assert np.allclose(best, SYMMETRIC.n_opt(BUDGETS), rtol=1e-6)


def test_an_off_center_grid_is_biased_as_published() -> None:
    """Czech 2026: centers at a third of the optimum, +-2x, symmetric surface: D* 3.974 % high."""
    n, d, loss = grid(SYMMETRIC, width=2, shift=1 / 3)
    x = np.log(n.reshape(5, 15))
    vertices = [fit_parabolas(a, b).vertex for a, b in zip(x, loss.reshape(5, 15), strict=True)]
    line = fit_power_law(np.log(BUDGETS), np.array(vertices), np.full(5, 0.1))
    found = 1e24 / (6 * np.exp(line.at(np.log(1e24))))
    assert found / float(SYMMETRIC.d_opt(1e24)) - 1 == pytest.approx(0.03974243556888148, abs=1e-8)
    flags = {p.flags for p in isoflop_profiles(n, d, loss, n_boot=0).profiles}
    assert flags == {("edge_minimum",)}


@pytest.mark.soak
def test_ninety_percent_intervals_cover_the_exponent() -> None:
    true = 0.28 / 0.62
    held = []
    for seed in range(200):
        found = isoflop_profiles(*noisy(seed), n_boot=300, level=0.9, seed=seed)
        a = found.exponents[PARABOLA].exponent_n
        held.append(a.low < true < a.high)
    assert 0.85 <= np.mean(held) <= 0.95


def test_parabola_and_spline_agree_on_a_narrow_fine_grid() -> None:
    n, d, loss = grid(CHINCHILLA, width=1.5, points=31)
    for p in isoflop_profiles(n, d, loss, n_boot=0).profiles:
        assert p.akima_n_params.value == pytest.approx(p.n_params.value, rel=2e-3)
        assert p.akima_n_tokens.value == pytest.approx(p.n_tokens.value, rel=2e-3)


def test_standard_error_of_the_vertex_is_the_spread_of_draws() -> None:
    x = np.linspace(-1, 1, 9)
    y = 3 + 0.2 * (x - 0.1) ** 2
    draws = y + 0.002 * np.random.default_rng(0).normal(size=(20_000, 9))
    sd, sd_curvature = vertex_sd(x, fit_parabolas(x, y), np.full(9, 0.002))
    every = fit_parabolas(x, draws)
    assert sd == pytest.approx(every.vertex.std(), rel=0.03)
    assert sd_curvature == pytest.approx(every.curvature.std(), rel=0.03)


def test_a_batch_of_parabolas_is_each_of_them() -> None:
    rng = np.random.default_rng(0)
    x, y = np.sort(rng.normal(size=7)), rng.normal(size=(4, 7))
    batch = fit_parabolas(x, y)
    alone = np.stack([np.polyfit(x - x.mean(), row, 2)[::-1] for row in y], axis=1)
    assert np.allclose(batch.coefficients, alone)
    assert np.isnan(batch.vertex[batch.curvature <= 0]).all()


def test_the_spline_has_no_optimum_at_an_end() -> None:
    x = np.linspace(0, 1, 6)
    assert np.isnan(akima_minima(x, x))
    assert np.isnan(akima_minima(x, np.stack([x, (x - 0.4) ** 2]))).tolist() == [True, False]


def _answers(found: IsoflopProfiles) -> Floats:
    return np.array([v for e in found.exponents.values() for v in (e.exponent_n, e.exponent_d)],
                    dtype=object).astype(float)  # fmt: skip


@given(st.permutations(range(45)))
@settings(max_examples=10)
def test_order_of_runs_is_irrelevant(order: list[int]) -> None:
    n, d, loss = noisy(1)
    one = isoflop_profiles(n, d, loss, n_boot=50)
    other = isoflop_profiles(n[order], d[order], loss[order], n_boot=50)
    assert np.array_equal(_answers(one), _answers(other))
    a, b = one.exponents[PARABOLA].exponent_n, other.exponents[PARABOLA].exponent_n
    assert (a.low, a.high) == (b.low, b.high)
    assert [one.reasons[i] for i in order] == list(other.reasons)


@given(st.floats(0.01, 100))
@settings(max_examples=10)
def test_unit_of_the_loss_is_irrelevant_to_the_optimum(factor: float) -> None:
    n, d, loss = noisy(2)
    one = isoflop_profiles(n, d, loss, n_boot=0)
    other = isoflop_profiles(n, d, factor * loss, n_boot=0)
    assert np.allclose(_answers(one), _answers(other), rtol=1e-7)


@given(st.floats(1e-3, 1e3))
@settings(max_examples=10)
def test_unit_of_parameters_only_rescales_the_optima(factor: float) -> None:
    n, d, loss = noisy(3)
    one = isoflop_profiles(n, d, loss, flops=6 * n * d, n_boot=0)
    other = isoflop_profiles(factor * n, d, loss, flops=6 * n * d, n_boot=0)
    assert np.allclose(_answers(one), _answers(other), rtol=1e-6)
    ratio = [b.n_params.value / a.n_params.value for a, b in
             zip(one.profiles, other.profiles, strict=True)]  # fmt: skip
    assert np.allclose(ratio, factor, rtol=1e-6)


@pytest.mark.parametrize("n_runs", [0, 1, 20, 240, 1000])
@pytest.mark.parametrize("seed", range(5))
def test_a_continuum_is_never_grouped(n_runs: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    flops, n = 10 ** rng.uniform(18, 22, n_runs), 10 ** rng.uniform(7, 10, n_runs)
    found = find_budgets(flops, n, min_sizes=5)
    assert len(found) == 0
    assert (found.index == -1).all()


def test_budgets_that_jitter_are_found_and_a_stray_run_is_left() -> None:
    rng = np.random.default_rng(0)
    nominal = np.repeat([1e19, 2e19, 6e19], 8)
    flops = np.append(nominal * rng.uniform(0.93, 1.07, 24), 3.5e20)
    found = find_budgets(flops, np.tile(np.geomspace(1e8, 1e9, 25), 1), min_sizes=5)
    assert found.index[:24].tolist() == np.repeat([0, 1, 2], 8).tolist()
    assert found.index[24] == 3
    assert found.flops[:3] == pytest.approx([1e19, 2e19, 6e19], rel=0.05)
    assert (found.spread < 0.16).all()


def test_budgets_that_touch_are_not_told_apart() -> None:
    flops = np.geomspace(1e19, 1e20, 40)
    assert len(find_budgets(flops, np.geomspace(1e8, 1e9, 40), min_sizes=5)) == 0


def test_repeats_give_the_noise_and_are_all_used() -> None:
    n, d, loss = (np.tile(a, 4) for a in grid(CHINCHILLA, width=4, points=7))
    loss = loss * np.exp(0.003 * np.random.default_rng(0).normal(size=n.size))
    found = isoflop_profiles(n, d, loss, n_boot=200)
    assert found.noise.source == "repeats"
    assert found.noise.degrees == 3 * 35
    assert found.noise.relative == pytest.approx(0.003, rel=0.2)
    assert set(found.reasons) == {""}
    assert set(found.notes) == {""}


def test_of_a_learning_rate_sweep_the_best_run_is_used() -> None:
    n, d, loss = grid(CHINCHILLA, width=4, points=7)
    worse = [np.concatenate([a, a]) for a in (n, d)]
    losses = np.concatenate([loss, loss + 0.05])
    setting = np.repeat([0, 1], n.size)
    found = isoflop_profiles(worse[0], worse[1], losses, setting=setting, n_boot=0)
    assert found.reasons == ("",) * n.size + ("not_best_of_sweep",) * n.size
    assert np.allclose(_answers(found), _answers(isoflop_profiles(n, d, loss, n_boot=0)))


def test_exact_duplicates_count_once() -> None:
    n, d, loss = noisy(4)
    n2, d2, loss2 = (np.concatenate([a, a[:3]]) for a in (n, d, loss))
    found = isoflop_profiles(n2, d2, loss2, n_boot=0)
    assert sorted(found.reasons).count("exact_duplicate") == 3
    assert np.allclose(_answers(found), _answers(isoflop_profiles(n, d, loss, n_boot=0)))


def test_near_duplicates_are_named_and_merged_for_the_spline() -> None:
    n, d, loss = grid(CHINCHILLA, width=4, points=7)
    n2, d2 = n[3] * 1.004, d[3] / 1.004
    found = isoflop_profiles(np.append(n, n2), np.append(d, d2), np.append(loss, loss[3] + 0.01))
    assert found.notes.count("near_duplicate_params") == 1
    sizes, means = merged(np.array([0.0, 0.005, 1.0]), np.array([2.0, 4.0, 5.0]))
    assert sizes.tolist() == [0.0025, 1.0]
    assert means.tolist() == [3.0, 5.0]


@pytest.mark.parametrize("place", [1, 4, 5, 7, 8, 0])
def test_a_diverged_run_is_an_outlier_and_moves_nothing(place: int) -> None:
    n, d, loss = noisy(5)
    spoiled = loss.copy()
    spoiled[place] *= 1.5
    found = isoflop_profiles(n, d, spoiled, n_boot=0)
    without = np.arange(n.size) != place
    rest = isoflop_profiles(n[without], d[without], loss[without], n_boot=0)
    assert [i for i, why in enumerate(found.reasons) if why] == [place]
    assert found.reasons[place] == "spline_outlier"
    assert np.allclose(_answers(found), _answers(rest))


def test_noise_free_runs_have_no_outliers() -> None:
    for surface in (SYMMETRIC, ASYMMETRIC):
        n, _, loss = grid(surface, width=16)
        budget = np.repeat(np.arange(5), 15)
        assert not outliers(np.log(n), np.log(loss), budget).any()


def _flags(n: Floats, d: Floats, loss: Floats, **options: Any) -> set[str]:
    found = isoflop_profiles(n, d, loss, n_boot=100, **options)
    return {flag for p in found.profiles for flag in p.flags}


def test_odd_profiles_are_named() -> None:
    assert _flags(*grid(CHINCHILLA, width=4)) == set()
    assert _flags(*grid(CHINCHILLA, width=20)) == {"wide_grid"}
    assert _flags(*grid(CHINCHILLA, width=4, shift=2.2)) == {"off_center"}
    assert _flags(*grid(CHINCHILLA, width=4, shift=8)) == {"edge_minimum"}
    assert _flags(*grid(CHINCHILLA, width=4, points=4), min_sizes=4) == set()
    n, d, loss = grid(CHINCHILLA, width=4)
    assert _flags(n, d, 10 - loss) == {"negative_curvature"}
    flat = 3 + 0.05 * np.random.default_rng(0).normal(size=n.size)
    assert _flags(n, d, flat) & {"weak_curvature", "negative_curvature", "edge_minimum"}


def test_too_few_sizes_in_a_budget_are_named_and_the_others_answer() -> None:
    n, d, loss = grid(CHINCHILLA, width=4, points=7)
    keep = np.ones(n.size, dtype=bool)
    keep[:4] = False
    found = isoflop_profiles(n[keep], d[keep], loss[keep], n_boot=0)
    assert found.profiles[0].flags == ("too_few_points",)
    assert found.reasons[:3] == ("too_few_points",) * 3
    assert len(found.exponents[PARABOLA].flops) == 4


def test_two_optima_give_no_exponent() -> None:
    n, d, loss = grid(CHINCHILLA, width=4, budgets=np.array([1e19, 1e20]))
    found = isoflop_profiles(n, d, loss, n_boot=0)
    assert len(found.optima) == 2
    assert found.exponents == {}


@pytest.mark.parametrize("n_runs", [0, 1])
def test_hardly_any_runs_give_no_profile(n_runs: int) -> None:
    some = np.full(n_runs, 1e9)
    found = isoflop_profiles(some, 20 * some, some / 4e8)
    assert found.profiles == ()
    assert found.reasons == ("no_budget",) * n_runs
    assert found.exponents == {}


def test_one_size_only_and_constant_loss_give_no_exponent() -> None:
    n, d, loss = grid(CHINCHILLA, width=4)
    one = isoflop_profiles(np.full(75, 1e9), BUDGETS.repeat(15) / 6e9, loss)
    assert one.exponents == {}
    flat = isoflop_profiles(n, d, np.full_like(loss, 3.0))
    assert not [p for p in flat.profiles if p.has_optimum and "weak_curvature" not in p.flags]


def test_scatter_beyond_the_errors_widens_the_interval() -> None:
    x = np.log(10.0 ** np.arange(18, 24))
    wobble = 0.2 * np.array([1, -1, 1, -1, 1, -1])
    exact = fit_power_law(x, 0.5 * x, np.full(6, 0.01))
    wild = fit_power_law(x, 0.5 * x + wobble, np.full(6, 0.01))
    assert exact.scatter == 0
    assert wild.scatter == pytest.approx(0.2, rel=0.3)
