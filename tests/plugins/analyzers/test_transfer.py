"""What pre-training is worth: effective data, law, figures, what cannot be said."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from isoflop.errors import UnknownNameError
from isoflop.hookspecs import AnalysisContext
from isoflop.results import AnalysisResult
from isoflop.schema import FITS
from isoflop.tables import RunTable
from isoflop_plugins.analyzers.transfer.analyzer import TRANSFER_ANALYZER
from isoflop_plugins.analyzers.transfer.transferred_data import effective_tokens
from isoflop_plugins.laws.chinchilla import CHINCHILLA
from isoflop_plugins.laws.transfer import TRANSFER

SCRATCH = {"E": 0.5, "A": 60.0, "B": 900.0, "alpha": 0.3, "beta": 0.35}
TRUTH = {"k": 40.0, "a": 0.2, "b": 0.55}
SIZES = np.geomspace(1e6, 1e9, 6).round()


def loss_at(n: Any, d: Any) -> Any:
    p = SCRATCH
    return p["E"] + p["A"] * n ** -p["alpha"] + p["B"] * d ** -p["beta"]


def ladders(*, noise: float = 0.0, seed: int = 0, family: str | None = "code") -> Any:
    rng = np.random.default_rng(seed)
    n, d = np.array(list(product(SIZES, np.geomspace(1e7, 1e10, 6).round()))).T
    scratch = pd.DataFrame({"n_params": n, "n_tokens": d, "stage": "pretrain"})
    scratch["loss"] = loss_at(n, d)
    n, d = np.array(list(product(SIZES, np.geomspace(1e5, 3e7, 5).round()))).T
    tuned = pd.DataFrame({"n_params": n, "n_tokens": d, "stage": "sft"})
    tuned["loss"] = loss_at(n, d + TRUTH["k"] * d ** TRUTH["a"] * n ** TRUTH["b"])
    frame = pd.concat([scratch, tuned], ignore_index=True)
    return frame.assign(
        run_name=[f"r{i}" for i in range(len(frame))],
        family=family,
        loss=frame["loss"] * np.exp(noise * rng.normal(size=len(frame))),
    )


def analyze(frame: pd.DataFrame, **options: Any) -> AnalysisResult:
    context = AnalysisContext(laws={"chinchilla": CHINCHILLA, "transfer": TRANSFER}, published={})
    settings = {k: o.default for k, o in TRANSFER_ANALYZER.options.items()}
    table = RunTable.from_pandas(frame)
    return TRANSFER_ANALYZER.run(table, context, **(settings | {"n_boot": 100} | options))


@pytest.fixture(scope="module")
def result() -> AnalysisResult:
    return analyze(ladders(noise=0.002), n_boot=300)


def test_noise_free_ladders_give_back_the_law_of_transfer() -> None:
    found = analyze(ladders()).numbers
    assert {k: e.value for k, e in found.items()} == pytest.approx(TRUTH, rel=1e-6)


def test_intervals_take_both_ladders_in(result: AnalysisResult) -> None:
    for name, value in TRUTH.items():
        assert result.numbers[name].low < value < result.numbers[name].high
    params = result.tables["params"]
    told = params[(params["law"] == "transfer") & (params["parameter"] == "b")]
    number = result.numbers["b"]
    assert told[["low", "high"]].to_numpy().tolist() == [[number.low, number.high]]


@pytest.mark.soak
def test_ninety_percent_intervals_hold_the_truth_through_both_fits() -> None:
    hits = np.zeros(3)
    for seed in range(200):
        frame = ladders(noise=0.002, seed=seed)
        found = analyze(frame, n_boot=200, seed=seed, level=0.9).numbers
        hits += [found[k].low <= v <= found[k].high for k, v in TRUTH.items()]
    assert (np.abs(hits / 200 - 0.9) <= 0.05).all()


def test_effective_data_inverts_the_law_from_scratch() -> None:
    n, d = np.array([1e7, 1e8]), np.array([1e9, 1e10])
    assert effective_tokens(SCRATCH, n, loss_at(n, d)) == pytest.approx(d)
    assert np.isinf(effective_tokens(SCRATCH, n, np.array([0.1, 0.5]))).all()


def test_the_verdict_names_the_exponents_and_the_contrast(result: AnalysisResult) -> None:
    assert "Family 'code' (30 fine-tuned runs, 36 from scratch): ten times the model" in (
        result.verdict
    )
    assert "larger models make more of each fine-tuning token" in result.verdict


def test_runs_that_lost_data_are_told_and_kept_out_of_the_law() -> None:
    frame = ladders(noise=0.001)
    worse = frame.index[(frame["stage"] == "sft")][:3]
    frame.loc[worse, "loss"] = loss_at(frame["n_params"], frame["n_tokens"] / 3)[worse]
    result = analyze(frame)
    assert "3 runs did worse than from scratch (ossification)" in result.verdict
    runs = result.tables["runs"]
    assert (runs["finding"] == "hurts").sum() == 3
    assert sum("brought it no data" in left.reason for left in result.left_out) == 3


def test_runs_below_the_floor_are_worth_any_amount_of_data() -> None:
    frame = ladders()
    first = frame.index[frame["stage"] == "sft"][0]
    frame.loc[first, "loss"] = 0.3
    result = analyze(frame)
    assert np.isinf(result.tables["runs"]["n_tokens_effective"]).sum() == 1
    assert any("no data from scratch would reach" in left.reason for left in result.left_out)
    assert result.numbers["b"].value == pytest.approx(TRUTH["b"], rel=1e-6)


def test_parents_and_other_targets_are_of_neither_ladder() -> None:
    frame = ladders().assign(loss_dataset="python")
    parent = {
        "run_uid": "p", "run_name": "text", "stage": "pretrain", "n_params": 1e9, "n_tokens": 1e11,
        "loss": 5.0, "loss_dataset": "python", "family": "code",
    }  # fmt: skip
    other = {**parent, "run_uid": "q", "loss_dataset": "text"}
    frame["parent_uid"] = ["p" if stage == "sft" else None for stage in frame["stage"]]
    frame["run_uid"] = [f"u{i}" for i in range(len(frame))]
    result = analyze(pd.concat([frame, pd.DataFrame([parent, other])], ignore_index=True))
    assert "36 from scratch" in result.verdict
    assert result.numbers["a"].value == pytest.approx(TRUTH["a"], rel=1e-6)


def test_the_ladder_from_scratch_may_be_another_family() -> None:
    frame = ladders()
    frame["family"] = np.where(frame["stage"] == "sft", "tuned", "base")
    assert "none from scratch" in analyze(frame).tables["fits"].iloc[1]["reason"]
    result = analyze(frame, scratch="base")
    assert {k: e.value for k, e in result.numbers.items()} == pytest.approx(TRUTH, rel=1e-6)
    with pytest.raises(UnknownNameError):
        analyze(frame, scratch="none such")


def test_one_size_gives_effective_data_and_no_law() -> None:
    frame = ladders(noise=0.001)
    frame = frame[(frame["stage"] != "sft") | (frame["n_params"] == SIZES[2])]
    result = analyze(frame)
    assert "times its data (median), but there is no law" in result.verdict
    assert len(result.tables["runs"]) == 5
    assert not result.numbers


@pytest.mark.parametrize(
    ("stage", "missing"), [("sft", "none from scratch"), ("pretrain", "none of 36 runs is fine")]
)
def test_one_ladder_alone_says_which_is_missing(stage: str, missing: str) -> None:
    frame = ladders()
    result = analyze(frame[frame["stage"] == stage])
    assert missing in result.verdict
    assert len(result.left_out) == len(frame[frame["stage"] == stage])


def test_an_empty_table_says_so() -> None:
    result = analyze(ladders().iloc[:0])
    assert result.verdict == "There are no runs."
    assert list(result.tables["runs"].columns)[:2] == ["family", "run"]


def test_rows_for_the_registry_fit_its_schema(result: AnalysisResult) -> None:
    assert [tuple(row) for row in result.fits] == [FITS.names]


@pytest.mark.parametrize("name", ["multiplier", "ladders"])
def test_figures_render_and_name_their_table(result: AnalysisResult, name: str) -> None:
    import vl_convert

    figure = next(f for f in result.figures.specs() if f.name == name)
    assert figure.table in result.tables
    svg = vl_convert.vegalite_to_svg(result.figures[name].to_json())
    assert "<svg" in svg
    assert "NaN" not in svg
