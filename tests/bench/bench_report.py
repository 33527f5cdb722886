"""A report on 1,000 runs, beside the same one with every fit found again by each analyzer."""

from __future__ import annotations

import inspect
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from isoflop.collection import Recorder
from isoflop.drawing.static import draw
from isoflop.records import MetricSeries, RawRun
from isoflop.reporting import Report, build_report, write_report
from isoflop.store import Registry, open_registry

T = TypeVar("T")
Row = tuple[str, str, str, str]

_TASKS = 5
_FORMATS = ("html", "json", "markdown")


class _Took(NamedTuple):
    """Seconds by the clock, and of a processor: alike, but for what else the machine does."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:.1f} s ({self.cpu:.1f} CPU s)"


def rows(quick: bool) -> list[Row]:
    """Return the measured rows: what, ours, the other's, ratio or bar."""
    n_runs = 100 if quick else 1_000
    with tempfile.TemporaryDirectory() as folder:
        registry = _registry(Path(folder) / "registry", n_runs)
        build_report(registry, analyzers=["health"])  # imports count once
        report, shared = _timed(lambda: build_report(registry))
        # Under the decorator that shares: the same function, each fit on its own.
        again, alone = _timed(lambda: inspect.unwrap(build_report)(registry))
        assert again.id == report.id, "sharing changed a number"
        _, figures = _timed(lambda: _draw_all(report))
        files, written = _timed(
            lambda: write_report(report, Path(folder) / "out", formats=_FORMATS)
        )
        size = {f.suffix: f.stat().st_size / 1e6 for f in files}
    what = f"report on {n_runs:,} runs"
    # Each chart is drawn once and kept: the files are written with those drawn before.
    total, bare = (
        _Took(t.wall + figures.wall + written.wall, t.cpu + figures.cpu + written.cpu)
        for t in (shared, alone)
    )
    return [
        (f"{what}: analyzers", str(shared), f"no sharing {alone}",
         f"{alone.cpu / shared.cpu:.1f}x in CPU time"),
        (f"{what}: figures", str(figures), "", ""),
        (f"{what}: HTML, Markdown, JSON", str(written), "", ""),
        (f"{what}: in all", str(total), f"no sharing {bare}", "bar: 20 s on two cores"),
        (f"{what}: HTML", f"{size['.html']:.2f} MB", f"JSON {size['.json']:.1f} MB", "bar: 3 MB"),
    ]  # fmt: skip


def _draw_all(report: Report) -> None:
    """Build and draw every chart of the report, as a page does."""
    for section in report.sections:
        if section.result:
            for figure in section.result.figures.specs():
                draw(section.result, figure, prefix=section.anchor)


def _registry(folder: Path, n_runs: int) -> Registry:
    """Return a registry of runs that follow a two-term law with 0.5 % scatter, with task scores."""
    rng = np.random.default_rng(0)
    registry = open_registry(folder, create=True)
    Recorder(str(folder)).record([_run(i, rng) for i in range(n_runs)])
    registry.fold()
    return registry


def _run(number: int, rng: np.random.Generator) -> RawRun:
    flops = 10 ** rng.uniform(18, 22)
    n_params = int(np.sqrt(flops / 120) * 10 ** rng.uniform(-0.8, 0.8))
    n_tokens = int(flops / 6 / n_params)
    loss = (1.8 + 480 / n_params**0.35 + 2100 / n_tokens**0.37) * np.exp(0.005 * rng.normal())
    above = (np.log10(flops) - 18) / 4
    scores = {f"eval/t{k}/accuracy": min(0.25 + 0.1 * k * above, 1.0) for k in range(_TASKS)}
    return RawRun(
        source_kind="bench",
        source_uri="",
        native_run_id=str(number),
        run_name=f"run {number}",
        status="finished",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        params={"n_params": str(n_params), "tokens": str(n_tokens), "dataset": "web"},
        metrics={name: _once(value) for name, value in {"val/loss": loss, **scores}.items()},
    )


def _once(value: float) -> MetricSeries:
    return MetricSeries(
        step=np.array([10]),
        timestamp_ms=np.array([1_700_000_000_000]),
        value=np.array([float(value)]),
    )


def _timed(call: Callable[[], T]) -> tuple[T, _Took]:
    begun = _Took(time.perf_counter(), time.process_time())
    answer = call()
    ended = _Took(time.perf_counter(), time.process_time())
    return answer, _Took(ended.wall - begun.wall, ended.cpu - begun.cpu)
