"""Reducible loss and floor by family and data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from isoflop.hookspecs import AnalysisContext
from isoflop.laws import Law
from isoflop.results import AnalysisResult
from isoflop.schema import FITS
from isoflop.tables import RunTable, ScoreTable
from isoflop_plugins.analyzers.loss_by_domain.analyzer import LOSS_BY_DOMAIN, LOSS_BY_EVAL_SET
from isoflop_plugins.analyzers.loss_by_domain.domain_losses import losses_as_runs
from isoflop_plugins.laws import henighan, kaplan

CONTEXT = AnalysisContext(
    laws={law.name: law for law in (*kaplan.LAWS, *henighan.LAWS) if isinstance(law, Law)},
    published={},
)
FLOORS = {"text": 1.7, "video": 1.0}


def ladder(domain: str, *, n: int = 24, seed: int = 0, noise: float = 0.001) -> pd.DataFrame:
    """Runs whose loss is a floor and a power of compute, tokens 20 times the parameters."""
    rng = np.random.default_rng(seed)
    size = np.round(np.geomspace(1e6, 1e10, n))
    flops = 6 * size * 20 * size
    loss = FLOORS[domain] + (1e20 / flops) ** 0.12
    return pd.DataFrame(
        {
            "run_name": [f"{domain}-{i}" for i in range(n)],
            "family": "ours",
            "n_params": size,
            "n_params_nonembedding": size,
            "n_tokens": 20 * size,
            "loss": loss * np.exp(noise * rng.normal(size=n)),
            "loss_dataset": domain,
        }
    )


def analyze(frame: pd.DataFrame, **options: Any) -> AnalysisResult:
    return LOSS_BY_DOMAIN.run(
        RunTable.from_pandas(frame, source="made up"), CONTEXT, **({"n_boot": 100} | options)
    )


@pytest.fixture(scope="module")
def result() -> AnalysisResult:
    return analyze(pd.concat([ladder("text"), ladder("video", seed=1)]))


def test_each_data_set_gets_its_own_floor(result: AnalysisResult) -> None:
    rows = result.tables["domains"].set_index(["loss_dataset", "variable"])
    for domain, floor in FLOORS.items():
        row = rows.loc[(domain, "C")]
        assert row["entropy"] == "identified"
        assert row["L_inf_low"] < floor < row["L_inf_high"]
        assert row["alpha_low"] < 0.12 < row["alpha_high"]


def test_reducible_loss_is_the_loss_above_the_floor(result: AnalysisResult) -> None:
    rows = result.tables["domains"]
    assert rows["reducible"].to_numpy() == pytest.approx(rows["loss"] - rows["L_inf"])
    assert (rows["reducible_low"] <= rows["reducible"]).all()
    # On one line of N and D, N ~ D ~ C^0.5, so the exponents are twice that of compute.
    n = rows.set_index(["loss_dataset", "variable"])["alpha"]
    assert n["text", "N"] == pytest.approx(2 * n["text", "C"], rel=1e-3)


def test_floors_of_the_same_data_are_said_to_agree(result: AnalysisResult) -> None:
    entropy = result.tables["entropy"].set_index("loss_dataset")
    assert entropy["agree"].all()
    assert entropy.loc["text", "L_inf_low"] < 1.7 < entropy.loc["text", "L_inf_high"]
    assert "agree in 2 of 2" in result.verdict


def test_the_constant_is_shown_to_predict_better(result: AnalysisResult) -> None:
    rows = result.tables["domains"]
    assert (rows["error"] < rows["error_without_constant"]).all()
    assert "The constant predicts the largest runs better in 6 of 6 fits" in result.verdict


def test_a_pure_power_has_no_floor_that_is_told_as_entropy() -> None:
    frame = ladder("text")
    compute = 6 * frame["n_params"] * frame["n_tokens"]
    rng = np.random.default_rng(3)
    frame["loss"] = (1e27 / compute) ** 0.05 * np.exp(0.01 * rng.normal(size=len(frame)))
    made = analyze(frame)
    rows = made.tables["domains"]
    assert (rows["entropy"] == "not identified").any() or (rows["L_inf_low"] < 0.5).all()
    assert not (rows["L_inf_low"] > 0.5).any()


def test_where_no_floor_is_known_both_parts_stay_open() -> None:
    frame = ladder("text").iloc[-8:]
    frame = frame.assign(loss=np.geomspace(3.0, 2.9, 8))
    made = analyze(frame)
    rows = made.tables["domains"]
    unknown = rows[rows["entropy"] == "not identified"]
    assert len(unknown)
    assert (unknown["L_inf_low"] < 0.1).all()
    assert (unknown["reducible_high"] > 0.9 * unknown["loss"]).all()
    assert "not identify the floor" in " ".join(text for text, _ in made.checks)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"loss": np.nan}, "loss is null"),
        ({"status": "diverged"}, "status is diverged"),
        ({"n_params": None, "n_params_nonembedding": None, "n_tokens": None}, "is null"),
    ],
    ids=["nan", "diverged", "no-columns"],
)
def test_what_is_missing_is_said(change: dict[str, Any], words: str) -> None:
    made = analyze(ladder("text").assign(**change))
    assert made.verdict.startswith("No power law plus constant could be fitted.")
    assert words in made.verdict
    assert len(made.figures) == 0


def test_one_run_and_one_size_give_no_floor() -> None:
    assert "needs at least 4 usable runs, got 1" in analyze(ladder("text").iloc[:1]).verdict
    same = analyze(ladder("text").assign(n_params_nonembedding=10**8, n_params=10**8))
    sizes = same.tables["domains"].set_index("variable")
    assert sizes.loc["N", "status"] == "not-fitted"


def test_an_empty_table_keeps_its_columns(result: AnalysisResult) -> None:
    made = analyze(ladder("text").iloc[:0])
    assert made.verdict == "There are no runs with a loss."
    for name, table in result.tables.items():
        assert list(made.tables[name].columns) == list(table.columns)
    assert result.tables["domains"].attrs["units"]["L_inf_low"] == "nat/token"


def test_copies_of_runs_do_not_count_twice() -> None:
    frame = ladder("text")
    once, twice = (analyze(f, n_boot=0) for f in (frame, pd.concat([frame, frame])))
    assert twice.tables["domains"]["n_runs"].tolist() == once.tables["domains"]["n_runs"].tolist()


def test_rows_for_the_registry_fit_its_schema(result: AnalysisResult) -> None:
    assert len(result.fits) == 6
    assert all(tuple(row) == FITS.names for row in result.fits)


def test_the_figure_renders_with_logarithmic_axes(result: AnalysisResult) -> None:
    import vl_convert

    chart = result.figures["reducible_loss"]
    svg = vl_convert.vegalite_to_svg(chart.to_json())
    assert "NaN" not in svg
    assert "Loss above the floor" in svg
    points = [panel["layer"][2]["encoding"] for panel in chart.to_dict()["hconcat"]]
    assert {p[axis]["scale"]["type"] for p in points for axis in "xy"} == {"log"}


def scores_of(frame: pd.DataFrame, **columns: Any) -> ScoreTable:
    frame = frame.assign(run_uid=frame["run_name"], flops=6 * frame["n_params"] * frame["n_tokens"])
    frame = frame.rename(columns={"loss": "value", "loss_dataset": "task"})
    frame = frame.drop(columns="n_params_nonembedding")
    frame = frame.assign(metric="loss", unit="nat/token", step=None, **columns)
    return ScoreTable.from_pandas(frame, source="made up")


def test_evaluation_losses_among_scores_are_domains_too() -> None:
    scores = scores_of(pd.concat([ladder("text"), ladder("video", seed=1)]))
    made = LOSS_BY_EVAL_SET.run(scores, CONTEXT, n_boot=60)
    assert made.name == "loss-by-eval-set"
    assert set(made.tables["domains"]["loss_dataset"]) == {"text", "video"}


@pytest.mark.parametrize(
    "columns",
    [{"metric": "accuracy"}, {"unit": "bit/byte"}, {"step": 100}],
    ids=["another-metric", "another-unit", "a-checkpoint"],
)
def test_scores_that_are_no_final_loss_are_left_out(columns: dict[str, Any]) -> None:
    scores = scores_of(ladder("text"))
    frame = scores.to_pandas().assign(**columns)
    assert len(losses_as_runs(ScoreTable.from_pandas(frame))) == 0
    made = LOSS_BY_EVAL_SET.run(ScoreTable.from_pandas(frame), CONTEXT, n_boot=10)
    assert made.verdict.startswith("There are no evaluation losses in nat/token")


@pytest.mark.slow
def test_eight_evaluation_sets_of_gadres_runs_have_a_floor(shared_data: Path) -> None:
    """Losses of arXiv 2403.08540, RedPajama runs: a constant predicts better in 24 of 24 fits."""
    runs = pd.read_csv(shared_data / "gadre" / "runs.csv")
    losses = pd.read_parquet(shared_data / "gadre" / "losses.parquet")
    both = losses.merge(runs[runs["dataset"] == "rpj"], on="run")
    frame = pd.DataFrame(
        {
            "run_name": both["run"],
            "family": both["dataset"],
            "n_params": both["params"],
            "n_params_nonembedding": both["params_no_embed"],
            "n_tokens": both["tokens"],
            "loss": both["loss"],
            "loss_dataset": both["eval_set"],
        }
    )
    made = analyze(frame)
    rows = made.tables["domains"]
    assert len(rows) == 24
    assert (rows["error"] <= rows["error_without_constant"]).all()
    c4 = rows.set_index(["loss_dataset", "variable"]).loc[("c4_val", "C")]
    assert c4["L_inf"] == pytest.approx(1.66, abs=0.01)
