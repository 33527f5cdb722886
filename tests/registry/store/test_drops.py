from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from isoflop.errors import SchemaError, UnknownNameError
from isoflop.records import ResolvedRun, run_uid
from isoflop.store import DropWriter, Registry, open_registry
from isoflop.store.drops import DROP_RUNS

RunMaker = Callable[..., ResolvedRun]


def inbox(registry: Registry) -> list[Path]:
    return sorted((Path(registry.uri) / "_inbox").iterdir())


def test_drop_is_one_file_a_table_under_one_name(registry: Registry, make_run: RunMaker) -> None:
    (stem,) = registry.writer().drop_runs([make_run("a", scores={"c4": 3.0})])
    names = {p.name for p in inbox(registry)}
    assert names == {f"{stem}.{t}.parquet" for t in ("curves", "metrics", "scores", "sources")}


def test_drop_needs_no_table_and_creates_the_registry(tmp_path: Path, make_run: RunMaker) -> None:
    DropWriter(str(tmp_path / "new")).drop_runs([make_run("a")])
    assert not (tmp_path / "new" / "runs").exists()
    assert open_registry(tmp_path / "new").runs().texts("run_name") == ["a"]


def test_no_runs_make_no_drop(registry: Registry) -> None:
    assert registry.writer().drop_runs([]) == ()
    assert inbox(registry) == []


def test_many_runs_are_split_into_drops_and_all_arrive(
    registry: Registry, make_run: RunMaker
) -> None:
    runs = [make_run(f"r{i}", n_points=0) for i in range(DROP_RUNS + 1)]
    assert len(registry.writer().drop_runs(runs)) == 2
    assert registry.fold().n_runs_new == DROP_RUNS + 1


def test_rev_rises_with_every_reading(registry: Registry, make_run: RunMaker) -> None:
    writer, uid = registry.writer(), run_uid("test", "a")
    revs = []
    for _ in range(3):
        writer.drop_runs([make_run("a")])
        registry.fold()
        revs.append(registry.revs([uid])[uid])
    assert revs[0] < revs[1] < revs[2]


def test_one_rev_for_all_rows_of_a_reading(registry: Registry, make_run: RunMaker) -> None:
    registry.writer().drop_runs([make_run("a", scores={"c4": 3.0})])
    registry.fold()
    revs = {
        v
        for t in (registry.runs(), registry.curves(), registry.metrics(), registry.scores())
        for v in t.to_arrow().column("rev").to_pylist()
    }
    assert len(revs) == 1


def test_of_a_run_given_twice_the_last_counts(registry: Registry, make_run: RunMaker) -> None:
    registry.writer().drop_runs([make_run("a", level=3.0), make_run("a", level=2.0)])
    registry.fold()
    assert registry.runs().numbers("loss").tolist() == [2.0]
    assert len(registry.curves()) == 5


def test_text_in_a_number_column_names_column_and_run(
    registry: Registry, make_run: RunMaker
) -> None:
    with pytest.raises(SchemaError, match=r"'n_params'.*int64.*'seven'"):
        registry.writer().drop_runs([make_run("good"), make_run("bad", n_params="seven")])
    assert inbox(registry) == []


def test_unknown_column_is_refused(registry: Registry, make_run: RunMaker) -> None:
    with pytest.raises(SchemaError, match=r"no column 'colour'"):
        registry.writer().drop_runs([make_run("a", colour="red")])


def test_unequal_point_columns_are_refused(registry: Registry, make_run: RunMaker) -> None:
    run = make_run("a")
    broken = ResolvedRun(row=run.row, curves={**run.curves, "step": np.arange(2)})
    with pytest.raises(SchemaError, match=r"unequal length"):
        registry.writer().drop_runs([broken])


def test_nan_loss_stays_and_unknown_tokens_are_null(registry: Registry, make_run: RunMaker) -> None:
    run = make_run("a", n_points=3)
    loss = np.array([3.0, np.nan, np.inf])
    registry.writer().drop_runs([ResolvedRun(row=run.row, curves={**run.curves, "loss": loss})])
    registry.fold()
    arrow = registry.curves().to_arrow()
    np.testing.assert_array_equal(np.array(arrow.column("loss").to_pylist(), float), loss)
    assert arrow.column("loss").null_count == 0
    assert arrow.column("n_tokens").to_pylist() == [0, None, 2000]


def test_large_counts_survive_to_pandas(registry: Registry, make_run: RunMaker) -> None:
    n, c = 2**53 + 1, 3.7e26
    registry.writer().drop_runs([make_run("a", n_params=n, flops=c)])
    registry.fold()
    frame = registry.runs().to_pandas()
    assert frame["n_params"].dtype == "Int64"
    assert int(frame["n_params"].iloc[0]) == n
    assert frame["flops"].iloc[0] == c


def test_threads_share_a_writer_without_loss(registry: Registry, make_run: RunMaker) -> None:
    writer = registry.writer()

    def drop(part: int) -> None:
        for i in range(5):
            writer.drop_runs([make_run(f"{part}-{i}", n_points=2)])

    threads = [threading.Thread(target=drop, args=(p,)) for p in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert registry.fold().n_runs_new == 20
    assert len(registry.curves()) == 40


def test_rows_of_ledger_tables_go_in_once(registry: Registry) -> None:
    rows = pa.table({"fit_id": ["x", "y"], "law": ["l", "l"]})
    writer = registry.writer()
    for _ in range(2):
        writer.drop_table("fits", rows)
        registry.fold()
    assert registry.fits().texts("fit_id") == ["x", "y"]


def test_only_ledger_tables_take_single_rows(registry: Registry) -> None:
    with pytest.raises(UnknownNameError, match=r"'events', 'findings', 'fits'"):
        registry.writer().drop_table("runs", pa.table({"run_uid": ["x"]}))
    with pytest.raises(SchemaError, match=r"without 'fit_id'"):
        registry.writer().drop_table("fits", pa.table({"law": ["l"]}))


def test_data_files_are_sorted_and_encoded_as_measured(
    registry: Registry, make_run: RunMaker
) -> None:
    registry.writer().drop_runs([make_run(f"r{i}") for i in range(20)])
    registry.fold()
    (path,) = (Path(registry.uri) / "curves").glob("*.parquet")
    group = pq.ParquetFile(path).metadata.row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    assert "BYTE_STREAM_SPLIT" in columns["loss"].encodings
    assert "DELTA_BINARY_PACKED" in columns["step"].encodings
    assert columns["loss"].compression == "ZSTD"
    uids = pq.read_table(path).column("run_uid").to_pylist()
    assert uids == sorted(uids)
