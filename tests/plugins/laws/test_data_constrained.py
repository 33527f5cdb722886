"""The law of repeated tokens: published numbers, recovery, coverage, what is not identified."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoflop.errors import TooFewRunsError
from isoflop.estimation import fit_law
from isoflop.estimation.frontier import TwoTermFrontier
from isoflop.tables import RunTable
from isoflop_plugins.laws.data_constrained import (
    DATA_CONSTRAINED,
    MUENNIGHOFF_C4,
    PUBLISHED,
    effective,
    optimal_params,
)

FIRST_STAGE = {k: v for k, v in MUENNIGHOFF_C4.items() if k not in ("R_D", "R_N")}


def frame_of(n: int, *, seed: int = 0, noise: float = 0.0, most_epochs: float = 100) -> Any:
    rng = np.random.default_rng(seed)
    unique = 10 ** rng.uniform(8, 10.5, n)
    epochs = np.where(rng.random(n) < 0.3, 1.0, most_epochs ** rng.uniform(0, 1, n))
    frame = pd.DataFrame(
        {
            "n_params": 10 ** rng.uniform(7, 9.9, n),
            "n_tokens": unique * epochs,
            "n_tokens_unique": unique,
        }
    ).round()
    values = {c: frame[c].to_numpy() for c in DATA_CONSTRAINED.variables}
    loss = np.asarray(DATA_CONSTRAINED.form(MUENNIGHOFF_C4, values))
    return frame.assign(loss=loss * np.exp(noise * rng.normal(size=n)))


def fitted(frame: pd.DataFrame, **settings: Any) -> Any:
    return fit_law(DATA_CONSTRAINED, RunTable.from_pandas(frame), **settings)


def test_unique_data_names_the_size_that_the_authors_notebook_prints() -> None:
    # huggingface/datablations 1370131, utils/parametric_fit.ipynb, cell 8: at 5.76e23 FLOPs.
    assert optimal_params(MUENNIGHOFF_C4, 1372170066384.2363) == pytest.approx(69962173313.52132)


def test_unique_data_names_the_size_of_the_two_term_frontier() -> None:
    names = ("E", "A", "B", "alpha", "beta")
    p = {**MUENNIGHOFF_C4, "alpha": 0.31, "beta": 0.37}
    frontier = TwoTermFrontier(**{k: np.asarray(p[k]) for k in names})
    n = float(frontier.n_opt(1e21))
    assert optimal_params(p, float(frontier.d_opt(1e21))) == pytest.approx(n)


def test_a_half_life_of_repetitions_leaves_a_share_of_one_over_e() -> None:
    # Muennighoff et al. 2023, section 3.1 (from memory of the paper): after R_D* repetitions a
    # repeated token has lost a share 1 - 1/e of its worth.
    step = 1e-4
    at = np.array([0.0, step]) + 1.0 + MUENNIGHOFF_C4["R_D"]
    worth = np.diff(effective(1.0, at, MUENNIGHOFF_C4["R_D"])) / step
    assert worth[0] == pytest.approx(np.exp(-1.0), rel=1e-4)


def test_without_repeats_and_with_little_model_it_is_the_two_term_law() -> None:
    n, d = np.array([1e7, 1e8]), np.array([1e10, 1e11])
    loss = DATA_CONSTRAINED.form(
        MUENNIGHOFF_C4, {"n_params": n, "n_tokens": d, "n_tokens_unique": d}
    )
    p = MUENNIGHOFF_C4
    assert loss == pytest.approx(p["E"] + p["A"] * n ** -p["alpha"] + p["B"] * d ** -p["beta"])


@given(
    epochs=st.floats(1.0, 1e4),
    half_life=st.floats(0.1, 1e4),
    unique=st.floats(1e6, 1e12),
)
def test_repeats_are_worth_something_and_less_than_new_tokens(
    epochs: float, half_life: float, unique: float
) -> None:
    worth = effective(unique, unique * epochs, half_life)
    assert unique <= worth * (1 + 1e-12)
    assert worth <= unique * min(epochs, 1 + half_life) * (1 + 1e-9)


@pytest.mark.parametrize("fixed", [None, FIRST_STAGE], ids=["joint", "two-stage"])
def test_parameters_come_back_from_noise_free_runs(fixed: dict[str, float] | None) -> None:
    fit = fitted(frame_of(120), n_boot=0, fixed=fixed)
    assert fit.status == "converged"
    assert fit.estimate == pytest.approx([MUENNIGHOFF_C4[k] for k in fit.law.names], rel=1e-6)


def test_tied_exponents_come_back_as_the_authors_tied_them() -> None:
    fit = fitted(frame_of(120, seed=1), n_boot=0, tied=("alpha", "beta"))
    assert fit.estimate == pytest.approx([MUENNIGHOFF_C4[k] for k in fit.law.names], rel=1e-6)


@pytest.mark.soak
@pytest.mark.parametrize("fixed", [None, FIRST_STAGE], ids=["joint", "two-stage"])
def test_ninety_percent_intervals_hold_the_truth(fixed: dict[str, float] | None) -> None:
    hits: Any = 0.0
    for seed in range(200):
        frame = frame_of(120, seed=seed, noise=0.004)
        fit = fitted(frame, n_boot=200, seed=seed, level=0.9, fixed=fixed, objective="log-squares")
        told = fit.params
        hits += np.array([told[k].low <= MUENNIGHOFF_C4[k] <= told[k].high for k in told])
    assert (np.abs(hits / 200 - 0.9) <= 0.05).all()


def test_few_repeats_leave_the_half_life_open() -> None:
    frame = frame_of(60, noise=0.01, most_epochs=1.5)
    fit = fitted(frame, n_boot=200, fixed=FIRST_STAGE)
    told = fit.params["R_D"]
    assert "R_D" in fit.unidentified or not fit.is_usable or told.high / told.low > 20


@pytest.mark.parametrize("rows", [0, 1, 7])
def test_too_few_runs_are_refused(rows: int) -> None:
    with pytest.raises(TooFewRunsError, match="needs at least 8 usable"):
        fitted(frame_of(10).iloc[:rows])


def test_runs_without_a_count_of_distinct_tokens_are_left_out_by_name() -> None:
    frame = frame_of(30)
    frame.loc[3, "n_tokens_unique"] = np.nan
    fit = fitted(frame, n_boot=0)
    assert [left.reason for left in fit.left_out] == ["n_tokens_unique is null"]


def test_the_published_record_holds_the_laws_parameters() -> None:
    (law,) = PUBLISHED
    assert law.law == DATA_CONSTRAINED.name
    assert tuple(law.params) == DATA_CONSTRAINED.names
