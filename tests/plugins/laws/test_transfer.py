"""The law of transfer: statements of the paper, recovery, coverage, bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from isoflop.errors import TooFewRunsError
from isoflop.estimation import fit_law
from isoflop.laws import PublishedLaw
from isoflop.tables import RunTable
from isoflop_plugins.laws.transfer import HERNANDEZ, PUBLISHED, TRANSFER

TEXT, CODE = "text to Python", "text and code to Python"


def brought(name: str, *, n_params: float, n_tokens: float) -> float:
    given = {"n_params": n_params, "n_tokens": n_tokens}
    return float(np.asarray(TRANSFER.form(HERNANDEZ[name], given)))


def frame_of(name: str, n: int, *, seed: int = 0, noise: float = 0.0) -> Any:
    rng = np.random.default_rng(seed)
    sizes, data = np.round(10 ** rng.uniform(6, 9, n)), np.round(10 ** rng.uniform(5, 8, n))
    values = np.asarray(TRANSFER.form(HERNANDEZ[name], {"n_params": sizes, "n_tokens": data}))
    return pd.DataFrame(
        {
            "n_params": sizes,
            "n_tokens": data,
            "n_tokens_transferred": values * np.exp(noise * rng.normal(size=n)),
        }
    )


def fitted(frame: pd.DataFrame, **settings: Any) -> Any:
    return fit_law(TRANSFER, RunTable.from_pandas(frame), **settings)


def test_ten_times_the_model_is_worth_a_hundred_times_the_data() -> None:
    # Hernandez et al. 2021, section 1.1: b is about 2 a, text to Python; 0.38 / 0.18 = 2.1.
    bigger = brought(TEXT, n_params=1e9, n_tokens=1e6)
    more = brought(TEXT, n_params=1e8, n_tokens=1e8)
    assert bigger == pytest.approx(more, rel=0.06)


@pytest.mark.parametrize(("name", "printed"), [(TEXT, 3.7e8), (CODE, 4.1e9)])
def test_one_character_at_the_size_of_gpt_3(name: str, printed: float) -> None:
    # Section 6.2, extrapolated. b to two decimals is worth exp(0.005 ln 1.75e11) - 1 = 14 %.
    assert brought(name, n_params=1.75e11, n_tokens=1.0) == pytest.approx(printed, rel=0.14)


@pytest.mark.parametrize(("name", "printed"), [(TEXT, 2.8), (CODE, 1.7)])
def test_three_hundred_characters_multiply_what_is_brought(name: str, printed: float) -> None:
    # Section 6.2; D_T is all of D_E there.
    ratio = brought(name, n_params=1e9, n_tokens=300) / brought(name, n_params=1e9, n_tokens=1)
    assert ratio == pytest.approx(printed, abs=0.05)


@pytest.mark.parametrize("name", HERNANDEZ)
def test_parameters_come_back_from_noise_free_runs(name: str) -> None:
    fit = fitted(frame_of(name, 40), n_boot=0)
    assert fit.status == "converged"
    assert fit.estimate == pytest.approx([HERNANDEZ[name][k] for k in TRANSFER.names], rel=1e-6)


def test_the_fit_is_least_squares_of_the_logs() -> None:
    frame = frame_of(TEXT, 40, noise=0.2)
    x = np.log(frame[["n_tokens", "n_params"]].to_numpy())
    design = np.column_stack([np.ones(len(x)), x])
    target = np.log(frame["n_tokens_transferred"].to_numpy())
    expected = np.linalg.lstsq(design, target, rcond=None)[0]
    found = fitted(frame, n_boot=0).estimate
    assert [np.log(found[0]), *found[1:]] == pytest.approx(expected, rel=1e-7)


def test_another_unit_of_data_changes_k_alone() -> None:
    frame = frame_of(TEXT, 40, noise=0.2)
    scaled = frame.assign(
        n_tokens=frame["n_tokens"] * 4, n_tokens_transferred=frame["n_tokens_transferred"] * 4
    )
    one, other = fitted(frame, n_boot=0), fitted(scaled, n_boot=0)
    k, a, b = one.estimate
    assert other.estimate == pytest.approx([k * 4 ** (1 - a), a, b], rel=1e-7)


@pytest.mark.soak
def test_ninety_percent_intervals_hold_the_truth() -> None:
    truth, hits = HERNANDEZ[TEXT], np.zeros(3)
    for seed in range(200):
        frame = frame_of(TEXT, 120, seed=seed, noise=0.1)
        told = fitted(frame, n_boot=200, seed=seed, level=0.9).params
        hits += [told[k].low <= truth[k] <= told[k].high for k in TRANSFER.names]
    assert (np.abs(hits / 200 - 0.9) <= 0.05).all()


def test_one_size_tells_nothing_of_size() -> None:
    fit = fitted(frame_of(TEXT, 20).assign(n_params=1e8), n_boot=0)
    assert fit.status == "not-identifiable"


def test_runs_that_lost_data_are_left_out() -> None:
    frame = frame_of(TEXT, 20)
    frame.loc[2, "n_tokens_transferred"] = -1e6
    fit = fitted(frame, n_boot=0)
    assert "n_tokens_transferred is -1e+06, not positive" in fit.left_out[0].reason


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_too_few_runs_are_refused(rows: int) -> None:
    with pytest.raises(TooFewRunsError, match="needs at least 4 usable"):
        fitted(frame_of(TEXT, 10).iloc[:rows])


@pytest.mark.parametrize("law", PUBLISHED, ids=lambda law: law.name)
def test_published_records_hold_the_laws_parameters_and_their_unit(law: PublishedLaw) -> None:
    assert (law.law, tuple(law.params)) == (TRANSFER.name, TRANSFER.names)
    assert "characters" in law.notes["unit"]
