"""Locks between real processes: one that holds, one that is refused, one that is killed."""

import os
import signal
import subprocess
import sys

import pytest

from isoflop.reporting.delivering.locking import ReportBusyError, report_lock
from isoflop.store.location import REPORT_LOCK

HOLDER = """
import sys
from pathlib import Path
from isoflop.reporting.delivering.locking import report_lock
with report_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock until its input closes."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_the_second_is_refused_at_once_and_told_who_holds_it(tmp_path, holder):
    told = rf"made by process {holder.pid} on {os.uname().nodename} since 20\d\d-.*try again when"
    with pytest.raises(ReportBusyError, match=told) as caught, report_lock(tmp_path):
        pass
    assert caught.value.holder["pid"] == holder.pid


def test_a_holder_that_was_killed_holds_nothing(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait(10)
    with report_lock(tmp_path):
        assert str(os.getpid()) in (tmp_path / REPORT_LOCK).read_text()


def test_a_holder_that_ended_says_nothing_more(tmp_path, holder):
    holder.communicate("", timeout=10)
    assert (tmp_path / REPORT_LOCK).read_text() == ""
    with report_lock(tmp_path):
        pass


def test_two_threads_exclude_each_other_too(tmp_path):
    busy = pytest.raises(ReportBusyError, match=f"process {os.getpid()}")
    with report_lock(tmp_path), busy, report_lock(tmp_path):
        pass


def test_what_others_wrote_into_the_file_is_no_obstacle(tmp_path):
    (tmp_path / REPORT_LOCK).write_text("[1, <garbage>")
    with report_lock(tmp_path), pytest.raises(ReportBusyError), report_lock(tmp_path):
        pass


def test_a_folder_that_cannot_be_written_needs_no_lock(tmp_path):
    with report_lock(tmp_path / "not" / "there"):
        pass
