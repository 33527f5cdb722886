"""Runs through the live hook on real stores: the same rows and curves as a pull gives."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

import isoflop
from isoflop.errors import LoggingWarning
from isoflop.schema import RUNS
from isoflop_plugins.mlflow_hooks.installing import install_observer, uninstall
from isoflop_plugins.mlflow_hooks.observer import Observer
from isoflop_plugins.mlflow_hooks.recording import Recording

BOOKKEEPING = {column.name for column in RUNS.columns if column.bookkeeping}


@dataclass
class Live:
    """A process that logs to a real sqlite store through the hook."""

    observer: Observer
    uri: str
    folder: Path

    @property
    def registry(self) -> Any:
        """The registry the hook wrote, everything marked so far in it."""
        assert self.observer.flush(60.0)
        return isoflop.open_registry(str(self.folder / "registry"))

    @property
    def pulled(self) -> Any:
        """A registry of the same runs, pulled without any hook."""
        path = str(self.folder / "pulled")
        isoflop.collect(self.uri, path)
        return isoflop.open_registry(path)

    def row(self, run_id: str) -> Any:
        """The run's row as the hook wrote it."""
        frame = self.registry.runs(include_deleted=True).to_pandas()
        return frame[frame["native_run_id"] == run_id].iloc[0]


@pytest.fixture
def live(database: Path, tmp_path: Path) -> Iterator[Live]:
    registry = str(tmp_path / "registry")
    observer = Observer(lambda: Recording(registry))
    assert install_observer(observer)
    uri = f"sqlite:///{database}"
    mlflow.set_tracking_uri(uri)
    try:
        yield Live(observer, uri, tmp_path)
        assert not observer.failures.by_cause
    finally:
        while mlflow.active_run():
            mlflow.end_run()
        observer.flush(60.0)
        store = mlflow.tracking._get_store()
        uninstall()
        mlflow.set_tracking_uri(None)
        store.engine.dispose()


def finished_run(live: Live) -> None:
    with mlflow.start_run(run_name="finished"):
        mlflow.log_params({"n_params": 1000, "batch_tokens": 10, "seed": 3})
        for step in range(30):
            mlflow.log_metrics({"loss": 5.0 / (step + 1), "tokens": 10.0 * step}, step=step)
        mlflow.log_metric("eval_loss", 0.5, step=29)


def asynchronous_run(live: Live) -> None:
    with mlflow.start_run():
        for step in range(30):
            mlflow.log_metric("loss", 5.0 / (step + 1), step=step, synchronous=False)
    mlflow.flush_async_logging()


def nested_runs(live: Live) -> None:
    with mlflow.start_run(run_name="parent"):
        mlflow.log_metric("loss", 1.0, step=0)
        for child in range(2):
            with mlflow.start_run(run_name=f"child {child}", nested=True):
                mlflow.log_metric("loss", 2.0, step=child)


