"""Memorization: effects per decade beside the paper's, limits of the line, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from isoflop.hookspecs import AnalysisContext
from isoflop.results import AnalysisResult
from isoflop.tables import RunTable
from isoflop_plugins.analyzers.memorization.analyzer import MEMORIZATION_ANALYZER
from isoflop_plugins.laws import memorization


def measurements(*, seed: int = 0, shift: float = 0.0) -> pd.DataFrame:
    grid = np.meshgrid([1.25e8, 1.3e9, 2.7e9, 6e9], [2, 8, 32, 128], [50, 150, 450])
    n, repetitions, context = (g.ravel() for g in grid)
    logs = 0.19 * np.log10(n) + 0.1 * np.log10(repetitions) + 0.15 * np.log10(context)
    noise = 0.01 * np.random.default_rng(seed).normal(size=48)
    return pd.DataFrame(
        {
            "run_name": [f"m{i}" for i in range(48)],
            "n_params": n,
            "repetitions": repetitions,
            "context": context,
            "fraction_extractable": logs - 1.8 + shift + noise,
        }
    )


def analyze(frame: pd.DataFrame, **options: Any) -> AnalysisResult:
    context = AnalysisContext(laws={law.name: law for law in memorization.LAWS}, published={})
    settings = {k: o.default for k, o in MEMORIZATION_ANALYZER.options.items()}
    settings |= {"n_boot": 200} | options
    return MEMORIZATION_ANALYZER.run(RunTable.from_pandas(frame), context, **settings)


@pytest.fixture(scope="module")
def result() -> AnalysisResult:
    return analyze(measurements())


def test_effects_stand_beside_those_of_the_paper(result: AnalysisResult) -> None:
    effects = result.tables["effects"].set_index("factor")
    assert effects["per_decade"].to_dict() == pytest.approx(
        {"n_params": 0.19, "repetitions": 0.1, "context": 0.15}, abs=0.015
    )
    assert effects["published"]["n_params"] == 0.19
    assert np.isnan(effects["published"]["repetitions"])
    assert "ten times the model size makes" in result.verdict
    assert "(GPT-Neo: 19)" in result.verdict


def test_where_the_line_leaves_one_hundred_percent_is_said(result: AnalysisResult) -> None:
    assert "The line passes 100 % at" in result.verdict
    assert "at the most repetitions and context measured" in result.verdict


def test_a_line_that_passes_one_inside_the_data_is_said() -> None:
    frame = measurements(shift=0.5)
    frame["fraction_extractable"] = frame["fraction_extractable"].clip(0, 1)
    told = analyze(frame)
    assert "inside the data" in told.verdict
    failed = [text for text, ok in told.checks if not ok]
    assert any("exactly 0 or 1" in text for text in failed)
    assert any("lie outside 0 to 1" in text for text in failed)


def test_a_factor_that_never_varies_is_no_part_of_the_law() -> None:
    frame = measurements()
    told = analyze(frame[frame["context"] == 150].drop(columns="context"))
    assert set(told.numbers) == {"per_decade_n_params", "per_decade_repetitions"}
    assert told.fits[0]["law"] == "memorization-n-params-repetitions"


def test_the_figure_has_a_panel_for_each_factor(result: AnalysisResult) -> None:
    assert len(result.figures["fraction_by_factor"].to_dict()["hconcat"]) == 3


def test_families_are_never_mixed() -> None:
    two = [measurements().assign(family="neo"), measurements(seed=1).assign(family="opt")]
    told = analyze(pd.concat(two))
    assert {"neo/per_decade_n_params", "opt/per_decade_n_params"} <= set(told.numbers)


def test_a_missing_fraction_is_asked_for() -> None:
    told = analyze(measurements().drop(columns="fraction_extractable"))
    assert "no run has fraction_extractable" in told.verdict
    assert told.is_silent


def test_percents_are_refused() -> None:
    frame = measurements()
    told = analyze(frame.assign(fraction_extractable=100 * frame["fraction_extractable"]))
    assert "give it as a fraction, not in percent" in told.verdict
    assert told.is_silent


def test_a_constant_fraction_is_refused() -> None:
    told = analyze(measurements().assign(fraction_extractable=0.3))
    assert "is 0.3 in all 48 runs, so nothing moves it" in told.verdict


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_too_few_measurements_give_a_sentence(rows: int) -> None:
    told = analyze(measurements().iloc[:rows])
    assert told.is_silent
    assert all(len(t.columns) for t in told.tables.values())
