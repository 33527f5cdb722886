"""Pruned data: which form, how sure, the best fraction, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from isoflop.errors import SchemaError
from isoflop.hookspecs import AnalysisContext
from isoflop.results import AnalysisResult
from isoflop.tables import RunTable
from isoflop_plugins.analyzers.pruning.analyzer import PRUNING_ANALYZER
from isoflop_plugins.laws import pruning


def curves(*, seed: int = 0, noise: float = 0.01, score: str = "el2n") -> pd.DataFrame:
    """Return a power law without pruning, and an exponential at 20 % kept that crosses it."""
    rng = np.random.default_rng(seed)
    kept = np.geomspace(1e4, 1e6, 16)
    whole, fifth = 0.02 + 20 * kept**-0.45, 0.03 + 0.6 * np.exp(-kept / 1e5)
    frames = [
        pd.DataFrame({"kept_fraction": f, "n_kept": kept, "error": e * scatter})
        for f, e, scatter in zip(
            (1.0, 0.2), (whole, fifth), np.exp(noise * rng.normal(size=(2, 16))), strict=True
        )
    ]
    return pd.concat(frames, ignore_index=True).assign(pruning_score=score)


def analyze(frame: pd.DataFrame, **options: Any) -> AnalysisResult:
    context = AnalysisContext(laws={law.name: law for law in pruning.LAWS}, published={})
    settings = {k: o.default for k, o in PRUNING_ANALYZER.options.items()}
    settings |= {"n_boot": 100} | options
    return PRUNING_ANALYZER.run(RunTable.from_pandas(frame), context, **settings)


@pytest.fixture(scope="module")
def result() -> AnalysisResult:
    return analyze(curves())


def test_each_curve_gets_the_form_it_was_made_from(result: AnalysisResult) -> None:
    forms = result.tables["forms"].set_index("kept_fraction")["form"]
    assert forms[1.0] == "power"
    assert forms[0.2] == "exponential"
    assert "error falls exponentially in 1 (kept 20 %" in result.verdict


def test_scatter_that_hides_the_form_is_told() -> None:
    told = analyze(curves(noise=0.5))
    assert "in a form that cannot be told in" in told.verdict


def test_the_best_fraction_falls_where_the_curves_cross(result: AnalysisResult) -> None:
    frontier = result.tables["frontier"]
    assert frontier["best_fraction"].iloc[0] == 1.0
    assert frontier["best_fraction"].iloc[-1] == 0.2
    crossing = frontier.loc[frontier["best_fraction"] == 0.2, "n_kept"].min()
    assert 1e5 < crossing < 4e5
    assert frontier["n_before"].iloc[-1] == pytest.approx(5 * frontier["n_kept"].iloc[-1])
    assert "prune harder as data grows" in result.verdict


def test_scores_are_never_mixed() -> None:
    both = analyze(pd.concat([curves(), curves(seed=1, score="memorization")]))
    assert len(both.tables["forms"]) == 4
    assert set(both.tables["frontier"]["score"]) == {"el2n", "memorization"}


def test_another_response_is_read_by_name(result: AnalysisResult) -> None:
    told = analyze(curves().rename(columns={"error": "loss"}), response="loss")
    assert list(told.numbers) == list(result.numbers)


def test_figures_are_drawn(result: AnalysisResult) -> None:
    assert set(result.figures) == {"error_by_data_kept", "best_fraction"}
    assert all(chart.to_dict() for chart in result.figures.values())


@pytest.mark.parametrize("column", ["kept_fraction", "n_kept", "error"])
def test_a_missing_column_is_named(column: str) -> None:
    told = analyze(curves().drop(columns=column))
    assert f"no run has {column}" in told.verdict
    assert told.is_silent


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_too_few_runs_give_a_sentence_and_keep_columns(rows: int) -> None:
    told = analyze(curves().iloc[:rows])
    assert told.is_silent
    assert all(len(t.columns) for t in told.tables.values())
    assert len(told.left_out) == rows


def test_a_fraction_above_one_is_left_out() -> None:
    frame = curves()
    frame.loc[0, "kept_fraction"] = 20.0
    told = analyze(frame)
    assert told.left_out[0].reason == "kept_fraction is null or not above 0 and at most 1"


def test_an_error_that_never_moves_names_no_form() -> None:
    told = analyze(curves().assign(error=0.3))
    assert (told.tables["forms"]["form"] == "cannot tell").all()
    assert not told.numbers


def test_a_share_out_of_range_is_refused() -> None:
    with pytest.raises(SchemaError, match="holdout must lie between 0 and 1"):
        analyze(curves(), holdout=1.5)
