"""A relinking that is killed between `sources`, `links` and `runs` is finished by the next fold."""

from __future__ import annotations

from pathlib import Path

import pytest

from isoflop.records import run_uid
from isoflop.store import Registry, open_registry

from .test_exactly_once import KILLED_FOLD, start
from .test_linked import LOSSES, keep, source

# A process of its own that says a word by hand, and is killed right after a chosen commit.
KILLED_WORD = """
import os, sys, isoflop.store.delta as delta
from isoflop.store import open_registry
original, calls = delta._commit, 0

def dying(*args, **options):
    global calls
    original(*args, **options)
    calls += 1
    if calls == int(sys.argv[2]):
        os._exit(9)

opened = open_registry(sys.argv[1])
delta._commit = dying
getattr(opened, sys.argv[3])(*eval(sys.argv[4]))
"""


def assert_healed(registry: Registry, n_runs: int) -> None:
    runs = registry.sql("SELECT run_uid, n_sources FROM runs").to_arrow().to_pylist()
    told = {row["run_uid"]: row["n_sources"] for row in runs}
    members = registry.sources().to_arrow().column("run_uid").to_pylist()
    assert told == {uid: members.count(uid) for uid in members}
    assert len(told) == n_runs


SLOW = pytest.mark.slow


@pytest.mark.parametrize("nth", [2, *(pytest.param(n, marks=SLOW) for n in (1, 3, 4))])
def test_a_killed_fold_that_takes_a_run_apart_heals(registry: Registry, nth: int) -> None:
    keep(registry, source("a", "mlflow"), source("b", "wandb"))
    assert_healed(registry, 1)
    registry.writer().drop_runs([source("a", "mlflow", losses=LOSSES + 1)])
    process = start(KILLED_FOLD, registry.uri, "isoflop.store.delta", "_commit", nth, "after")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 9, errors
    assert_healed(open_registry(registry.uri), 2)


@pytest.mark.parametrize("nth", [2, *(pytest.param(n, marks=SLOW) for n in (1, 3))])
@pytest.mark.parametrize("word", ["merge", "split"])
def test_a_killed_word_by_hand_holds(registry: Registry, word: str, nth: int) -> None:
    losses = LOSSES + (word == "merge")
    keep(registry, source("a", "mlflow"), source("b", "wandb", losses=losses))
    uids = [run_uid("mlflow", "a"), run_uid("wandb", "b")]
    arguments = repr((uids,) if word == "merge" else (uids[0],))
    process = start(KILLED_WORD, registry.uri, nth, word, arguments)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 9, errors
    assert_healed(open_registry(registry.uri), 1 if word == "merge" else 2)


def test_what_is_finished_leaves_no_note(registry: Registry) -> None:
    keep(registry, source("a", "mlflow"), source("b", "wandb"))
    registry.split("a")
    assert list((Path(registry.uri) / "_relinking").iterdir()) == []
