"""The contract with MLflow: whatever is wrong with us, ``import mlflow`` and training go on."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

TRAIN = """
import sys, mlflow
mlflow.set_tracking_uri("sqlite:///" + sys.argv[1])
with mlflow.start_run() as run:
    mlflow.log_metric("loss", 1.5, step=1)
again = mlflow.get_run(run.info.run_id)
assert again.data.metrics == {"loss": 1.5}, again
assert again.info.status == "FINISHED"
print("tags", sorted(k for k in again.data.tags if k.startswith("isoflop.")))
store = mlflow.tracking._tracking_service.utils._get_store()
print("observed", getattr(type(store), "_isoflop_observed", False))
"""


def test_the_entry_module_loads_only_the_standard_library(run_python: Run) -> None:
    code = """
import sys
before = set(sys.modules)
import isoflop_plugins.mlflow_hooks.context
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(new - set(sys.stdlib_module_names)))
"""
    assert run_python(code).stdout.strip() == "['isoflop_plugins']"


@pytest.mark.slow
def test_without_the_variable_nothing_is_there(run_python: Run, database: Path) -> None:
    out = run_python(TRAIN, str(database)).stdout
    assert "tags []" in out
    assert "observed False" in out


@pytest.mark.slow
def test_the_switch_turns_everything_off(run_python: Run, database: Path) -> None:
    variables = {"ISOFLOP_REGISTRY": str(database.parent / "reg"), "ISOFLOP_DISABLE": "1"}
    out = run_python(TRAIN, str(database), **variables).stdout
    assert "tags []" in out
    assert "observed False" in out
    assert not (database.parent / "reg").exists()


def test_with_the_variable_runs_are_tagged_and_observed(run_python: Run, database: Path) -> None:
    out = run_python(TRAIN, str(database), ISOFLOP_REGISTRY=str(database.parent / "reg")).stdout
    assert "'isoflop.device_type'" in out
    assert "observed True" in out


@pytest.mark.slow
def test_a_rank_that_is_not_first_is_observed_without_tags(run_python: Run, database: Path) -> None:
    variables = {"ISOFLOP_REGISTRY": str(database.parent / "reg"), "RANK": "1"}
    out = run_python(TRAIN, str(database), **variables).stdout
    assert "tags []" in out
    assert "observed True" in out


@pytest.mark.slow
@pytest.mark.parametrize("registry", ["s3://x", "\\0", "a_file", " "])
def test_a_registry_that_is_nonsense_does_not_stop_training(
    run_python: Run, database: Path, registry: str
) -> None:
    (database.parent / "a_file").write_text("not a registry")
    done = run_python(TRAIN, str(database), ISOFLOP_REGISTRY=registry)
    assert "Traceback" not in done.stderr
    assert (database.parent / "a_file").read_text() == "not a registry"


@pytest.mark.slow
def test_where_warnings_are_errors_import_and_training_go_on(
    run_python: Run, database: Path
) -> None:
    code = "import warnings, mlflow\nwarnings.simplefilter('error', UserWarning)\n" + TRAIN
    done = run_python(code, str(database), ISOFLOP_REGISTRY="/dev/null/x")
    assert "observed True" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    "broken",
    [
        "isoflop_plugins.mlflow_hooks.installing",
        "isoflop_plugins.mlflow_hooks.context",
        "isoflop_plugins.mlflow_pull.reading",
        "isoflop.errors",
    ],
)
def test_a_module_of_ours_that_cannot_be_imported_does_not_stop_training(
    run_python: Run, database: Path, broken: str
) -> None:
    code = f"""
import importlib.abc, sys
class Broken(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == {broken!r}:
            raise ImportError("half an installation: " + name)
sys.meta_path.insert(0, Broken())
"""
    done = run_python(code + TRAIN, str(database), ISOFLOP_REGISTRY=str(database.parent / "reg"))
    assert "observed" in done.stdout


def test_an_error_of_any_kind_at_import_does_not_stop_training(
    run_python: Run, database: Path
) -> None:
    """MLflow turns only ImportError and AttributeError into a warning; all else we must catch."""
    code = """
import importlib.abc, sys
class Broken(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "isoflop_plugins.mlflow_hooks.installing":
            raise ValueError("no")
sys.meta_path.insert(0, Broken())
"""
    done = run_python(code + TRAIN, str(database), ISOFLOP_REGISTRY=str(database.parent / "r"))
    assert "observed False" in done.stdout
    assert "switching on failed: ValueError: no" in done.stderr


@pytest.mark.slow
def test_a_broken_third_party_plugin_does_not_stop_recording(
    run_python: Run, database: Path, tmp_path: Path
) -> None:
    leftover = tmp_path / "site" / "leftover-1.dist-info"
    leftover.mkdir(parents=True)
    (leftover / "METADATA").write_text("Metadata-Version: 2.1\nName: leftover\nVersion: 1\n")
    (leftover / "entry_points.txt").write_text(
        "[isoflop]\nleftover = module_that_is_gone\n"
        "[mlflow.run_context_provider]\nleftover = module_that_is_gone:Context\n"
    )
    registry = tmp_path / "reg"
    done = run_python(
        TRAIN, str(database), ISOFLOP_REGISTRY=str(registry), PYTHONPATH=str(tmp_path / "site")
    )
    assert "observed True" in done.stdout
    assert list((registry / "_inbox").glob("*.sources.parquet"))


@pytest.mark.slow
def test_setting_the_variable_after_import_works_for_later_stores(
    run_python: Run, database: Path
) -> None:
    code = """
import os, mlflow
os.environ["ISOFLOP_REGISTRY"] = "reg"
mlflow.tracking.context.registry.resolve_tags()
"""
    assert "observed True" in run_python(code + TRAIN, str(database)).stdout


def test_resolving_tags_takes_under_a_millisecond(run_python: Run, tmp_path: Path) -> None:
    code = """
import timeit, mlflow
from isoflop_plugins.mlflow_hooks.context import IsoflopRunContext
providers = list(mlflow.tracking.context.registry._run_context_provider_registry)
ours = next(p for p in providers if isinstance(p, IsoflopRunContext))
ours.in_context() and ours.tags()
print(min(timeit.repeat(lambda: ours.in_context() and ours.tags(), number=20, repeat=20)) / 20)
"""
    out = run_python(code, ISOFLOP_REGISTRY=str(tmp_path / "reg")).stdout
    assert float(out) < 1e-3


def test_mlflow_takes_its_builders_for_its_own(run_python: Run, database: Path) -> None:
    """The scheme MLflow reports must not become a custom one."""
    code = """
import sys, mlflow
from mlflow.tracking._tracking_service import utils
print(utils._get_tracking_scheme("sqlite:///" + sys.argv[1]))
builder = utils._tracking_store_registry.get_store_builder("sqlite:///x")
print(builder.__module__, builder.__name__)
"""
    out = run_python(code, str(database), ISOFLOP_REGISTRY=str(database.parent / "reg")).stdout
    assert out.split() == ["sqlite", "mlflow.tracking._tracking_service.utils",
                           "_get_sqlalchemy_store"]  # fmt: skip
