"""Reports on a real MLflow server with isoflop on it: nobody reads them as training runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow import MlflowClient

from isoflop import collect, open_registry

from ..mlflow_servers import running_mlflow

pytestmark = [pytest.mark.server, pytest.mark.slow]
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Server:
    address: str
    registry: Path


@pytest.fixture
def server(empty_database: Path, tmp_path: Path) -> Iterator[Server]:
    """A server that observes its own store into a registry."""
    folder = tmp_path / "server"
    folder.mkdir()
    database, registry = shutil.copy(empty_database, folder / "mlflow.db"), folder / "registry"
    options = ("--workers", "1", "--backend-store-uri", f"sqlite:///{database}",
               "--artifacts-destination", str(folder / "artifacts"))  # fmt: skip
    with running_mlflow(folder, *options, ISOFLOP_REGISTRY=str(registry)) as address:
        yield Server(address, registry)


def log_training(address: str) -> None:
    client = MlflowClient(address)
    run = client.create_run(client.create_experiment("ladder"), run_name="training")
    client.log_param(run.info.run_id, "n_params", 1_000_000)
    client.log_metric(run.info.run_id, "loss", 3.0, step=1)
    client.set_terminated(run.info.run_id)


def report(registry: Path, out: Path, address: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run the verb as a schedule does, with the client's own observer on."""
    variables = {"ISOFLOP_REGISTRY": str(registry), "MLFLOW_TRACKING_URI": address}
    return subprocess.run(
        [BIN / "isoflop", "report", "-o", out, *more],
        env=os.environ | variables, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def eventually(found: Callable[[], list[str]], wanted: list[str]) -> list[str]:
    """Return what is found once it is what is wanted, or after a minute; the observer is slow."""
    end, pause = time.monotonic() + 60, threading.Event()
    while (answer := found()) != wanted and time.monotonic() < end:
        pause.wait(0.5)
    return answer


def test_a_report_is_published_once_and_is_nobodys_training_run(
    server: Server, tmp_path: Path
) -> None:
    log_training(server.address)
    mine = tmp_path / "mine"
    first = report(mine, tmp_path / "out", server.address, "--collect", server.address)
    assert first.returncode == 0, first.stderr
    assert f"Published: {server.address}/#/experiments/" in first.stdout
    again = report(mine, tmp_path / "out", server.address)
    assert again.returncode == 0, again.stderr
    assert "Nothing changed since" in again.stdout

    client = MlflowClient(server.address)
    experiment = client.get_experiment_by_name("_reports")
    [run] = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert "index.html" in {f.path for f in client.list_artifacts(run.info.run_id)}

    # Pulled by HTTP, observed by the report's own process, observed by the server.
    assert open_registry(mine).runs().labels() == ["training"]
    collect(server.address, tmp_path / "pulled")
    assert open_registry(tmp_path / "pulled").runs().labels() == ["training"]
    observed = eventually(lambda: open_registry(server.registry).runs().labels(), ["training"])
    assert observed == ["training"]
