"""The recipes call a command line that exists, and really run where `make test-recipes` was."""

import ast
import os
import subprocess
from pathlib import Path

import pytest
from typer.main import get_command

from isoflop.cli import build_app

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "plugins" / "schedule-recipes"
ONCE = {
    "airflow_dag.py": ["airflow db migrate", "airflow dags test isoflop_report"],
    "dagster_job.py": ["dagster job execute -f dagster_job.py -j isoflop_report"],
    "prefect_flow.py": ["python -c 'import prefect_flow; prefect_flow.isoflop_report()'"],
}
"""How each is run once by hand, in a folder that holds it."""

FLAGGED = "A clear or severe flag was raised"


def test_every_recipe_is_tested_and_in_the_readme():
    assert {path.name for path in FOLDER.glob("*.py")} == set(ONCE)
    readme = (FOLDER / "README.md").read_text("utf-8")
    assert all(name in readme for name in ONCE)


@pytest.mark.parametrize("name", ONCE)
def test_a_recipe_compiles_and_calls_options_that_exist(name):
    tree = ast.parse((FOLDER / name).read_text("utf-8"))
    words = next(node.elts for node in ast.walk(tree) if isinstance(node, ast.List))
    told = [word.value for word in words if isinstance(word, ast.Constant)]
    assert told[:2] == ["isoflop", "report"]
    known = {
        option for p in get_command(build_app()).commands["report"].params for option in p.opts
    }
    assert set(told[2:]) <= known


@pytest.mark.slow
@pytest.mark.parametrize("name", ONCE)
@pytest.mark.parametrize(("code", "is_flagged"), [(4, False), (7, True)])
def test_an_orchestrator_runs_its_recipe_and_acts_on_a_flag_alone(name, code, is_flagged, tmp_path):
    orchestrator = name.partition("_")[0]
    bin_folder = ROOT / f".venv-{orchestrator}" / "bin"
    if not bin_folder.exists():
        pytest.skip(f"{orchestrator} is not here: `make test-recipes` sets it up")
    (tmp_path / name).write_text((FOLDER / name).read_text("utf-8"), "utf-8")
    stand_in = tmp_path / "isoflop"
    stand_in.write_text(f'#!/bin/sh\necho "$@" >> called\nexit {code}\n', "utf-8")
    stand_in.chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", "-ec", "\n".join(ONCE[name])],
        cwd=tmp_path, env=_environment(tmp_path, bin_folder), capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-3000:]
    called = (tmp_path / "called").read_text("utf-8").splitlines()
    assert called == ["report --registry /data/registry --out /srv/www/scaling"]
    assert (FLAGGED in said) is is_flagged


def _environment(home: Path, bin_folder: Path) -> dict[str, str]:
    return {
        "PATH": f"{home}:{bin_folder}:{os.environ['PATH']}",
        "HOME": str(home),
        "PYTHONPATH": str(home),
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "DAGSTER_HOME": str(home),
        "PREFECT_HOME": str(home / "prefect"),
        "DO_NOT_TRACK": "1",
    }
