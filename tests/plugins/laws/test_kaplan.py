"""Kaplan's laws: published constants, recovery, agreement, properties, bad input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoflop.errors import TooFewRunsError, UnitError
from isoflop.estimation import FitResult, fit_law
from isoflop.estimation.frontier import has_frontier
from isoflop.laws import Law
from isoflop.tables import RunTable
from isoflop_plugins.laws.kaplan import (
    CRITICAL_BATCH,
    KAPLAN_C,
    KAPLAN_C_MIN,
    KAPLAN_D,
    KAPLAN_N,
    KAPLAN_ND,
    KAPLAN_ND_CONSTANT,
    KAPLAN_NS,
    LAWS,
    PF_DAY,
    PUBLISHED,
)

RANGES = {
    "n_params": (6.0, 9.5),
    "n_params_nonembedding": (6.0, 9.5),
    "n_tokens": (7.5, 10.5),
    "flops": (17.0, 22.0),
    "flops_min": (17.0, 22.0),
    "n_steps_min": (3.0, 5.3),
    "loss": (0.4, 0.85),
}
OWN = {record.law: record for record in PUBLISHED}
TRUTH = {law.name: dict(OWN[law.name].params) for law in LAWS if law.name in OWN}
TRUTH["kaplan-nd-constant"] = {"L_inf": 1.0, **TRUTH["kaplan-nd"]}
TRUTH["kaplan-ns-constant"] = {"L_inf": 0.8, **TRUTH["kaplan-ns"]}
FITTED = [law for law in LAWS if isinstance(law, Law)]


def runs_of(
    law: Law, truth: Mapping[str, float], *, n: int = 60, noise: float = 0.0, seed: int = 0
) -> RunTable:
    rng = np.random.default_rng(seed)
    columns = {name: 10 ** rng.uniform(*RANGES[name], n) for name in law.variables}
    columns = {k: v if k == "loss" else np.round(v) for k, v in columns.items()}
    value = np.asarray(law.form(truth, columns)) * np.exp(noise * rng.normal(size=n))
    return RunTable.from_pandas(pd.DataFrame({**columns, law.response: value}))


def assert_recovers(law: Law, truth: Mapping[str, float]) -> FitResult:
    fit = fit_law(law, runs_of(law, truth), n_boot=0)
    assert fit.status == "converged"
    assert fit.estimate == pytest.approx([truth[name] for name in law.names], rel=1e-6)
    return fit


# Published: values of the paper's own text and figures (arXiv 2001.08361).


@pytest.mark.parametrize("record", PUBLISHED, ids=lambda record: record.name)
def test_published_constants_name_their_table_and_fit_their_law(record: Any) -> None:
    law = next(law for law in FITTED if law.name == record.law)
    assert set(record.params) == set(law.names)
    assert "2001.08361" in record.source
    assert record.counts == "n_params_nonembedding"
    assert not has_frontier(record)


@pytest.mark.parametrize(
    ("law", "at", "printed", "tolerance"),
    [
        # Section 1.2: doubling N multiplies the loss by 2^-0.076 = 0.95.
        (KAPLAN_N, {"n_params_nonembedding": 8.8e13}, 1.0, 1e-12),
        (KAPLAN_D, {"n_tokens": 5.4e13}, 1.0, 1e-12),
        (KAPLAN_C, {"flops": 1.6e7 * 8.64e19}, 1.0, 1e-12),
        (KAPLAN_C_MIN, {"flops_min": 3.1e8 * 8.64e19}, 1.0, 1e-12),
        # Figure 1, right: 1.5e9 parameters lie near 2.3 nat/token.
        (KAPLAN_N, {"n_params_nonembedding": 1.5e9}, 2.30, 0.01),
    ],
    ids=["N_c", "D_c", "C_c", "C_min_c", "largest"],
)
def test_published_constants_give_the_printed_losses(
    law: Law, at: dict[str, float], printed: float, tolerance: float
) -> None:
    assert float(law.form(OWN[law.name].params, at)) == pytest.approx(printed, rel=tolerance)


def test_doubling_size_and_data_multiplies_the_loss_as_printed() -> None:
    """Section 1.2: 2^-alpha_N = 0.95; appendix-free arithmetic for D: 2^-0.095 = 0.936."""
    for law, variable, printed in (
        (KAPLAN_N, "n_params_nonembedding", 0.95),
        (KAPLAN_D, "n_tokens", 0.936),
    ):
        params = OWN[law.name].params
        ratio = law.form(params, {variable: 2e8}) / law.form(params, {variable: 1e8})
        assert float(ratio) == pytest.approx(printed, abs=0.005)


def test_joint_law_needs_data_as_the_paper_says() -> None:
    """Equation 4.4: D >= 5e3 N^0.74 keeps the loss within 0.02 of that with endless data."""
    params = OWN["kaplan-nd"].params
    n = np.array([1e7, 1e8, 1e9])
    enough = 5e3 * n**0.74
    here, endless = (
        np.asarray(KAPLAN_ND.form(params, {"n_params": n, "n_tokens": d}))
        for d in (enough, 1e30 * n)
    )
    assert here / endless - 1 == pytest.approx(0.02, abs=0.005)
    assert params["alpha_N"] / params["alpha_D"] == pytest.approx(0.74, abs=0.005)


def test_critical_batch_doubles_for_every_13_percent_of_loss() -> None:
    """Section 5.1 and figure 10: it doubles for every 13 % decrease in loss."""
    params = OWN["kaplan-critical-batch"].params
    small, large = (float(CRITICAL_BATCH.form(params, {"loss": x})) for x in (3.0, 3.0 * 0.87))
    assert large / small == pytest.approx(2.0, rel=0.04)


def test_a_pf_day_is_a_petaflop_for_a_day() -> None:
    assert PF_DAY == 1e15 * 24 * 3600


# Recovery.


@pytest.mark.parametrize("law", FITTED, ids=lambda law: law.name)
def test_published_parameters_come_back_from_noise_free_runs(law: Law) -> None:
    assert_recovers(law, TRUTH[law.name])


@pytest.mark.parametrize("n_c", [1e9, 1e11, 6.4e13, 1e17])
@pytest.mark.parametrize("law", [KAPLAN_N, KAPLAN_ND, KAPLAN_ND_CONSTANT, KAPLAN_NS])
def test_any_scale_of_size_comes_back_from_noise_free_runs(law: Law, n_c: float) -> None:
    assert_recovers(law, {**TRUTH[law.name], "N_c": n_c})


@pytest.mark.soak
@pytest.mark.parametrize(
    ("law", "n", "noise"),
    [
        (KAPLAN_N, 40, 0.01),
        (KAPLAN_NS, 60, 0.01),
        (KAPLAN_ND, 60, 0.01),
        (CRITICAL_BATCH, 40, 0.1),
    ],
    ids=["n", "ns", "nd", "critical-batch"],
)
def test_ninety_percent_intervals_hold_the_truth(law: Law, n: int, noise: float) -> None:
    truth, hits = TRUTH[law.name], np.zeros(len(law.names))
    for seed in range(200):
        runs = runs_of(law, truth, n=n, noise=noise, seed=seed)
        fit = fit_law(law, runs, n_boot=200, level=0.9)
        hits += [fit.params[k].low <= truth[k] <= fit.params[k].high for k in law.names]
    assert (np.abs(hits / 200 - 0.9) <= 0.05).all()


# Agreement.


def test_compute_in_pf_days_gives_the_same_law_as_in_flop() -> None:
    runs = runs_of(KAPLAN_C, TRUTH["kaplan-c"], noise=0.01)
    frame = runs.to_pandas()
    days = fit_law(
        KAPLAN_C, RunTable.from_pandas(frame.assign(flops=frame["flops"] / PF_DAY)), n_boot=0
    )
    flop = fit_law(KAPLAN_C, runs, n_boot=0)
    assert days.estimate * [PF_DAY, 1] == pytest.approx(flop.estimate, rel=1e-8)


def test_optimum_of_the_joint_law_is_that_of_a_search() -> None:
    fit = assert_recovers(KAPLAN_ND, TRUTH["kaplan-nd"])
    best = fit.optimal(1e20)
    n = 10 ** np.linspace(7, 11, 400_001)
    loss = fit.predict(n, 1e20 / (6 * n)).value
    assert best.n_params.value == pytest.approx(n[np.argmin(loss)], rel=1e-3)
    assert best.loss.value == pytest.approx(loss.min(), rel=1e-9)
    # From the constants: N ~ C^(1 / (1 + alpha_N / alpha_D)).
    assert fit.derived["exponent_n"].value == pytest.approx(1 / (1 + 0.076 / 0.103), rel=1e-6)


def test_a_power_law_is_a_straight_line_of_logarithms() -> None:
    runs = runs_of(KAPLAN_D, TRUTH["kaplan-d"], noise=0.02)
    fit = fit_law(KAPLAN_D, runs, n_boot=0, objective="log-squares")
    slope, offset = np.polyfit(np.log(runs.numbers("n_tokens")), np.log(runs.numbers("loss")), 1)
    assert fit.params["alpha_D"].value == pytest.approx(-slope, rel=1e-8)
    assert np.log(fit.params["D_c"].value) == pytest.approx(-offset / slope, rel=1e-8)


# Properties.


@settings(max_examples=8)
@given(unit=st.sampled_from([1e-6, 1e-3, 1e3, 1e9]), seed=st.integers(0, 5))
def test_a_unit_only_rescales_the_scale(unit: float, seed: int) -> None:
    frame = runs_of(KAPLAN_D, TRUTH["kaplan-d"], noise=0.01, seed=seed, n=20).to_pandas()
    frame["n_tokens"] = frame["n_tokens"].astype(float)
    scaled = frame.assign(x=frame["n_tokens"] * unit)
    plain = fit_law(KAPLAN_D, RunTable.from_pandas(scaled), n_boot=0)
    other = fit_law(KAPLAN_D, RunTable.from_pandas(scaled), n_boot=0, using={"n_tokens": "x"})
    assert other.estimate == pytest.approx(plain.estimate * [unit, 1], rel=1e-6)


@settings(max_examples=5)
@given(order=st.permutations(range(30)))
def test_order_of_runs_is_irrelevant(order: list[int]) -> None:
    runs = runs_of(KAPLAN_NS, TRUTH["kaplan-ns"], noise=0.01, n=30)
    one = fit_law(KAPLAN_NS, runs, n_boot=0)
    other = fit_law(KAPLAN_NS, runs.take(order), n_boot=0)
    assert other.estimate == pytest.approx(one.estimate, rel=1e-12)


# Bad input.


def frame_nd(**columns: Any) -> pd.DataFrame:
    frame = runs_of(KAPLAN_ND, TRUTH["kaplan-nd"], n=30).to_pandas()
    return frame.assign(**columns)


@pytest.mark.parametrize("rows", [0, 1, 4], ids=["empty", "one", "too-few"])
def test_too_few_runs_are_refused_with_the_number(rows: int) -> None:
    with pytest.raises(TooFewRunsError, match=f"needs at least 5 usable runs, got {rows}"):
        fit_law(KAPLAN_ND, RunTable.from_pandas(frame_nd().iloc[:rows]))


def test_losses_of_nan_are_left_out_with_the_reason() -> None:
    frame = frame_nd()
    frame.loc[:4, "loss"] = np.nan
    fit = fit_law(KAPLAN_ND, RunTable.from_pandas(frame), n_boot=0)
    assert fit.n_runs == 25
    assert {left.reason for left in fit.left_out} == {"loss is null"}


def test_one_size_alone_is_not_identified() -> None:
    fit = fit_law(KAPLAN_ND, RunTable.from_pandas(frame_nd(n_params=10**8)), n_boot=0)
    assert fit.status == "not-identifiable"
    assert "n_params has one value in all runs" in " ".join(fit.warnings)


def test_a_constant_loss_gives_no_law() -> None:
    frame = runs_of(KAPLAN_N, TRUTH["kaplan-n"], n=20).to_pandas().assign(loss=3.0)
    fit = fit_law(KAPLAN_N, RunTable.from_pandas(frame), n_boot=0)
    assert not fit.is_usable


def test_diverged_runs_are_left_out() -> None:
    status = ["diverged"] * 3 + ["finished"] * 27
    fit = fit_law(KAPLAN_ND, RunTable.from_pandas(frame_nd(status=status)), n_boot=0)
    assert fit.n_runs == 27
    assert fit.left_out[0].reason == "status is diverged"


def test_copies_of_runs_are_said() -> None:
    frame = runs_of(KAPLAN_N, TRUTH["kaplan-n"], n=20, noise=0.01).to_pandas()
    fit = fit_law(KAPLAN_N, RunTable.from_pandas(pd.concat([frame, frame])), n_boot=0)
    assert "20 of 40 rows are exact copies" in " ".join(fit.warnings)


def test_mixed_tokenizers_are_refused() -> None:
    tokenizers = ["gpt2", "llama"] * 15
    with pytest.raises(UnitError, match="different tokenizers"):
        fit_law(KAPLAN_ND, RunTable.from_pandas(frame_nd(tokenizer=tokenizers)))
