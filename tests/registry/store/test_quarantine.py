from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from isoflop.errors import QuarantineWarning
from isoflop.records import ResolvedRun
from isoflop.store import FoldReceipt, Registry

RunMaker = Callable[..., ResolvedRun]


def fold_with_warning(registry: Registry) -> FoldReceipt:
    with pytest.warns(QuarantineWarning, match=r"(?s)set aside.*_quarantine"):
        return registry.fold()


def drop(registry: Registry, *runs: ResolvedRun) -> Callable[[str], Path]:
    (stem,) = registry.writer().drop_runs(runs)
    return lambda table: Path(registry.uri) / "_inbox" / f"{stem}.{table}.parquet"


def test_truncated_sources_file_is_set_aside_and_the_rest_goes_on(
    registry: Registry, make_run: RunMaker
) -> None:
    path = drop(registry, make_run("bad"))("sources")
    path.write_bytes(path.read_bytes()[:200])
    drop(registry, make_run("good"))
    receipt = fold_with_warning(registry)
    assert registry.runs().texts("run_name") == ["good"]
    assert receipt.n_quarantined == 3
    assert (Path(registry.uri) / "_quarantine" / path.name).exists()
    reason = json.loads(
        (Path(registry.uri) / "_quarantine" / f"{path.name}.reason.json").read_text()
    )
    assert "cannot be read as Parquet" in reason["reason"]
    assert list((Path(registry.uri) / "_inbox").iterdir()) == []


def test_a_drop_none_of_whose_runs_can_be_kept_stops_no_fold(
    registry: Registry, make_run: RunMaker
) -> None:
    bad = make_run("bad")
    drop(registry, dataclasses.replace(bad, row=bad.row | {"n_params": 0}))
    fold_with_warning(registry)
    drop(registry, make_run("good"))
    registry.fold()
    assert registry.runs().texts("run_name") == ["good"]
    assert list((Path(registry.uri) / "_inbox").iterdir()) == []


def test_damaged_page_is_set_aside(registry: Registry, make_run: RunMaker) -> None:
    path = drop(registry, make_run("a", n_points=2_000))("curves")
    content = bytearray(path.read_bytes())
    content[200:260] = b"\xff" * 60
    path.write_bytes(bytes(content))
    receipt = fold_with_warning(registry)
    assert [f for f, _ in receipt.quarantined] == [path.name]


def test_run_whose_curve_is_lost_is_read_again_by_the_next_collection(
    registry: Registry, make_run: RunMaker
) -> None:
    path = drop(registry, make_run("a"), make_run("b"))("curves")
    path.write_bytes(b"PAR1 no PAR1")
    fold_with_warning(registry)
    assert len(registry.runs()) == 2
    assert registry.known("test") == {"a": "", "b": ""}


def test_missing_file_of_a_drop_is_told(registry: Registry, make_run: RunMaker) -> None:
    drop(registry, make_run("a"))("metrics").unlink()
    receipt = fold_with_warning(registry)
    assert receipt.quarantined[0][1] == "it is missing from its drop"
    assert registry.known("test") == {"a": ""}
    assert len(registry.curves()) == 5


def test_foreign_file_in_the_inbox_is_set_aside(registry: Registry) -> None:
    (Path(registry.uri) / "_inbox" / "notes.txt").write_text("hello")
    assert fold_with_warning(registry).quarantined == (
        ("notes.txt", "its name is not that of a drop"),
    )


def test_foreign_parquet_under_a_drop_name_is_set_aside(
    registry: Registry, make_run: RunMaker
) -> None:
    path = drop(registry, make_run("a", n_points=0))("sources")
    pq.write_table(pa.table({"x": [1]}), path)
    receipt = fold_with_warning(registry)
    assert "was not written by isoflop" in receipt.quarantined[0][1]


def test_drop_of_a_newer_major_version_is_kept_for_a_newer_isoflop(
    registry: Registry, make_run: RunMaker
) -> None:
    path = drop(registry, make_run("a", n_points=0))("sources")
    told = {"isoflop.table": "sources", "isoflop.schema_version": "2.0", "isoflop.siblings": ""}
    pq.write_table(pq.read_table(path).replace_schema_metadata(told), path)
    receipt = fold_with_warning(registry)
    assert "update isoflop and move the file back" in receipt.quarantined[0][1]
    assert (Path(registry.uri) / "_quarantine" / path.name).exists()


def test_rows_without_an_id_are_set_aside(registry: Registry, make_run: RunMaker) -> None:
    path = drop(registry, make_run("a", n_points=0))("sources")
    table = pq.read_table(path)
    told = {"isoflop.table": "sources", "isoflop.schema_version": "1.0", "isoflop.siblings": ""}
    nulls = table.set_column(0, "source_uid", pa.nulls(1, pa.string()))
    pq.write_table(nulls.replace_schema_metadata(told), path)
    assert "without 'source_uid'" in fold_with_warning(registry).quarantined[0][1]


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("n_params", 0, "n_params is 0"),
        ("n_params", -5, "n_params is -5"),
        ("n_tokens", 0, "n_tokens is 0"),
        ("loss", -0.5, "loss is -0.5"),
        ("loss", float("inf"), "loss is inf"),
        ("flops", float("inf"), "flops is inf"),
        ("energy_kwh", float("-inf"), "energy_kwh is -inf"),
    ],
)
def test_row_that_breaks_an_invariant_is_set_aside_with_its_points(
    registry: Registry, make_run: RunMaker, column: str, value: float, reason: str
) -> None:
    bad = make_run("bad", scores={"c4": 1.0}, **{column: value})
    drop(registry, bad, make_run("good"))
    receipt = fold_with_warning(registry)
    assert receipt.n_quarantined == 1
    assert receipt.quarantined[0][1] == f"run bad: {reason}"
    assert registry.runs().texts("run_name") == ["good"]
    assert (len(registry.curves()), len(registry.scores())) == (5, 0)
    (file,) = (Path(registry.uri) / "_quarantine").glob("*.rows.json")
    (told,) = json.loads(file.read_text())
    assert told["reason"] == reason
    assert told["row"]["native_run_id"] == "bad"


def test_unknown_numbers_are_no_fault(registry: Registry, make_run: RunMaker) -> None:
    drop(registry, make_run("a", n_params=None, n_tokens=None, flops=None, loss=None))
    assert registry.fold().n_quarantined == 0


def test_quarantine_is_listed_and_is_an_event(registry: Registry) -> None:
    (Path(registry.uri) / "_inbox" / "notes.txt").write_text("hello")
    fold_with_warning(registry)
    (item,) = registry.quarantined()
    assert (item.file, item.reason) == ("notes.txt", "its name is not that of a drop")
    events = registry.events()
    assert sorted(events["kind"]) == ["fold", "quarantine"]


def test_nothing_is_quarantined_in_a_new_registry(registry: Registry) -> None:
    assert registry.quarantined() == ()
