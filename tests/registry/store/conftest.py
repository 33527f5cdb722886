"""A registry and runs to put into it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isoflop.records import ResolvedRun, run_uid
from isoflop.store import Registry, open_registry

RunMaker = Callable[..., ResolvedRun]


def build_run(
    name: str, *, n_points: int = 5, level: float = 3.0, scores: dict[str, float] | None = None,
    **columns: Any,
) -> ResolvedRun:  # fmt: skip
    steps = np.arange(n_points)
    curves = {
        "split": np.full(n_points, "train", dtype=object),
        "step": steps * 10,
        "n_tokens": np.where(steps % 2 == 0, steps * 1000.0, np.nan),
        "loss": level - steps / 100,
        "logged_at": (1_767_225_600_000 + steps).astype("datetime64[ms]"),
    }
    metrics = {
        "name": np.repeat(np.array(["accuracy", "speed"], dtype=object), n_points),
        "step": np.tile(steps, 2),
        "value": np.arange(2 * n_points, dtype=float),
    }
    row: dict[str, Any] = {
        "run_uid": run_uid("test", name),
        "source_kind": "test",
        "native_run_id": name,
        "run_name": name,
        "status": "finished",
        "lifecycle": "active",
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
        "n_params": 1_000_000,
        "n_tokens": 20_000_000,
        "flops": 1.2e14,
        "loss": level,
        "source_digest": f"digest of {name}",
    }
    return ResolvedRun(
        row=row | columns,
        curves=curves if n_points else {},
        metrics=metrics if n_points else {},
        scores=[
            {"task": t, "metric": "loss", "value": v, "unit": "nat/token", "harness": ""}
            for t, v in (scores or {}).items()
        ],
    )


@pytest.fixture(scope="session")
def make_run() -> RunMaker:
    return build_run


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return open_registry(tmp_path / "registry", create=True)
