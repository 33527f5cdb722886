"""Real stores: one sqlite database with every sort of run, and a server on top of it."""

from __future__ import annotations

import shutil
import sqlite3
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from isoflop.hookspecs import CollectRequest
from isoflop.records import RawRun
from isoflop_plugins.mlflow_pull import MLFLOW

from ..mlflow_servers import running_mlflow

with warnings.catch_warnings():
    # MLflow itself uses a loader that SQLAlchemy 2.1 calls deprecated, at import.
    warnings.simplefilter("ignore")
    from mlflow import MlflowClient
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

N_LONG = 100_000
START = 1_790_000_000_000


@dataclass(frozen=True)
class Store:
    """A filled database and the ids of its runs by name."""

    path: Path
    ids: Mapping[str, str]

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.path}"


@pytest.fixture
def database(empty_database: Path, tmp_path: Path) -> Path:
    """A fresh MLflow database of this test."""
    return Path(shutil.copy(empty_database, tmp_path / "mlflow.db"))


@pytest.fixture
def client(database: Path) -> MlflowClient:
    """MLflow's own client on the fresh database."""
    return MlflowClient(f"sqlite:///{database}")


@pytest.fixture(scope="session")
def filled(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A database with every sort of run; never changed by a test."""
    path = Path(shutil.copy(empty_database, tmp_path_factory.mktemp("filled") / "mlflow.db"))
    client = MlflowClient(f"sqlite:///{path}")
    ids = fill(client)
    _lengthen(path, ids["long"])
    return Store(path, ids)


@pytest.fixture
def pull() -> Callable[..., dict[str, RawRun]]:
    """Collect a source and give the runs by id."""

    def run(
        source: object, known: Mapping[str, str] | None = None, since: datetime | None = None
    ) -> dict[str, RawRun]:
        request = CollectRequest(
            source=str(source), known=known or {}, since=since, progress=lambda *_: None
        )
        return {raw.native_run_id: raw for raw in MLFLOW.collect(request)}

    return run


@pytest.fixture
def said() -> Callable[[RawRun], Any]:
    """Everything a raw run says but its address, comparable (NaN equals NaN)."""

    def flat(raw: RawRun) -> Any:
        fields = [f for f in RawRun.__dataclass_fields__ if f not in ("metrics", "source_uri")]
        series = {
            key: (one.step.tobytes(), one.timestamp_ms.tobytes(), one.value.tobytes())
            for key, one in raw.metrics.items()
        }
        return {name: getattr(raw, name) for name in fields} | {"metrics": series}

    return flat


@pytest.fixture(scope="session")
def server(filled: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real `mlflow server` on the filled database."""
    folder = tmp_path_factory.mktemp("server")
    options = ("--workers", "1", "--backend-store-uri", filled.uri)
    with running_mlflow(folder, *options, "--artifacts-destination", str(folder)) as address:
        yield address


def fill(client: MlflowClient) -> dict[str, str]:
    experiment = client.create_experiment("ladder", artifact_location="unused")
    ids: dict[str, str] = {}

    def start(name: str, where: str = experiment, **tags: str) -> str:
        ids[name] = client.create_run(
            where, start_time=START + len(ids), run_name=name, tags=tags
        ).info.run_id
        return ids[name]

    def end(name: str, status: str) -> None:
        client.set_terminated(ids[name], status=status, end_time=START + 60_000)

    done = start("finished", team="scaling")
    client.log_batch(
        done,
        metrics=[Metric("loss", 4.0 - 0.1 * i, START + i, 10 * i) for i in range(20)],
        params=[Param("n_params", "1000000"), Param("lr", "3e-4")],
        tags=[RunTag("isoflop.family", "c4")],
    )
    client.log_metric(done, "system/cpu_utilization_percentage", 12.5, START, 0)
    dataset = Dataset(name="c4", digest="abc", source_type="local", source="{}", schema=None)
    tags = [InputTag("mlflow.data.context", "training"), InputTag("n_tokens", "20000000")]
    client.log_inputs(done, [DatasetInput(dataset, tags)])
    end("finished", "FINISHED")
    start("failed")
    end("failed", "FAILED")
    start("killed")
    end("killed", "KILLED")
    client.log_metric(start("running"), "loss", 3.0, START, 1)
    client.log_metric(start("deleted"), "loss", 3.5, START, 1)
    client.delete_run(ids["deleted"])
    start("restored")
    client.delete_run(ids["restored"])
    client.restore_run(ids["restored"])
    start("child", **{"mlflow.parentRunId": done})
    odd = start("odd")
    for step, value in ((5, 1.0), (3, float("nan")), (4, float("inf")), (2, float("-inf"))):
        client.log_metric(odd, "loss", value, START + step, step)
    client.log_metric(odd, "loss", 1.0, START + 5, 5)
    client.log_metric(odd, "loss", 2.0, START + 9, 5)
    client.log_metric(odd, "loss", 9.0, START + 50, 1)  # late, at a smaller step
    hostile = start("Größe 模型 <script>alert(1)</script>", note="'; DROP TABLE runs; --")
    client.log_metric(hostile, "потеря/val 損失", 1.5, START, 1)
    client.log_metric(hostile, "a/b.c-d_e", 2.5, START, 1)
    client.log_param(hostile, "名前", '"; rm -rf / #')
    start("long")
    start("report", where=client.create_experiment("_reports", artifact_location="unused"))
    gone = client.create_experiment("abandoned", artifact_location="unused")
    start("abandoned", where=gone)
    client.delete_experiment(gone)
    return ids


def _lengthen(path: Path, run_id: str) -> None:
    """Give a run 100,000 points by SQL: the client needs minutes."""
    points = [("loss", 1e-5 * i, START + i, run_id, i, 0) for i in range(N_LONG)]
    with sqlite3.connect(path) as connection:
        for table, rows in (("metrics", points), ("latest_metrics", points[-1:])):
            connection.executemany(
                f"INSERT INTO {table} (key, value, timestamp, run_uuid, step, is_nan)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )
    connection.close()
