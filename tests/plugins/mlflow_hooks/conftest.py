"""Stores of this folder's tests: a real sqlite store each, from one migrated template."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

with warnings.catch_warnings():
    # MLflow itself uses a loader that SQLAlchemy 2.1 calls deprecated, at import.
    warnings.simplefilter("ignore")
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore


@pytest.fixture
def database(empty_database: Path, tmp_path: Path) -> Path:
    """A fresh MLflow database of this test."""
    return Path(shutil.copy(empty_database, tmp_path / "mlflow.db"))


@pytest.fixture
def new_store(empty_database: Path, tmp_path: Path) -> Iterator[Callable[[str], object]]:
    """Make real sqlite stores, each on a fresh database."""
    made = []

    def make(name: str = "store") -> SqlAlchemyStore:
        path = shutil.copy(empty_database, tmp_path / f"{name}.db")
        store = SqlAlchemyStore(f"sqlite:///{path}", str(tmp_path / f"{name}-artifacts"))
        made.append(store)
        return store

    yield make
    for store in made:
        store.engine.dispose()


@pytest.fixture
def run_python(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a script in a fresh interpreter, as a user's training process."""

    def run(
        code: str, *arguments: str, check: bool = True, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        environment = {
            k: v for k, v in os.environ.items() if not k.startswith(("ISOFLOP_", "MLFLOW_"))
        }
        environment |= {"MLFLOW_DISABLE_TELEMETRY": "true", "OPENBLAS_NUM_THREADS": "1"}
        script = tmp_path / "train.py"
        script.write_text(code)
        done = subprocess.run(
            [sys.executable, str(script), *arguments],
            env=environment | variables,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    return run
