import json

import pandas as pd
import pytest

from isoflop.cli.app import help_text
from isoflop.cli.estimating import parsed
from isoflop.cli.output import print_frame, print_result
from isoflop.collection import collect
from isoflop.errors import CollectError, RegistryError
from isoflop.results import AnalysisResult
from isoflop.schema import TABLES


def loaded(result):
    def refuse(text):
        raise AssertionError(f"{text} is not JSON")

    return json.loads(result.stdout, parse_constant=refuse)


def test_init_makes_a_registry_and_leaves_one_alone(invoke, tmp_path):
    folder = str(tmp_path / "new")
    first = loaded(invoke("init", "-r", folder, "--json"))
    again = loaded(invoke("init", "-r", folder, "--json"))
    assert first["n_runs"] == 0
    assert first["id"] == again["id"]


def test_ls_lists_every_run_and_a_null_is_null(invoke, registry):
    rows = loaded(invoke("ls", "-r", registry, "--json"))
    assert len(rows) == 21
    last = next(r for r in rows if r["run"] == "no-tokens")
    assert last["n_tokens"] is None
    assert last["loss"] is None
    assert last["tokens_per_param"] is None


def test_ls_where_is_a_condition(invoke, registry):
    rows = loaded(invoke("ls", "-r", registry, "--where", "n_params > 1e8", "--json"))
    assert {r["n_params"] for r in rows} == {160_000_000, 640_000_000}


def test_ls_says_how_many_it_hides_and_sends_no_control_code(invoke, registry):
    shown = invoke("ls", "-r", registry, "--limit", "5").stdout
    assert "16 more of 21" in shown
    everything = invoke("ls", "-r", registry).stdout
    assert "\x1b" not in everything
    assert "evil?[2J[red]name" in everything


def test_a_name_of_any_length_and_lines_stays_in_its_row(capsys):
    print_frame(pd.DataFrame({"run": ["a\nb", "x" * 10_000], "loss": [3.0, 2.0]}))
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("a b") and line.endswith("3") for line in lines)
    assert len(lines) < 8


def test_a_bad_condition_fails_with_the_known_columns(invoke, registry):
    result = invoke("ls", "-r", registry, "--where", "n_parms > 1", code=1)
    assert "n_params" in result.stderr
    assert result.stdout == ""


def test_show_says_value_source_and_why_a_column_is_null(invoke, registry):
    told = invoke("show", "run-1-1", "-r", registry).stdout
    assert "param:n_params" in told
    assert "40 M" in told
    assert "not known: no key says it" in invoke("show", "no-tokens", "-r", registry).stdout


def test_show_finds_a_run_by_the_start_of_its_id(invoke, registry):
    row = loaded(invoke("show", "run-1-1", "-r", registry, "--json"))
    assert loaded(invoke("show", row["run_uid"][:12], "-r", registry, "--json")) == row


def test_an_unknown_run_is_answered_with_the_close_one(invoke, registry):
    result = invoke("show", "run-1-11", "-r", registry, code=1)
    assert "Did you mean 'run-1-1'?" in result.stderr
    assert "Traceback" not in result.stderr


def test_explain_names_the_source(invoke, registry):
    assert "param:n_params" in invoke("explain", "run-1-1", "n_params", "-r", registry).stdout
    told = loaded(invoke("explain", "no-tokens", "n_tokens", "-r", registry, "--json"))
    assert told["value"] is None
    assert told["reason"] == "no key says it"


def test_query_answers_in_sql_and_refuses_to_change(invoke, registry):
    asked = "select count(*) as n, max(n_params) as top from runs"
    assert loaded(invoke("query", asked, "-r", registry, "--json")) == [
        {"n": 21, "top": 640_000_000}
    ]
    result = invoke("query", "drop table runs", "-r", registry, code=1)
    assert "one SELECT" in result.stderr


def test_fold_counts_what_it_merged(invoke, registry):
    assert loaded(invoke("fold", "-r", registry, "--json"))["n_drops"] == 0


def test_fit_gives_intervals_and_says_what_was_left_out(invoke, registry):
    told = loaded(invoke("fit", "chinchilla", "-r", registry, "--n-boot", "20", "--json"))
    assert told["status"] == "converged"
    assert told["params"]["alpha"]["value"] == pytest.approx(0.34, rel=1e-3)
    assert told["n_runs"] == 20
    assert [left["subject"] for left in told["left_out"]] == ["no-tokens"]


def test_an_unknown_law_is_answered_with_the_known_ones(invoke, registry):
    assert "chinchilla" in invoke("fit", "chinchila", "-r", registry, code=1).stderr


def test_plan_under_a_published_law_and_under_ones_own(invoke, registry):
    told = loaded(invoke("plan", "1e21", "--law", "besiroglu-2024", "--json"))
    assert told["n_params"]["low"] < told["n_params"]["value"] < told["n_params"]["high"]
    own = loaded(invoke("plan", "1e19", "--law", "chinchilla", "-r", registry, "--json"))
    assert own["n_params"]["value"] > 0