def failed_run(live: Live) -> None:
    def train() -> None:
        with mlflow.start_run():
            mlflow.log_metric("loss", 1.0, step=0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train()


def deleted_run(live: Live) -> None:
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", 1.0, step=0)
    mlflow.delete_run(run.info.run_id)


def restored_run(live: Live) -> None:
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", 1.0, step=0)
    mlflow.delete_run(run.info.run_id)
    live.observer.flush(60.0)
    MlflowClient().restore_run(run.info.run_id)


def deleted_experiment(live: Live) -> None:
    experiment_id = mlflow.create_experiment("doomed")
    with mlflow.start_run(experiment_id=experiment_id):
        mlflow.log_metric("loss", 1.0, step=0)
    live.observer.flush(60.0)
    mlflow.delete_experiment(experiment_id)


def renamed_experiment(live: Live) -> None:
    experiment_id = mlflow.create_experiment("before")
    with mlflow.start_run(experiment_id=experiment_id):
        mlflow.log_metric("loss", 1.0, step=0)
    live.observer.flush(60.0)
    MlflowClient().rename_experiment(experiment_id, "after")


def resumed_run(live: Live) -> None:
    with mlflow.start_run() as run:
        for step in range(5):
            mlflow.log_metric("loss", 9.0 - step, step=step)
    live.observer.flush(60.0)
    with mlflow.start_run(run_id=run.info.run_id):
        for step in range(5, 10):
            mlflow.log_metric("loss", 9.0 - step, step=step)


def run_with_infinite_metrics(live: Live) -> None:
    with mlflow.start_run():
        for step, value in enumerate([2.0, math.inf, -math.inf, math.nan, 1.0]):
            mlflow.log_metric("loss", value, step=step)


def run_that_diverges(live: Live) -> None:
    with mlflow.start_run():
        for step, value in enumerate([2.0, 3.0, math.nan]):
            mlflow.log_metric("loss", value, step=step)


def late_tags_and_scores(live: Live) -> None:
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", 1.0, step=0)
    live.observer.flush(60.0)
    client = MlflowClient()
    client.set_tag(run.info.run_id, "isoflop.family", "late")
    client.log_param(run.info.run_id, "n_params", "77")
    client.log_metric(run.info.run_id, "eval/arc_easy/acc", 0.5)


def names_beyond_ascii(live: Live) -> None:
    experiment_id = mlflow.create_experiment("学習 naïve")
    with mlflow.start_run(run_name="größe 🚀 \u202e", experiment_id=experiment_id):
        mlflow.set_tag("ключ", "значение")
        mlflow.log_param("größe", "ß")
        mlflow.log_metric("loss", 1.0, step=0)


def running_run(live: Live) -> None:
    client = MlflowClient()
    run_id = client.create_run("0", run_name="still going").info.run_id
    for step in range(5):
        client.log_metric(run_id, "loss", 3.0 - step / 5, step=step)


def bare_client_run(live: Live) -> None:
    client = MlflowClient()
    run_id = client.create_run("0").info.run_id
    metrics = [Metric("loss", 1.0 / (s + 1), 1000 + s, s) for s in range(50)]
    client.log_batch(run_id, metrics, [Param("n_params", "5")], [RunTag("t", "v")])
    client.set_terminated(run_id, status="KILLED")


def run_with_data_set(live: Live) -> None:
    import mlflow.data

    with mlflow.start_run():
        source = mlflow.data.from_numpy(np.zeros(3), name="pile")
        mlflow.log_input(source, context="training", tags={"n_tokens": "12345"})
        mlflow.log_metric("loss", 1.0, step=0)


SCENARIOS = [
    finished_run, asynchronous_run, nested_runs, failed_run, deleted_run, restored_run,
    deleted_experiment, renamed_experiment, resumed_run, run_with_infinite_metrics,
    run_that_diverges, late_tags_and_scores, names_beyond_ascii, running_run, bare_client_run,
    run_with_data_set,
]  # fmt: skip


def content(registry: Any, table: str) -> list[dict[str, Any]]:
    """Return a table's rows without bookkeeping, in order of their text; NaN equal to itself."""
    rows = registry.sql(f"SELECT * FROM {table}").to_arrow().to_pylist()
    kept = [{k: repr(v) for k, v in row.items() if k not in BOOKKEEPING} for row in rows]
    return sorted(kept, key=repr)


def assert_hook_and_pull_gave_the_same(live: Live, n_runs: int) -> None:
    hooked, pulled = live.registry, live.pulled
    assert len(content(hooked, "runs")) >= n_runs
    for table in ("runs", "curves", "metrics", "scores"):
        assert content(hooked, table) == content(pulled, table), table


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_hook_and_pull_give_the_same(live: Live, scenario: Callable[[Live], None]) -> None:
    scenario(live)
    assert_hook_and_pull_gave_the_same(live, 1)


def test_hook_and_pull_give_the_same_for_all_in_one_store(live: Live) -> None:
    for scenario in SCENARIOS:
        scenario(live)
    assert_hook_and_pull_gave_the_same(live, len(SCENARIOS))


def test_a_run_is_recorded_at_its_end_without_being_asked(live: Live) -> None:
    finished_run(live)
    inbox = live.folder / "registry" / "_inbox"
    pause = threading.Event()
    for _ in range(100):
        if list(inbox.glob("*.sources.parquet")):
            break
        pause.wait(0.2)
    assert live.observer.recorded >= 1


def test_the_row_says_what_the_run_said(live: Live) -> None:
    finished_run(live)
    row = live.registry.runs().to_pandas().iloc[0]
    assert row["status"] == "finished"
    assert row["n_params"] == 1000
    assert row["run_name"] == "finished"


def test_a_change_of_status_reaches_the_registry(live: Live) -> None:
    client = MlflowClient()
    run_id = client.create_run("0").info.run_id
    client.log_metric(run_id, "loss", 1.0, step=0)
    assert live.row(run_id)["status"] == "running"
    client.set_terminated(run_id, status="FAILED")
    assert live.row(run_id)["status"] == "failed"
    client.delete_run(run_id)
    assert live.row(run_id)["lifecycle"] == "deleted"
    client.restore_run(run_id)
    assert live.row(run_id)["lifecycle"] == "active"


def test_a_late_tag_is_seen(live: Live) -> None:
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", 1.0, step=0)
    assert live.row(run.info.run_id)["family"] != "late"
    MlflowClient().set_tag(run.info.run_id, "isoflop.family", "late")
    assert live.row(run.info.run_id)["family"] == "late"


def test_an_unchanged_run_is_not_dropped_again(live: Live) -> None:
    finished_run(live)
    assert live.observer.flush(60.0)
    before = live.observer.recorded
    run_id = mlflow.last_active_run().info.run_id
    MlflowClient().log_param(run_id, "n_params", "1000")
    assert live.observer.flush(60.0)
    assert live.observer.recorded == before


@pytest.mark.slow
def test_a_hundred_thousand_points_are_all_there(live: Live) -> None:
    client = MlflowClient()
    run_id = client.create_run("0").info.run_id
    for start in range(0, 100_000, 1000):
        steps = range(start, start + 1000)
        client.log_batch(run_id, [Metric("loss", 1.0 + 1.0 / (s + 1), s, s) for s in steps])
    client.set_terminated(run_id)
    curve = live.registry.curves().to_pandas().sort_values("step")
    assert curve["step"].tolist() == list(range(100_000))
    assert curve["loss"].tolist() == [1.0 + 1.0 / (s + 1) for s in range(100_000)]


TRAIN = """
import os, signal, sys, mlflow
from mlflow import MlflowClient
mlflow.set_tracking_uri(sys.argv[1])
how = sys.argv[2]
run = mlflow.start_run()
for step in range(20):
    mlflow.log_metric("loss", 3.0 / (step + 1), step=step)
if how == "exit":
    sys.exit(3)
if how == "raise":
    raise ValueError("training broke")
if how == "fork":
    mlflow.end_run()
    child = os.fork()
    if child == 0:
        with mlflow.start_run(run_name="child"):
            mlflow.log_metric("loss", 1.0, step=0)
        sys.exit(0)
    os.waitpid(child, 0)
if how == "worker":
    mlflow.end_run()
    import multiprocessing
    def work(name):
        mlflow.set_tracking_uri(sys.argv[1])
        with mlflow.start_run(run_name=name):
            mlflow.log_metric("loss", 1.0, step=0)
    for name in ("child",):
        process = multiprocessing.get_context("fork").Process(target=work, args=(name,))
        process.start()
        process.join()
if how in ("SIGKILL", "SIGTERM"):
    from isoflop_plugins.mlflow_hooks.installing import active_observer, flush
    if sys.argv[3] == "after a reading":
        flush(60)
    os.kill(os.getpid(), getattr(signal, how))
"""


def rows_of(registry: Path) -> Any:
    return isoflop.open_registry(str(registry)).runs().to_pandas().set_index("run_name")


@pytest.mark.parametrize(
    ("how", "code"), [("exit", 3), pytest.param("raise", 1, marks=pytest.mark.slow)]
)
def test_what_ends_without_end_run_is_recorded_at_exit(
    run_python: Callable[..., Any], database: Path, tmp_path: Path, how: str, code: int
) -> None:
    registry = tmp_path / "registry"
    done = run_python(
        TRAIN, f"sqlite:///{database}", how, check=False, ISOFLOP_REGISTRY=str(registry)
    )
    assert done.returncode == code
    # MLflow itself ends a run that is left open as finished.
    assert rows_of(registry)["status"].tolist() == ["finished"]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["fork", "worker"])
