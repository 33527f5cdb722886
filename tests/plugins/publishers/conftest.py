"""A small real registry with its report, and a tracking database of its own."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from isoflop import open_registry
from isoflop.records import ResolvedRun
from isoflop.reporting.delivering import deliver_report

with warnings.catch_warnings():
    # MLflow itself uses a loader that SQLAlchemy 2.1 calls deprecated, at import.
    warnings.simplefilter("ignore")
    import mlflow


@pytest.fixture
def tracking(empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An MLflow database that the environment names; artifacts lie beside it."""
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{shutil.copy(empty_database, tmp_path / 'mlflow.db')}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert mlflow.get_tracking_uri() == uri
    return uri


@pytest.fixture
def lab(tmp_path: Path) -> Any:
    """A registry of six runs, and what delivers a report on it."""
    registry = open_registry(tmp_path / "registry", create=True)
    add_runs(registry, 6)
    return SimpleNamespace(
        registry=registry,
        add=lambda n: add_runs(registry, n),
        deliver=lambda **more: deliver_report(registry.uri, tmp_path / "report", **more),
    )


def add_runs(registry: Any, n_runs: int) -> None:
    runs = [
        ResolvedRun(
            row={
                "run_uid": f"toy-{i}", "source_kind": "toy", "native_run_id": str(i),
                "run_name": f"run-{i}", "family": "web", "status": "finished",
                "lifecycle": "active", "n_params": 1_000_000 * 2**i, "n_tokens": 20_000_000 * 2**i,
                "flops": 120e12 * 4.0**i, "loss": 4 - 0.1 * i,
            }
        )
        for i in range(n_runs)
    ]  # fmt: skip
    registry.writer().drop_runs(runs, known_revs=registry.revs())
    registry.fold()
