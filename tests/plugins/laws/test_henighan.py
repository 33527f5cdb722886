"""A power law plus a constant: recovery, coverage, agreement, bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from isoflop.errors import TooFewRunsError
from isoflop.estimation import fit_law
from isoflop.laws import Law
from isoflop.tables import RunTable
from isoflop_plugins.laws.henighan import HENIGHAN_C, HENIGHAN_D, HENIGHAN_N, LAWS

DECADES = {
    "n_params_nonembedding": (5.5, 9.5),
    "n_tokens": (8.0, 11.5),
    "flops": (16.0, 22.0),
}


def runs_of(
    law: Law, truth: dict[str, float], *, n: int = 40, noise: float = 0.0, seed: int = 0
) -> RunTable:
    rng = np.random.default_rng(seed)
    (variable,) = law.variables
    x = np.round(10 ** rng.uniform(*DECADES[variable], n))
    loss = np.asarray(law.form(truth, {variable: x})) * np.exp(noise * rng.normal(size=n))
    return RunTable.from_pandas(pd.DataFrame({variable: x, "loss": loss}))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_three_laws_are_one_form_in_three_variables(law: Law) -> None:
    (variable,) = law.variables
    params = {"L_inf": 2.0, "x_0": 1e6, "alpha": 0.3}
    assert float(law.form(params, {variable: 1e6})) == 3.0
    assert float(law.form(params, {variable: 1e300})) == pytest.approx(2.0)
    assert "2010.14701" in law.source


@pytest.mark.parametrize("x_0", [1e2, 1e5, 1e9])
@pytest.mark.parametrize("alpha", [0.13, 0.24, 0.7])
def test_floor_scale_and_exponent_come_back_from_noise_free_runs(x_0: float, alpha: float) -> None:
    truth = {"L_inf": 2.2, "x_0": x_0, "alpha": alpha}
    fit = fit_law(HENIGHAN_N, runs_of(HENIGHAN_N, truth), n_boot=0)
    assert fit.status == "converged"
    assert fit.estimate == pytest.approx([2.2, x_0, alpha], rel=1e-6)


@pytest.mark.soak
def test_ninety_percent_intervals_hold_the_truth() -> None:
    truth = {"L_inf": 1.8, "x_0": 1e20, "alpha": 0.16}
    hits = np.zeros(3)
    for seed in range(200):
        runs = runs_of(HENIGHAN_C, truth, n=60, noise=0.01, seed=seed)
        fit = fit_law(HENIGHAN_C, runs, n_boot=200, level=0.9)
        hits += [fit.params[k].low <= truth[k] <= fit.params[k].high for k in truth]
    assert (np.abs(hits / 200 - 0.9) <= 0.05).all()


def test_profile_of_the_floor_agrees_with_the_fit() -> None:
    truth = {"L_inf": 1.8, "x_0": 1e20, "alpha": 0.16}
    runs = runs_of(HENIGHAN_C, truth, n=60, noise=0.005)
    fit = fit_law(HENIGHAN_C, runs, n_boot=200, objective="log-squares")
    found = fit.profile("L_inf")
    told = fit.params["L_inf"]
    assert found.low < told.value < found.high
    assert found.high - found.low == pytest.approx(told.high - told.low, rel=0.5)


def test_a_pure_power_has_no_floor_to_find() -> None:
    truth = {"L_inf": 0.0, "x_0": 5.4e13, "alpha": 0.095}
    runs = runs_of(HENIGHAN_D, truth, noise=0.01)
    fit = fit_law(HENIGHAN_D, runs, n_boot=200)
    assert not fit.is_usable or "L_inf" in fit.unidentified or fit.params["L_inf"].low < 0.3


def test_a_floor_seen_alone_gives_no_law() -> None:
    frame = runs_of(HENIGHAN_N, {"L_inf": 2.0, "x_0": 1e3, "alpha": 0.3}).to_pandas()
    fit = fit_law(HENIGHAN_N, RunTable.from_pandas(frame.assign(loss=2.5)), n_boot=0)
    assert not fit.is_usable


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_too_few_runs_are_refused(rows: int) -> None:
    frame = runs_of(HENIGHAN_N, {"L_inf": 2.0, "x_0": 1e3, "alpha": 0.3}).to_pandas()
    with pytest.raises(TooFewRunsError, match="needs at least 4 usable"):
        fit_law(HENIGHAN_N, RunTable.from_pandas(frame.iloc[:rows]))