def test_a_forked_child_records_its_own_runs(
    run_python: Callable[..., Any], database: Path, tmp_path: Path, how: str
) -> None:
    registry = tmp_path / "registry"
    run_python(TRAIN, f"sqlite:///{database}", how, ISOFLOP_REGISTRY=str(registry))
    rows = rows_of(registry)
    assert (len(rows), rows.loc["child", "status"]) == (2, "finished")
    assert rows["writer_id"].nunique() == 2


@pytest.mark.parametrize("how", ["SIGKILL", pytest.param("SIGTERM", marks=pytest.mark.slow)])
def test_a_killed_run_keeps_what_was_recorded_and_a_pull_heals_the_rest(
    run_python: Callable[..., Any], database: Path, tmp_path: Path, how: str
) -> None:
    registry, uri = tmp_path / "registry", f"sqlite:///{database}"
    done = run_python(
        TRAIN, uri, how, "after a reading", check=False, ISOFLOP_REGISTRY=str(registry)
    )
    assert done.returncode == -getattr(signal, how)
    opened = isoflop.open_registry(str(registry))
    assert len(opened.curves().to_pandas()) == 20
    assert opened.runs().to_pandas()["status"].tolist() == ["running"]


@pytest.mark.slow
def test_a_run_killed_before_any_reading_is_healed_by_a_pull(
    run_python: Callable[..., Any], database: Path, tmp_path: Path
) -> None:
    registry, uri = tmp_path / "registry", f"sqlite:///{database}"
    run_python(TRAIN, uri, "SIGKILL", "", check=False, ISOFLOP_REGISTRY=str(registry))
    isoflop.collect(uri, str(registry))
    opened = isoflop.open_registry(str(registry))
    assert len(opened.curves().to_pandas()) == 20


