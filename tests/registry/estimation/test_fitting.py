"""Fits as users make them: recovery, invariance, what is refused, what is left out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isoflop.errors import (
    NotIdentifiableError,
    SchemaError,
    TooFewRunsError,
    UnitError,
    UnknownNameError,
)
from isoflop.estimation import FitResult, fit_law
from isoflop.laws import Law, Parameter, PowerSum, PowerTerm
from isoflop.tables import RunTable

MakeRuns = Callable[..., RunTable]
TRUE = np.array([1.8, 480, 2100, 0.35, 0.37])
quick = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def changed(runs: RunTable, **columns: object) -> RunTable:
    return RunTable.from_pandas(runs.to_pandas().assign(**columns))


@pytest.fixture(scope="module")
def noisy(two_term: Law, make_runs: MakeRuns) -> FitResult:
    """The fit of runs with noise, for the tests that need any."""
    return fit_law(two_term, make_runs(noise=0.01), n_boot=0)


def test_noise_free_parameters_are_recovered(two_term: Law, make_runs: MakeRuns) -> None:
    fit = fit_law(two_term, make_runs(), n_boot=0)
    assert fit.estimate == pytest.approx(TRUE, rel=1e-6)
    assert fit.status == "converged"
    assert fit.warnings == ()


@quick
@given(
    e=st.floats(0.5, 2.5), alpha=st.floats(0.15, 0.8), beta=st.floats(0.15, 0.8),
    seed=st.integers(0, 1000),
)  # fmt: skip
def test_any_noise_free_law_is_recovered(
    two_term: Law, e: float, alpha: float, beta: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    n, d = np.round(10 ** rng.uniform(7, 10, 40)), np.round(10 ** rng.uniform(9, 12, 40))
    a, b = 10 ** (8.5 * alpha), 10 ** (10.5 * beta)
    loss = e + a / n**alpha + b / d**beta
    runs = RunTable.from_pandas(pd.DataFrame({"n_params": n, "n_tokens": d, "loss": loss}))
    fit = fit_law(two_term, runs, n_boot=0)
    assert fit.estimate == pytest.approx([e, a, b, alpha, beta], rel=1e-6)


def test_a_law_of_one_term_is_recovered() -> None:
    law = Law(
        name="one-term",
        summary="",
        equation="loss = E + A / flops^alpha",
        parameters=(
            Parameter(name="E", unit="nat/token"),
            Parameter(name="A"),
            Parameter(name="alpha", low=0.01, high=2.5),
        ),
        form=PowerSum(
            constant="E",
            terms=(PowerTerm(coefficient="A", exponent="alpha", variable="flops"),),
        ),
        variables=("flops",),
        cannot_say="",
        source="Kaplan et al. 2020, arXiv 2001.08361",
    )
    flops = np.geomspace(1e17, 1e22, 12)
    runs = RunTable.from_pandas(pd.DataFrame({"flops": flops, "loss": 1.5 + 900 / flops**0.16}))
    fit = fit_law(law, runs, n_boot=20)
    assert fit.estimate == pytest.approx([1.5, 900, 0.16], rel=1e-6)
    assert fit.predict_at({"flops": 1e20})[0].value == pytest.approx(1.5 + 900 / 1e20**0.16)
    with pytest.raises(UnitError, match="no compute-optimal split"):
        _ = fit.frontier
    with pytest.raises(UnitError, match="predict_at"):
        fit.predict(1e9, 1e10)


@quick
@given(seed=st.integers(0, 1000))
def test_order_of_runs_is_irrelevant(
    two_term: Law, make_runs: MakeRuns, noisy: FitResult, seed: int
) -> None:
    runs = make_runs(noise=0.01)
    order = np.random.default_rng(seed).permutation(len(runs))
    second = fit_law(two_term, runs.take(order), n_boot=0)
    assert np.array_equal(noisy.estimate, second.estimate)
    assert noisy.to_row()["fit_id"] == second.to_row()["fit_id"]


@quick
@given(power=st.integers(1, 4))
def test_a_change_of_unit_only_rescales_a_and_b(
    two_term: Law, make_runs: MakeRuns, noisy: FitResult, power: int
) -> None:
    runs = make_runs(noise=0.01)
    factor = 10.0**power
    scaled = changed(runs, n_tokens=runs.numbers("n_tokens") * factor)
    one, other = noisy, fit_law(two_term, scaled, n_boot=0)
    assert other.estimate[[0, 1, 3, 4]] == pytest.approx(one.estimate[[0, 1, 3, 4]], rel=1e-6)
    assert other.estimate[2] == pytest.approx(one.estimate[2] * factor ** one.estimate[4], rel=1e-6)
    assert other.objective == pytest.approx(one.objective, rel=1e-9)


def test_same_input_and_seed_give_the_same_bytes(two_term: Law, make_runs: MakeRuns) -> None:
    runs = make_runs(noise=0.01)
    one, two = (fit_law(two_term, runs, n_boot=50, seed=3) for _ in range(2))
    assert one.draws.tobytes() == two.draws.tobytes()
    assert one.draws.tobytes() != fit_law(two_term, runs, n_boot=50, seed=4).draws.tobytes()


@quick
@given(flops=st.floats(1e17, 1e26), factor=st.floats(1.01, 100))
def test_more_compute_never_raises_the_frontier(
    noisy: FitResult, flops: float, factor: float
) -> None:
    frontier = noisy.frontier
    assert frontier.optimal_loss(flops * factor) <= frontier.optimal_loss(flops)


@pytest.mark.soak
def test_intervals_cover_the_truth(two_term: Law, make_runs: MakeRuns) -> None:
    covered = 0
    for seed in range(60):
        fit = fit_law(two_term, make_runs(n=80, noise=0.005, seed=seed), n_boot=200)
        alpha = fit.params["alpha"]
        covered += alpha.low <= TRUE[3] <= alpha.high
    # 95 % of 60 is 57; percentile intervals at n = 80 run a little short, and 46 is 5 sigma below.
    assert covered >= 48


def test_predictions_broadcast_and_carry_a_band(two_term: Law, make_runs: MakeRuns) -> None:
    fit = fit_law(two_term, make_runs(noise=0.01), n_boot=100)
    out = fit.predict(np.array([[1e8], [1e9]]), np.array([1e10, 1e11, np.nan]))
    assert out.value.shape == (2, 3)
    assert (out.low[:, :2] < out.value[:, :2]).all()
    assert (out.value[:, :2] < out.high[:, :2]).all()
    assert np.isnan(out.value[:, 2]).all()


def test_no_bootstrap_means_no_interval(two_term: Law, make_runs: MakeRuns) -> None:
    fit = fit_law(two_term, make_runs(noise=0.01), n_boot=0)
    assert np.isnan(fit.params["E"].low)
    assert np.isnan(fit.predict(1e9, 1e10).low)
    assert np.isnan(fit.optimal(1e21).n_params.high)


def test_runs_on_one_line_are_refused(two_term: Law, make_runs: MakeRuns) -> None:
    runs = make_runs(noise=0.002)
    n = runs.numbers("n_params")
    fit = fit_law(two_term, changed(runs, n_tokens=20 * n), n_boot=0)
    assert fit.status == "not-identifiable"
    with pytest.raises(NotIdentifiableError, match="one line of n_params and n_tokens"):
        fit.optimal(1e21)


def test_equal_sizes_are_refused(two_term: Law, make_runs: MakeRuns) -> None:
    runs = make_runs(noise=0.002)
    fit = fit_law(two_term, changed(runs, n_params=10**8), n_boot=0)
    assert fit.status == "not-identifiable"


def test_a_constant_at_zero_is_refused(two_term: Law, make_runs: MakeRuns) -> None:
    runs = make_runs()
    n, d = runs.numbers("n_params"), runs.numbers("n_tokens")
    rng = np.random.default_rng(0)
    loss = (20 / n**0.1 + 30 / d**0.12) * np.exp(0.01 * rng.normal(size=n.size)) - 0.3
    fit = fit_law(two_term, changed(runs, loss=loss), n_boot=0)
    assert fit.status == "not-identifiable"
    assert "E ended at zero" in " ".join(fit.warnings)


def test_an_exponent_at_its_bound_says_so(make_runs: MakeRuns, two_term: Law) -> None:
    import dataclasses

    parameters = [
        dataclasses.replace(p, high=0.3) if p.name == "alpha" else p for p in two_term.parameters
    ]
    narrow = dataclasses.replace(two_term, parameters=tuple(parameters))
    fit = fit_law(narrow, make_runs(noise=0.002), n_boot=0)
    assert fit.status == "at-bound"
    with pytest.raises(NotIdentifiableError, match="alpha ended at its bound"):
        fit.optimal(1e21)


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_too_few_runs_name_the_numbers(two_term: Law, make_runs: MakeRuns, rows: int) -> None:
    runs = make_runs().take(np.arange(rows))
    with pytest.raises(TooFewRunsError, match=f"5 parameters and needs at least 6.*got {rows} of"):
        fit_law(two_term, runs)


def test_all_nan_runs_are_too_few(two_term: Law, make_runs: MakeRuns) -> None:
    with pytest.raises(TooFewRunsError, match="60 x loss is null"):
        fit_law(two_term, changed(make_runs(), loss=np.nan))


def test_six_runs_are_enough_to_try(two_term: Law, make_runs: MakeRuns) -> None:
    assert fit_law(two_term, make_runs(n=6), n_boot=20).n_runs == 6


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"objective": "mse"}, UnknownNameError, "log-huber"),
        ({"delta": 0.0}, SchemaError, "delta must be positive"),
        ({"n_boot": -1}, SchemaError, "n_boot must be 0 or more"),
        ({"level": 1.0}, SchemaError, "between 0 and 1"),
        ({"delta": "x"}, SchemaError, "delta must be positive"),
        ({"n_boot": 1.5}, SchemaError, "n_boot must be 0 or more"),
        ({"level": "x"}, SchemaError, "between 0 and 1"),
        ({"seed": -1}, SchemaError, "whole number"),
        ({"family": "x"}, UnknownNameError, "no family 'x'"),
    ],
)
def test_bad_arguments_are_refused(
    two_term: Law, make_runs: MakeRuns, arguments: dict, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        fit_law(two_term, make_runs(), **arguments)


@pytest.mark.parametrize("flops", [0.0, -1.0, np.inf, np.nan])
def test_a_budget_must_be_positive(two_term: Law, make_runs: MakeRuns, flops: float) -> None:
    with pytest.raises(ValueError, match="positive and finite"):
        fit_law(two_term, make_runs(), n_boot=0).optimal(flops)
