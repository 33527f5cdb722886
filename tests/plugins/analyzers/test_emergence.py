"""The emergence analyzer through the public API, on simulated and on published curves."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import isoflop
from isoflop.errors import SchemaError, UnknownNameError

FLOPS = np.logspace(20, 24, 9)
STEP = [0.25, 0.24, 0.26, 0.25, 0.7, 0.71, 0.69, 0.7, 0.72]
SMOOTH = [0.25, 0.3, 0.36, 0.42, 0.48, 0.54, 0.6, 0.66, 0.72]
PARTIAL = [0.3, 0.38, 0.45, 0.53, 0.6, 0.68, 0.75, 0.82, 0.9]

COLUMNS = [
    "family", "task", "metric", "verdict", "onset_x", "break_x", "break_x_low", "break_x_high",
    "width_decades", "width_decades_low", "width_decades_high", "p_value", "q_value", "amplitude",
    "breakthroughness", "linearity", "reason",
]  # fmt: skip


def task(name: str, score: list[float], **columns: object) -> pd.DataFrame:
    known = {"family": "a", "metric": "acc", "n_examples": 1000, "chance_level": 0.25}
    base = {"task": name, "value": score, "flops": FLOPS[: len(score)]}
    return pd.DataFrame(base | known | columns)


def analyze(frame: pd.DataFrame, **options: object) -> isoflop.AnalysisResult:
    return isoflop.analyze("emergence", isoflop.ScoreTable.from_pandas(frame), **options)


def verdicts(frame: pd.DataFrame, **options: object) -> pd.DataFrame:
    return analyze(frame, **options).tables["verdicts"]


def one(frame: pd.DataFrame, **options: object) -> pd.Series:
    table = verdicts(frame, **options)
    assert len(table) == 1
    return table.iloc[0]


# Simulated curves with known truth.


@pytest.fixture(scope="session")
def simulated(shared_data: Path) -> pd.DataFrame:
    folder = shared_data / "emergence_sim"
    curves = pd.read_parquet(folder / "curves.parquet")
    hard = pd.DataFrame(
        {
            "family": "simulated",
            "task": curves["curve"],
            "metric": "accuracy",
            "value": curves["score"].astype(float),
            "n_examples": curves["n_items"],
            "chance_level": curves["chance"],
            "flops": 10 ** curves["log10C"],
            "is_continuous": False,
        }
    )
    soft = (
        hard.drop(columns=["n_examples", "chance_level"])
        .assign(
            metric="token_accuracy",
            value=curves["continuous_score"].astype(float),
            is_continuous=True,
        )
        .dropna(subset="value")
    )
    table = verdicts(pd.concat([hard, soft]))
    labels = pd.read_csv(folder / "labels.csv")
    return table[table["metric"] == "accuracy"].merge(
        labels, left_on="task", right_on="curve", suffixes=("", "_true")
    )


def kinds(simulated: pd.DataFrame, *names: str) -> pd.DataFrame:
    return simulated[simulated["kind"].isin(names)]


def test_false_positive_rate_is_at_most_two_percent(simulated):
    null = simulated[~simulated["kind"].isin(["jump", "jump_trend", "late_jump"])]

    assert len(null) == 324
    assert (null["verdict"] == "abrupt").mean() <= 0.02


def test_power_on_jumps_is_at_least_eighty_percent(simulated):
    assert (kinds(simulated, "jump", "jump_trend")["verdict"] == "abrupt").mean() >= 0.80


def test_power_is_95_percent_with_8_sizes_and_500_items(simulated):
    jumps = kinds(simulated, "jump", "jump_trend").query("n_points >= 8 and n_items >= 500")

    assert (jumps["verdict"] == "abrupt").mean() >= 0.95


def test_precision_is_at_least_95_percent_late_jumps_counted_as_false(simulated):
    called = simulated[simulated["verdict"] == "abrupt"]

    assert called["kind"].isin(["jump", "jump_trend"]).mean() >= 0.95


def test_break_is_within_half_a_grid_step(simulated):
    found = kinds(simulated, "jump", "jump_trend").query("verdict == 'abrupt'")
    half_step = 4.0 / (found["n_points_true"] - 1) / 2
    error = (np.log10(found["break_x"]) - found["log10C_break"]).abs()

    assert (error <= half_step).mean() >= 0.95


def test_break_interval_covers_the_true_break(simulated):
    found = kinds(simulated, "jump", "jump_trend").query("verdict == 'abrupt'")
    true = 10 ** found["log10C_break"]

    assert true.between(found["break_x_low"], found["break_x_high"]).mean() >= 0.95


def test_jump_at_the_last_model_is_left_open(simulated):
    late = kinds(simulated, "late_jump")

    assert (late["verdict"] == "abrupt").mean() <= 0.10
    assert (late["verdict"] == "unresolved").mean() >= 0.85


def test_metric_is_named_where_partial_credit_rises_smoothly(simulated):
    induced = kinds(simulated, "em_smooth").query("onset")

    assert len(induced) >= 10
    assert (induced["verdict"] == "metric_induced").mean() >= 0.90


@pytest.mark.parametrize(
    ("kind", "verdict", "share"),
    [("flat", "flat", 0.95), ("linear", "smooth", 0.95), ("ushape", "u_shaped", 0.7),
     ("inverse", "inverse", 0.7)],
)  # fmt: skip
def test_other_kinds_get_their_word(simulated, kind, verdict, share):
    assert (kinds(simulated, kind)["verdict"] == verdict).mean() >= share


def test_nothing_is_ever_called_emergent(simulated):
    assert not simulated["reason"].str.contains("emergent", case=False).any()
    assert simulated["reason"].str.len().min() > 10


# Published scores.


@pytest.fixture(scope="session")
def gpt3(shared_data: Path) -> pd.DataFrame:
    table = pd.read_csv(shared_data / "gpt3_table_h1" / "gpt3_by_size.csv")
    table = table[table["metric"].isin(["acc", "em"])]
    return pd.DataFrame(
        {
            "family": "GPT-3",
            "task": table["task"],
            "metric": table["metric"],
            "n_shot": table["setting"].map({"zero": 0, "one": 1, "few": 8}),
            "value": table["score"],
            "unit": "percent",
            "n_examples": table["n_items"],
            "chance_level": 100 * table["chance"],
            "flops": table["C"],
            "n_params": table["N"],
        }
    )


def test_breakthroughness_and_linearity_of_gpt3_equal_the_definitions(gpt3):
    """Every task of table H.1, against a second computation from the printed scores."""
    found = verdicts(gpt3).set_index(["task", "metric", "n_shot"])

    for key, rows in gpt3.groupby(["task", "metric", "n_shot"]):
        y = rows.sort_values("flops")["value"].tolist()
        steps = sorted((b - a) ** 2 for a, b in itertools.pairwise(y))
        gain = math.copysign(max(y) - min(y), y.index(max(y)) - y.index(min(y)))
        typical = math.sqrt(steps[len(steps) // 2])
        linear = gain / (len(steps) * math.sqrt(sum(steps) / len(steps)))
        assert found.loc[key, "breakthroughness"] == pytest.approx(gain / typical, rel=1e-3)
        assert found.loc[key, "linearity"] == pytest.approx(linear, rel=1e-3)


def test_two_digit_sums_of_gpt3_are_abrupt_and_leave_the_floor(gpt3):
    found = verdicts(gpt3).set_index(["task", "n_shot"]).loc[("2D+", 8.0)]

    assert found["verdict"] == "abrupt"
    assert found["onset"]
    assert found["p_value"] <= 0.005
    assert 0.35 <= found["width_decades"] <= 0.7


def four_digit_sums(gpt3: pd.DataFrame) -> pd.DataFrame:
    """Few-shot 4-digit addition: below 1 % up to 13B, 25.5 % at 175B (Brown 2020, table 3.9)."""
    sizes = np.sort(gpt3["flops"].unique())
    score = [0.0005, 0.0005, 0.0005, 0.0015, 0.0, 0.001, 0.004, 0.255]
    return task("4D+", score, flops=sizes, n_examples=2000, chance_level=0.0)


def test_four_digit_sums_leave_the_floor_but_the_speed_is_unresolved(gpt3):
    found = one(four_digit_sums(gpt3))

    assert found["onset"]
    assert found["onset_x"] == pytest.approx(3.14e23)
    assert found["verdict"] == "unresolved"
    assert "train sizes between 2.31e22 FLOPs and 3.14e23 FLOPs" in found["reason"]


@pytest.fixture(scope="session")
def pythia(shared_data: Path) -> pd.DataFrame:
    table = pd.read_parquet(shared_data / "pythia_evals" / "pythia_evals.parquet")
    table = table[table["metric"] == "acc"]
    return pd.DataFrame(
        {
            "family": "pythia",
            "run_uid": table["size"],
            "task": table["task"],
            "metric": "acc",
            "n_shot": table["setting"].map({"zero-shot": 0, "five-shot": 5}),
            "step": table["step"],
            "value": table["value"].astype(float),
            "n_examples": table["n_items"],
            "chance_level": table["chance"],
            "n_params": table["N_total"],
            "flops": 6.0 * table["N_total"] * 143_000 * 2_097_152,
        }
    )


def test_no_mmlu_subject_of_pythia_is_abrupt(pythia):
    table = verdicts(pythia)
    subjects = table[table["task"].str.startswith("hendrycksTest")]

    assert len(subjects) == 2 * 57
    assert (subjects["n_points"] == 8).all()
    assert not (subjects["verdict"] == "abrupt").any()


def test_only_the_final_checkpoint_of_a_run_counts(pythia):
    result = analyze(pythia[(pythia["task"] == "sciq") & (pythia["n_shot"] == 0)])

    assert result.tables["verdicts"]["n_points"].tolist() == [8]
    assert any("earlier checkpoints" in item.reason for item in result.left_out)


@pytest.mark.parametrize("family", ["OPT", "BLOOM", "Pythia"])
def test_mmlu_of_open_families_at_chance_is_not_abrupt(shared_data, family):
    table = pd.read_csv(shared_data / "open_llm_benchmarks" / "base_llm_benchmark_eval.csv")
    table = table[table["Model Family"] == family]
    frame = pd.DataFrame(
        {
            "family": family,
            "run_name": table["Model"],
            "task": "MMLU",
            "metric": "acc",
            "value": table["MMLU"],
            "n_examples": 14_042,
            "chance_level": 0.25,
            "flops": table["FLOPs (1E21)"] * 1e21,
        }
    )

    assert one(frame)["verdict"] not in ("abrupt", "onset")


def test_sharp_drop_of_a_loss_is_abrupt_where_it_happens(shared_data):
    """Caballero et al. 2022: nearly flat up to about 500 examples, steep after."""
    points = pd.read_csv(shared_data / "bnsl_4digit_addition" / "points.csv")
    frame = pd.DataFrame(
        {
            "task": "addition",
            "metric": "loss",
            "unit": "nat/token",
            "value": points["test_loss"],
            "n_tokens": points["dataset_size"],
        }
    )
    found = one(frame, x="n_tokens")

    assert found["verdict"] == "abrupt"
    assert 450 < found["break_x"] < 900


# Rules.


def test_columns_are_the_documented_ones():
    assert list(verdicts(task("t", STEP)).columns[: len(COLUMNS)]) == COLUMNS


def test_step_is_abrupt_with_its_gap_named_and_a_finding():
    result = analyze(task("sums", STEP))
    found = result.tables["verdicts"].iloc[0]

    assert found["verdict"] == "abrupt"
    assert FLOPS[3] < found["break_x"] < FLOPS[4]
    assert found["onset_x"] == FLOPS[4]
    assert [(f.kind, f.subject, f.severity) for f in result.findings] == [
        ("abrupt", "sums", "clear")
    ]
    assert "width test" in result.findings[0].law


def test_strict_metric_beside_a_smooth_one_is_metric_induced():
    soft = task("sums", PARTIAL, metric="token_acc", is_continuous=True)
    soft = soft.drop(columns="n_examples")
    table = verdicts(pd.concat([task("sums", STEP), soft])).set_index("metric")

    assert table.loc["acc", "verdict"] == "metric_induced"
    assert "token_acc" in table.loc["acc", "reason"]
    assert table.loc["token_acc", "verdict"] == "smooth"


def test_loss_of_the_same_task_serves_as_partial_credit():
    loss = [3.0 - 2 * p for p in PARTIAL]
    soft = task("sums", loss, metric="loss", unit="nat/token").drop(columns="chance_level")
    table = verdicts(pd.concat([task("sums", STEP), soft])).set_index("metric")

    assert table.loc["acc", "verdict"] == "metric_induced"


def test_another_familys_smooth_metric_does_not_count():
    soft = task("sums", PARTIAL, metric="token_acc", is_continuous=True, family="b")
    table = verdicts(pd.concat([task("sums", STEP), soft])).set_index("metric")

    assert table.loc["acc", "verdict"] == "abrupt"


def test_two_choice_task_between_its_constant_answers_is_an_artefact():
    score = [0.365, 0.365, 0.365, 0.365, 0.635, 0.635, 0.635, 0.635, 0.635]
    found = one(task("wsc", score, chance_level=0.5, n_examples=104))

    assert found["verdict"] == "artefact_suspected"
    assert "constant answer" in found["reason"]


def test_rise_to_the_best_constant_answer_is_an_artefact():
    found = one(task("t", STEP), constant_levels={"t": 0.7})

    assert found["verdict"] == "artefact_suspected"
    assert found["floor"] == 0.7


def test_unknown_item_count_is_said_and_a_small_jump_is_not_called():
    small = [0.3 if s < 0.5 else 0.48 for s in STEP]
    found = one(task("t", small, n_examples=None))

    assert "number of test items is unknown" in found["reason"]
    assert found["verdict"] != "abrupt"


def test_item_count_follows_from_the_standard_error():
    stderr = [math.sqrt(p * (1 - p) / 400) for p in STEP]
    found = one(task("t", STEP, n_examples=None, stderr=stderr))

    assert found["n_examples"] == pytest.approx(400)


def test_seeds_at_one_scale_are_one_point():
    frame = pd.concat([task("t", STEP, run_name=f"seed {i}") for i in range(3)])

    assert one(frame)["n_points"] == 9


def test_families_and_shots_are_separate_curves():
    frame = pd.concat([task("t", STEP), task("t", SMOOTH, family="b"), task("t", SMOOTH, n_shot=5)])

    assert verdicts(frame)["verdict"].tolist().count("abrupt") == 1
    assert len(verdicts(frame)) == 3


def test_scores_in_percent_without_a_unit_are_refused_with_advice():
    found = one(task("t", [100 * s for s in STEP]))

    assert found["verdict"] == "unresolved"
    assert "'percent'" in found["reason"]


def test_loss_axis_runs_from_large_to_small():
    frame = task("t", STEP, loss=4.0 * (FLOPS / 1e20) ** -0.05)
    found = one(frame, x="loss")

    assert found["verdict"] == "abrupt"
    assert frame["loss"][4] < found["break_x"] < frame["loss"][3]
    assert found["break_x_low"] < found["break_x"] < found["break_x_high"]
    assert "C^-0.05" in found["reason"]


def test_other_scale_is_read_from_its_column():
    found = one(task("t", STEP, n_params=FLOPS / 1e12), x="n_params")

    assert 10**9 < found["break_x"] < 10**11


def test_answer_counts_what_could_not_be_decided():
    late = [0.25, 0.24, 0.26, 0.25, 0.25, 0.26, 0.24, 0.25, 0.7]
    result = analyze(pd.concat([task("late", late), task("sums", STEP)]))

    assert "sums at" in result.verdict
    assert "1 could not be decided" in result.verdict


def test_answer_counts_nothing_that_is_not_there():
    result = analyze(task("still", [0.25] * len(FLOPS)))

    assert result.verdict == (
        "Of 1 task, none rises abruptly; none leaves its floor within the range of scales."
    )


# Bad input.


def test_empty_table_gives_no_row_and_says_so():
    result = analyze(task("t", STEP).iloc[:0])

    assert result.tables["verdicts"].empty
    assert list(result.tables["verdicts"].columns[: len(COLUMNS)]) == COLUMNS
    assert "no task scores" in result.verdict
    assert len(result.figures) == 0


@pytest.mark.parametrize(
    ("score", "verdict", "words"),
    [
        ([0.5], "unresolved", "1 size of model"),
        ([0.5, 0.6, 0.7], "unresolved", "3 sizes of model"),
        ([math.nan] * 9, "unresolved", "no usable score"),
        ([0.25] * 9, "flat", "All scores are equal"),
        ([0.0] * 9, "flat", "All scores are equal"),
        ([math.inf, *SMOOTH[1:]], "smooth", "Rises smoothly"),
    ],
    ids=["one", "three", "nan", "equal", "zero", "inf"],
)
def test_too_little_to_judge_is_a_row_with_a_reason(score, verdict, words):
    found = one(task("t", score))

    assert found["verdict"] == verdict
    assert words in found["reason"]


def test_runs_of_unknown_scale_are_left_out_with_a_reason():
    result = analyze(task("t", SMOOTH, flops=[math.nan, 0.0, *FLOPS[2:]]))

    assert result.tables["verdicts"]["n_points"].tolist() == [7]
    assert "'flops' is unknown or not positive" in result.left_out[0].reason


def test_infinite_breakthroughness_is_kept():
    assert one(task("t", [0.0] * 8 + [0.1]))["breakthroughness"] == math.inf


@pytest.mark.parametrize(
    ("option", "error", "words"),
    [
        ({"x": "size"}, UnknownNameError, "no scale 'size'"),
        ({"n_boot": 10}, SchemaError, "99 or more"),
        ({"alpha": 1.5}, SchemaError, "between 0 and 1"),
        ({"null_width_decades": 0.0}, SchemaError, "positive and finite"),
    ],
    ids=["scale", "draws", "alpha", "width"],
)
def test_impossible_option_is_refused(option, error, words):
    with pytest.raises(error, match=words):
        analyze(task("t", STEP), **option)


# Properties.

curves = st.lists(st.floats(0, 1), min_size=1, max_size=9)


@settings(max_examples=15, deadline=None)
@given(curves, st.randoms(use_true_random=False))
def test_order_of_rows_is_irrelevant(score, random):
    frame = pd.concat([task("t", score), task("u", SMOOTH)], ignore_index=True)
    order = list(range(len(frame)))
    random.shuffle(order)

    pd.testing.assert_frame_equal(verdicts(frame), verdicts(frame.iloc[order]))


@settings(max_examples=15, deadline=None)
@given(curves, st.floats(-6, 6))
def test_unit_of_scale_moves_only_the_break_and_the_onset(score, shift):
    before = verdicts(task("t", score)).iloc[0]
    after = verdicts(task("t", score, flops=FLOPS[: len(score)] * 10**shift)).iloc[0]

    moved = ["break_x", "break_x_low", "break_x_high", "onset_x"]
    still = [c for c in COLUMNS if c not in [*moved, "reason"]]
    pd.testing.assert_series_equal(before[still], after[still], check_names=False)
    for name in moved:
        np.testing.assert_allclose(after[name], before[name] * 10**shift, rtol=1e-6)


def test_same_seed_gives_the_same_table_and_another_moves_only_p_values():
    frame = task("t", [0.25, 0.3, 0.26, 0.31, 0.45, 0.42, 0.5, 0.47, 0.5])

    pd.testing.assert_frame_equal(verdicts(frame), verdicts(frame))
    assert len({verdicts(frame, seed=seed)["p_value"][0] for seed in range(5)}) > 1


# Figures.


def test_figures_render_without_a_title_and_without_nan():
    import vl_convert

    soft = task("sums", PARTIAL, metric="token_acc", is_continuous=True, n_examples=None)
    frame = pd.concat([task("sums", STEP), soft, task("</script>", SMOOTH)])
    figures = analyze(frame).figures

    assert set(figures) == {"emergence_curves", "width"}
    for figure in figures.values():
        svg = vl_convert.vegalite_to_svg(figure.to_json())
        assert "NaN" not in svg
        assert "title" not in figure.to_dict()
    assert "</script>" not in vl_convert.vegalite_to_svg(figures["emergence_curves"].to_json())


def test_scale_axis_hugs_the_data():
    figure = analyze(task("t", STEP)).figures["emergence_curves"].to_dict()

    low, high = figure["spec"]["layer"][0]["encoding"]["x"]["scale"]["domain"]
    assert 0.5e20 < low < 1e20
    assert 1e24 < high < 2e24
