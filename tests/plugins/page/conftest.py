"""A registry with every sort of run the page must tell apart, and pages that need no template."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import isoflop
from isoflop.collection import Recorder
from isoflop.records import TRUST_LIVE, TRUST_TRACKER, MetricSeries, RawRun
from isoflop_plugins.page.views import View


def run_id(number: int) -> str:
    """An id as MLflow makes them."""
    return f"{number:032x}"


def raw(
    number: int,
    *,
    kind: str = "mlflow",
    experiment: str = "open",
    links: Sequence[str] = (),
    lifecycle: str = "active",
    name: str = "",
    source_uri: str = "sqlite:///mlflow.db",
) -> RawRun:
    """A run whose loss is its own: equal curves would be one run."""
    n_params = 1_000_000 * (number + 1)
    steps = np.arange(1, 6, dtype=np.int64)

    def series(values: np.ndarray) -> MetricSeries:
        return MetricSeries(step=steps, timestamp_ms=steps * 1000, value=values.astype(float))

    return RawRun(
        source_kind=kind,
        source_uri=source_uri,
        native_run_id=run_id(number) if kind == "mlflow" else f"/{kind}/{number}",
        run_name=name or f"run-{number}",
        experiment=experiment,
        status="finished",
        lifecycle=lifecycle,
        created_at=datetime(2026, 1, 1 + number % 28, tzinfo=UTC),
        params={"n_params": str(n_params)},
        metrics={
            "loss": series(2 + 400 / n_params**0.34 + (number + 1) / (7 * steps)),
            "tokens": series(steps * 4.0 * n_params),
        },
        links=(f"id:mlflow:{run_id(number)}", *links) if kind == "mlflow" else tuple(links),
        trust=TRUST_LIVE if kind == "isoflop" else TRUST_TRACKER,
    )


def recorded(where: Path, runs: Sequence[RawRun]) -> isoflop.Registry:
    """Record runs in a registry."""
    registry = isoflop.open_registry(where, create=True)
    Recorder(str(where)).record(list(runs))
    registry.fold()
    return registry


@pytest.fixture
def registry_of(tmp_path: Path) -> Callable[..., isoflop.Registry]:
    """Record runs in the registry of this test."""
    return lambda *runs: recorded(tmp_path / "registry", runs)


@pytest.fixture(scope="session")
def _mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("mixed") / "registry"
    recorded(where, [raw(1), raw(2, experiment="secret"), raw(3, kind="hf-trainer")])
    return where


@pytest.fixture
def mixed(_mixed: Path, tmp_path: Path) -> Path:
    """A registry of this test with run 1 of ``open``, run 2 of ``secret``, and a file."""
    return shutil.copytree(_mixed, tmp_path / "registry")


@pytest.fixture
def homes_in() -> Callable[..., Callable[[Collection[str]], dict[str, str]]]:
    """A server's store that holds these runs: number of the run to id of its experiment."""

    def make(**homes: str):
        held = {run_id(int(number.removeprefix("r"))): home for number, home in homes.items()}
        return lambda asked: {run: home for run, home in held.items() if run in set(asked)}

    return make


@pytest.fixture
def seen_views(monkeypatch: pytest.MonkeyPatch) -> list[View]:
    """What the template would be given: a page is the view's words."""
    seen: list[View] = []

    def render_page(view: View) -> str:
        seen.append(view)
        return f"<p>{view.viewer}|{view.n_hidden_note}|{view.is_pending}|{view.is_stale}</p>"

    stand_in = SimpleNamespace(render_page=render_page)
    monkeypatch.setitem(sys.modules, "isoflop_plugins.page.rendering", stand_in)
    return seen
