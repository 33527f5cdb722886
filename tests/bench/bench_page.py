"""The page's first byte at 10,000 runs on a real MLflow server, ten clients at once."""

from __future__ import annotations

import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from isoflop.records import ResolvedRun, run_uid
from isoflop.store import open_registry

Row = tuple[str, str, str, str]

CLIENTS, REQUESTS = 10, 20
START = datetime(2026, 1, 1, tzinfo=UTC)


def rows(quick: bool) -> list[Row]:
    """Return the measured rows: what, ours, MLflow's health route beside it, bar.

    Every client asks 20 times for the page, as a new connection each, and all at once.
    """
    n_runs = 1_000 if quick else 10_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _registry(folder / "registry", n_runs)
        with _server(folder) as url:
            first = _first_byte(f"{url}/isoflop/")[0]
            computed = _computed(f"{url}/isoflop/")
            ours = _all_at_once(f"{url}/isoflop/")
            health = _all_at_once(f"{url}/health")
    at = f"at {n_runs:,} runs"
    return [
        (f"page, first byte {at}, {CLIENTS} clients", _told(ours), _told(health), "bar: 300 ms"),
        (f"page, very first request {at}", f"{first * 1000:,.0f} ms", "", ""),
        (f"page, computed in the background {at}", f"{computed:,.0f} s", "", ""),
    ]


def _told(seconds: list[float]) -> str:
    at = statistics.quantiles([s * 1000 for s in seconds], n=20)
    return f"p50 {at[9]:,.0f}, p95 {at[18]:,.0f}, max {max(seconds) * 1000:,.0f} ms"


def _registry(folder: Path, n_runs: int) -> None:
    registry = open_registry(folder, create=True)
    rng = np.random.default_rng(0)
    registry.writer().drop_runs([_resolved(i, float(rng.normal())) for i in range(n_runs)])
    registry.fold()


def _resolved(number: int, noise: float) -> ResolvedRun:
    native = uuid.UUID(int=number + 1).hex
    n_params = 1e6 * 10 ** (3 * (number % 97) / 96)
    n_tokens = n_params * 10 ** (0.5 + 1.6 * (number % 89) / 88)
    loss = 1.69 + 406.4 / n_params**0.34 + 410.7 / n_tokens**0.28
    row = {
        "run_uid": run_uid("mlflow", native),
        "source_kind": "mlflow",
        "native_run_id": native,
        "run_name": f"run-{number}",
        "experiment": f"experiment-{number % 20}",
        "family": f"family-{number % 4}",
        "status": "finished",
        "lifecycle": "active",
        "created_at": START + timedelta(minutes=number),
        "n_params": int(n_params),
        "n_tokens": int(n_tokens),
        "flops": 6 * n_params * n_tokens,
        "flops_convention": "6ND",
        "loss": loss * (1 + 0.002 * noise),
        "loss_split": "eval",
    }
    return ResolvedRun(row=row)


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    (folder / "tmp").mkdir()
    environment = os.environ | {
        "ISOFLOP_REGISTRY": str(folder / "registry"), "TMPDIR": str(folder / "tmp"),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true",
    }  # fmt: skip
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [Path(sys.executable).with_name("mlflow"), "server", "--app-name", "isoflop",
             "--port", str(port), "--workers", "2",
             "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"],
            env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        while not _is_up(f"{url}/health"):
            assert server.poll() is None, (folder / "log").read_text()
            time.sleep(0.2)
        yield url
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def _is_up(url: str) -> bool:
    try:
        return _first_byte(url)[1] == 200
    except OSError:
        return False


def _computed(url: str) -> float:
    """Return how long the page takes until it is there. [s]"""
    begin = time.perf_counter()
    while _first_byte(url)[1] != 200:
        time.sleep(0.5)
    return time.perf_counter() - begin


def _all_at_once(url: str) -> list[float]:
    """Return the time to the first byte of every request; each must be answered. [s]"""
    with ThreadPoolExecutor(CLIENTS) as clients:
        answers = list(clients.map(lambda _: _first_byte(url), range(CLIENTS * REQUESTS)))
    assert {status for _, status in answers} == {200}
    return [seconds for seconds, _ in answers]


def _first_byte(url: str) -> tuple[float, int]:
    begin = time.perf_counter()
    with urllib.request.urlopen(url, timeout=60) as answer:
        answer.read(1)
        seconds = time.perf_counter() - begin
        answer.read()
        return seconds, answer.status
