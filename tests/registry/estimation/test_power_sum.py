"""Derivatives against finite differences, for one and two terms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoflop.estimation.solver.power_sum import PowerSumProblem, power_sum_problem
from isoflop.laws import Law, Parameter, PowerSum, PowerTerm


def law_of(k: int, *, constant: bool = True, is_scale: bool = False) -> Law:
    terms = [
        PowerTerm(coefficient=f"A{j}", exponent=f"p{j}", variable=f"v{j}", is_scale=is_scale)
        for j in range(k)
    ]
    names = [*(["E"] if constant else []), *(t.coefficient for t in terms)]
    boxed = [Parameter(name=t.exponent, low=0.01, high=2.5) for t in terms]
    return Law(
        name="powers",
        summary="",
        equation="",
        parameters=(*(Parameter(name=name) for name in names), *boxed),
        form=PowerSum(terms=tuple(terms), constant="E" if constant else ""),
        variables=tuple(t.variable for t in terms),
        response="y",
        cannot_say="",
        source="",
    )


def problem_of(k: int, seed: int, delta: float) -> PowerSumProblem:
    rng = np.random.default_rng(seed)
    variables = 10 ** rng.uniform(6, 10, (k, 30))
    loss = 2.0 + (1e3 / variables**0.4).sum(axis=0) + 0.1 * rng.random(30)
    return power_sum_problem(law_of(k), variables, loss, delta=delta)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), k=st.sampled_from([1, 2, 3]))
def test_gradient_and_hessian_match_finite_differences(seed: int, k: int) -> None:
    problem = problem_of(k, seed, delta=10.0)  # wide: no kink within the step
    rng = np.random.default_rng(seed + 1)
    theta = np.concatenate([rng.normal(0, 0.5, k + 1), rng.uniform(0.1, 0.8, k)])
    weights = rng.integers(0, 4, (1, 30)).astype(float)
    here = problem.derivatives(theta[None], weights)
    step = 1e-5
    for j in range(theta.size):
        shift = step * np.eye(theta.size)[j]
        up = problem.derivatives((theta + shift)[None], weights)
        down = problem.derivatives((theta - shift)[None], weights)
        slope = (up.value - down.value) / (2 * step)
        assert slope[0] == pytest.approx(here.gradient[0, j], rel=1e-6, abs=1e-6)
        bend = (up.gradient - down.gradient)[0] / (2 * step)
        assert bend == pytest.approx(here.hessian[0, j], rel=1e-5, abs=1e-5)


def test_jacobian_matches_finite_differences() -> None:
    problem = problem_of(2, 3, delta=1e-3)
    theta = np.array([0.5, -0.7, -0.9, 0.3, 0.4])
    matrix = problem.jacobian(theta)
    for j in range(5):
        shift = 1e-6 * np.eye(5)[j]
        up, down = (
            problem.predicted((theta + shift)[None]),
            problem.predicted((theta - shift)[None]),
        )
        assert (up - down)[0] / 2e-6 == pytest.approx(matrix[:, j], abs=1e-8)


def test_natural_parameters_give_the_same_loss() -> None:
    problem = problem_of(2, 5, delta=1e-3)
    theta = np.array([0.5, -0.7, -0.9, 0.3, 0.4])
    e, a, b, alpha, beta = problem.natural(theta)
    n, d = np.exp(problem.x + problem.center[:, None])
    assert np.log(e + a / n**alpha + b / d**beta) == pytest.approx(
        problem.predicted(theta[None])[0], rel=1e-12
    )