@pytest.mark.slow
def test_two_processes_write_one_registry(
    run_python: Callable[..., Any], database: Path, tmp_path: Path
) -> None:
    registry = tmp_path / "registry"
    script = tmp_path / "two.py"
    script.write_text(TRAIN)
    environment = {**os.environ, "ISOFLOP_REGISTRY": str(registry)}
    command = [sys.executable, str(script), f"sqlite:///{database}", "plain"]
    both = [subprocess.Popen(command, env=environment, cwd=tmp_path) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    rows = rows_of(registry)
    assert rows["status"].tolist() == ["finished"] * 2
    assert rows["writer_id"].nunique() == 2


@pytest.mark.parametrize("registry", ["/dev/null", "/proc/nowhere", "s3://bucket/x", "a file"])
def test_a_registry_that_cannot_be_written_is_warned_of_once(
    database: Path, tmp_path: Path, registry: str
) -> None:
    (tmp_path / "a file").write_text("not a registry")
    target = str(tmp_path / registry) if registry == "a file" else registry
    observer = Observer(lambda: Recording(target))
    observer._start = lambda: None  # type: ignore[method-assign] # the work happens in flush
    install_observer(observer)
    client = MlflowClient(f"sqlite:///{database}")
    try:
        for _ in range(2):
            run_id = client.create_run("0").info.run_id
            client.log_metric(run_id, "loss", 1.0)
        with pytest.warns(LoggingWarning, match=r"1 run\(s\) not recorded"):
            observer.flush()
    finally:
        uninstall()
        client._tracking_client.store.engine.dispose()
    assert client.get_run(run_id).data.metrics == {"loss": 1.0}
    assert observer.failures.dropped == 2
