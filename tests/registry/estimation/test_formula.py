"""Fits of formulas: recovery, derivatives, units, agreement with the exact engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoflop.errors import NotIdentifiableError, SchemaError
from isoflop.estimation import fit_law
from isoflop.estimation.solver.formula import formula_problem
from isoflop.estimation.variants import opened
from isoflop.laws import Formula, Law, Parameter
from isoflop.tables import RunTable

MakeRuns = Callable[..., RunTable]


def law_of(function: Callable[[Any, Any], Any], *parameters: Parameter, **more: Any) -> Law:
    link = more.pop("link", "identity")
    linear = more.pop("linear", ())
    return Law(
        name="any", summary="", equation="", cannot_say="", source="", response="y", stages=(),
        parameters=parameters, variables=("x",),
        form=Formula(function=function, linear=linear, link=link), **more,
    )  # fmt: skip


SATURATING = law_of(
    lambda p, v: p["top"] - p["drop"] * np.exp(-v["x"] / p["scale"]),
    Parameter(name="top", scale="linear", high=float("inf")),
    Parameter(name="drop", scale="linear", high=float("inf")),
    Parameter(name="scale", low=0.1, high=10, of="x"),
    linear=("top", "drop"),
)


def table(x: np.ndarray, y: np.ndarray, **more: Any) -> RunTable:
    return RunTable.from_pandas(pd.DataFrame({"x": x, "y": y, **more}))


@settings(max_examples=20, deadline=None)
@given(top=st.floats(0.5, 2), share=st.floats(0.1, 0.9), scale=st.floats(0.5, 5))
def test_noise_free_parameters_are_recovered(top: float, share: float, scale: float) -> None:
    x = np.linspace(0.2, 8, 25)
    y = top - share * top * np.exp(-x / scale)
    fit = fit_law(SATURATING, table(x, y), n_boot=0)
    assert fit.estimate == pytest.approx([top, share * top, scale], rel=1e-6)


@pytest.mark.parametrize("objective", ["log-huber", "huber", "log-squares", "squares"])
def test_every_space_recovers(objective: str) -> None:
    x = np.linspace(0.2, 8, 25)
    fit = fit_law(SATURATING, table(x, 1 - 0.6 * np.exp(-x / 2)), n_boot=0, objective=objective)
    assert fit.estimate == pytest.approx([1, 0.6, 2], rel=1e-6)


def test_a_formula_of_logarithms_is_linear_there() -> None:
    law = law_of(
        lambda p, v: p["a"] + p["b"] * np.log(v["x"]),
        Parameter(name="a", scale="linear", low=-np.inf),
        Parameter(name="b", scale="linear", low=-np.inf),
        linear=("a", "b"),
        link="log",
    )
    x = np.geomspace(1, 1e9, 12)
    fit = fit_law(law, table(x, 3e4 * x**-0.25), n_boot=50)
    assert fit.estimate == pytest.approx([np.log(3e4), -0.25], rel=1e-8)
    assert fit.predict_at({"x": 1e6})[0].value == pytest.approx(3e4 * 1e6**-0.25, rel=1e-8)


def test_the_formula_engine_agrees_with_the_exact_one(two_term: Law, epoch: RunTable) -> None:
    exact = fit_law(two_term, epoch, n_boot=40)
    other = fit_law(opened(two_term), epoch, n_boot=40)
    assert other.objective == pytest.approx(exact.objective, rel=1e-10)
    assert other.estimate == pytest.approx(exact.estimate, rel=1e-6)
    assert other.draws == pytest.approx(exact.draws, rel=1e-4)
    assert other.derived["exponent_n"].value == pytest.approx(exact.derived["exponent_n"].value)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), space=st.sampled_from(["log", "raw"]))
def test_gradient_and_hessian_match_differences(two_term: Law, seed: int, space: Any) -> None:
    rng = np.random.default_rng(seed)
    n, d = 10 ** rng.uniform(7, 10, (2, 20))
    loss = 1.8 + 480 / n**0.35 + 2100 / d**0.37 + 0.1 * rng.random(20)
    problem = formula_problem(
        opened(two_term), {"n_params": n, "n_tokens": d}, loss, space=space, delta=10.0,
        weights=rng.uniform(0.5, 2, 20),
    )  # fmt: skip
    theta = problem.starts(1)[0] * rng.uniform(0.9, 1.1, 5)
    counts = rng.integers(0, 3, (1, 20)).astype(float)
    here = problem.derivatives(theta[None], counts)
    assert here.value == pytest.approx(problem.objective(theta[None], counts))
    for j in range(5):
        shift = 1e-5 * np.eye(5)[j]
        up, down = (problem.derivatives((theta + s)[None], counts) for s in (shift, -shift))
        slope = (up.value - down.value)[0] / 2e-5
        assert slope == pytest.approx(here.gradient[0, j], rel=1e-5, abs=1e-6)
        bend = (up.gradient - down.gradient)[0] / 2e-5
        assert bend == pytest.approx(here.hessian[0, j], rel=1e-4, abs=1e-4)
        model = problem.predicted((theta + shift)[None]) - problem.predicted((theta - shift)[None])
        assert model[0] / 2e-5 == pytest.approx(problem.jacobian(theta)[:, j], rel=1e-5, abs=1e-7)


def test_parameters_travel_to_the_solver_and_back(two_term: Law, epoch: RunTable) -> None:
    fit = fit_law(opened(two_term), epoch, n_boot=0)
    assert fit.problem.natural(fit.problem.theta_of(fit.estimate)) == pytest.approx(fit.estimate)


def test_a_formula_without_a_value_is_refused() -> None:
    law = law_of(
        lambda p, v: np.log(-p["a"] * v["x"]), Parameter(name="a", low=0.1, high=10), link="log"
    )
    x = np.linspace(1, 2, 9)
    with pytest.raises(NotIdentifiableError, match="gives no number for these data"):
        fit_law(law, table(x, x), n_boot=0)


def test_a_parameter_that_does_nothing_is_not_identified() -> None:
    law = law_of(
        lambda p, v: p["a"] + 0.0 * p["b"] * v["x"],
        Parameter(name="a", scale="linear"),
        Parameter(name="b", low=0.1, high=10),
        linear=("a",),
    )
    fit = fit_law(law, table(np.linspace(1, 2, 9), np.linspace(1, 1.1, 9)), n_boot=0)
    assert fit.status == "not-identifiable"


def test_a_constant_variable_is_not_identified() -> None:
    x = np.full(9, 3.0)
    fit = fit_law(SATURATING, table(x, np.linspace(1, 1.1, 9)), n_boot=0)
    assert fit.status == "not-identifiable"
    assert "distinct settings" in fit.warnings[0]


def test_a_law_without_a_box_is_refused() -> None:
    with pytest.raises(SchemaError, match="needs a box"):
        law_of(lambda p, v: p["a"] * v["x"], Parameter(name="a"))


def test_a_law_that_begins_its_log_box_at_zero_is_refused() -> None:
    with pytest.raises(SchemaError, match="must begin above 0"):
        law_of(lambda p, v: p["a"] * v["x"], Parameter(name="a", low=0, high=1))
