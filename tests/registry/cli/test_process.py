"""The command line as a process: what a shell sees."""

import json
import os
import resource
import subprocess
import sys

import pytest

MAIN = "from isoflop.cli import main; main()"


def run(*arguments, **settings):
    environment = {k: v for k, v in os.environ.items() if k != "ISOFLOP_REGISTRY"}
    environment |= settings.pop("env", {})
    return subprocess.run(
        [sys.executable, "-c", MAIN, *arguments],
        capture_output=True, text=True, env=environment, timeout=60, check=False, **settings,
    )  # fmt: skip


def test_help_names_verbs_and_exit_codes_and_loads_nothing_heavy():
    code = (
        "import sys\nsys.argv = ['isoflop', '--help']\nfrom isoflop.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "heavy = {'mlflow', 'pandas', 'scipy', 'pyarrow', 'altair', 'duckdb'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    assert done.returncode == 0, done.stderr
    for word in ("collect", "report", "demo", "frontier", "emergence", "Exit codes", "130"):
        assert word in done.stdout
    assert spent < 2.0


def test_the_package_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "isoflop", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("isoflop ")


def test_wrong_usage_is_2_and_a_failure_is_1_without_traceback(tmp_path):
    assert run("collect").returncode == 2
    assert run("no-such-verb").returncode == 2
    done = run("ls", "-r", str(tmp_path / "none"))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr


def test_the_registry_comes_from_the_environment(registry):
    done = run("ls", "--json", env={"ISOFLOP_REGISTRY": registry})
    assert len(json.loads(done.stdout)) == 21
    assert done.stderr == ""


def test_a_reader_that_leaves_early_is_no_error(registry):
    command = f'{sys.executable} -c "{MAIN}" query "from curves" --json -r {registry} | head -1'
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False
    )
    assert done.stdout == "[\n"
    assert done.stderr == ""


@pytest.mark.parametrize(
    "verb", ["ls", *(pytest.param(verb, marks=pytest.mark.slow) for verb in ("doctor", "plugins"))]
)
def test_a_pipe_gets_no_colour(registry, verb):
    done = run(verb, env={"ISOFLOP_REGISTRY": registry})
    assert "\x1b" not in done.stdout + done.stderr
