"""The cheapest model over its life: the paper's examples, brute force, closed forms, bad input."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoflop.estimation import fit_law
from isoflop.estimation.frontier import TwoTermFrontier
from isoflop.estimation.inference_aware import (
    inference_optimal,
    inference_optimal_for_budget,
    inference_optimal_like,
    lifetime_flops,
)

# Besiroglu et al. 2024, table 1, arXiv 2404.10102.
LAW = TwoTermFrontier(E=1.8172, A=482.01, alpha=0.3478, B=2085.43, beta=0.3658)

# Hoffmann's constants with one digit more in the exponents, as the inference paper uses them (from
# memory of the paper; the rounded .34 and .28 give 10 % and 18 % below, the TeX digits 16 % and
# 27 %, and only these give the printed 17 % and 28 %).
SARDANA = TwoTermFrontier(E=1.69, A=406.4, alpha=0.336, B=410.7, beta=0.283)

exponents = st.floats(0.1, 1.2)
laws = st.builds(
    TwoTermFrontier,
    E=st.floats(0.1, 4.0),
    A=st.floats(1.0, 1e5),
    alpha=exponents,
    B=st.floats(1.0, 1e5),
    beta=exponents,
)
budgets = st.floats(1e17, 1e26)
demands = st.floats(1e6, 1e16)


def _of_quality(size: float, demand: float) -> Any:
    """The cheapest model as good as the compute-optimal one of `size`."""
    return inference_optimal_like(SARDANA, size, SARDANA.d_opt_for_n(size), demand)


def test_a_13b_serving_2t_tokens_is_the_papers_example():
    # Sardana et al. 2024, figure 1, arXiv 2401.00448: a 13B model with 2 T inference tokens saves
    # 1.7e22 FLOPs (17 %) as a 7B on more data. Tolerance: the printed rounding.
    best = _of_quality(13e9, 2e12)

    assert best.n_params / 1e9 == pytest.approx(7, abs=0.5)
    assert best.saved_flops / 1e22 == pytest.approx(1.7, abs=0.05)
    assert 100 * best.saved_share == pytest.approx(17, abs=0.5)


def test_a_30b_serving_1e13_tokens_is_the_papers_example():
    # Sardana et al. 2024, section 2, arXiv 2401.00448, as quoted in public summaries of it: 13.6B
    # on 2.84 times the data, 28 % fewer FLOPs in all. Tolerance: the printed rounding.
    best = _of_quality(30e9, 1e13)

    assert best.n_params / 1e9 == pytest.approx(13.6, abs=0.05)
    assert best.n_tokens / best.n_tokens_training == pytest.approx(2.84, abs=0.005)
    assert 100 * best.saved_share == pytest.approx(28, abs=0.5)


@settings(max_examples=40)
@given(law=laws, flops=budgets, demand=demands)
def test_no_other_split_of_the_same_loss_is_cheaper(law, flops, demand):
    best = inference_optimal_for_budget(law, flops, demand)
    n = float(best.n_params) * np.exp(np.linspace(-3, 3, 6001))
    # Without E, which would cost the digits of a small reducible loss.
    left = float(replace(law, E=0.0).optimal_loss(flops)) - law.A * n**-law.alpha
    d = np.where(left > 0, left, np.nan)
    total = lifetime_flops(n, (law.B / d) ** (1 / law.beta), demand)

    assert float(best.total_flops) <= np.nanmin(total) * (1 + 1e-9)
    assert n[np.nanargmin(total)] == pytest.approx(float(best.n_params), rel=0.01)


@given(law=laws, flops=budgets, demand=demands)
def test_the_cheapest_model_has_the_loss_that_was_asked_for(law, flops, demand):
    best = inference_optimal_for_budget(law, flops, demand)
    bare = replace(law, E=0.0)

    assert bare.loss(best.n_params, best.n_tokens) == pytest.approx(
        float(bare.optimal_loss(flops)), rel=1e-9
    )
    assert best.loss == pytest.approx(float(law.optimal_loss(flops)), rel=1e-12)


@given(law=laws, flops=budgets)
def test_no_demand_gives_the_compute_optimal_model_in_closed_form(law, flops):
    best = inference_optimal_for_budget(law, flops, 0.0)

    assert best.n_params == pytest.approx(float(law.n_opt(flops)), rel=1e-9)
    assert best.n_tokens == pytest.approx(float(law.d_opt(flops)), rel=1e-9)
    assert best.saved_flops == pytest.approx(0, abs=1e-9 * flops)


@given(law=laws, flops=budgets, demand=demands, more=st.floats(1.0, 1e6))
def test_more_demand_never_asks_for_a_larger_model(law, flops, demand, more):
    less, best = (inference_optimal_for_budget(law, flops, d) for d in (demand, demand * more))

    assert best.n_params <= less.n_params * (1 + 1e-12)
    assert best.n_tokens >= less.n_tokens * (1 - 1e-12)
    assert best.saved_share >= less.saved_share - 1e-12


@given(law=laws, flops=budgets, demand=demands)
def test_the_three_ways_to_name_a_quality_agree(law, flops, demand):
    by_budget = inference_optimal_for_budget(law, flops, demand)
    by_run = inference_optimal_like(law, law.n_opt(flops), law.d_opt(flops), demand)

    assert by_run.n_params == pytest.approx(float(by_budget.n_params), rel=1e-9)
    assert by_run.total_flops == pytest.approx(float(by_budget.total_flops), rel=1e-9)


def test_a_loss_names_the_same_quality_as_the_run_that_has_it():
    best = inference_optimal(LAW, LAW.loss(7e9, 1e12), 1e12)
    same = inference_optimal_like(LAW, 7e9, 1e12, 1e12)

    assert best.n_params == pytest.approx(float(same.n_params), rel=1e-9)
    assert best.tokens_per_param == pytest.approx(float(same.tokens_per_param), rel=1e-9)


def test_draws_stand_on_the_last_axes_and_demands_before_them():
    rng = np.random.default_rng(0)
    draws = replace(LAW, beta=LAW.beta * np.exp(0.01 * rng.normal(size=7)))
    demand = np.array([0.0, 1e11, 1e13])
    best = inference_optimal_for_budget(draws, 1e21, demand)
    single = inference_optimal_for_budget(replace(LAW, beta=draws.beta[4]), 1e21, 1e13)

    assert best.n_params.shape == best.saved_share.shape == best.loss.shape == (3, 7)
    assert best.n_params[2, 4] == pytest.approx(float(single.n_params), rel=1e-12)


@pytest.mark.parametrize(
    ("loss", "demand"),
    [(1.8172, 1e12), (1.0, 1e12), (np.nan, 1e12), (2.0, -1.0), (2.0, np.nan)],
    ids=["loss at the floor", "below it", "loss unknown", "negative demand", "demand unknown"],
)
def test_what_cannot_be_is_not_a_number(loss: float, demand: float):
    best = inference_optimal(LAW, loss, demand)

    for value in (best.n_params, best.n_tokens, best.total_flops, best.saved_share, best.loss):
        assert np.isnan(value)


def test_no_quantities_give_no_results():
    best = inference_optimal(LAW, np.empty(0), 1e12)

    assert best.n_params.shape == best.saved_flops.shape == (0,)


@pytest.mark.soak
def test_intervals_of_the_optimum_hold_the_truth_as_often_as_they_say(two_term, make_runs):
    truth = TwoTermFrontier(E=1.8, A=480.0, alpha=0.35, B=2100.0, beta=0.37)
    wanted = {
        name: float(getattr(inference_optimal_for_budget(truth, 1e21, 1e12), name))
        for name in ("n_params", "saved_share")
    }
    held = dict.fromkeys(wanted, 0)
    for seed in range(200):
        fit = fit_law(two_term, make_runs(60, noise=0.003, seed=seed), n_boot=200, seed=seed)
        best = inference_optimal_for_budget(fit.frontier_draws, 1e21, 1e12)
        for name, value in wanted.items():
            low, high = np.quantile(getattr(best, name), [0.05, 0.95])
            held[name] += bool(low <= value <= high)

    for name, times in held.items():
        assert 0.85 <= times / 200 <= 0.95, name
