"""``isoflop serve``: this machine's own browser, and nobody else."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from isoflop_plugins.page.serve import ServeError, listen, loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.8.8.8"])
def test_addresses_of_this_machine_are_served(host: str) -> None:
    assert loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.5", "example.com", "127.1"])
def test_other_addresses_are_refused_with_the_way_to_do_it(host: str) -> None:
    with pytest.raises(ServeError, match="mlflow server --app-name isoflop"):
        loopback(host)


def test_a_taken_port_is_said(mixed: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ServeError, match="--port 0"):
            listen(str(mixed), "127.0.0.1", taken.getsockname()[1])


@pytest.fixture
def served(mixed: Path, tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    (tmp_path / "tmp").mkdir()
    process = subprocess.Popen(
        [Path(sys.executable).with_name("isoflop"), "serve", "--registry", str(mixed),
         "--port", "0", "--json"],
        env=os.environ | {"TMPDIR": str(tmp_path / "tmp")}, cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        yield json.loads(process.stdout.readline())["url"], process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
@pytest.mark.server
def test_the_page_of_a_registry(served: tuple[str, subprocess.Popen[str]]) -> None:
    url, process = served
    answer = requests.get(url, timeout=60)
    deadline = time.monotonic() + 240
    while answer.status_code == 202:
        assert time.monotonic() < deadline
        time.sleep(0.5)
        answer = requests.get(url, timeout=60)

    assert answer.status_code == 200
    assert "run-3" in answer.text
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "Python" not in answer.headers["Server"]

    port = url.split(":")[2].split("/")[0]
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", f"x@{port}"):
        assert requests.get(url, headers={"Host": host}, timeout=60).status_code == 403
    same = requests.get(url, headers={"Host": f"localhost:{port}"}, timeout=60)
    assert same.status_code == 200
    assert requests.post(url, timeout=60).status_code == 405
    assert requests.get(url.replace("/isoflop/", "/"), timeout=60).status_code == 200
    assert requests.get(url + "../etc/passwd", timeout=60).status_code == 404

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert out == ""
