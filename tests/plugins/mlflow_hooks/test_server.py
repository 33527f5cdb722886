"""isoflop on an `mlflow server`: every client's runs are seen, nothing of the server changes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mlflow
import pytest
import requests
from mlflow import MlflowClient
from mlflow.entities import Metric

import isoflop
from isoflop_plugins.mlflow_hooks import installing
from isoflop_plugins.mlflow_hooks.observer import Observer
from isoflop_plugins.mlflow_hooks.recording import Recording

from ..mlflow_servers import free_port

pytestmark = [pytest.mark.server, pytest.mark.slow]

N_WORKERS = 4
JOBS = """
from mlflow.server.jobs import job

@job(name="double", max_workers=1)
def double(number):
    return {"answer": 2 * number}
"""


@dataclass
class Server:
    url: str
    registry: Path
    database: Path
    log: list[str]


@pytest.fixture(scope="module")
def server(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    database = Path(shutil.copy(empty_database, folder / "mlflow.db"))
    (folder / "our_jobs.py").write_text(JOBS)
    port = free_port()
    variables = {
        "ISOFLOP_REGISTRY": str(folder / "registry"),
        "PYTHONPATH": str(folder),
        "_MLFLOW_SUPPORTED_JOB_FUNCTION_LIST": "our_jobs.double",
        "_MLFLOW_ALLOWED_JOB_NAME_LIST": "double",
    }
    process = subprocess.Popen(
        [Path(sys.executable).with_name("mlflow"), "server", "--port", str(port),
         "--workers", str(N_WORKERS), "--backend-store-uri", f"sqlite:///{database}",
         "--artifacts-destination", str(folder / "artifacts")],
        env=os.environ | variables, cwd=folder, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    log: list[str] = []
    ready = threading.Event()
    drain = threading.Thread(target=_drain, args=(process, log, ready), daemon=True)
    drain.start()
    try:
        assert ready.wait(90), "".join(log)
        yield Server(f"http://127.0.0.1:{port}", folder / "registry", database, log)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(8)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(8)
        drain.join(20)
        assert process.stdout is not None
        process.stdout.close()


def _drain(process: subprocess.Popen[str], log: list[str], ready: threading.Event) -> None:
    assert process.stdout is not None
    n_up = 0
    for line in process.stdout:
        log.append(line)
        n_up += "Application startup complete" in line
        if n_up == N_WORKERS:
            ready.set()


def eventually(found: Callable[[], Any], *, timeout_s: float = 60.0) -> Any:
    """Return what `found` answers once it is not None; the server works in its own time."""
    end = time.monotonic() + timeout_s
    pause = threading.Event()
    while (answer := found()) is None and time.monotonic() < end:
        pause.wait(0.5)
    return answer


def log_run(server: Server, experiment_id: str, name: str) -> str:
    """Log one run as a plain client does, one metric a call."""
    client = MlflowClient(server.url)
    run_id = str(client.create_run(experiment_id, run_name=name).info.run_id)
    client.log_param(run_id, "n_params", 1000)
    for step in range(20):
        client.log_metric(run_id, "loss", 1.0 / (step + 1), step=step)
    client.log_batch(run_id, [Metric("tokens", 10.0 * s, s, s) for s in range(20)])
    client.set_terminated(run_id)
    return run_id


def finished(server: Server, run_ids: list[str]) -> Any:
    """Return the rows of the runs once all of them are finished."""
    if not server.registry.exists():
        return None
    frame = isoflop.open_registry(str(server.registry)).runs().to_pandas()
    rows = frame[frame["native_run_id"].isin(run_ids) & (frame["status"] == "finished")]
    return rows if len(rows) == len(run_ids) else None


def test_runs_of_many_plain_clients_at_once_are_recorded_right(server: Server) -> None:
    experiment_id = MlflowClient(server.url).create_experiment("many")
    with ThreadPoolExecutor(8) as pool:
        run_ids = list(pool.map(lambda i: log_run(server, experiment_id, f"run {i}"), range(8)))
    rows = eventually(lambda: finished(server, run_ids))
    assert rows is not None, "".join(server.log[-50:])
    assert set(rows["run_name"]) == {f"run {i}" for i in range(8)}
    registry = isoflop.open_registry(str(server.registry))
    curves = registry.curves().to_pandas()
    for uid in rows["run_uid"]:
        curve = curves[(curves["run_uid"] == uid) & curves["loss"].notna()].sort_values("step")
        assert curve["loss"].tolist() == [1.0 / (step + 1) for step in range(20)]


def test_more_than_one_worker_took_part(server: Server) -> None:
    registry = isoflop.open_registry(str(server.registry))
    assert registry.runs().to_pandas()["writer_id"].nunique() > 1


def test_a_late_tag_through_the_server_is_seen(server: Server) -> None:
    client = MlflowClient(server.url)
    run_id = log_run(server, "0", "late")
    assert eventually(lambda: finished(server, [run_id])) is not None
    client.set_tag(run_id, "isoflop.family", "late family")

    def family() -> str | None:
        rows = finished(server, [run_id])
        return "seen" if rows is not None and set(rows["family"]) == {"late family"} else None

    assert eventually(family) == "seen"


def test_artifacts_of_the_server_work(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    run_id = log_run(server, "0", "artifacts")
    client = MlflowClient(server.url)
    client.log_text(run_id, "hello", "note.txt")
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/note.txt") == "hello"


def test_jobs_of_the_server_work(server: Server) -> None:
    url = f"{server.url}/ajax-api/3.0/jobs/"
    job = _json(url, {"job_name": "double", "params": {"number": 21}})

    def result() -> Any:
        state = _json(url + job["job_id"])
        return state if state["status"] not in {"PENDING", "RUNNING"} else None

    state = eventually(result, timeout_s=120)
    assert state is not None, "".join(server.log[-50:])
    assert (state["status"], state["result"]) == ("SUCCEEDED", {"answer": 42})


def _json(url: str, body: dict[str, Any] | None = None) -> Any:
    request = urllib.request.Request(
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def test_a_client_makes_no_request_more_than_without_the_hook(server: Server) -> None:
    """The client has no isoflop environment: what it sends is what its own calls send."""
    before = len(server.log)
    run_id = log_run(server, "0", "counted")
    client = MlflowClient(server.url)
    client.get_run(run_id)
    requests = [line for line in server.log[before:] if "/api/" in line and "HTTP/1.1" in line]
    counts = {
        name: sum(f"/runs/{name}" in line for line in requests)
        for name in ("create", "log-parameter", "log-metric", "log-batch", "update")
    }
    assert counts == {"create": 1, "log-parameter": 1, "log-metric": 20, "log-batch": 1,
                      "update": 1}  # fmt: skip


def test_a_hook_on_the_client_adds_no_request_to_the_training_thread(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    send = requests.Session.send

    def spy(self: requests.Session, request: Any, **options: Any) -> Any:
        made.append(threading.current_thread().name)
        return send(self, request, **options)

    monkeypatch.setattr(requests.Session, "send", spy)
    log_run(server, "0", "bare")
    bare, made[:] = made.count("MainThread"), []
    # Another spelling of the address, so that MLflow builds another store.
    client = replace(server, url=server.url.replace("127.0.0.1", "localhost"))
    observer = Observer(lambda: Recording(str(tmp_path / "registry")))
    installing.install_observer(observer)
    try:
        run_id = log_run(client, "0", "hooked")
    finally:
        installing.uninstall()
    assert made.count("MainThread") == bare > 20
    assert observer.flush(60.0)
    rows = isoflop.open_registry(str(tmp_path / "registry")).runs().to_pandas()
    assert rows["native_run_id"].tolist() == [run_id]
    assert rows["status"].tolist() == ["finished"]
