"""Fits of families and held-out runs: what the analyzers of fitted laws share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from isoflop.drawing.log_legends import round_values
from isoflop.errors import SchemaError
from isoflop.estimation import rollout
from isoflop.hookspecs import AnalysisContext
from isoflop.tables import RunTable
from isoflop_plugins.analyzers.by_family.fits import all_left_out, fit_family, refit_families
from isoflop_plugins.analyzers.by_family.hold_out import (
    by_compute,
    by_tokens_per_param,
    predict_held_out,
)
from isoflop_plugins.analyzers.chinchilla.sweeps import best_of_sweep
from isoflop_plugins.laws.chinchilla import CHINCHILLA

SETTINGS = {"n_boot": 50, "seed": 0, "level": 0.95}


def frame_of(n: int = 40, *, family: str = "x", seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n_params = np.round(10 ** rng.uniform(7, 10, n))
    n_tokens = np.round(10 ** rng.uniform(9, 11.5, n))
    loss = (1.8 + 480 / n_params**0.35 + 2100 / n_tokens**0.37) * np.exp(0.003 * rng.normal(size=n))
    names = [f"{family}-{i}" for i in range(n)]
    return pd.DataFrame(
        {"run_name": names, "family": family, "n_params": n_params, "n_tokens": n_tokens,
         "loss": loss}
    )  # fmt: skip


def test_held_out_runs_are_those_of_the_rollout() -> None:
    runs = RunTable.from_pandas(frame_of())
    ours = fit_family(CHINCHILLA, "x", runs, SETTINGS, holdout=0.2).held_out
    core = rollout(CHINCHILLA, runs, holdout=0.2, n_boot=50)
    assert ours is not None
    assert np.array_equal(ours.rows, core.rows)
    assert np.allclose(ours.predicted.value, core.predicted.value, rtol=1e-10)
    assert np.allclose(ours.predicted.low, core.predicted.low, rtol=1e-10)
    assert ours.baseline == core.baseline


def test_whole_clusters_are_held_out_by_their_largest_row() -> None:
    frame = frame_of(12)
    frame["n_params"], frame["n_tokens"] = 1e9, np.arange(1, 13) * 1e9
    frame["model"] = list("abcabcabcabd")
    runs = RunTable.from_pandas(frame)
    held = by_compute(runs, np.arange(12), share=0.5, clusters="model")
    assert [frame["model"][i] for i in held] == ["b", "b", "b", "b", "d"]


def test_rows_of_most_tokens_per_parameter_come_last() -> None:
    runs = RunTable.from_pandas(frame_of(10))
    held = by_tokens_per_param(runs, np.arange(10), share=0.3)
    ratio = runs.numbers("n_tokens") / runs.numbers("n_params")
    assert held.tolist() == np.argsort(ratio)[-3:].tolist()


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0])
def test_a_share_outside_0_to_1_is_refused(share: float) -> None:
    with pytest.raises(SchemaError, match="holdout must lie between 0 and 1"):
        by_compute(RunTable.from_pandas(frame_of(4)), np.arange(4), share=share)


def test_too_few_runs_left_give_no_held_out_error() -> None:
    runs = RunTable.from_pandas(frame_of(7))
    rows = np.arange(7)
    assert predict_held_out(CHINCHILLA, runs, rows, rows[-3:], SETTINGS) is None


def test_a_family_that_cannot_be_fitted_says_why_and_lists_its_runs() -> None:
    item = fit_family(CHINCHILLA, "x", RunTable.from_pandas(frame_of(3)), SETTINGS)
    assert item.fit is None
    left = all_left_out([item])
    assert [one.subject for one in left] == ["x-0", "x-1", "x-2"]
    assert "needs at least 6 usable runs" in left[0].reason


def test_refits_are_of_families_with_an_optimum() -> None:
    line = frame_of(20, family="line")
    line["n_tokens"] = 20 * line["n_params"]
    runs = RunTable.from_pandas(pd.concat([frame_of(), line, frame_of(3, family="few")]))
    context = AnalysisContext(laws={"chinchilla": CHINCHILLA}, published={})
    fits, reasons = refit_families(runs, context, level=0.95, n_boot=50, seed=0)
    assert set(fits) == {"x"}
    assert set(reasons) == {"line"}
    assert reasons["line"].startswith("not-identifiable: the runs lie on one line")
    empty = AnalysisContext(laws={}, published={})
    assert refit_families(runs, empty, level=0.95, n_boot=50, seed=0) == ({}, {})


def test_the_best_of_a_sweep_is_told_by_settings_and_not_by_order() -> None:
    frame = frame_of(8)
    worse = frame.assign(loss=frame["loss"] + 0.1, run_name="w-" + frame["run_name"])
    for parts in ([frame, worse], [worse, frame]):
        runs = RunTable.from_pandas(pd.concat(parts))
        kept, left = best_of_sweep(CHINCHILLA, runs, family="x")
        assert set(kept.labels()) == set(frame["run_name"])
        assert len(left) == 8


def test_runs_that_cannot_be_used_neither_win_nor_lose() -> None:
    frame = frame_of(8)
    dead = frame.assign(loss=0.1, status="diverged", run_name="d-" + frame["run_name"])
    kept, left = best_of_sweep(
        CHINCHILLA, RunTable.from_pandas(pd.concat([frame, dead])), family="x"
    )
    assert len(kept) == 16
    assert left == ()


def test_legends_have_few_round_values() -> None:
    assert round_values(4.9, 650) == [5, 10, 20, 50, 100, 200, 500]
    assert len(round_values(1e6, 1e12)) <= 7
    assert round_values(3.1, 3.4) == [3.1, 3.4]
