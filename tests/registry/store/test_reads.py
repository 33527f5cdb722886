from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from isoflop.errors import RegistryError, SchemaError, UnknownNameError
from isoflop.records import ResolvedRun, run_uid
from isoflop.schema import TABLES
from isoflop.store import Registry, open_registry

RunMaker = Callable[..., ResolvedRun]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, make_run: RunMaker) -> Path:
    """A filled registry, to be copied: filling takes much longer."""
    registry = open_registry(tmp_path_factory.mktemp("template") / "registry", create=True)
    registry.writer().drop_runs(
        [
            make_run("small", n_params=10**6, level=4.0, scores={"c4": 4.1, "pile": 3.9}),
            make_run("large", n_params=10**9, level=3.0, scores={"c4": 3.1}),
            make_run("gone", lifecycle="deleted", scores={"c4": 5.0}),
        ]
    )
    registry.fold()
    return Path(registry.uri)


@pytest.fixture
def filled(template: Path, tmp_path: Path) -> Registry:
    return open_registry(shutil.copytree(template, tmp_path / "registry"))


def test_empty_registry_gives_empty_tables(registry: Registry) -> None:
    for table in (registry.runs(), registry.curves(), registry.metrics(), registry.scores()):
        assert len(table) == 0
        assert "run_uid" in table.columns
    assert registry.known("test") == {}
    assert registry.events().empty


def test_deleted_runs_are_left_out_unless_asked_for(filled: Registry) -> None:
    assert sorted(map(str, filled.runs().texts("run_name"))) == ["large", "small"]
    assert len(filled.runs(include_deleted=True)) == 3
    assert "gone" not in filled.scores().texts("run_name")
    assert "gone" not in filled.curves().texts("run_name")


def test_where_is_a_condition_on_columns(filled: Registry) -> None:
    assert filled.runs("n_params > 1e8 and loss < 3.5").texts("run_name") == ["large"]
    assert filled.scores("task = 'pile'").texts("run_name") == ["small"]


@pytest.mark.parametrize("where", ["n_parms > 1", "n_params >", "1) UNION SELECT (1", "'x'"])
def test_bad_condition_names_the_columns(filled: Registry, where: str) -> None:
    with pytest.raises(SchemaError, match=r"not a condition on 'runs'.*Columns: run_uid"):
        filled.runs(where)


def test_condition_may_end_in_a_comment(filled: Registry) -> None:
    assert len(filled.runs("n_params > 1e8 -- large ones")) == 1


def test_chosen_loss_replaces_the_loss(filled: Registry) -> None:
    frame = filled.runs(loss="pile").to_pandas().set_index("run_name")
    assert frame.loc["small", "loss"] == 3.9
    assert frame.loc["small", "loss_dataset"] == "pile"
    assert frame.loc["small", "loss_split"] == "eval"
    assert pd.isna(frame.loc["large", "loss"])
    assert pd.isna(frame.loc["large", "loss_dataset"])


def test_chosen_loss_is_the_final_models(registry: Registry, make_run: RunMaker) -> None:
    run = make_run("a")
    base = {"task": "c4", "metric": "loss", "unit": "nat/token"}
    scores = [base | {"step": s, "value": v} for s, v in ((10, 5.0), (None, 2.0), (20, 4.0))]
    registry.writer().drop_runs([ResolvedRun(row=run.row, scores=scores)])
    registry.fold()
    assert registry.runs(loss="c4").numbers("loss").tolist() == [2.0]


def test_unknown_evaluation_loss_lists_the_known(filled: Registry) -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean 'pile'"):
        filled.runs(loss="pil")


def test_silent_running_run_is_stale(registry: Registry, make_run: RunMaker) -> None:
    now = datetime.now(UTC)
    registry.writer().drop_runs(
        [
            make_run("silent", status="running", last_activity_at=now - timedelta(hours=30)),
            make_run("busy", status="running", last_activity_at=now - timedelta(hours=1)),
            make_run("mute", status="running", created_at=now - timedelta(hours=50)),
            make_run("done", created_at=now - timedelta(hours=50)),
        ]
    )
    registry.fold()
    frame = registry.runs().to_pandas().set_index("run_name")
    assert frame["status"].to_dict() == {
        "silent": "stale", "busy": "running", "mute": "stale", "done": "finished",
    }  # fmt: skip
    patient = registry.runs("status = 'running'", stale_after_h=40)
    assert sorted(map(str, patient.texts("run_name"))) == ["busy", "silent"]


def test_curves_of_chosen_runs_in_order(filled: Registry) -> None:
    table = filled.curves(filled.runs("n_params > 1e8"))
    assert set(table.texts("run_name")) == {"large"}
    assert table.numbers("step").tolist() == [0, 10, 20, 30, 40]
    assert len(filled.curves([])) == 0
    assert len(filled.curves(run_uid("test", "small"))) == 5


