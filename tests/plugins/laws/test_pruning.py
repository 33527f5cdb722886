"""Error against data kept, both forms: recovery, coverage, bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from isoflop.errors import TooFewRunsError
from isoflop.estimation import fit_law
from isoflop.laws import Law
from isoflop.tables import RunTable
from isoflop_plugins.laws.pruning import LAWS, PRUNING_EXPONENTIAL, PRUNING_POWER

TRUTH = {
    "pruning-power": {"E": 0.05, "A": 30.0, "p": 0.5},
    "pruning-exponential": {"E": 0.05, "A": 0.5, "s": 1.5e5},
}


def runs_of(
    law: Law, *, n: int = 12, noise: float = 0.0, seed: int = 0, unit: float = 1.0
) -> RunTable:
    kept = np.geomspace(1e4, 1e6, n)
    error = np.asarray(law.form(TRUTH[law.name], {"n_kept": kept}))
    scatter = np.exp(noise * np.random.default_rng(seed).normal(size=n))
    return RunTable.from_pandas(pd.DataFrame({"n_kept": kept / unit, "error": error * scatter}))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_parameters_come_back_from_noise_free_runs(law: Law) -> None:
    fit = fit_law(law, runs_of(law), n_boot=0)
    assert fit.status == "converged"
    assert fit.estimate == pytest.approx(list(TRUTH[law.name].values()), rel=1e-6)


@pytest.mark.soak
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_ninety_percent_intervals_hold_the_truth(law: Law) -> None:
    truth, hits = TRUTH[law.name], np.zeros(3)
    for seed in range(200):
        runs = runs_of(law, n=60, noise=0.02, seed=seed)
        # A seed of its own: one set of resamples for all would make the misses go together.
        fit = fit_law(law, runs, n_boot=200, level=0.9, seed=seed)
        hits += [fit.params[k].low <= truth[k] <= fit.params[k].high for k in law.names]
    assert ((hits >= 170) & (hits <= 190)).all()


@pytest.mark.parametrize("unit", [1e3, 1e6], ids=["thousands", "millions"])
def test_another_unit_of_data_only_rescales(unit: float) -> None:
    plain = fit_law(PRUNING_EXPONENTIAL, runs_of(PRUNING_EXPONENTIAL), n_boot=0)
    scaled = fit_law(PRUNING_EXPONENTIAL, runs_of(PRUNING_EXPONENTIAL, unit=unit), n_boot=0)
    assert scaled.estimate == pytest.approx(plain.estimate / [1, 1, unit], rel=1e-6)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_each_form_fits_its_own_data_better_than_the_other(law: Law) -> None:
    (other,) = (x for x in LAWS if x.name != law.name)
    runs = runs_of(law, noise=0.01)
    own, strange = (fit_law(x, runs, n_boot=0).objective for x in (law, other))
    assert own < strange / 10


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_an_error_that_never_moves_gives_no_law(law: Law) -> None:
    frame = runs_of(law).to_pandas().assign(error=0.3)
    fit = fit_law(law, RunTable.from_pandas(frame), n_boot=0)
    assert not fit.is_usable or fit.unidentified


def test_missing_and_impossible_rows_are_left_out_with_reasons() -> None:
    frame = runs_of(PRUNING_POWER).to_pandas()
    frame.loc[0, "error"], frame.loc[1, "n_kept"] = np.nan, 0.0
    fit = fit_law(PRUNING_POWER, RunTable.from_pandas(frame), n_boot=0)
    assert [item.reason for item in fit.left_out] == [
        "error is null",
        "n_kept is 0, not positive and finite",
    ]


def test_too_few_runs_are_refused() -> None:
    with pytest.raises(TooFewRunsError, match="3 parameters and needs at least 4"):
        fit_law(PRUNING_POWER, runs_of(PRUNING_POWER, n=3))
