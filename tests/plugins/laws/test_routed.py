"""The law of routed networks: published statements, recovery, coverage, bad input."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoflop.errors import TooFewRunsError
from isoflop.estimation import fit_law
from isoflop.laws import PublishedLaw
from isoflop.tables import RunTable
from isoflop_plugins.laws.routed import (
    CLARK,
    PUBLISHED,
    ROUTED,
    cutoff_params,
    effective_params,
    saturated_experts,
)

SIZES = (15e6, 25e6, 55e6, 130e6, 370e6, 870e6, 1.3e9)
EXPERTS = (1, 2, 4, 8, 32, 64, 128, 512)


def frame_of(name: str, *, seed: int = 0, noise: float = 0.0, copies: int = 1) -> Any:
    rng = np.random.default_rng(seed)
    n, e = np.array(list(product(SIZES, EXPERTS)) * copies).T
    loss = np.asarray(ROUTED.form(CLARK[name], {"n_params": n, "n_experts": e}))
    noisy = loss * np.exp(noise * rng.normal(size=n.size))
    return pd.DataFrame({"n_params": n, "n_experts": e, "loss": noisy})


def fitted(frame: pd.DataFrame, **settings: Any) -> Any:
    return fit_law(ROUTED, RunTable.from_pandas(frame), **settings)


@pytest.mark.parametrize(("name", "printed"), [("S-BASE", 937e9), ("RL-R", 85e9), ("HASH", 83e9)])
def test_cutoffs_follow_from_the_printed_digits(name: str, printed: float) -> None:
    # Clark et al. 2022: sizes from which routing does not help (from memory of the paper; a
    # summary of it says 80 to 900 B). b and c are printed to three decimals, which leaves the
    # exponent -b / c within these ends.
    p, half = CLARK[name], 0.0005
    low = 10 ** ((-p["b"] - half) / (p["c"] + half))
    high = 10 ** ((-p["b"] + half) / (p["c"] - half))
    assert low < printed < high
    assert low < float(cutoff_params(p)) < high


@pytest.mark.parametrize("name", CLARK)
def test_dense_loss_is_a_power_law_of_the_size_the_paper_fits(name: str) -> None:
    # The three methods share their dense models, so that their laws agree at one expert; 2 % is
    # what the printed digits allow at 15 M and 1.3 B parameters.
    ends = {"n_params": np.array([15e6, 1.3e9]), "n_experts": np.ones(2)}
    told = [np.asarray(ROUTED.form(CLARK[other], ends)) for other in CLARK]
    own = np.asarray(ROUTED.form(CLARK[name], ends))
    assert own == pytest.approx(np.mean(told, axis=0), rel=0.02)
    assert own == pytest.approx([3.2, 2.24], rel=0.03)


@pytest.mark.parametrize("name", CLARK)
def test_experts_count_from_their_start_to_their_most(name: str) -> None:
    p = CLARK[name]
    assert saturated_experts(p, 1.0) == pytest.approx(p["E_start"])
    assert saturated_experts(p, 1e12) == pytest.approx(p["E_max"], rel=1e-6)


@given(
    name=st.sampled_from(sorted(CLARK)),
    n=st.floats(1e7, 1e11),
    e=st.floats(1.0, 2048.0),
)
def test_an_effective_size_loses_as_much_as_the_routed_model(name: str, n: float, e: float) -> None:
    p = CLARK[name]
    dense = effective_params(p, n, e)
    of_dense = ROUTED.form(p, {"n_params": dense, "n_experts": 1.0})
    of_routed = ROUTED.form(p, {"n_params": n, "n_experts": e})
    assert of_dense == pytest.approx(of_routed, rel=1e-9)
    assert effective_params(p, n, 1.0) == pytest.approx(n)
    cutoff = float(cutoff_params(p))
    if e > 1.01 and abs(np.log(n / cutoff)) > 1e-3:  # at the cutoff itself both are right
        assert (dense > n) == (n < cutoff)


def test_without_an_interaction_experts_never_stop_helping() -> None:
    p = {**CLARK["S-BASE"], "c": np.array([0.0, -0.01, 0.01])}
    assert np.isinf(cutoff_params(p)).tolist() == [True, True, False]


@pytest.mark.parametrize("name", CLARK)
def test_parameters_come_back_from_noise_free_runs(name: str) -> None:
    fit = fitted(frame_of(name), n_boot=0)
    assert fit.status == "converged"
    assert fit.estimate == pytest.approx([CLARK[name][k] for k in ROUTED.names], rel=1e-6)


@pytest.mark.soak
def test_ninety_percent_intervals_hold_the_truth() -> None:
    truth, hits = CLARK["S-BASE"], np.zeros(6)
    for seed in range(200):
        frame = frame_of("S-BASE", seed=seed, noise=0.002, copies=2)
        told = fitted(frame, n_boot=200, seed=seed, level=0.9).params
        hits += [told[k].low <= truth[k] <= told[k].high for k in ROUTED.names]
    assert (np.abs(hits / 200 - 0.9) <= 0.05).all()


def test_runs_of_one_number_of_experts_are_no_law_of_experts() -> None:
    frame = frame_of("S-BASE", noise=0.002)
    fit = fitted(frame[frame["n_experts"] == 8].head(7), n_boot=0)
    assert fit.status == "not-identifiable"


@pytest.mark.parametrize("rows", [0, 1, 6])
def test_too_few_runs_are_refused(rows: int) -> None:
    with pytest.raises(TooFewRunsError, match="needs at least 7 usable"):
        fitted(frame_of("RL-R").iloc[:rows])


def test_a_run_with_no_expert_is_left_out() -> None:
    frame = frame_of("RL-R")
    frame.loc[0, "n_experts"] = 0
    fit = fitted(frame, n_boot=0)
    assert [left.reason for left in fit.left_out] == ["n_experts is 0, not positive and finite"]


@pytest.mark.parametrize("law", PUBLISHED, ids=lambda law: law.name)
def test_published_records_hold_the_laws_parameters(law: PublishedLaw) -> None:
    assert (law.law, tuple(law.params)) == (ROUTED.name, ROUTED.names)
