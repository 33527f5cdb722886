"""Kills and races, with real processes: what was acknowledged is there once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from isoflop.records import ResolvedRun
from isoflop.store import Registry, open_registry

RunMaker = Callable[..., ResolvedRun]

# A process of its own that folds, and is killed right before or after a chosen call.
KILLED_FOLD = """
import os, sys, importlib, pathlib
registry, module, name, nth, when = sys.argv[1:6]
from isoflop.store import open_registry
owner = pathlib.Path if module == "Path" else importlib.import_module(module)
original, calls = getattr(owner, name), 0

def dying(*args, **options):
    global calls
    if module == "Path" and not str(args[0]).endswith(".parquet"):
        return original(*args, **options)
    calls += 1
    if calls == int(nth) and when == "before":
        os._exit(9)
    result = original(*args, **options)
    if calls == int(nth) and when == "after":
        os._exit(9)
    return result

opened = open_registry(registry, fold=False)
setattr(owner, name, dying)
opened.fold()
"""

WRITER = """
import json, sys
import numpy as np
from isoflop.records import ResolvedRun, run_uid
from isoflop.store import DropWriter
registry, part, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
writer = DropWriter(registry)
for i in range(n):
    name = f"{part}-{i}"
    steps = np.arange(10)
    curves = {"split": np.full(10, "train", dtype=object), "step": steps, "loss": steps / 10.0}
    row = {"run_uid": run_uid("test", name), "native_run_id": name, "source_kind": "test"}
    writer.drop_runs([ResolvedRun(row=row, curves=curves)])
    print(name, flush=True)
"""

FOLDER = """
import sys, time, warnings
from isoflop.store import open_registry
opened = open_registry(sys.argv[1], fold=False)
total = 0
while total < int(sys.argv[2]):
    total += opened.fold().n_runs_new
    if opened.sql("SELECT count(*) AS n FROM runs").to_arrow()["n"][0].as_py() >= int(sys.argv[2]):
        break
"""


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def assert_whole(registry: Registry, names: list[str], n_points: int) -> None:
    runs = registry.runs()
    assert sorted(map(str, runs.texts("native_run_id"))) == sorted(names)
    per_run = Counter(registry.curves().texts("run_uid"))
    assert set(per_run.values()) == {n_points}
    assert len(per_run) == len(names)
    assert list((Path(registry.uri) / "_inbox").iterdir()) == []
    assert registry.quarantined() == ()


POINTS = [
    ("isoflop.store.delta", "_commit", 1, "after"),
    ("isoflop.store.delta", "_commit", 4, "before"),
    ("Path", "unlink", 2, "after"),
    ("isoflop.store.delta", "_commit", 1, "before"),
    ("isoflop.store.delta", "_commit", 3, "after"),
    ("isoflop.store.delta", "_commit", 4, "after"),
    ("isoflop.store.delta", "_commit", 5, "before"),
    ("Path", "unlink", 1, "before"),
    ("Path", "unlink", 4, "before"),
    ("Path", "unlink", 4, "after"),
]
N_FAST = 3
"""Points that the fast tests try: beside the first commit, a later one, and a removal."""


@pytest.mark.parametrize(
    ("module", "name", "nth", "when"),
    [
        pytest.param(*point, id=f"{point[3]}-{point[1]}-{point[2]}", marks=marks)
        for i, point in enumerate(POINTS)
        for marks in [[pytest.mark.slow] if i >= N_FAST else []]
    ],
)
def test_killed_fold_loses_and_doubles_nothing(
    registry: Registry, make_run: RunMaker, module: str, name: str, nth: int, when: str
) -> None:
    writer = registry.writer()
    writer.drop_runs([make_run("old", level=9.0, scores={"c4": 9.0})])
    registry.fold()
    writer.drop_runs([make_run("old", level=2.0, scores={"c4": 2.0}), make_run("new")])
    process = start(KILLED_FOLD, registry.uri, module, name, nth, when)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 9, errors
    again = open_registry(registry.uri)
    assert_whole(again, ["old", "new"], 5)
    assert sorted(again.runs().numbers("loss")) == [2.0, 3.0]
    assert again.scores().numbers("value").tolist() == [2.0]
    assert len(again.metrics()) == 20


@pytest.mark.slow
def test_fold_killed_at_any_moment_loses_nothing(registry: Registry, make_run: RunMaker) -> None:
    rng = np.random.default_rng(0)
    names = []
    for delay in rng.uniform(0.3, 1.5, 6):
        names += [f"{delay:.6f}-{i}" for i in range(3)]
        registry.writer().drop_runs([make_run(n) for n in names[-3:]])
        process = start(FOLDER, registry.uri, len(names))
        try:
            process.wait(timeout=delay)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate()
    registry.fold()
    assert_whole(registry, names, 5)


@pytest.mark.slow
def test_eight_writers_and_two_folds_at_once_keep_every_run(registry: Registry) -> None:
    n_writers, n_each = 8, 6
    writers = [start(WRITER, registry.uri, part, n_each) for part in range(n_writers)]
    folds = [start(FOLDER, registry.uri, n_writers * n_each) for _ in range(2)]
    told = [w.communicate(timeout=120) for w in writers]
    for fold in folds:
        if any(w.returncode for w in writers):
            fold.kill()
    said = [f.communicate(timeout=120) for f in folds]
    assert [p.returncode for p in (*writers, *folds)] == [0] * 10, (told, said)
    acknowledged = [name for out, _ in told for name in out.split()]
    registry.fold()
    assert len(acknowledged) == n_writers * n_each
    assert_whole(registry, acknowledged, 10)


@pytest.mark.slow
def test_killed_writers_leave_whole_drops_only(registry: Registry) -> None:
    rng = np.random.default_rng(1)
    acknowledged: list[str] = []
    for part, delay in enumerate(rng.uniform(0.0, 0.3, 5)):
        process = start(WRITER, registry.uri, part, 10_000)
        assert process.stdout is not None
        acknowledged += process.stdout.readline().split()
        try:
            process.wait(timeout=delay)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        acknowledged += process.communicate()[0].split()
    receipt = registry.fold()
    landed = set(map(str, registry.runs().texts("native_run_id")))
    assert receipt.n_quarantined == 0
    assert len(acknowledged) > 0
    assert set(acknowledged) <= landed
    assert len(landed - set(acknowledged)) <= 5


def test_two_folds_planned_on_one_version_commit_once(
    registry: Registry, make_run: RunMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    from isoflop.store import delta

    registry.writer().drop_runs([make_run("a")])
    commit, raced = delta._commit, []

    def commit_second(table: object, change: object) -> None:
        if not raced:
            raced.append(True)
            open_registry(registry.uri, fold=False).fold()
        commit(table, change)  # type: ignore[arg-type]

    monkeypatch.setattr(delta, "_commit", commit_second)
    registry.fold()
    assert raced
    assert_whole(registry, ["a"], 5)
    assert json.loads(registry.events()["outputs"].iloc[0])["curves"] == 1


def test_refused_commit_leaves_no_file_behind(
    registry: Registry, make_run: RunMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    test_two_folds_planned_on_one_version_commit_once(registry, make_run, monkeypatch)
    assert len(list((Path(registry.uri) / "curves").glob("*.parquet"))) == 1
