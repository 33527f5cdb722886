"""Paths ahead and bands of a law and of a single run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from isoflop.errors import UnitError
from isoflop.estimation import FitResult, fit_law
from isoflop.estimation.foretelling.forecasting import path, run_band
from isoflop.laws import Law, PowerSum, PowerTerm
from isoflop.tables import RunTable


def runs(*, noise: float = 0.003, n: int = 60, seed: int = 0) -> RunTable:
    rng = np.random.default_rng(seed)
    size, tokens = 10 ** rng.uniform(7, 10, n), 10 ** rng.uniform(9, 11.5, n)
    loss = 1.8 + 480 / size**0.35 + 2100 / tokens**0.37
    frame = {
        "n_params": size,
        "n_tokens": tokens,
        "loss": loss * np.exp(noise * rng.normal(size=n)),
    }
    return RunTable.from_pandas(pd.DataFrame(frame).round({"n_params": 0, "n_tokens": 0}))


@pytest.fixture(scope="module")
def fit(two_term: Law) -> FitResult:
    return fit_law(two_term, runs(), n_boot=200)


def test_the_path_keeps_compute_and_tokens_per_parameter(two_term: Law) -> None:
    flops = np.array([1e20, 1e24])
    along = path(two_term, flops, tokens_per_param=20.0)
    assert 6 * along["n_params"] * along["n_tokens"] == pytest.approx(flops)
    assert along["n_tokens"] / along["n_params"] == pytest.approx([20.0, 20.0])


def test_a_law_of_something_else_has_no_path(two_term: Law) -> None:
    term = PowerTerm(coefficient="A", exponent="alpha", variable="n_steps")
    form = PowerSum(constant="E", terms=(term,))
    parameters = tuple(two_term.parameter(name) for name in ("E", "A", "alpha"))
    other = replace(two_term, form=form, parameters=parameters, variables=("n_steps",))
    with pytest.raises(UnitError, match=r"reads \['n_steps'\]"):
        path(other, np.ones(1), tokens_per_param=20.0)


def test_the_band_of_the_law_is_that_of_the_fit(two_term: Law, fit: FitResult) -> None:
    points = path(two_term, np.array([1e21, 1e25]), tokens_per_param=20.0)
    band, expected = run_band(fit, points).law, fit.predict_at(points)
    for end in ("value", "low", "high"):
        assert getattr(band, end) == pytest.approx(getattr(expected, end), rel=1e-12)


def test_a_single_run_is_never_surer_than_the_law(two_term: Law, fit: FitResult) -> None:
    band = run_band(fit, path(two_term, np.geomspace(1e17, 1e26, 40), tokens_per_param=20.0))
    assert (band.run.low <= band.law.low).all()
    assert (band.run.high >= band.law.high).all()


def test_new_runs_lie_in_the_band_of_a_single_run_as_often_as_it_says(
    two_term: Law, fit: FitResult
) -> None:
    new = runs(n=400, seed=1)
    points = {name: new.numbers(name) for name in two_term.variables}
    band, loss = run_band(fit, points), new.numbers("loss")
    in_run = ((loss >= band.run.low) & (loss <= band.run.high)).mean()
    in_law = ((loss >= band.law.low) & (loss <= band.law.high)).mean()
    assert 0.9 <= in_run <= 0.99
    assert in_law < 0.6


def test_without_draws_there_is_a_value_and_no_band(two_term: Law) -> None:
    bare = fit_law(two_term, runs(), n_boot=0)
    band = run_band(bare, path(two_term, np.array([1e22]), tokens_per_param=20.0))
    assert np.isfinite(band.law.value).all()
    assert np.isnan(band.law.low).all()
    assert np.isnan(band.run.high).all()


def test_a_raw_objective_scatters_in_the_unit_of_the_response(two_term: Law) -> None:
    squares = fit_law(two_term, runs(), objective="squares", n_boot=100)
    band = run_band(squares, path(two_term, np.array([1e21]), tokens_per_param=20.0))
    assert 0.005 < band.run.high[0] - band.run.low[0] < 0.1
