from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable

from isoflop.errors import RegistryError
from isoflop.records import ResolvedRun, run_uid
from isoflop.store import Registry, arrange, open_registry
from isoflop.store.delta import dataset
from isoflop.store.location import locate

RunMaker = Callable[..., ResolvedRun]


@pytest.fixture
def twice(registry: Registry, make_run: RunMaker) -> Registry:
    writer = registry.writer()
    writer.drop_runs([make_run("a", level=3.0, n_points=5)])
    registry.fold()
    writer.drop_runs([make_run("a", level=2.0, n_points=3), make_run("b")])
    registry.fold()
    return registry


def test_version_of_one_table(twice: Registry) -> None:
    assert twice.runs(version=1).numbers("loss").tolist() == [3.0]
    assert len(twice.curves(version=1)) == 5
    assert len(twice.runs(version=0)) == 0


def test_view_of_the_past_is_whole(twice: Registry) -> None:
    past = twice.as_of(1)
    assert past.runs().numbers("loss").tolist() == [3.0]
    assert len(past.curves()) == 5
    assert past.sql("SELECT count(*) AS n FROM curves").to_arrow()["n"].to_pylist() == [5]
    assert past.explain("a", "loss").value == 3.0
    assert past.versions()["runs"] == 1


def test_view_by_versions_and_by_time(twice: Registry) -> None:
    assert twice.as_of({"runs": 1}).runs().numbers("loss").tolist() == [3.0]
    assert len(twice.as_of({"runs": 1}).curves()) == 0
    now = datetime.now(UTC) + timedelta(seconds=1)
    assert len(twice.as_of(now).runs()) == 2


def test_view_of_the_past_is_read_only(twice: Registry) -> None:
    past = twice.as_of(1)
    for change in (past.fold, past.writer, past.maintain):
        with pytest.raises(RegistryError, match=r"view of the past"):
            change()


def test_unknown_version_says_which_there_are(twice: Registry) -> None:
    with pytest.raises(RegistryError, match=r"no version 99 of 'runs'.*from 0 to 2"):
        twice.as_of(99)
    with pytest.raises(RegistryError, match=r"held nothing yet"):
        twice.as_of(datetime(2020, 1, 1, tzinfo=UTC))


def test_maintenance_keeps_rows_and_recent_versions(twice: Registry) -> None:
    before = twice.curves().to_pandas()
    twice.maintain()
    assert twice.curves().to_pandas().equals(before)
    assert twice.as_of(1).runs().numbers("loss").tolist() == [3.0]


def test_maintenance_refuses_a_short_retention(twice: Registry) -> None:
    with pytest.raises(RegistryError, match=r"at least 7 days, got 1"):
        twice.maintain(retention_days=1)


def test_orphan_of_a_failed_commit_is_never_read_and_is_vacuumed_when_old(
    twice: Registry,
) -> None:
    import os

    live = next((Path(twice.uri) / "curves").glob("part-*.parquet"))
    orphan = live.with_name("part-orphan.zstd.parquet")
    orphan.write_bytes(live.read_bytes())
    assert len(twice.curves()) == 8
    twice.maintain()
    assert orphan.exists()
    long_ago = (datetime.now(UTC) - timedelta(days=40)).timestamp()
    os.utime(orphan, (long_ago, long_ago))
    twice.maintain()
    assert not orphan.exists()
    assert len(twice.curves()) == 8


def test_reader_open_during_compaction_and_vacuum_keeps_working(
    registry: Registry, make_run: RunMaker
) -> None:
    writer = registry.writer()
    for i in range(4):
        writer.drop_runs([make_run(f"r{i}")])
        registry.fold()
    from isoflop.schema import CURVES

    reader = dataset(locate(registry.uri), CURVES)
    files = len(reader.files)
    registry.maintain()
    assert files == 4
    assert len(dataset(locate(registry.uri), CURVES).files) == 1
    assert reader.to_table().num_rows == 20
    assert len(registry.curves()) == 20


def test_many_folds_stay_few_files_and_leave_a_checkpoint(
    registry: Registry, make_run: RunMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrange, "MANY_FILES", 4)
    monkeypatch.setattr(arrange, "CHECKPOINT_EVERY", 3)
    writer = registry.writer()
    for i in range(7):
        writer.drop_runs([make_run(f"r{i}", n_points=1)])
        registry.fold()
    assert len(DeltaTable(f"{registry.uri}/curves").file_uris()) < 4
    assert (Path(registry.uri) / "curves" / "_delta_log" / "_last_checkpoint").exists()
    assert len(open_registry(registry.uri).curves()) == 7


def test_drop_of_a_dead_writer_is_set_aside_by_maintenance(
    registry: Registry, make_run: RunMaker
) -> None:
    import os

    (stem,) = registry.writer().drop_runs([make_run("a")])
    inbox = Path(registry.uri) / "_inbox"
    (inbox / f"{stem}.sources.parquet").unlink()
    temporary = inbox / ".half.tmp"
    temporary.touch()
    registry.maintain()
    assert len(list(inbox.iterdir())) == 3
    long_ago = (datetime.now(UTC) - timedelta(days=2)).timestamp()
    for path in inbox.iterdir():
        os.utime(path, (long_ago, long_ago))
    registry.maintain()
    assert list(inbox.iterdir()) == []
    assert {q.file for q in registry.quarantined()} == {
        f"{stem}.curves.parquet", f"{stem}.metrics.parquet",
    }  # fmt: skip
    assert run_uid("test", "a") not in registry.revs()
