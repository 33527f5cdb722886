"""Closed forms of the frontier against definitions, numerical optimization and each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from isoflop.errors import UnitError
from isoflop.estimation.frontier import (
    AllocationFrontier,
    TwoTermFrontier,
    frontier_draws,
    frontier_of,
    has_frontier,
)
from isoflop.laws import PublishedLaw

# Besiroglu et al. 2024, table 1, arXiv 2404.10102.
LAW = TwoTermFrontier(E=1.8172, A=482.01, alpha=0.3478, B=2085.43, beta=0.3658)

exponents = st.floats(0.1, 1.2)
coefficients = st.floats(1.0, 1e5)
laws = st.builds(
    TwoTermFrontier,
    E=st.floats(0.1, 4.0),
    A=coefficients,
    alpha=exponents,
    B=coefficients,
    beta=exponents,
)
sizes = st.floats(1e5, 1e12)
tokens = st.floats(1e7, 1e14)
budgets = st.floats(1e15, 1e27)


@given(law=laws, n=sizes, d=tokens)
def test_excess_loss_is_never_negative_and_waste_never_below_one(law, n, d):
    assert law.excess_loss(n, d) >= 0
    assert law.compute_waste(n, d) >= 1


@given(law=laws, flops=budgets)
def test_the_frontier_has_no_excess_no_waste_and_ratio_one(law, flops):
    n, d = law.n_opt(flops), law.d_opt(flops)

    assert 6 * n * d == pytest.approx(flops, rel=1e-9)
    assert law.token_ratio(n, d) == pytest.approx(1, rel=1e-8)
    assert law.excess_loss(n, d) == pytest.approx(0, abs=1e-9)
    assert law.compute_waste(n, d) == pytest.approx(1, rel=1e-8)
    assert law.loss(n, d) == pytest.approx(law.optimal_loss(flops), rel=1e-12)


@given(law=laws, flops=budgets, more=st.floats(1.0, 1e6))
def test_more_compute_never_raises_the_optimal_loss(law, flops, more):
    assert law.optimal_loss(flops * more) <= law.optimal_loss(flops)


@given(law=laws, n=sizes, d=tokens)
def test_waste_and_excess_follow_their_definitions(law, n, d):
    reached = float(law.loss(n, d))
    least = law.flops_for_loss(reached)
    assert law.optimal_loss(least) == pytest.approx(reached, rel=1e-9)
    # The waste does not depend on E, and without E the loss keeps the digits of its reducible part.
    bare = replace(law, E=0.0)
    waste = max(1.0, 6 * n * d / float(bare.flops_for_loss(bare.loss(n, d))))
    assert law.compute_waste(n, d) == pytest.approx(waste, rel=1e-9)
    excess = reached - law.optimal_loss(6 * n * d)
    assert law.excess_loss(n, d) == pytest.approx(excess, abs=1e-8)


@settings(max_examples=30)
@given(law=laws, flops=budgets)
def test_the_closed_form_agrees_with_numerical_minimization(law, flops):
    at = float(np.log(law.n_opt(flops)))
    found = minimize_scalar(
        lambda x: float(law.loss(np.exp(x), flops / (6 * np.exp(x)))),
        bounds=(at - 5, at + 5),
        method="bounded",
        options={"xatol": 1e-8},
    )

    assert float(law.optimal_loss(flops)) == pytest.approx(found.fun, rel=1e-9)
    assert float(law.optimal_loss(flops)) <= found.fun * (1 + 1e-14)


def test_least_compute_is_infinite_at_and_below_the_irreducible_loss():
    assert np.isinf(LAW.flops_for_loss([1.0, LAW.E])).all()
    assert np.isfinite(LAW.flops_for_loss(1.9))


def test_draws_stand_on_the_last_axis():
    draws = TwoTermFrontier(
        E=np.full(3, 1.8), A=np.array([400.0, 480.0, 500.0]), alpha=np.full(3, 0.35),
        B=np.full(3, 2000.0), beta=np.full(3, 0.37),
    )  # fmt: skip
    n, d = np.full((2, 1), 7e10), np.full(5, 1.4e12)

    for result in (draws.loss(n, d), draws.token_ratio(n, d), draws.compute_waste(n, d)):
        assert result.shape == (2, 5, 3)
    assert draws.n_opt(1e21).shape == (3,)
    assert LAW.loss(7e10, 1.4e12).shape == ()
    assert draws.loss(n, d)[1, 2, 1] == pytest.approx(
        TwoTermFrontier(E=1.8, A=480.0, alpha=0.35, B=2000.0, beta=0.37).loss(7e10, 1.4e12)
    )


def test_unknown_tokens_give_nan_only_at_their_place():
    ratio = LAW.token_ratio([7e10, 7e10], [np.nan, 1.4e12])
    assert np.isnan(ratio[0])
    assert ratio[1] > 0


def test_no_run_gives_an_empty_result():
    assert LAW.compute_waste([], []).shape == (0,)


@given(flops=budgets, k=st.floats(0.01, 10), p=st.floats(0.2, 0.9))
def test_an_allocation_agrees_with_itself(flops, k, p):
    law = AllocationFrontier(n_coefficient=k, n_exponent=p)
    n = law.n_opt(flops)

    assert law.d_opt_for_n(n) == pytest.approx(law.d_opt(flops), rel=1e-8)
    assert law.token_ratio(n, 2 * law.d_opt(flops)) == pytest.approx(2, rel=1e-8)


def _published(covariance: tuple[tuple[float, ...], ...]) -> PublishedLaw:
    params = {"E": 1.8, "A": 480.0, "B": 2000.0, "alpha": 0.35, "beta": 0.37}
    return PublishedLaw(
        name="x", summary="", form="loss", params=params, source="", log_covariance=covariance
    )


def test_draws_of_a_published_law_have_its_covariance():
    spread = np.diag([0.001, 0.02, 0.04, 0.0015, 0.002]) ** 2
    spread[1, 3] = spread[3, 1] = 0.9 * 0.02 * 0.0015
    law = _published(tuple(map(tuple, spread)))

    draws = frontier_draws(law, n_draws=20_000, seed=1)

    assert isinstance(draws, TwoTermFrontier)
    assert np.corrcoef(np.log(draws.A), draws.alpha)[0, 1] == pytest.approx(0.9, abs=0.02)
    assert np.std(draws.beta) == pytest.approx(0.002, rel=0.03)
    assert np.std(np.log(draws.A)) == pytest.approx(0.02, rel=0.03)
    assert np.median(draws.A) == pytest.approx(480, rel=0.01)
    again = frontier_draws(law, n_draws=20_000, seed=1)
    assert again is not None
    assert np.array_equal(draws.A, again.A)


def test_a_law_without_covariance_has_no_draws():
    law = _published(())
    assert frontier_draws(law, n_draws=100, seed=0) is None
    assert isinstance(frontier_of(law), TwoTermFrontier)


def test_a_law_that_places_no_run_has_no_frontier():
    growth = PublishedLaw(
        name="g", summary="Test.", form="growth", params={"n_exponent": 0.5}, source="test"
    )
    other = PublishedLaw(
        name="o", summary="Test.", form="loss", law="x", params={"k": 1.0}, source="test"
    )

    assert not has_frontier(growth)
    assert not has_frontier(other)
    assert frontier_draws(growth, n_draws=10, seed=0) is None
    with pytest.raises(UnitError, match=r"'g' says how fast N and D grow .* plans no run"):
        frontier_of(growth)
    with pytest.raises(UnitError, match=r"'o' is a set of \['k'\], not a two-term law"):
        frontier_of(other)


@pytest.mark.parametrize("power", [0.1, 0.5, 1.0, 1.7])
def test_a_power_outside_moves_losses_and_not_the_split(power: float) -> None:
    plain = TwoTermFrontier(E=1.7, A=400.0, alpha=0.34, B=2000.0, beta=0.36)
    bent = replace(plain, power=power)
    assert bent.n_opt(1e21) == plain.n_opt(1e21)
    n = np.geomspace(1e8, 1e11, 4001)
    losses = bent.loss(n, 1e21 / (6 * n))
    assert bent.optimal_loss(1e21) == pytest.approx(losses.min(), rel=1e-6)
    assert bent.flops_for_loss(bent.optimal_loss(1e21)) == pytest.approx(1e21, rel=1e-9)
    assert bent.excess_loss(1e9, 1e9) == pytest.approx(
        bent.loss(1e9, 1e9) - bent.optimal_loss(6e18), rel=1e-9
    )
    assert bent.compute_waste(1e9, 1e9) == pytest.approx(plain.compute_waste(1e9, 1e9))
