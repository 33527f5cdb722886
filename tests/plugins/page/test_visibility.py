"""Who sees which runs."""

from __future__ import annotations

import numpy as np
import pytest

from isoflop_plugins.page.visibility import RunIndex, SourceOfRun, Viewer, experiments_needed

HOMES = {"a" * 32: "1", "b" * 32: "2", "c" * 32: "1"}


def mlflow(letter: str) -> SourceOfRun:
    return SourceOfRun(kind="mlflow", native_id=letter * 32)


def index_of(*needs: frozenset[str] | None) -> RunIndex:
    groups = tuple(dict.fromkeys(n for n in needs if n is not None))
    n = len(needs)
    return RunIndex(
        digest="d",
        versions={},
        uids=np.array([str(i) for i in range(n)], dtype=object),
        experiments=np.array([""] * n, dtype=object),
        families=np.array([""] * n, dtype=object),
        days=np.full(n, np.datetime64("NaT"), dtype="datetime64[D]"),
        group=np.array([-1 if x is None else groups.index(x) for x in needs], dtype=np.int64),
        needs=groups,
    )


def test_a_run_of_this_server_needs_its_experiment() -> None:
    assert experiments_needed([mlflow("a")], HOMES) == {"1"}


def test_a_run_of_another_server_is_not_taken_for_one_with_the_same_experiment_id() -> None:
    # Its registry row may say experiment 1 too; only the run's own id counts.
    assert experiments_needed([mlflow("e")], HOMES) is None


def test_a_merged_run_needs_every_experiment_it_lives_in() -> None:
    assert experiments_needed([mlflow("a"), mlflow("b")], HOMES) == {"1", "2"}


def test_a_run_merged_with_one_of_another_server_is_for_administrators() -> None:
    assert experiments_needed([mlflow("a"), mlflow("e")], HOMES) is None


@pytest.mark.parametrize("kind", ["hf-trainer", "console", "wandb", "isoflop"])
def test_a_source_outside_mlflow_is_for_administrators(kind: str) -> None:
    assert experiments_needed([SourceOfRun(kind=kind, native_id="x")], HOMES) is None


def test_a_run_cannot_claim_somebody_elses_file_for_itself() -> None:
    file = SourceOfRun(kind="hf-trainer", native_id="/secret/run")
    assert experiments_needed([mlflow("a"), file], HOMES) is None


def test_a_file_that_names_the_run_itself_goes_with_it() -> None:
    live = SourceOfRun(kind="isoflop", native_id="x", claims=frozenset({"a" * 32}))
    assert experiments_needed([mlflow("a"), live], HOMES) == {"1"}


def test_a_file_that_names_another_run_does_not() -> None:
    live = SourceOfRun(kind="isoflop", native_id="x", claims=frozenset({"b" * 32}))
    assert experiments_needed([mlflow("a"), live], HOMES) is None


def test_viewers_see_runs_whose_experiments_they_can_all_read() -> None:
    index = index_of(frozenset("1"), frozenset("2"), frozenset("12"), None)

    def seen(*readable: str) -> list[bool]:
        return index.visible(Viewer(name="x", experiments=frozenset(readable))).tolist()

    assert seen("1") == [True, False, False, False]
    assert seen("1", "2") == [True, True, True, False]
    assert seen() == [False] * 4
    assert seen("3") == [False] * 4


def test_an_administrator_sees_all() -> None:
    index = index_of(frozenset("1"), None)
    assert index.visible(Viewer(name="boss")).tolist() == [True, True]


def test_an_empty_registry_has_nothing_to_see() -> None:
    index = index_of()
    assert index.visible(Viewer(name="x", experiments=frozenset("1"))).tolist() == []


def test_only_runs_outside_this_server_are_seen_by_no_user() -> None:
    index = index_of(None, None)
    assert not index.visible(Viewer(name="x", experiments=frozenset("1"))).any()


def test_scope_is_shared_by_those_who_may_see_the_same() -> None:
    index = index_of(frozenset("1"), frozenset("2"))

    def scope(*readable: str) -> str:
        return index.scope(Viewer(name="x", experiments=frozenset(readable)))

    assert scope("1", "7") == scope("1", "8")
    assert len({scope("1"), scope("2"), scope("1", "2"), scope(), index.scope(Viewer())}) == 5
