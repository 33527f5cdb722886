"""The recipes compile, call a command line that exists, and load where the package is installed."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from isoflop.cli import build_app

FOLDER = Path(__file__).resolve().parents[3] / "plugins" / "schedule-recipes"
RECIPES = {"airflow_dag.py": "airflow", "dagster_job.py": "dagster", "prefect_flow.py": "prefect"}


def test_every_recipe_is_tested_and_in_the_readme():
    assert {path.name for path in FOLDER.glob("*.py")} == set(RECIPES)
    readme = (FOLDER / "README.md").read_text("utf-8")
    assert all(name in readme for name in RECIPES)


@pytest.mark.parametrize("name", RECIPES)
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
@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_loads_where_its_orchestrator_is_installed(name, tmp_path):
    if importlib.util.find_spec(RECIPES[name]) is None:
        pytest.skip(f"{RECIPES[name]} is not installed")
    code = f"import runpy; runpy.run_path({str(FOLDER / name)!r})"
    home = {"HOME": str(tmp_path), "AIRFLOW_HOME": str(tmp_path), "PREFECT_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=home, cwd=tmp_path, timeout=120)
