"""Average task error from loss: tasks, chain, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from isoflop.hookspecs import AnalysisContext
from isoflop.results import AnalysisResult
from isoflop.schema import FITS
from isoflop.tables import ScoreTable
from isoflop_plugins.analyzers.downstream_error.analyzer import DOWNSTREAM_ERROR_ANALYZER
from isoflop_plugins.laws.overtraining import DOWNSTREAM_ERROR, OVER_TRAINING

TASKS = {"piqa": -0.05, "arc_easy": 0.05, "copa": 0.0}
CONTEXT = AnalysisContext(
    laws={"over-training": OVER_TRAINING, "downstream-error": DOWNSTREAM_ERROR}, published={}
)


def scores_of(name: str, n: int = 30, *, seed: int = 0, noise: float = 0.002) -> pd.DataFrame:
    """Return scores whose mean error is 0.86 - 2.2 exp(-0.72 loss), three tasks a run."""
    rng = np.random.default_rng(seed)
    n_params = np.round(10 ** rng.uniform(7, 10, n))
    n_tokens = np.round(n_params * 10 ** rng.uniform(0.7, 2.5, n))
    truth = {"E": 1.8, "a": 200.0, "b": 350.0, "eta": 0.136}
    loss = np.asarray(OVER_TRAINING.form(truth, {"n_params": n_params, "n_tokens": n_tokens}))
    error = 0.86 - 2.2 * np.exp(-0.72 * loss) + noise * rng.normal(size=n)
    rows = [
        {
            "run_uid": f"{name}-{i}", "run_name": f"{name}-{i}", "family": name,
            "n_params": n_params[i], "n_tokens": n_tokens[i], "loss": loss[i],
            "task": task, "metric": "accuracy", "value": 1 - error[i] - shift,
            "chance_level": 0.14,
        }
        for i in range(n)
        for task, shift in TASKS.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def analyze(frame: pd.DataFrame, **options: Any) -> AnalysisResult:
    defaults = {k: o.default for k, o in DOWNSTREAM_ERROR_ANALYZER.options.items()}
    return DOWNSTREAM_ERROR_ANALYZER.run(
        ScoreTable.from_pandas(frame), CONTEXT, **(defaults | {"n_boot": 100} | options)
    )


@pytest.fixture(scope="module")
def result() -> AnalysisResult:
    return analyze(pd.concat([scores_of("good"), scores_of("few", 3)]))


def test_the_law_of_the_error_comes_back(result: AnalysisResult) -> None:
    numbers = result.numbers
    for name, value in (("k", 2.2), ("gamma", 0.72), ("eps", 0.86)):
        assert numbers[name].low < value < numbers[name].high
    assert "Family 'good' (30 runs, mean accuracy of 3 tasks, squares)" in result.verdict
    assert "1 family had too few runs or no scores." in result.verdict


def test_the_largest_runs_are_foretold_from_loss_and_from_size(result: AnalysisResult) -> None:
    held = result.tables["held_out"]
    assert len(held) == 6
    for name in ("from_loss", "from_size"):
        assert (held[name] / held["error"] - 1).abs().mean() < 0.02
        assert (held[f"{name}_low"] <= held[f"{name}_high"]).all()
    assert (held["baseline"] / held["error"] - 1).abs().mean() > 0.02


def test_the_level_of_guessing_is_compared(result: AnalysisResult) -> None:
    assert any("of guessing 0.86" in text and ok for text, ok in result.checks)


def test_a_task_of_few_runs_is_left_out_and_not_the_runs() -> None:
    frame = scores_of("x")
    few = frame[frame["task"] == "piqa"].head(5).assign(task="rare")
    result = analyze(pd.concat([frame, few]))
    tasks = result.tables["tasks"].set_index("task")
    assert not tasks.loc["rare", "is_averaged"]
    assert tasks.loc["rare", "reason"] == "scored on 5 of 30 runs"
    assert [left.subject for left in result.left_out] == ["rare"]


def test_a_run_that_lacks_a_task_is_left_out_with_the_reason() -> None:
    frame = scores_of("x")
    result = analyze(
        frame.drop(frame.index[(frame["run_name"] == "x-4") & (frame["task"] == "copa")])
    )
    assert [(left.subject, left.reason) for left in result.left_out] == [
        ("x-4", "has no score on 'copa'")
    ]


def test_the_last_checkpoint_counts() -> None:
    frame = scores_of("x")
    early = frame.assign(step=100, value=0.1)
    late = frame.assign(step=200)
    errors = analyze(pd.concat([late, early])).tables["error_vs_loss"]
    plain = analyze(frame).tables["error_vs_loss"]
    runs = [t[t["kind"] == "run"].sort_values("run")["error"].to_numpy() for t in (errors, plain)]
    assert np.allclose(*runs)


def test_scores_in_percent_and_other_metrics_do_not_count() -> None:
    result = analyze(scores_of("x").assign(value=55.0))
    assert "no score is named 'accuracy' and lies between 0 and 1" in result.verdict
    assert "no score is named 'f1'" in analyze(scores_of("x"), metric="f1").verdict


def test_runs_without_a_loss_are_refused_in_words() -> None:
    result = analyze(scores_of("x").assign(loss=float("nan")))
    assert (
        "needs at least 4 usable runs, got 0 of 30 (left out: 30 x loss is null)" in result.verdict
    )


def test_without_sizes_the_error_still_follows_from_the_loss() -> None:
    frame = scores_of("x").assign(n_tokens=None)
    result = analyze(frame)
    assert "too few runs to hold any out" in result.verdict
    assert result.tables["held_out"].empty


def test_constant_error_is_no_law() -> None:
    assert "Family 'x'" in analyze(scores_of("x", noise=0.0).assign(value=0.5)).verdict
    result = analyze(scores_of("x").assign(value=0.5))
    assert result.tables["error_vs_loss"]["kind"].eq("run").all()
    [figure] = result.figures.specs()
    assert "no line here" in figure.caption


def test_an_empty_table_says_so_and_keeps_its_columns() -> None:
    result = analyze(scores_of("x").iloc[:0])
    assert result.verdict == "There are no scores."
    assert "from_size_high" in result.tables["held_out"].columns


def test_the_figure_renders_and_rows_fit_the_registry(result: AnalysisResult) -> None:
    import vl_convert

    svg = vl_convert.vegalite_to_svg(result.figures["error_vs_loss"].to_json())
    assert "NaN" not in svg
    assert all(tuple(row) == FITS.names for row in result.fits)