def test_metrics_by_name(filled: Registry) -> None:
    assert set(filled.metrics(names=["speed"]).texts("name")) == {"speed"}
    assert len(filled.metrics()) == 20


def test_scores_carry_the_facts_of_their_run(filled: Registry) -> None:
    frame = filled.scores("task = 'c4'").to_pandas().set_index("run_name")
    assert frame.loc["large", "n_params"] == 10**9
    assert frame.loc["large", "flops"] == 1.2e14
    assert frame.loc["large", "status"] == "finished"


def test_known_and_revs(filled: Registry) -> None:
    assert filled.known("test")["small"] == "digest of small"
    assert filled.known("mlflow") == {}
    uid = run_uid("test", "small")
    assert list(filled.revs([uid, "nobody"])) == [uid]
    assert len(filled.revs()) == 3


def test_explain_tells_value_claims_and_source(registry: Registry, make_run: RunMaker) -> None:
    claims = (
        '[{"column": "n_params", "value": 1000000, "how": "counted", "source": "param:n",'
        ' "rejected": ""}, {"column": "n_params", "value": null, "how": "reported",'
        ' "source": "tag:N", "rejected": "is text"}]'
    )
    registry.writer().drop_runs(
        [make_run("a", claims=claims, n_params_how="counted", n_params_source="param:n")]
    )
    registry.fold()
    told = registry.explain("a", "n_params")
    assert (told.value, told.unit, told.how, told.source) == (1_000_000, "1", "counted", "param:n")
    assert [c.rejected for c in told.claims] == ["", "is text"]
    assert "1,000,000" in told.text
    assert "rejected: is text" in repr(told)


def test_explain_gives_the_reason_of_a_null(registry: Registry, make_run: RunMaker) -> None:
    reasons = '{"mfu": "wall time is not known"}'
    registry.writer().drop_runs([make_run("a", null_reasons=reasons)])
    registry.fold()
    uid = run_uid("test", "a")
    assert registry.explain(uid[:6], "mfu").reason == "wall time is not known"
    assert registry.explain(uid, "optimizer").reason == "the source said nothing about it"


def test_explain_hardware_uses_the_groups_source(registry: Registry, make_run: RunMaker) -> None:
    run = make_run("a", device_count=8, hardware_how="reported", hardware_source="tag:gpu")
    registry.writer().drop_runs([run])
    registry.fold()
    assert registry.explain("a", "device_count").source == "tag:gpu"


def test_explain_unknown_or_ambiguous_run_lists_candidates(
    registry: Registry, make_run: RunMaker
) -> None:
    registry.writer().drop_runs([make_run(x, run_name="twin", n_points=0) for x in "ab"])
    registry.fold()
    with pytest.raises(UnknownNameError, match=r"2 runs match 'twin'") as error:
        registry.explain("twin", "loss")
    assert set(error.value.known) == {f"{run_uid('test', x)[:8]} (twin)" for x in "ab"}
    with pytest.raises(UnknownNameError, match=r"no run 'twins'"):
        registry.explain("twins", "loss")
    with pytest.raises(UnknownNameError, match=r"column of 'runs' 'los'"):
        registry.explain(run_uid("test", "a"), "los")


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_export_is_one_plain_file_a_table(filled: Registry, tmp_path: Path, kind: str) -> None:
    paths = filled.export(tmp_path / "out", format=kind)  # type: ignore[arg-type]
    read = pd.read_parquet if kind == "parquet" else pd.read_csv
    assert {p.name for p in paths} == {f"{t}.{kind}" for t in TABLES}
    assert len(read(tmp_path / "out" / f"runs.{kind}")) == 3
    assert len(read(tmp_path / "out" / f"fits.{kind}")) == 0


def test_export_never_shows_dead_rows(filled: Registry, make_run: RunMaker, tmp_path: Path) -> None:
    filled.writer().drop_runs([make_run("small", level=1.0)])
    filled.fold()
    orphan = Path(filled.uri) / "runs" / "part-orphan.parquet"
    orphan.write_bytes(next((Path(filled.uri) / "runs").glob("part-*.parquet")).read_bytes())
    filled.export(tmp_path / "out")
    assert len(pd.read_parquet(tmp_path / "out" / "runs.parquet")) == 3
    assert len(pd.read_parquet(Path(filled.uri) / "runs")) > 3


def test_export_into_a_file_is_refused(filled: Registry, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(RegistryError, match=r"cannot be written"):
        filled.export(tmp_path / "out")
    with pytest.raises(RegistryError, match=r"parquet or csv, got 'xlsx'"):
        filled.export(tmp_path / "x", format="xlsx")  # type: ignore[arg-type]


def test_exported_file_is_read_by_anyone(filled: Registry, tmp_path: Path) -> None:
    filled.export(tmp_path)
    table = pq.read_table(tmp_path / "curves.parquet")
    assert table.num_rows == 15
    assert str(table.schema.field("run_uid").type) == "string"