def test_plan_without_a_law_names_some_and_the_fitted_one(invoke, registry):
    said = invoke("plan", "1e21", "-r", registry, code=2).stderr
    assert "--law besiroglu-2024" in " ".join(said.split())
    assert "--law chinchilla" not in " ".join(said.split())
    invoke("fit", "chinchilla", "-r", registry, "--n-boot", "0")
    said = invoke("plan", "1e21", "-r", registry, code=2).stderr
    assert "--law chinchilla" in " ".join(said.split())


def test_plan_refuses_compute_that_is_none(invoke):
    assert "not a positive" in invoke("plan", "0", "--law", "besiroglu-2024", code=2).stderr


def test_analyze_prints_one_table_and_names_the_others(invoke, registry):
    words = ("analyze", "undertrained", "-r", registry, "-o", "law=besiroglu-2024")
    said = invoke(*words, "--limit", "3").stdout
    assert "verdicts (21 rows)" in said
    assert "--table NAME shows one" in said
    assert "--limit shows more" in said
    other = invoke(*words, "--table", "verdicts").stdout
    assert "verdicts:" in other
    assert "verdicts (21 rows)" not in other
    assert "Known: 'by_law', " in invoke(*words, "--table", "verdict", code=1).stderr


def test_a_result_offers_only_the_options_that_its_verb_has(capsys):
    rows = pd.DataFrame({"run": [f"r{i}" for i in range(30)]})
    tables = {"runs": rows, "empty": rows[:0], "more": rows}
    print_result(AnalysisResult(name="x", title="X", verdict="v", source="s", tables=tables))
    said = capsys.readouterr().out
    assert "10 more of 30; --json has all." in said
    assert "More tables: more (30 rows); --json has them." in said
    assert "--limit" not in said
    assert "--table" not in said


def test_verbs_of_a_plugin_take_a_number_of_rows_and_a_table(invoke, undertrained):
    said = invoke("frontier", "-r", undertrained, "--table", "verdicts", "-n", "1", code=3).stdout
    assert "1 more of 2; --limit shows more." in said
    assert "Known: " in invoke("emergence", "-r", undertrained, "--table", "x", code=1).stderr


def test_frontier_flags_by_exit_code_what_is_clear_and_not_what_is_mild(invoke, undertrained):
    invoke("frontier", "-r", undertrained, code=3)
    for run in ("a", "b"):
        invoke("set", run, "n_params=30016", "n_tokens=20480", "-r", undertrained)
    assert "2 runs are undertrained" in invoke("frontier", "-r", undertrained).stdout


def test_analyze_passes_options_and_refuses_unknown_ones(invoke, registry):
    told = loaded(invoke("analyze", "health", "-r", registry, "--json"))
    assert told["verdict"]
    result = invoke("analyze", "health", "-r", registry, "-o", "colour=red", code=1)
    assert "colour" in result.stderr
    assert "key=value" in invoke("analyze", "health", "-r", registry, "-o", "x", code=2).stderr


def test_option_values_are_json_where_they_can_be():
    assert parsed(["a=1", "b=x", "c=[1, 2]", "d=true"]) == {
        "a": 1, "b": "x", "c": [1, 2], "d": True,
    }  # fmt: skip


def test_an_unknown_family_is_answered_with_the_known_ones(invoke, registry):
    result = invoke("analyze", "health", "-r", registry, "--family", "c5", code=1)
    assert "'c4'" in result.stderr


def test_export_writes_files_that_pandas_reads(invoke, registry, tmp_path):
    told = loaded(invoke("export", str(tmp_path / "out"), "-r", registry, "--json"))
    assert len(told["files"]) == len(TABLES)
    assert len(pd.read_parquet(tmp_path / "out" / "runs.parquet")) == 21
    invoke("export", str(tmp_path / "csv"), "-r", registry, "--format", "csv")
    assert len(pd.read_csv(tmp_path / "csv" / "scores.csv")) == 20
    assert "csv" in invoke("export", "x", "-r", registry, "--format", "xlsx", code=2).stderr


def test_report_writes_files_and_flags_what_is_new_by_exit_code(invoke, undertrained, tmp_path):
    arguments = ("report", "-r", undertrained, "-o", str(tmp_path / "report"), "--json")
    first = loaded(invoke(*arguments, code=3))
    assert first["headline"]
    assert first["n_raised"] == first["metrics"]["n_raised"] > 0
    assert (first["problems"], first["exit_code"]) == ([], 3)
    assert (tmp_path / "report" / "index.html").stat().st_size > 1000
    (tmp_path / "report" / "report.pdf").write_bytes(b"of an earlier report")
    again = invoke(*arguments[:-1]).stdout
    assert f"Of an earlier report, not written now: {tmp_path}/report/report.pdf" in again


def test_plugins_lists_what_is_registered(invoke):
    told = loaded(invoke("plugins", "--json"))
    assert "builtin" in {p["name"] for p in told["plugins"]}
    assert "chinchilla" in told["registered"]["laws"]


