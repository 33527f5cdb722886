import json
import os
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from isoflop.cli import build_app

MAIN = "from isoflop.cli import main; main()"


@pytest.fixture
def call(monkeypatch):
    app = build_app()
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        return CliRunner().invoke(app, ["schedule", *map(str, arguments)])

    return run


def test_print_heads_each_clock_and_holds_no_secret(call, registry, monkeypatch, tmp_path):
    monkeypatch.setenv("ISOFLOP_NOTIFY", "json://ada:s3cret@example.org")
    told = call("print", "-r", registry, "-o", tmp_path / "out")
    assert told.exit_code == 0
    heads = [line for line in told.stdout.splitlines() if line.startswith("# ====")]
    assert len(heads) == 5
    assert registry in told.stdout
    assert "s3cret" not in told.stdout


def test_print_as_json_gives_places_and_texts(call, registry):
    files = json.loads(call("print", "--kind", "systemd", "-r", registry, "--json").stdout)["files"]
    assert [f["place"].rpartition("/")[2] for f in files] == [
        "isoflop-report.service", "isoflop-report.timer",
    ]  # fmt: skip
    assert "OnCalendar=Mon *-*-* 08:00:00" in files[1]["text"]


@pytest.mark.parametrize("verb", ["print", "run"])
def test_a_wrong_expression_is_one_clear_error(call, registry, verb):
    told = call(verb, "--cron", "0 25 * * 1", "-r", registry)
    assert told.exit_code == 1
    assert "In the hour of the cron expression '0 25 * * 1', '25' is outside 0-23" in told.stderr


def test_run_on_no_registry_ends_with_an_error(call, tmp_path):
    pytest.importorskip("apscheduler", reason="APScheduler is not installed")
    told = call("run", "-r", tmp_path / "nowhere")
    assert told.exit_code == 1
    assert "nowhere" in told.stderr


@pytest.mark.parametrize("verb", ["print", "run"])
def test_help_teaches_with_examples(call, verb):
    told = call(verb, "--help")
    assert f"isoflop schedule {verb}" in told.stdout
    assert "--cron" in told.stdout


def until(condition, *, process, seconds=180.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_run_makes_an_overdue_report_survives_a_kill_and_ends_cleanly(registry, tmp_path):
    pytest.importorskip("apscheduler", reason="APScheduler is not installed")
    out = tmp_path / "out"
    # 29 February: no second report comes while the test looks.
    words = ["schedule", "run", "--cron", "0 0 29 2 *", "-r", registry, "-o", str(out), "--json"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ISOFLOP_")}
    environment["ISOFLOP_NOTIFY"] = "json://ada:s3cret@127.0.0.1:9/x"

    def start():
        return subprocess.Popen(
            [sys.executable, "-c", MAIN, *words],
            cwd=tmp_path,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    # Killed in the midst of the report: the next process makes it.
    killed = start()
    lock = tmp_path / "registry" / "_report.lock"
    until(lambda: lock.exists() and lock.read_text(), process=killed)
    killed.kill()
    killed.communicate()
    second = start()
    line = json.loads(second.stdout.readline())
    assert line["outcome"] == "flagged-incomplete", line
    assert (out / "report.json").exists()
    second.send_signal(signal.SIGTERM)
    _, errors = second.communicate(timeout=60)
    assert second.returncode == 0, errors
    assert "A report is overdue and made now." in errors
    assert "s3cret" not in errors + json.dumps(line)
    # The report is made: a third process waits for the clock.
    third = start()
    assert "overdue" not in third.stderr.readline()
    third.send_signal(signal.SIGINT)
    assert third.communicate(timeout=60)[0] == ""
    assert third.returncode == 0
