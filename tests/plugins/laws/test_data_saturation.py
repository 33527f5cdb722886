"""Loss against tokens at one size: recovery, coverage, agreement, properties, bad input."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from isoflop.errors import TooFewRunsError
from isoflop.estimation import FitResult, fit_law
from isoflop.tables import RunTable
from isoflop_plugins.laws.data_saturation import DATA_SATURATION

TRUTH = {"E_N": 2.4, "B": 2000.0, "beta": 0.37}


def runs_of(n: int = 12, *, noise: float = 0.0, seed: int = 0, decades: float = 3.0) -> RunTable:
    rng = np.random.default_rng(seed)
    n_tokens = np.round(np.geomspace(1e9, 1e9 * 10**decades, n))
    loss = np.asarray(DATA_SATURATION.form(TRUTH, {"n_tokens": n_tokens}))
    loss = loss * np.exp(noise * rng.normal(size=n))
    return RunTable.from_pandas(pd.DataFrame({"n_tokens": n_tokens, "loss": loss}))


def test_noise_free_runs_give_their_parameters_back() -> None:
    fit = fit_law(DATA_SATURATION, runs_of(), n_boot=0)
    assert fit.status == "converged"
    assert fit.estimate == pytest.approx(list(TRUTH.values()), rel=1e-6)


@pytest.mark.soak
def test_nine_in_ten_intervals_hold_the_truth() -> None:
    held = np.zeros(3)
    for seed in range(200):
        runs = runs_of(40, noise=0.004, seed=seed)
        params = fit_law(DATA_SATURATION, runs, n_boot=200, seed=seed, level=0.9).params
        held += [params[k].low <= v <= params[k].high for k, v in TRUTH.items()]
    assert (held / 200).min() >= 0.85
    assert (held / 200).max() <= 0.95


def test_squares_agree_with_scipy() -> None:
    runs = runs_of(noise=0.003, seed=4)
    fit = fit_law(DATA_SATURATION, runs, n_boot=0, objective="squares")
    d, loss = runs.numbers("n_tokens"), runs.numbers("loss")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, _ = curve_fit(
            lambda x, e, b, beta: e + b * (x / 1e10) ** -beta, d, loss, p0=(2.0, 0.4, 0.4),
            xtol=1e-15, ftol=1e-15,
        )  # fmt: skip
    assert fit.params["E_N"].value == pytest.approx(found[0], rel=1e-6)
    assert fit.params["beta"].value == pytest.approx(found[2], rel=1e-5)


@pytest.fixture(scope="module")
def in_tokens() -> FitResult:
    """The fit that every other unit is compared with."""
    return fit_law(DATA_SATURATION, runs_of(noise=0.002), n_boot=0)


@settings(max_examples=20)
@given(scale=st.floats(1e-6, 1e6))
def test_another_unit_of_tokens_only_rescales_b(in_tokens: FitResult, scale: float) -> None:
    frame = runs_of(noise=0.002).to_pandas()
    units = frame.assign(n_tokens=frame["n_tokens"].astype(float) * scale, x=1.0)
    # Tokens are whole numbers in a table, so the unit stands in another column.
    units = units.rename(columns={"n_tokens": "tokens_scaled"})
    other = fit_law(
        DATA_SATURATION,
        RunTable.from_pandas(units),
        n_boot=0,
        using={"n_tokens": "tokens_scaled"},
    )
    e, b, beta = in_tokens.estimate
    assert other.estimate == pytest.approx([e, b * scale**beta, beta], rel=1e-5)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_short_range_says_that_the_floor_could_be_anywhere_below(seed: int) -> None:
    fit = fit_law(DATA_SATURATION, runs_of(8, noise=0.005, decades=0.5, seed=seed), n_boot=300)
    assert fit.params["E_N"].low < 0.2


def test_constant_loss_is_no_law() -> None:
    frame = runs_of().to_pandas().assign(loss=2.5)
    assert not fit_law(DATA_SATURATION, RunTable.from_pandas(frame), n_boot=100).is_usable


def test_one_length_is_no_law() -> None:
    frame = runs_of(noise=0.01).to_pandas().assign(n_tokens=1e10)
    fit = fit_law(DATA_SATURATION, RunTable.from_pandas(frame), n_boot=100)
    assert fit.status == "not-identifiable"
    assert "distinct settings" in fit.warnings[0]


def test_three_runs_are_too_few() -> None:
    with pytest.raises(TooFewRunsError, match="needs at least 4 usable runs, got 3"):
        fit_law(DATA_SATURATION, runs_of(3), n_boot=0)
