"""isoflop's own reports in MLflow never become training runs, by whatever way runs are read."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from isoflop import open_registry
from isoflop_plugins.mlflow_hooks.observer import Observer
from isoflop_plugins.mlflow_hooks.observing import observe
from isoflop_plugins.mlflow_hooks.recording import Recording
from isoflop_plugins.mlflow_pull.headers import REPORT_TAG
from isoflop_plugins.mlflow_pull.reading import read_runs_from_store


def log_runs(client: MlflowClient) -> str:
    """Log a training run, a report in its experiment, and a report that was moved elsewhere."""
    reports = client.create_experiment("_reports", artifact_location="unused")
    ladder = client.create_experiment("ladder", artifact_location="unused")
    client.create_run(reports, tags={REPORT_TAG: "0123456789abcdef"}, run_name="report")
    client.create_run(reports, run_name="half a report, without its tag")
    client.create_run(ladder, tags={REPORT_TAG: "0123456789abcdef"}, run_name="moved report")
    return str(client.create_run(ladder, run_name="training").info.run_id)


def test_a_pull_by_sql_leaves_reports_out(
    client: MlflowClient, database: Path, pull: Callable[..., dict[str, Any]]
) -> None:
    training = log_runs(client)
    assert set(pull(f"sqlite:///{database}")) == {training}


def test_a_reading_through_the_store_leaves_reports_out(
    client: MlflowClient, database: Path
) -> None:
    training = log_runs(client)
    store = client._tracking_client.store
    every = [run for (run,) in _all_ids(database)]
    assert len(every) == 4
    read = read_runs_from_store(store, every, source_uri=f"sqlite:///{database}")
    assert [raw.native_run_id for raw in read] == [training]


def test_an_observed_store_records_no_report(empty_database: Path, tmp_path: Path) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    path = shutil.copy(empty_database, tmp_path / "observed.db")
    store = SqlAlchemyStore(f"sqlite:///{path}", str(tmp_path / "artifacts"))
    registry = str(tmp_path / "registry")
    observer = Observer(lambda: Recording(registry))
    assert observe(store, observer, source_uri=f"sqlite:///{path}")
    for experiment, tags in (
        ("_reports", {REPORT_TAG: "1"}), ("ladder", {REPORT_TAG: "1"}), ("sweep", {}),
    ):  # fmt: skip
        _create_run(store, experiment, tags)
    assert observer.flush(60)
    runs = open_registry(registry).runs()
    assert runs.labels() == ["in sweep"]
    store.engine.dispose()


def _create_run(store: Any, experiment: str, tags: dict[str, str]) -> None:
    from mlflow.entities import RunTag

    made = store.create_experiment(experiment, artifact_location="unused")
    store.create_run(made, "me", 1, [RunTag(*tag) for tag in tags.items()], f"in {experiment}")


def _all_ids(database: Path) -> list[tuple[str]]:
    import contextlib
    import sqlite3

    with contextlib.closing(sqlite3.connect(database)) as connection:
        return connection.execute("SELECT run_uuid FROM runs").fetchall()


def test_a_folder_of_runs_leaves_reports_out(
    tmp_path: Path, pull: Callable[..., dict[str, Any]]
) -> None:
    for number, (experiment, tags) in enumerate(
        [("_reports", {}), ("ladder", {REPORT_TAG: "1"}), ("ladder", {})]
    ):
        folder = tmp_path / "mlruns" / experiment
        run = folder / f"{number:032x}"
        (run / "tags").mkdir(parents=True)
        (folder / "meta.yaml").write_text(f"name: {experiment}\nexperiment_id: '1'\n")
        (run / "meta.yaml").write_text(
            f"run_id: '{run.name}'\nrun_name: r{number}\nstatus: 3\nstart_time: 1\nend_time: 2\n"
        )
        for key, value in tags.items():
            (run / "tags" / key).write_text(value)
    assert [raw.run_name for raw in pull(tmp_path / "mlruns").values()] == ["r2"]
