"""Fixtures shared by all tests: real data, quiet MLflow, one BLAS thread."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine must not fail a test by time, and CI must judge the same examples every time.
settings.register_profile("isoflop", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "isoflop"))

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DO_NOT_TRACK"] = "true"
for _name in ("ISOFLOP_REGISTRY", "ISOFLOP_DISABLE", "MLFLOW_TRACKING_URI"):
    os.environ.pop(_name, None)

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the tutorials: they take minutes, and a core would wait for them at the end."""
    items.sort(key=lambda item: item.path.name != "test_tutorials.py")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data beside the checkout; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"real test data is not here: {SHARED} does not exist")
    return SHARED