def test_doctor_finds_a_registry_that_is_not_one(invoke, tmp_path, registry):
    assert {c["state"] for c in loaded(invoke("doctor", "-r", registry, "--json"))} <= {
        "ok", "note",
    }  # fmt: skip
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("x")
    told = loaded(invoke("doctor", "-r", str(tmp_path / "other"), "--json", code=1))
    assert [c["name"] for c in told if c["state"] == "bad"] == ["registry"]


def test_a_missing_registry_fails_with_what_to_do(invoke, tmp_path):
    result = invoke("ls", "-r", str(tmp_path / "none"), code=1)
    assert "Error:" in result.stderr
    assert str(tmp_path / "none") in result.stderr.replace("\n", "")
    assert "`isoflop collect FOLDER`" in result.stderr


def test_collect_of_a_path_that_is_not_there_names_the_close_one(invoke, tmp_path):
    (tmp_path / "runs").mkdir()
    result = invoke("collect", str(tmp_path / "runz"), "-r", str(tmp_path / "r"), code=1)
    assert f"Did you mean '{tmp_path / 'runs'}'?" in result.stderr
    assert not (tmp_path / "r").exists()


@pytest.fixture
def two_logs(tmp_path):
    """One run, kept under two paths and times: two sources that are two runs until merged."""
    for folder in ("a", "b"):
        (tmp_path / "logs" / folder).mkdir(parents=True)
        rows = (f'{{"step": {i}, "loss": {4 - i / 8}}}' for i in range(8))
        (tmp_path / "logs" / folder / "run.jsonl").write_text("\n".join(rows))
    return str(tmp_path / "logs")


def test_collect_says_what_comes_next_and_where_the_registry_is(invoke, two_logs, tmp_path):
    result = invoke("collect", two_logs, "-r", str(tmp_path / "my registry"))
    assert "Next: `isoflop ls`, then `isoflop report`." in result.stdout
    assert f"export ISOFLOP_REGISTRY='{tmp_path / 'my registry'}'" in result.stdout


def test_a_source_that_was_collected_can_be_forgotten(invoke, two_logs, tmp_path):
    folder = str(tmp_path / "reg")
    invoke("collect", str(two_logs), "-r", folder)
    told = invoke("collect", "--forget", str(two_logs), "-r", folder).stdout
    assert f"no longer read {two_logs}" in told
    error = invoke("collect", "--forget", str(two_logs), "-r", folder, code=1).stderr
    assert "There is no collected source" in error
    assert len(loaded(invoke("ls", "-r", folder, "--json"))) > 0


def test_merge_and_split_take_the_names_that_ls_and_sources_show(invoke, two_logs, tmp_path):
    place = ("-r", str(tmp_path / "r"))
    invoke("collect", two_logs, *place)
    said = invoke("merge", "a/run.jsonl", "b/run.jsonl", *place).stdout
    assert "of 2 sources. To take it apart: `isoflop split" in said
    for name in ("a/run.jsonl", "b/run.jsonl"):
        assert "n_sources                    2" in invoke("show", name, *place).stdout
    assert "2 runs now: " in invoke("split", "b/run.jsonl", *place).stdout
    assert len(loaded(invoke("sources", "--json", *place))) == 2


def test_watch_prints_a_line_a_round_and_json_lines(invoke, two_logs, tmp_path, monkeypatch):
    def rounds(sources, registry, **_options):
        yield collect(sources, registry)
        yield collect(sources, registry)
        yield CollectError("It is gone.", source="x")

    monkeypatch.setattr("isoflop.watching.watch", rounds)
    said = invoke("watch", two_logs, "-r", str(tmp_path / "r")).stdout
    assert "2 runs from 2 sources" in said
    assert said.count("run and 1 more: no parameter count") == 1
    assert "It is gone." in said
    lines = invoke("watch", two_logs, "-r", str(tmp_path / "q"), "--json").stdout.splitlines()
    assert json.loads(lines[0])["n_new"] == 2
    assert json.loads(lines[-1])["error"] == "It is gone."


def test_collect_of_a_bundled_table_is_incremental(invoke, tmp_path):
    arguments = ("collect", "dataset:published-models", "-r", str(tmp_path / "r"), "--json")
    first, again = loaded(invoke(*arguments)), loaded(invoke(*arguments))
    assert first["n_new"] > 100
    assert (again["n_new"], again["n_changed"], again["n_unchanged"]) == (0, 0, first["n_new"])


def test_help_keeps_examples_on_lines_of_their_own():
    text = help_text("Do it.\n\nMore.\n\nExamples\n--------\nisoflop a\nisoflop b\n")
    assert text == "Do it.\n\nMore.\n\nExamples:\n\n\b\n  isoflop a\n  isoflop b"


def test_interrupt_and_error_become_exit_codes():
    import typer

    from isoflop.cli.border import guarded

    def interrupted():
        raise KeyboardInterrupt

    def failed():
        raise RegistryError("the disk is full")

    for function, code in ((interrupted, 130), (failed, 1)):
        with pytest.raises(typer.Exit) as caught:
            guarded(function)()
        assert caught.value.exit_code == code
