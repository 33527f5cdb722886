"""Rows leave with their units, to every library that reads Arrow."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from isoflop.errors import QuarantineWarning
from isoflop.estimate import Estimates
from isoflop.progress import Progress
from isoflop.records import ResolvedRun
from isoflop.reporting import build_report
from isoflop.store import Registry, open_registry
from isoflop.tables import RunTable, ScoreTable


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    opened = open_registry(tmp_path / "r", create=True)
    row = {
        "run_uid": "0" * 32, "run_name": "a", "source_kind": "x", "native_run_id": "a",
        "source_uri": "x", "source_digest": "d", "n_params": 10, "flops": 6e3, "loss": 3.0,
    }  # fmt: skip
    points = {"split": np.array(["train"]), "step": np.arange(1), "loss": np.ones(1)}
    opened.writer().drop_runs([ResolvedRun(row=row, curves=points)])
    opened.fold()
    return opened


def test_units_stand_in_attrs_of_every_frame(registry: Registry) -> None:
    sql = registry.sql("SELECT flops, loss AS lowest, run_name FROM runs").to_pandas()
    assert sql.attrs["units"] == {"flops": "FLOP", "run_name": ""}
    assert registry.runs().to_pandas().attrs["units"]["loss"] == "nat/token"
    assert registry.curves().to_pandas().attrs["units"]["n_params"] == "1"
    assert registry.events().attrs["units"]["created_at"] == ""
    assert registry.findings().attrs["units"]["level"] == "1"
    assert registry.sources().to_pandas().attrs["units"]["n_tokens"] == "token"


def test_units_stand_in_the_fields_of_arrow(registry: Registry) -> None:
    of_user = RunTable.from_pandas(pd.DataFrame({"n_tokens": [1.0], "mine": [2]}))
    for table in (registry.runs(), registry.sql("SELECT n_tokens FROM runs"), of_user):
        assert table.to_arrow().schema.field("n_tokens").metadata[b"unit"] == b"token"
    assert of_user.to_arrow().schema.field("mine").metadata is None
    joined = ScoreTable.from_pandas(pd.DataFrame({"flops": [1.0], "value": [1.0]}))
    assert joined.to_arrow().schema.field("flops").metadata[b"unit"] == b"FLOP"
    assert joined.to_pandas().attrs["units"]["flops"] == "FLOP"


def test_rows_can_be_walked_through(registry: Registry) -> None:
    assert [row["loss"] for row in registry.sql("SELECT loss FROM runs")] == [3.0]
    assert [row["run_name"] for row in registry.runs()] == ["a"]
    assert list(registry.sql("SELECT 1 AS a WHERE false")) == []


def test_any_library_that_speaks_arrow_reads_the_rows(registry: Registry) -> None:
    import polars as pl

    runs = registry.runs(where="loss < 4")
    assert pa.table(runs).num_rows == 1
    assert pl.DataFrame(runs)["flops"].to_list() == [6e3]
    assert duckdb.sql("SELECT loss FROM runs").fetchall() == [(3.0,)]


def test_a_registry_that_is_gone_still_shows_itself(registry: Registry) -> None:
    log = next(Path(registry.uri, "runs", "_delta_log").glob("*.json"))
    log.write_text("{")
    assert repr(registry).startswith(f"Registry {registry.uri}: The table 'runs'")
    assert "cannot be read" in registry._repr_html_()


def test_a_registry_tells_what_waits_and_what_was_set_aside(registry: Registry) -> None:
    Path(registry.uri, "_inbox", "strange.txt").write_text("?")
    assert "[no] 1 drop in the inbox; fold() takes them in" in repr(registry)
    with pytest.warns(QuarantineWarning, match=r"not that of a drop"):
        registry.fold()
    assert "[no] 1 file set aside; quarantined() says why" in repr(registry)


def test_a_view_of_the_past_says_so(registry: Registry) -> None:
    assert "as of versions {'runs': " in repr(registry.as_of(registry.versions()))


def test_many_estimates_print_as_the_first_and_a_count() -> None:
    many = Estimates(value=np.arange(1000.0), low=np.arange(1000.0), high=np.arange(1000.0))
    assert len(repr(many)) < 300
    assert "and 990 more" in repr(many)


def test_a_report_tells_each_analyzer_before_it_runs(registry: Registry) -> None:
    told: list[tuple[int, int | None, str]] = []
    tell: Progress = lambda *step: told.append(step)  # noqa: E731
    build_report(registry, analyzers=["health", "drift"], progress=tell)
    assert [words for _, _, words in told if words] == ["health", "drift"]
    assert told[-1] == (2, 2, "")
