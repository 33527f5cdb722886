"""Workers of the demo are real processes; none may write into a registry that nobody waits for."""

import os
import signal
import subprocess
import sys
import time

import pytest

SCRIPT = """
import sys
from pathlib import Path
from isoflop_plugins.demo.ladder import make_ladder
from isoflop_plugins.demo.running import train_rungs
if __name__ == "__main__":
    rungs = make_ladder(ladder=((1e13, (64, 96)),))
    train_rungs(rungs, Path(sys.argv[1]), tick=lambda flops: print("step", flush=True))
"""


def is_alive(pid):
    psutil = pytest.importorskip("psutil", reason="psutil finds the workers")
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.mark.slow
def test_workers_end_when_the_demo_is_killed(tmp_path):
    psutil = pytest.importorskip("psutil", reason="psutil finds the workers")
    (tmp_path / "train.py").write_text(SCRIPT)
    parent = subprocess.Popen(
        [sys.executable, str(tmp_path / "train.py"), str(tmp_path)], stdout=subprocess.PIPE
    )
    try:
        assert parent.stdout.readline() == b"step\n"
        workers = [child.pid for child in psutil.Process(parent.pid).children()]
        assert sum(map(is_alive, workers)) >= 2
    finally:
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        parent.stdout.close()
    deadline = time.monotonic() + 20
    while (left := [pid for pid in workers if is_alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left
