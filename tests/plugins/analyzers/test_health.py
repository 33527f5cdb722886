import json

import numpy as np
import pandas as pd
import pytest

from isoflop import PluginHost, RunTable, analyze, hookimpl
from isoflop_plugins.analyzers.health.analyzer import HEALTH


@pytest.fixture(scope="module")
def host():
    class Plugin:
        @hookimpl
        def isoflop_analyzers(self):
            return (HEALTH,)

    host = PluginHost(load_entry_points=False)
    host.register(Plugin(), name="test")
    return host


def _runs(n=4, **columns):
    n_params = np.geomspace(1e6, 1e9, n).round()
    known = {
        "run_uid": [f"{i:032x}" for i in range(n)],
        "run_name": [f"run-{i}" for i in range(n)],
        "family": "web",
        "status": "finished",
        "n_params": n_params,
        "n_tokens": 20 * n_params,
        "flops": 120 * n_params**2,
        "loss": np.linspace(4, 3, n),
        "n_vocab": 256,
    }
    return RunTable.from_pandas(pd.DataFrame(known | columns))


def test_a_right_table_is_said_to_look_right(host):
    result = analyze("health", _runs(), host=host)
    assert result.verdict.startswith("The table looks right: 4 of 4 runs")
    assert all(ok for _, ok in result.checks)
    assert not result.findings


