"""The envelope of training curves: verdicts, tables, what is left out, real curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from isoflop.hookspecs import AnalysisContext
from isoflop.results import AnalysisResult
from isoflop.tables import CurveTable
from isoflop_plugins.analyzers.curve_envelope.analyzer import CURVE_ENVELOPE

SIZES = np.geomspace(3e7, 3e9, 9)
OLMO_SIZES = {
    "190M": 190354176, "370M": 371262464, "760M": 758220288, "1B": 1279395840, "3B": 3169537280,
}  # fmt: skip


def curves(family: str = "f", *, sizes: Any = SIZES, runs: int = 3, seed: int = 0) -> pd.DataFrame:
    """Curves of L = 1.7 + 400/N^0.34 + 349/D^0.28 with a rate that decays to a tenth."""
    rng = np.random.default_rng(seed)
    n = np.round(np.repeat(np.asarray(sizes), runs))[:, None]
    tokens = np.round(n * np.geomspace(0.3, 3000, 150))
    # With 349, 20 tokens per parameter are best at 1e19 FLOPs.
    loss = 1.7 + 400 * n**-0.34 + 349 * tokens**-0.28
    loss *= np.exp(0.0005 * rng.normal(size=n.shape))
    share = np.linspace(0, 1, 150) + 0 * n
    return pd.DataFrame(
        {
            "run_uid": np.repeat([f"{family}-{i}" for i in range(n.size)], 150),
            "run_name": np.repeat([f"{family} run {i}" for i in range(n.size)], 150),
            "family": family,
            "split": "train",
            "step": np.tile(np.arange(150), n.size),
            "n_tokens": tokens.ravel(),
            "loss": loss.ravel(),
            "learning_rate": (0.55 + 0.45 * np.cos(np.pi * share)).ravel(),
            "n_params": (n + 0 * tokens).ravel(),
        }
    )


def analyze(frame: pd.DataFrame, **options: Any) -> AnalysisResult:
    settings = {k: o.default for k, o in CURVE_ENVELOPE.options.items()} | {"n_boot": 100}
    context = AnalysisContext(laws={}, published={})
    return CURVE_ENVELOPE.run(CurveTable.from_pandas(frame), context, **(settings | options))


@pytest.fixture(scope="module")
def result() -> AnalysisResult:
    return analyze(pd.concat([curves("good"), curves("few", sizes=SIZES[:2])]))


def test_the_verdict_names_both_exponents_beside_the_published_one(result: AnalysisResult) -> None:
    assert "Family 'good' (27 runs, train): N_opt grows as C^0.45" in result.verdict
    assert "Hoffmann et al. 2022 found 0.50" in result.verdict
    number = result.numbers["exponent_n"]
    assert number.low < 0.28 / 0.62 < number.high


def test_a_family_of_two_sizes_gets_a_sentence_and_no_exponent(result: AnalysisResult) -> None:
    assert "Family 'few': 6 curves of 2 sizes show 1 step" in result.verdict
    assert set(result.numbers) == {"exponent_n", "exponent_d", "tokens_per_param"}


def test_a_learning_rate_that_has_not_decayed_is_named(result: AnalysisResult) -> None:
    assert "the best run's learning rate was above half its peak" in result.verdict
    assert "finals_only=True" in result.verdict


def test_the_published_exponents_stand_in_the_table(result: AnalysisResult) -> None:
    row = result.tables["exponents"].iloc[-1]
    # Hoffmann et al. 2022, table 2: a 0.50 (0.488, 0.502), b 0.50 (0.501, 0.512).
    assert tuple(row[["exponent_n", "exponent_n_low", "exponent_n_high"]]) == (0.5, 0.488, 0.502)
    assert tuple(row[["exponent_d", "exponent_d_low", "exponent_d_high"]]) == (0.5, 0.501, 0.512)


def test_compute_is_six_n_d_everywhere(result: AnalysisResult) -> None:
    for name in ("envelope", "steps", "allocation"):
        table = result.tables[name].dropna(subset=["flops"])
        assert len(table)
        assert np.allclose(6 * table["n_params"] * table["n_tokens"], table["flops"], rtol=1e-9)
    assert result.tables["allocation"].attrs["units"]["n_tokens_low"] == "token"


@pytest.mark.parametrize("name", ["curves", "growth"])
def test_figures_render_and_name_their_table(result: AnalysisResult, name: str) -> None:
    import vl_convert

    figure = next(f for f in result.figures.specs() if f.name == name)
    assert figure.table in result.tables
    assert "33 runs" in figure.caption
    svg = vl_convert.vegalite_to_svg(result.figures[name].to_json())
    assert "<svg" in svg
    assert "NaN" not in svg


def test_charts_of_many_curves_stay_under_the_rows_that_altair_takes() -> None:
    many = pd.concat([curves(f"f{i}", runs=12, seed=i) for i in range(2)])
    result = analyze(many, n_boot=0)
    assert len(result.tables["curves"]) < 5000
    result.figures["curves"].to_dict()


def test_points_without_tokens_are_left_out_and_never_guessed_from_steps() -> None:
    frame = curves()
    frame["batch_tokens"] = 1e6
    frame.loc[frame["run_uid"] == "f-0", "n_tokens"] = None
    reasons = {item.subject: item.reason for item in analyze(frame).left_out}
    assert "not guessed from steps" in reasons["f run 0"]


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("n_params", None, "n_params is null"),
        ("loss", np.nan, "no finite positive loss"),
        ("stage", "sft", "stage is sft"),
        ("status", "diverged", "status is diverged"),
        ("split", "eval/other", "no points of this split"),
    ],
)
def test_a_run_that_cannot_be_used_is_named_with_its_reason(
    column: str, value: Any, reason: str
) -> None:
    frame = curves().assign(stage=None, status=None)
    frame[["stage", "status"]] = frame[["stage", "status"]].astype(object)
    frame.loc[frame["run_uid"] == "f-4", column] = value
    result = analyze(frame, n_boot=0)
    left = [item for item in result.left_out if item.subject == "f run 4"]
    assert len(left) == 1
    assert reason in left[0].reason


def test_some_bad_points_of_a_run_are_counted() -> None:
    frame = curves()
    frame.loc[frame.index[:7], "loss"] = [np.nan, np.inf, -1.0, 0.0, np.nan, np.nan, np.nan]
    left = analyze(frame, n_boot=0).left_out
    assert [item.reason for item in left] == [
        "7 points of 150 without a finite loss or without n_tokens"
    ]


def test_experts_count_with_their_active_parameters() -> None:
    frame = curves()
    frame["n_params_active"] = frame["n_params"]
    frame["n_params"] *= 8
    table = analyze(frame, n_boot=0).tables["sizes"]
    assert table["n_params"].to_numpy() == pytest.approx(SIZES, rel=1e-6)


@pytest.mark.parametrize("column", ["tokenizer", "dataset"])
def test_losses_that_do_not_compare_are_refused(column: str) -> None:
    frame = curves()
    frame[column] = np.where(frame["run_uid"].isin(["f-0", "f-1"]), "a", "b")
    result = analyze(frame)
    assert f"of several {column}s ('a', 'b')" in result.verdict
    assert not result.numbers


def test_training_data_may_differ_where_the_split_is_an_evaluation() -> None:
    frame = curves().assign(split="eval/c4")
    frame["dataset"] = np.where(frame["run_uid"].isin(["f-0", "f-1"]), "a", "b")
    assert "27 runs, eval/c4" in analyze(frame).verdict


def test_the_split_that_most_runs_have_is_used_unless_one_is_named() -> None:
    frame = pd.concat([curves(), curves(runs=1).assign(split="eval/c4")])
    assert "27 runs, train" in analyze(frame).verdict
    assert analyze(frame, split="eval/c4").tables["sizes"]["n_runs"].sum() == 9


def test_ends_of_runs_need_runs_that_came_to_their_end() -> None:
    frame = curves().assign(status="finished", n_tokens_planned=None)
    frame.loc[frame["run_uid"] == "f-0", "status"] = "killed"
    half = frame["run_uid"] == "f-1"
    frame.loc[half, "n_tokens_planned"] = 2 * frame.loc[half, "n_tokens"].max()
    frame.loc[frame["run_uid"] == "f-2", "learning_rate"] = 1e-3
    result = analyze(frame, finals_only=True, n_boot=0)
    reasons = {item.subject: item.reason for item in result.left_out}
    assert reasons == {
        "f run 0": "status is killed, so its last point is not its end",
        "f run 1": "ends at 50 % of its plan",
        "f run 2": "its last learning rate is 100 % of its peak: not decayed",
    }


def test_an_unknown_learning_rate_is_said() -> None:
    result = analyze(curves().drop(columns="learning_rate"))
    assert any("no learning rate along the curves" in text for text, _ in result.checks)
    assert "half its peak" not in result.verdict


@pytest.mark.parametrize("kept", [slice(0), slice(1)], ids=["empty", "one point"])
def test_a_table_with_nothing_to_say_says_so(kept: slice) -> None:
    result = analyze(curves().iloc[kept])
    assert "no training curves" in result.verdict or "cannot tell" in result.verdict
    assert list(result.tables["steps"].columns)[:2] == ["family", "n_params_smaller"]
    assert not result.numbers


def test_all_null_tokens_say_what_is_missing() -> None:
    result = analyze(curves().assign(n_tokens=None))
    assert "n_tokens of its points is null" in result.verdict
    assert len(result.figures) == 0


def test_names_of_families_are_kept_as_text() -> None:
    assert "Family '<script>\\n'" in analyze(curves("<script>\n")).verdict


def olmo(shared_data: Path) -> pd.DataFrame:
    raw = pd.read_parquet(shared_data / "olmo_ladder" / "curves.parquet")
    return pd.DataFrame(
        {
            "run_name": raw["run"],
            "family": "olmo",
            "split": "eval/c4",
            "step": raw["_step"],
            "n_tokens": raw["throughput/total_tokens"],
            "loss": raw["eval/c4_en-validation/CrossEntropyLoss"],
            "learning_rate": raw["optim/learning_rate_group0"],
            "n_params": raw["size"].map(OLMO_SIZES),
        }
    )


def test_olmo_ladder_gives_an_exponent_near_that_of_the_paper(shared_data: Path) -> None:
    result = analyze(olmo(shared_data), n_boot=500)
    number = result.numbers["exponent_n"]
    # Measured here; Hoffmann et al. 2022 found 0.50 (0.488, 0.502) on other data, and the two-term
    # law on the 18 smaller of these runs says 0.206 / (0.248 + 0.206) = 0.454.
    assert number.value == pytest.approx(0.427, abs=0.005)
    assert number.low < 0.454 < 0.5 < number.high
    assert any("longer runs of its size stand 1.3 % above it" in text for text, _ in result.checks)


def test_ends_of_olmo_runs_agree_with_their_curves(shared_data: Path) -> None:
    result = analyze(olmo(shared_data), finals_only=True)
    value = result.tables["exponents"]["exponent_n"].iloc[0]
    assert value == pytest.approx(0.428, abs=0.005)


def test_gadre_curves_of_four_sizes_cannot_tell(shared_data: Path) -> None:
    raw = pd.read_parquet(shared_data / "gadre" / "curves.parquet")
    runs = pd.read_csv(shared_data / "gadre" / "runs.csv").set_index("run")
    frame = pd.DataFrame(
        {
            "run_name": raw["run"],
            "family": raw["run"].map(runs["dataset"]),
            "split": "train",
            "n_tokens": raw["tokens"],
            "loss": raw["loss"],
            "n_params": raw["run"].map(runs["params"]),
            "n_tokens_planned": raw["run"].map(runs["tokens"]),
        }
    )
    result = analyze(frame)
    assert result.verdict.startswith("The curves cannot tell how the best size grows.")
    assert not result.numbers
    assert result.tables["allocation"].empty
    # Two of three pairs of sizes change places: that is no more than a hint.
    steps = result.tables["steps"].query("family == 'rpj'")
    assert steps["flops"].notna().sum() == 2
