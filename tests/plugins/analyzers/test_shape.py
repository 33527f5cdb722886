"""Depth against width: effects, disagreement, pairs of one size, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from isoflop.errors import SchemaError
from isoflop.hookspecs import AnalysisContext
from isoflop.results import AnalysisResult
from isoflop.tables import RunTable
from isoflop_plugins.analyzers.shape.analyzer import SHAPE_ANALYZER
from isoflop_plugins.analyzers.shape.families import equal_pairs
from isoflop_plugins.laws import shape


def sweep(*, seed: int = 0, upstream: float = 0.0, downstream: float = -0.03) -> pd.DataFrame:
    """Return six sizes in four shapes each, one training length, with a score."""
    rng = np.random.default_rng(seed)
    size, layers = (g.ravel() for g in np.meshgrid(np.geomspace(3e7, 1e9, 6), [4, 8, 16, 32]))
    width = np.round(np.sqrt(size / 12 / layers))
    n = np.round(12 * layers * width**2)
    aspect = np.log(width / layers)
    loss = np.exp(2.6 - 0.07 * np.log(n) + upstream * aspect + 0.001 * rng.normal(size=24))
    score = -0.3 + 0.06 * np.log(n) + downstream * aspect + 0.003 * rng.normal(size=24)
    return pd.DataFrame(
        {
            "run_name": [f"L{a:g}-d{b:g}" for a, b in zip(layers, width, strict=True)],
            "family": "t5",
            "n_layers": layers,
            "d_model": width,
            "n_params_nonembedding": n,
            "n_tokens": 34e9,
            "loss": loss,
            "superglue": score,
        }
    )


def analyze(frame: pd.DataFrame, **options: Any) -> AnalysisResult:
    context = AnalysisContext(laws={law.name: law for law in shape.LAWS}, published={})
    settings = {k: o.default for k, o in SHAPE_ANALYZER.options.items()}
    settings |= {"n_boot": 200, "downstream": "superglue"} | options
    return SHAPE_ANALYZER.run(RunTable.from_pandas(frame), context, **settings)


@pytest.fixture(scope="module")
def result() -> AnalysisResult:
    return analyze(sweep())


def test_depth_that_helps_downstream_alone_is_a_disagreement(result: AnalysisResult) -> None:
    up, down = (result.numbers[f"depth_effect_{k}"] for k in ("upstream", "downstream"))
    assert abs(up.value) < 0.002
    assert down.value == pytest.approx(1.5 * np.log(2) * 0.03, abs=0.003)
    assert down.low > 0
    assert "the two disagree, depth is worth more than the loss says" in result.verdict


def test_depth_worth_the_same_in_both_is_no_disagreement() -> None:
    # Both are worth exp(1.5 log 2 x 0.5) times the size.
    same = analyze(sweep(upstream=0.035, downstream=-0.03))
    assert "cannot be told apart" in same.verdict


def test_deeper_and_shallower_runs_of_one_size_are_paired(result: AnalysisResult) -> None:
    pairs = result.tables["pairs"]
    assert len(pairs) == 6
    assert (pairs["n_layers_deeper"] == 32).all()
    assert (pairs["n_layers_shallower"] == 4).all()
    assert (pairs["score_difference"] > 0).all()
    assert any("the higher score in 6 of 6" in text for text, _ in result.checks)


@pytest.mark.parametrize("column", ["n_params_nonembedding", "n_tokens"])
def test_runs_of_another_size_or_training_are_no_pair(column: str) -> None:
    two = sweep().iloc[[0, 18]].reset_index(drop=True)
    assert (
        len(equal_pairs(RunTable.from_pandas(two), size="n_params_nonembedding", within=1.1)) == 1
    )
    two[column] *= [3, 1]
    assert not equal_pairs(RunTable.from_pandas(two), size="n_params_nonembedding", within=1.1)


def test_the_order_of_runs_does_not_move_the_effect(result: AnalysisResult) -> None:
    turned = analyze(sweep().iloc[::-1])
    for name, number in result.numbers.items():
        assert turned.numbers[name].value == pytest.approx(number.value, abs=1e-9)


def test_figures_are_drawn_and_their_tables_have_units(result: AnalysisResult) -> None:
    assert set(result.figures) == {"upstream_by_aspect_ratio", "downstream_by_aspect_ratio"}
    assert all(chart.to_dict() for chart in result.figures.values())
    assert result.tables["effects"].attrs["units"]["effect_low"] == "1"


def test_without_a_score_the_loss_alone_is_judged() -> None:
    alone = analyze(sweep().drop(columns="superglue"))
    assert set(alone.numbers) == {"depth_effect_upstream"}
    assert "there is no score in column 'superglue'" in alone.verdict


def test_published_runs_with_one_shape_a_size_are_refused(shared_data: Path) -> None:
    runs = pd.read_csv(shared_data / "gadre" / "runs.csv")
    losses = pd.read_parquet(shared_data / "gadre" / "losses.parquet")
    loss = losses[losses["eval_set"] == "paloma_c4_en"].set_index("run")["loss"]
    arch = runs["arch"].str.extract(r"d=(\d+)_l=(\d+)").astype(float)
    frame = pd.DataFrame(
        {
            "family": runs["dataset"], "n_layers": arch[1], "d_model": arch[0],
            "n_params_nonembedding": runs["params_no_embed"], "n_tokens": runs["tokens"],
            "loss": runs["run"].map(loss),
        }
    )  # fmt: skip
    told = analyze(frame)
    assert told.is_silent
    assert "shape and size cannot be told apart; train one size in two shapes" in told.verdict


@pytest.mark.parametrize("column", ["n_layers", "d_model", "loss"])
def test_a_column_of_nulls_is_named(column: str) -> None:
    told = analyze(sweep().assign(**{column: np.nan}))
    assert f"no run of 24 has {column}" in told.verdict
    assert told.is_silent


@pytest.mark.parametrize("rows", [0, 1])
def test_none_or_one_run_gives_a_sentence(rows: int) -> None:
    told = analyze(sweep().iloc[:rows])
    assert told.is_silent
    assert all(len(t.columns) for t in told.tables.values())


def test_a_constant_loss_gives_no_number_for_the_worth() -> None:
    told = analyze(sweep().assign(loss=3.0).drop(columns="superglue"))
    assert not told.tables["effects"]["worth"].notna().any()


def test_a_factor_of_one_is_refused() -> None:
    with pytest.raises(SchemaError, match=r"within must be above 1, got 1\.0"):
        analyze(sweep(), within=1.0)
