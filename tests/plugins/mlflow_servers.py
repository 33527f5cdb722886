"""Real MLflow stores and servers for the tests of every folder beside this file."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

_PATIENCE_S = 120


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty MLflow database: migrating takes seconds, copying does not."""
    with warnings.catch_warnings():
        # MLflow itself uses a loader that SQLAlchemy 2.1 calls deprecated, at import.
        warnings.simplefilter("ignore")
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    folder = tmp_path_factory.mktemp("template")
    store = SqlAlchemyStore(f"sqlite:///{folder / 'm.db'}", str(folder / "artifacts"))
    store.engine.dispose()
    return folder / "m.db"


@contextlib.contextmanager
def running_mlflow(
    folder: Path, *options: str, prefix: str = "", **variables: str
) -> Iterator[str]:
    """Run `mlflow server` in a folder until the block ends; gives its address, prefix included."""
    port = free_port()
    command = [str(Path(sys.executable).with_name("mlflow")), "server", "--port", str(port)]
    command += ["--static-prefix", prefix] if prefix else []
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"} | variables
    log = folder / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, *options], env=environment, cwd=folder, stdout=out, stderr=out,
            start_new_session=True,
        )  # fmt: skip
        try:
            url = f"http://127.0.0.1:{port}{prefix}"
            _wait_for(url, process, log)
            yield url
        finally:
            _end(process)


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"{url}/health", timeout=10).ok:
                return
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.2)


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
