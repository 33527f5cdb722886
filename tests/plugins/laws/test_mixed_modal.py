"""The law of mixed modalities: barrier, recovery, coverage, bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoflop.errors import TooFewRunsError
from isoflop.estimation import fit_law
from isoflop.tables import RunTable
from isoflop_plugins.laws.mixed_modal import AGHAJANYAN, MIXED_MODAL, barrier

TRUTH = {"C": 0.25, "A": 40.0, "B": 200.0, "alpha": 0.3, "beta": 0.28}


def frame_of(n: int, *, seed: int = 0, noise: float = 0.0, truth: dict[str, float] = TRUTH) -> Any:
    rng = np.random.default_rng(seed)
    sizes, tokens = np.round(10 ** rng.uniform(7, 10, n)), np.round(10 ** rng.uniform(9, 11, n))
    values = np.asarray(MIXED_MODAL.form(truth, {"n_params": sizes, "n_tokens": tokens}))
    return pd.DataFrame(
        {
            "n_params": sizes,
            "n_tokens": tokens,
            "loss_interaction": values + noise * rng.normal(size=n),
        }
    )


def fitted(frame: pd.DataFrame, **settings: Any) -> Any:
    return fit_law(MIXED_MODAL, RunTable.from_pandas(frame), **settings)


def test_exponents_of_the_modalities_stand_as_printed() -> None:
    # Aghajanyan et al. 2023, table of laws of one modality: code and molecules scale easiest,
    # images hardest.
    alphas = {name: p["alpha"] for name, p in AGHAJANYAN.items()}
    assert alphas["code"] == alphas["molecules"] == max(alphas.values()) == 0.37
    assert sorted(alphas, key=lambda m: alphas[m])[:2] == ["image-text", "image"]


@given(
    c=st.floats(0.05, 1.0),
    alpha=st.floats(0.1, 0.8),
    beta=st.floats(0.1, 0.8),
    off=st.floats(-0.5, 0.5),
)
def test_the_barrier_has_no_interaction_and_costs_least(
    c: float, alpha: float, beta: float, off: float
) -> None:
    p = {"C": c, "A": 3.0 * 1e7**alpha, "B": 2.0 * 1e9**beta, "alpha": alpha, "beta": beta}
    n, d, flops = (float(x) for x in barrier(p))
    assert float(MIXED_MODAL.form(p, {"n_params": n, "n_tokens": d})) == pytest.approx(
        0.0, abs=1e-9
    )
    rest = c - p["A"] * (n * np.exp(off)) ** -alpha
    if rest > 0:
        other = (p["B"] / rest) ** (1 / beta)
        assert 6 * n * np.exp(off) * other >= flops * (1 - 1e-9)


def test_without_synergy_competition_never_ends() -> None:
    assert all(np.isinf(x) for x in barrier({**TRUTH, "C": -0.1}))
    assert all(np.isinf(x) for x in barrier({**TRUTH, "C": 0.0}))


@pytest.mark.parametrize("objective", ["huber", "squares"])
@pytest.mark.parametrize("synergy", [0.25, -0.05], ids=["synergy", "competition"])
def test_parameters_come_back_from_noise_free_runs(objective: str, synergy: float) -> None:
    truth = {**TRUTH, "C": synergy}
    fit = fitted(frame_of(60, truth=truth), n_boot=0, objective=objective)
    assert fit.status == "converged"
    assert fit.estimate == pytest.approx([truth[k] for k in MIXED_MODAL.names], rel=1e-6)


@pytest.mark.soak
def test_ninety_percent_intervals_hold_the_truth() -> None:
    hits = np.zeros(5)
    for seed in range(200):
        frame = frame_of(120, seed=seed, noise=0.003)
        fit = fitted(frame, n_boot=200, seed=seed, level=0.9, objective="squares")
        hits += [fit.params[k].low <= TRUTH[k] <= fit.params[k].high for k in MIXED_MODAL.names]
    assert (np.abs(hits / 200 - 0.9) <= 0.05).all()


def test_interactions_of_both_signs_are_fitted() -> None:
    frame = frame_of(60)
    assert (frame["loss_interaction"] < 0).any()
    assert (frame["loss_interaction"] > 0).any()
    assert fitted(frame, n_boot=0).n_runs == 60


def test_a_constant_interaction_has_no_law() -> None:
    assert not fitted(frame_of(60).assign(loss_interaction=0.1), n_boot=0).is_usable


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_too_few_runs_are_refused(rows: int) -> None:
    with pytest.raises(TooFewRunsError, match="needs at least 6 usable"):
        fitted(frame_of(10).iloc[:rows])
