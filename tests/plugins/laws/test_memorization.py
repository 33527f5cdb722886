"""The law of memorization: published values, recovery, coverage, bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from isoflop.estimation import fit_law
from isoflop.laws import Law
from isoflop.tables import RunTable
from isoflop_plugins.laws.memorization import CARLINI, LAWS, MEMORIZATION

TRUTH = {"c": -1.9, "a": 0.19, "b": 0.1, "d": 0.15}
GRID = ([1.25e8, 1.3e9, 2.7e9, 6e9], [2, 8, 32, 128], [50, 150, 450])


def runs_of(law: Law = MEMORIZATION, *, noise: float = 0.0, seed: int = 0) -> RunTable:
    n, repetitions, context = np.array(np.meshgrid(*GRID)).reshape(3, -1)
    v = {"n_params": n, "repetitions": repetitions, "context": context}
    truth = {name: TRUTH[name] for name in law.names}
    value = np.asarray(law.form(truth, v))
    scatter = noise * np.random.default_rng(seed).normal(size=n.size)
    return RunTable.from_pandas(pd.DataFrame({**v, "fraction_extractable": value + scatter}))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_effects_come_back_from_noise_free_measurements(law: Law) -> None:
    fit = fit_law(law, runs_of(law), n_boot=0)
    assert fit.status == "converged"
    assert fit.estimate == pytest.approx([TRUTH[name] for name in law.names], rel=1e-6)


def test_the_published_context_effect_is_that_of_its_two_printed_values() -> None:
    context = np.array([50, 450])
    fit = 0.33 + CARLINI["context"] * np.log10(context / 50)
    assert fit == pytest.approx([0.33, 0.65], abs=0.005)  # printed in whole percent


def test_the_published_effect_of_size_is_nineteen_points_per_decade() -> None:
    at = {"n_params": np.array([6e8, 6e9]), "repetitions": 100.0, "context": 50.0}
    small, large = np.asarray(MEMORIZATION.form({**TRUTH, "a": CARLINI["n_params"]}, at))
    assert large - small == pytest.approx(0.19, abs=0.005)  # printed in whole points


@pytest.mark.soak
def test_ninety_percent_intervals_hold_the_truth() -> None:
    hits = np.zeros(4)
    for seed in range(200):
        runs = runs_of(noise=0.02, seed=seed)
        # A seed of its own: one set of resamples for all would make the misses go together.
        fit = fit_law(MEMORIZATION, runs, n_boot=200, level=0.9, seed=seed)
        hits += [fit.params[k].low <= TRUTH[k] <= fit.params[k].high for k in MEMORIZATION.names]
    assert ((hits >= 170) & (hits <= 190)).all()


def test_the_fit_is_that_of_least_squares() -> None:
    runs = runs_of(noise=0.03)
    frame = runs.to_pandas()
    columns = np.log10(frame[["n_params", "repetitions", "context"]].to_numpy(float))
    design = np.column_stack([np.ones(len(frame)), columns])
    exact = np.linalg.lstsq(design, frame["fraction_extractable"].to_numpy(), rcond=None)[0]
    assert fit_law(MEMORIZATION, runs, n_boot=0).estimate == pytest.approx(exact, rel=1e-6)


def test_a_factor_of_one_value_is_not_identified() -> None:
    frame = runs_of().to_pandas().assign(context=50)
    fit = fit_law(MEMORIZATION, RunTable.from_pandas(frame), n_boot=0)
    assert not fit.is_usable
    assert "context has one value in all runs" in fit.warnings[0]