@pytest.mark.parametrize(
    ("columns", "law", "run"),
    [
        ({"flops": [120e12, 1.0, 120e16, 120e18]}, "flops-6nd", "run-1"),
        ({"mfu": [0.4, None, 1.2, 0.5]}, "mfu", "run-2"),
        ({"mfu": [0.4, None, 0.0, 0.5]}, "mfu", "run-2"),
        ({"loss": [4.0, 3.0, 3.0, -0.1]}, "loss-range", "run-3"),
        ({"loss": [9.0, 3.0, 3.0, 3.0]}, "loss-range", "run-0"),
        (
            {"n_steps": [20_000, None, None, None], "batch_tokens": [500, None, None, None]},
            "tokens-steps",
            "run-0",
        ),
        ({"content_hash": ["a", "b", "a", None]}, "duplicate", "run-0"),
        ({"stage": ["pretrain", "eval", None, None]}, "unlinked-evaluation", "run-1"),
        ({"loss_split": ["eval", "eval", "train", None]}, "mixed-loss-split", "family web"),
        ({"n_vocab": [32_000, 50_257, 50_304, None]}, "mixed-n-vocab", "family web"),
        ({"tokenizer": ["gpt2", "gpt2", "llama", None]}, "mixed-tokenizer", "family web"),
        ({"flops_convention": ["6ND", "full", "6ND", "6ND"]}, "mixed-flops-convention",
         "family web"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_cannot_be_right_is_found(host, columns, law, run):
    result = analyze("health", _runs(**columns), host=host)
    assert [(f.law, f.subject_name, f.kind) for f in result.findings] == [
        (law, run, "inconsistent")
    ]
    assert "Look before you trust it: 1 problem" in result.verdict
    assert sum(not ok for _, ok in result.checks) == 1


@pytest.mark.parametrize(
    "columns",
    [
        {"stage": "eval", "parent_uid": f"{0:032x}", "content_hash": "a"},
        {"content_hash": "a", "n_curve_points": 0},
        {"family": [None, None, "web", "web"], "tokenizer": ["gpt2", "llama", "gpt2", "gpt2"]},
        {"stage": ["pretrain", "eval", "eval", "eval"], "parent_uid": f"{0:032x}",
         "loss_dataset": ["c4", "pile", "c4", "wiki"]},
        {"n_vocab": [50_257, 50_304, 50_257, 50_257]},
    ],
    ids=["linked evaluations", "no curves", "no family", "evaluations mix", "padding"],
)  # fmt: skip
def test_runs_that_may_differ_are_no_problem(host, columns):
    assert not analyze("health", _runs(**columns), host=host).findings


@pytest.mark.parametrize("stage", ["sft", "preference", "reinforcement", "continued"])
def test_other_stages_of_a_family_are_told_and_no_problem(host, stage):
    result = analyze("health", _runs(stage=["pretrain", "pretrain", None, stage]), host=host)
    assert [(f.law, f.severity) for f in result.findings] == [("mixed-stage", "info")]
    assert f"{stage} 1" in result.findings[0].message
    assert "looks right" in result.verdict


def test_an_unknown_number_is_never_a_problem(host):
    columns = dict.fromkeys(("n_params", "n_tokens", "flops", "loss", "mfu", "n_steps"), np.nan)
    assert not analyze("health", _runs(**columns), host=host).findings


def _claims(*values, column="n_params", rejected="", how="reported"):
    return json.dumps(
        [
            {"column": column, "value": v, "how": how, "source": f"param:{i}",
             "rejected": rejected}
            for i, v in enumerate(values)
        ]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("claims", "severity"),
    [
        (_claims(100, 150), "clear"),
        (_claims(100, 103), "mild"),
        (_claims(100, 100.5), None),
        (_claims(100, 150, column="n_layers"), "mild"),
        (_claims("gpt2", "llama", column="tokenizer"), "mild"),
        (_claims("lots", rejected="not a number"), "info"),
        (_claims(100.0, 150.0, column="wall_time_s"), None),
        (_claims(3_600.0, 7_200.0, column="wall_time_s"), "mild"),
        (_claims(40, 39, column="n_steps"), None),
        (_claims(3.2, 3.4, column="loss_smoothed"), None),
        (_claims("sweep", "other", column="family", how="experiment"), None),
        (_claims("sweep", "other", column="family", how="tag"), "mild"),
        (_claims(1e20, 1.5e20, column="flops", how="6nd"), None),
        ("not json", None),
        ('{"column": "a list is expected"}', None),
    ],
    ids=[
        "grave",
        "small",
        "same",
        "minor-column",
        "text",
        "rejected",
        "clocks",
        "other-time",
        "from-zero",
        "sampling",
        "projects",
        "families",
        "6nd",
        "broken",
        "wrong-kind",
    ],
)
def test_claims_that_disagree_by_more_than_a_percent_are_conflicts(host, claims, severity):
    result = analyze("health", _runs(claims=[None, claims, None, None]), host=host)
    said = [(f.kind, f.subject_name, f.severity) for f in result.findings]
    assert said == ([("conflict", "run-1", severity)] if severity else [])
    assert len(result.tables["conflicts"]) == len(said)


def test_one_fault_is_told_once(host):
    columns = {"n_steps": [20_000, None, None, None], "batch_tokens": [500, None, None, None]}
    claims = [_claims(20_000_000, 10_000_000, column="n_tokens"), None, None, None]
    result = analyze("health", _runs(**columns, claims=claims), host=host)
    assert [(f.law, f.severity) for f in result.findings] == [("claims-agree", "clear")]


def test_a_refused_mfu_is_told_by_the_check_of_mfu(host):
    refused = _claims(40.0, column="mfu", rejected="an MFU of 40 is above 1")
    columns = {"device_count": 1, "wall_time_s": 1e-3, "peak_flops_per_s": 312e12}
    result = analyze("health", _runs(claims=[None, refused, None, None], **columns), host=host)
    assert {f.law for f in result.findings} == {"mfu"}


def test_nulls_are_counted_with_their_reasons(host):
    reasons = json.dumps({"loss": "the run diverged"})
    runs = _runs(loss=[4.0, None, None, 3.0], null_reasons=[None, reasons, None, None])
    nulls = analyze("health", runs, host=host).tables["nulls"].set_index("column")
    row = nulls.loc["loss"]
    assert (row["runs_null"], row["runs_with_reason"], row["reason"]) == (2, 1, "the run diverged")
    assert row["reasons"] == "the run diverged (1); the source did not say it (1)"
    assert "n_params" not in nulls.index


def test_statuses_are_counted(host):
    runs = _runs(status=["finished", "failed", "stale", "failed"])
    status = analyze("health", runs, host=host).tables["status"]
    assert dict(zip(status["status"], status["n_runs"], strict=True)) == {
        "failed": 2, "finished": 1, "stale": 1,
    }  # fmt: skip


def test_no_runs_is_said(host):
    result = analyze("health", _runs(0), host=host)
    assert result.verdict == "No runs, so nothing to check: collect some first."
    assert result.tables["nulls"].empty or len(result.figures) == 0


def test_one_run_is_enough(host):
    assert "1 of 1 run have" in analyze("health", _runs(1), host=host).verdict


def test_the_chart_shows_the_nulls_table(host):
    result = analyze("health", _runs(), host=host)
    spec = result.figures["nulls"].to_dict()
    assert spec["mark"]["type"] == "bar"
    assert result.figures.specs()[0].table == "nulls"


def _set_by_hand(column="n_tokens"):
    said = [("isoflop set", "user", 35_000_000, True), ("jsonl", "counted", 20_000_000, False)]
    return json.dumps([
        {"column": column, "value": v, "how": h, "source": s, "rejected": "", "chosen": c}
        for s, h, v, c in said
    ])  # fmt: skip


def test_what_a_person_has_set_settles_a_conflict(host):
    columns = {"n_tokens": [35_000_000, 2e8, 2e9, 2e10], "n_params": [1e6, 1e7, 1e8, 1e9],
               "n_steps": [200, None, None, None], "batch_tokens": [100_000, None, None, None],
               "flops": None}  # fmt: skip
    claims = [_set_by_hand(), None, None, None]
    (finding,) = analyze("health", _runs(**columns, claims=claims), host=host).findings
    assert (finding.law, finding.severity) == ("settled-by-hand", "info")
    assert "settled by hand" in finding.message
    assert "`isoflop set 00000000 n_tokens=` takes it back" in finding.evidence["todo"]


@pytest.mark.parametrize(
    ("column", "words"),
    [("n_params", "`isoflop set 00000000 n_params=VALUE`"), ("flops_6nd", "`isoflop.flops_6nd`")],
)
def test_a_conflict_says_how_a_person_settles_it(host, column, words):
    claims = [_claims(100, 150, column=column), None, None, None]
    (finding,) = analyze("health", _runs(claims=claims), host=host).findings
    assert words in finding.evidence["todo"]


@pytest.mark.parametrize(
    ("losses", "found"),
    [
        ([3.25, 3.5], None),
        ([3.25, 3.25], "`isoflop merge 00000000 00000000`"),
        ([float(np.float32(3.1)), 3.1], "`isoflop merge 00000000 00000000`"),
        ([np.nan, np.nan], "`isoflop merge 00000000 00000000`"),
        ([3.25, np.nan], "look whether they are one run"),
        ([3.25, 3.5, np.nan], None),
    ],
)
def test_runs_of_one_hash_are_told_apart_by_their_held_out_loss(host, losses, found):
    n = len(losses)
    runs = _runs(
        n, content_hash="a", loss=losses, loss_split=["eval" if x == x else None for x in losses]
    )
    told = [f for f in analyze("health", runs, host=host).findings if f.law == "duplicate"]
    assert len(told) == (found is not None)
    if found:
        todo = told[0].evidence["todo"]
        assert found in todo
        assert ("merge" in todo) == ("merge" in found)
