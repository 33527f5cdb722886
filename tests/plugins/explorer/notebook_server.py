"""A real notebook server in a process of its own, and the code that its cells run."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SETUP = '''
import json
import pathlib

import numpy as np
import pandas as pd

from isoflop import RunTable
from isoflop_plugins.explorer import explore

random = np.random.default_rng(0)
n_params = 10 ** random.uniform(7.5, 10, 30)
n_tokens = n_params * 10 ** random.uniform(0.3, 2.3, 30)
loss = 1.82 + 482.0 / n_params**0.3478 + 2085.0 / n_tokens**0.3658
runs = RunTable.from_pandas(pd.DataFrame({
    "run_uid": [f"uid-{i}" for i in range(30)],
    "run_name": ["<script>window.hacked = 1</script>", *[f"run-{i}" for i in range(1, 30)]],
    "n_params": n_params,
    "n_tokens": n_tokens,
    "loss": loss * np.exp(random.normal(0, 0.005, 30)),
}))
explorer = explore(runs)


def tell(_change):
    """Write down what the kernel thinks, for the test to read."""
    told = {
        "excluded": list(explorer.excluded),
        "exponent_n": repr(explorer.fit.derived["exponent_n"]),
        "n_runs": explorer.fit.n_runs,
    }
    part = pathlib.Path("told.json.part")
    part.write_text(json.dumps(told))
    part.rename("told.json")


explorer.observe(tell, "answered")
'''


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextmanager
def serving(command: Sequence[str], url: str, folder: Path) -> Iterator[None]:
    """Run a server in a folder until the block ends; its settings stay in that folder."""
    settings = {
        name: str(folder / name.lower())
        for name in ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR",
                     "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR",
                     "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")
    }  # fmt: skip
    log = folder / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **settings}, stdout=out,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            _wait(url, process, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError) as error:
            if process.poll() is not None:
                raise AssertionError(f"The server ended: {log.read_text()[-2000:]}") from error
            _let_work(0.2)
    raise AssertionError(f"No server at {url} after 90 s: {log.read_text()[-2000:]}")


def _let_work(seconds: float) -> None:
    """Let the server work before it is asked again."""
    threading.Event().wait(seconds)


def told(folder: Path) -> Any:
    """Return what the kernel wrote down, once it has taken runs out."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        file = folder / "told.json"
        found = json.loads(file.read_text()) if file.is_file() else {}
        if found.get("excluded"):
            return found
        _let_work(0.05)
    raise AssertionError("The kernel took no run out within 60 s.")
