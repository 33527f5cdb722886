"""Undertrained flags on the published models, and on tables that say little."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import isoflop
import isoflop_datasets
from isoflop.errors import SchemaError, UnitError, UnknownNameError
from isoflop.estimation.frontier import TwoTermFrontier, frontier_of, has_frontier
from isoflop_plugins.laws.published import PUBLISHED

COLUMNS = [
    "run", "n_params", "n_tokens", "law",
    "token_ratio", "token_ratio_low", "token_ratio_high",
    "excess_loss", "excess_loss_low", "excess_loss_high",
    "compute_waste", "compute_waste_low", "compute_waste_high",
    "verdict", "reason",
]  # fmt: skip
NEVER = ["Chinchilla 70B", "LLaMA 65B", "Cerebras-GPT 13B"]
ALWAYS = [
    "GPT-3 175B", "Gopher 280B", "MT-NLG 530B", "Jurassic-1 Jumbo 178B", "PaLM 540B",
    "BLOOM 176B", "OPT 175B", "LaMDA 137B",
]  # fmt: skip
LAWS = {law.name: frontier_of(law) for law in PUBLISHED if has_frontier(law)}


@pytest.fixture(scope="module")
def models():
    return isoflop_datasets.load_published_models()


@pytest.fixture(scope="module")
def result(models):
    return isoflop.analyze("undertrained", models)


@pytest.fixture(scope="module")
def rows(result):
    return result.tables["verdicts"].set_index("run", drop=False)


def _table(**columns):
    return isoflop.RunTable.from_pandas(pd.DataFrame(columns))


def _judge(table, **options):
    return isoflop.analyze("undertrained", table, **options).tables["verdicts"]


def _golden():
    text = (Path(__file__).with_name("golden_verdicts.csv")).read_text()
    return list(csv.DictReader(x for x in text.splitlines() if not x.startswith("#")))


@pytest.mark.parametrize("row", _golden(), ids=lambda r: f"{r['model']}-{r['law']}-{r['quantity']}")
def test_the_verdict_tables_numbers_are_reproduced(models, row):
    at = models.texts("run_name").index(row["model"])
    n, d = models.numbers("n_params_active")[at], models.numbers("n_tokens")[at]
    value = float(getattr(LAWS[row["law"]], row["quantity"])(n, d))

    assert value == pytest.approx(float(row["value"]), rel=0.005, abs=float(row["tolerance"]))


def test_the_verdicts_table_has_the_promised_columns_first(rows):
    assert list(rows.columns[: len(COLUMNS)]) == COLUMNS


@pytest.mark.parametrize("model", NEVER)
def test_a_balanced_model_is_never_flagged(result, rows, model):
    assert rows.loc[model, "verdict"] == "near-optimal"
    assert not [f for f in result.findings if f.subject_name == model]


@pytest.mark.parametrize("model", ALWAYS)
def test_a_starved_model_is_always_flagged_and_the_law_named(result, rows, model):
    finding = next(f for f in result.findings if f.subject_name == model)
    assert rows.loc[model, "verdict"] == "undertrained"
    assert (finding.kind, finding.law) == ("undertrained", "besiroglu-2024")
    assert finding.severity in {"clear", "severe"}
    assert finding.value is not None
    assert finding.value.high < 0.5


def test_severity_follows_the_waste(rows):
    assert rows.loc["Gopher 280B", "severity"] == "severe"
    assert rows.loc["GPT-3 175B", "severity"] == "clear"
    assert rows.loc["LLaMA 7B", "severity"] == "info"


def test_no_model_without_tokens_is_judged(rows):
    unknown = rows[rows["n_tokens"].isna()]
    assert len(unknown) == 44
    assert (unknown["verdict"] == "not-assessable").all()
    assert unknown["reason"].str.len().gt(0).all()


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("Llama 3.2 1B", "distilled"),
        ("InstructGPT 175B", "fine-tuned"),
        ("T5-11B", "encoder-decoder"),
        ("CodeLlama-7b-hf", "base model"),
        ("Switch-C 1.6T", "active parameters"),
    ],
)
def test_what_the_frontier_cannot_judge_says_why(result, rows, model, reason):
    assert rows.loc[model, "verdict"] == "not-assessable"
    assert reason in rows.loc[model, "reason"]
    assert any(item.subject == model for item in result.left_out)


def test_both_claims_of_lamdas_tokens_are_reported(rows):
    assert "432 B tokens" in rows.loc["LaMDA 137B", "reason"]
    assert "2.57 x 6 N D" in rows.loc["LaMDA 137B", "reason"]


def test_experts_count_active_parameters_and_are_called_approximate(rows):
    row = rows.loc["GLaM 64B/64E"]
    assert row["n_params_used"] == 9.66e10
    assert "approximate" in row["reason"]
    assert row["verdict"] == "leaning"
    assert "leaning-under" in row["reason"]


def test_repeated_tokens_count_for_less(rows):
    # emergence_frontier.md, section 6: Galactica's 450e9 tokens are worth 417e9, ratio 0.19.
    row = rows.loc["Galactica 120B"]
    assert row["n_tokens_effective"] == pytest.approx(4.17e11, rel=0.005)
    assert row["token_ratio"] == pytest.approx(0.19, abs=0.005)


def test_an_extrapolated_law_is_said(rows):
    assert "outside the law's data" in rows.loc["GPT-3 175B", "reason"]
    assert "outside the law's data" not in rows.loc["Cerebras-GPT 13B", "reason"]


def test_a_run_outside_the_laws_data_keeps_its_severity_and_says_so(result, rows):
    finding = next(f for f in result.findings if f.subject_name == "Gopher 280B")
    assert finding.severity == "severe"
    assert finding.message.endswith("; extrapolated, outside the data of besiroglu-2024.")
    assert np.isfinite(rows.loc["Gopher 280B", "excess_loss"])
    assert not rows.loc["Gopher 280B", "far_outside"]


def test_a_run_far_outside_the_laws_data_is_mild_and_gets_no_cost():
    # 30,000 parameters under a law of 57e6 to 16e9: an excess of 15 nat/token came out.
    result = isoflop.analyze(
        "undertrained", _table(run_name=["tiny"], n_params=[30_016], n_tokens=[20_480])
    )
    (finding,) = (f for f in result.findings if f.kind == "undertrained")
    row = result.tables["verdicts"].iloc[0]

    assert finding.severity == "mild"
    assert "far outside the data of besiroglu-2024: extrapolated, so no excess" in finding.message
    assert "(far outside the data of besiroglu-2024: extrapolated): worst tiny" in result.verdict
    assert row[COLUMNS[7:13]].isna().all()
    assert "no excess loss and no waste is given" in row["reason"]
    assert "its_compute_waste" not in result.numbers


def test_runs_far_outside_the_laws_data_come_after_those_nearer():
    result = isoflop.analyze("undertrained", _table(
        run_name=["tiny", "GPT-3"], n_params=[30_016, 1.75e11], n_tokens=[20_480, 3e11]
    ))  # fmt: skip
    assert "(1 of them far outside the data of besiroglu-2024" in result.verdict
    assert "worst GPT-3 with" in result.verdict
    assert result.tables["undertrained"]["run"].tolist() == ["GPT-3", "tiny"]
    assert [f.subject_name for f in result.findings[:2]] == ["GPT-3", "tiny"]


def test_a_run_that_failed_is_flagged_mildly():
    table = _table(n_params=[1.75e11] * 2, n_tokens=[3e10] * 2, status=["failed", "finished"])
    rows = _judge(table)
    assert rows["severity"].tolist() == ["mild", "severe"]
    assert "run ended as failed: a flag is mild at most" in rows["reason"][0]


def test_the_short_table_shows_the_parameters_that_were_judged_by():
    result = isoflop.analyze("undertrained", _table(
        n_params=[1.6e12], n_params_active=[1e11], architecture=["moe"], n_tokens=[1e11]
    ))  # fmt: skip
    row = result.tables["undertrained"].iloc[0]
    assert row["n_params_used"] == 1e11
    assert row["n_tokens"] / row["n_params_used"] == row["tokens_per_param"]
    assert "n_params" not in row


def test_laws_that_contradict_on_one_run_are_told_of_one_run():
    result = isoflop.analyze("undertrained", _table(n_params=[7e10], n_tokens=[1.4e12]))
    (finding,) = (f for f in result.findings if f.kind == "law-disagreement")
    assert finding.subject_name == "1 run"
    assert "on 1 run; the column" in finding.message


def test_laws_that_contradict_are_named(result, rows):
    assert not rows.loc["Chinchilla 70B", "laws_agree"]
    assert "undertrained: hoffmann-2022" in rows.loc["Chinchilla 70B", "reason"]
    assert rows.loc["MT-NLG 530B", "laws_agree"]
    (finding,) = (f for f in result.findings if f.kind == "law-disagreement")
    assert "Chinchilla 70B" in finding.evidence["runs"]


def test_by_law_has_one_row_a_run_and_law(models, result):
    by_law = result.tables["by_law"]
    assert len(by_law) == len(models) * len(LAWS)
    assert not by_law.duplicated(["row", "law"]).any()
    kaplan = by_law[(by_law["law"] == "kaplan-2020") & (by_law["run"] == "GPT-3 175B")].iloc[0]
    assert kaplan["verdict"] == "overtrained"
    assert "total N used" in kaplan["note"]


def test_families_on_one_line_are_not_refitted(result):
    refused = [x for x in result.left_out if x.subject == "refit of published:Pythia"]
    assert "line" in refused[0].reason
    assert result.fits == []


def test_a_law_without_covariance_judges_by_the_point_and_says_so(models):
    rows = _judge(models, law="hoffmann-2022").set_index("run")
    row = rows.loc["Chinchilla 70B"]
    assert row["verdict"] == "undertrained"
    assert np.isnan(row["token_ratio_low"])
    assert "no interval" in row["reason"]


def test_an_allocation_has_a_ratio_and_no_waste(models):
    row = _judge(models, law="hoffmann-2022-approach-1").set_index("run").loc["Gopher 280B"]
    # Hoffmann et al. 2022, table 3: 5.9e12 tokens for 280e9 parameters.
    assert row["token_ratio"] == pytest.approx(3e11 / 5.9e12, rel=0.01)
    assert np.isnan(row["compute_waste"])
    assert "allocation" in row["reason"]


def test_the_interval_of_chinchilla_is_the_bootstraps(rows):
    # emergence_frontier.md, section 6; bar 20 %.
    row = rows.loc["Chinchilla 70B"]
    assert row["token_ratio_low"] == pytest.approx(0.57, rel=0.2)
    assert row["token_ratio_high"] == pytest.approx(2.56, rel=0.2)


def test_predicted_waste_follows_the_waste_measured_on_the_pile(models):
    # Frontier of seven Cerebras-GPT models, L = 0.501 + exp(3.850 - 0.1688 log10 C), from
    # emergence_frontier.md, section 6; Pythia-deduped 1.4B is a typing error of its source.
    frame = models.to_pandas()
    frame = frame[frame["loss"].notna() & ~frame["run_name"].str.contains("Cerebras")]
    frame = frame[frame["run_name"] != "Pythia-deduped 1.4B"]
    loss = frame["loss"].to_numpy()
    least = 10 ** ((3.850 - np.log(loss - 0.501)) / 0.1688)
    n, d = (frame[c].to_numpy(dtype=float) for c in ("n_params", "n_tokens"))
    law = LAWS["besiroglu-2024"]
    assert isinstance(law, TwoTermFrontier)

    spent = frame["flops"].to_numpy()  # with attention and logits, as the frontier counts it
    measured, predicted = np.log(spent / least), np.log(law.compute_waste(n, d))

    assert len(frame) == 17
    assert np.exp(np.median(measured - predicted)) == pytest.approx(1.2, abs=0.05)
    assert np.corrcoef(measured, predicted)[0, 1] >= 0.95


def _own_runs(seed=0):
    """A ladder on a grid of N and D whose law wants about 5 tokens a parameter at 1e8."""
    rng = np.random.default_rng(seed)
    n, d = (x.ravel() for x in np.meshgrid(np.geomspace(1e7, 1e9, 6), np.geomspace(1e8, 2e10, 6)))
    loss = 1.7 + 400 / n**0.34 + 800 / d**0.36
    return {
        "run_name": [f"run {i}" for i in range(n.size)],
        "family": ["ladder"] * n.size,
        "n_params": n,
        "n_tokens": d,
        "loss": loss * np.exp(rng.normal(0, 0.002, n.size)),
    }


def test_a_family_with_enough_losses_is_judged_by_its_own_refit():
    result = isoflop.analyze("undertrained", _table(**_own_runs()), n_boot=200)
    rows = result.tables["verdicts"]

    assert set(rows["law"]) == {"chinchilla refit of ladder"}
    assert len(result.fits) == 1
    truth = TwoTermFrontier(E=1.7, A=400.0, alpha=0.34, B=800.0, beta=0.36)
    ratio = truth.token_ratio(rows["n_params"], rows["n_tokens"])
    inside = (rows["token_ratio_low"] <= ratio) & (ratio <= rows["token_ratio_high"])
    assert inside.mean() > 0.8
    by_law = result.tables["by_law"]
    assert by_law["law"].nunique() == len(LAWS) + 1


def test_a_fit_can_be_given_as_the_law():
    runs = _table(**_own_runs())
    fit = isoflop.fit("chinchilla", runs, n_boot=50)
    rows = _judge(runs, law=fit)
    assert set(rows["law"]) == {"chinchilla refit of ladder"}


def test_the_order_of_runs_does_not_matter(models):
    options = {"law": "besiroglu-2024"}
    forward = _judge(models, **options).set_index("run")
    backward = _judge(models.take(np.arange(len(models))[::-1]), **options).set_index("run")
    pd.testing.assert_frame_equal(forward, backward.loc[forward.index])


def test_a_continued_run_counts_its_parents_tokens():
    rows = _judge(
        _table(
            run_uid=["a", "b", "c"],
            parent_uid=[None, "a", "gone"],
            stage=["pretrain", "continued", "continued"],
            n_params=[1e9, 1e9, 1e9],
            n_tokens=[2e10, 1e10, 1e10],
        )
    )
    assert rows["tokens_per_param"].tolist()[:2] == [20, 30]
    assert rows["verdict"][2] == "not-assessable"


@pytest.mark.parametrize(
    ("stage", "reason"),
    [
        ("sft", "fine-tuned"),
        ("preference", "trained on preferences"),
        ("reinforcement", "trained by reinforcement"),
        ("eval", "an evaluation"),
        ("annealed", "stage is annealed, not pretrain"),
    ],
)
def test_a_run_of_another_stage_is_not_judged_and_says_why(stage, reason):
    rows = _judge(_table(stage=[None, stage], n_params=[1e9, 1e9], n_tokens=[2e10, 2e9]))
    assert rows["verdict"].tolist() == ["near-optimal", "not-assessable"]
    assert rows["reason"][1].startswith(reason)


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("n_params", 0.0, "N unknown"),
        ("n_tokens", -5.0, "D unknown"),
        ("n_params", np.nan, "N unknown"),
    ],
)
def test_a_value_that_cannot_be_is_not_judged(column, value, reason):
    columns = {"n_params": [1e9, 1e9], "n_tokens": [2e10, 2e10]}
    columns[column][1] = value
    rows = _judge(_table(**columns))
    assert rows["verdict"].tolist() == ["near-optimal", "not-assessable"]
    assert reason in rows["reason"][1]


def test_a_running_run_is_not_flagged():
    rows = _judge(_table(n_params=[1e9], n_tokens=[1e8], status=["running"]))
    assert rows["verdict"][0] == "not-assessable"
    assert "running" in rows["reason"][0]


def test_one_run_is_judged():
    result = isoflop.analyze("undertrained", _table(n_params=[1.75e11], n_tokens=[3e11]))
    assert "1 run is undertrained, of 1 assessed run, under" in result.verdict


def test_the_verdict_says_how_many_runs_were_not_assessed():
    result = isoflop.analyze("undertrained", _table(n_params=[1e9, 1e9], n_tokens=[2e10, np.nan]))
    assert "of 1 assessed run (2 in the table), under" in result.verdict


def test_no_run_and_runs_of_nulls_give_a_result_that_says_so():
    empty = _table(n_params=np.array([], float), n_tokens=np.array([], float))
    nulls = _table(n_params=[np.nan] * 3, n_tokens=[np.nan] * 3)
    for table in (empty, nulls):
        result = isoflop.analyze("undertrained", table)
        assert result.verdict.startswith("No run can be judged")
        assert not result.findings
        assert len(result.figures) == 0


def test_an_unknown_law_is_refused_with_the_known_names(models):
    with pytest.raises(UnknownNameError, match="besiroglu-2024"):
        isoflop.analyze("undertrained", models, law="besiroglu")


def test_claims_that_are_not_json_are_passed_over():
    rows = _judge(_table(n_params=[1e9], n_tokens=[2e10], claims=["{broken"]))
    assert rows["verdict"][0] == "near-optimal"


def test_the_figures_render_offline_with_hostile_names():
    import vl_convert

    names = ["</script><b>x", "'] + alert(1) + ['"]
    result = isoflop.analyze(
        "undertrained", _table(run_name=names, n_params=[1e9, 1e11], n_tokens=[2e10, 1e11])
    )
    assert list(result.figures) == ["token_ratio", "tokens_vs_params"]
    for name in result.figures:
        svg = vl_convert.vegalite_to_svg(result.figures[name].to_json())
        assert svg.startswith("<svg")
        assert "<b>x" not in svg


@pytest.mark.parametrize(
    ("options", "words"),
    [({"n_boot": -5}, "n_boot must be 0"), ({"level": 2.0}, "level must"), ({"seed": -1}, "seed")],
    ids=["n_boot", "level", "seed"],
)
def test_setting_out_of_range_is_refused(options, words):
    with pytest.raises(SchemaError, match=words):
        _judge(_table(n_params=[1e9], n_tokens=[2e10]), **options)


def test_demo_like_family_is_judged_by_its_own_refit():
    rng = np.random.default_rng(0)
    flops = np.repeat(np.geomspace(1e18, 1e21, 6), 6)
    n = np.tile(np.geomspace(0.1, 10, 6), 6) * (flops / 120) ** 0.5
    d = flops / (6 * n)
    loss = 1.8 + 480 / n**0.35 + 2100 / d**0.37
    table = _table(
        n_params=n.round(), n_tokens=d.round(), loss=loss * np.exp(0.002 * rng.normal(size=36)),
        family="mine",
    )  # fmt: skip
    assert set(_judge(table)["law"]) == {"chinchilla refit of mine"}


def test_a_law_of_growth_alone_judges_no_run(result, models):
    assert "jeon-van-roy-2022" not in set(result.tables["by_law"]["law"])
    with pytest.raises(UnitError, match="says how fast N and D grow with compute, not how large"):
        isoflop.analyze("undertrained", models, law="jeon-van-roy-2022")
