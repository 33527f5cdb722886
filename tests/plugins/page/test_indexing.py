"""The index of runs: what of the registry the page knows, and whose it is."""

from __future__ import annotations

import pytest

from isoflop_plugins.page.indexing import build_index
from isoflop_plugins.page.visibility import Viewer

from .conftest import raw, run_id

ANN = Viewer(name="ann", experiments=frozenset({"1"}))


def names_of(index, viewer: Viewer, registry) -> set[str]:
    names = dict(zip(registry.runs().texts("run_uid"), registry.runs().texts("run_name"),
                     strict=True))  # fmt: skip
    return {names[uid] for uid in index.uids[index.visible(viewer)]}


def test_a_user_sees_runs_of_readable_experiments_of_this_server_only(
    registry_of, homes_in
) -> None:
    registry = registry_of(
        raw(1), raw(2, experiment="secret"), raw(3, kind="hf-trainer"),
        raw(4, source_uri="https://other.example"),
    )  # fmt: skip

    index = build_index(registry, homes_in(r1="1", r2="2"))

    assert names_of(index, ANN, registry) == {"run-1"}
    assert len(index.uids) == 4


def test_a_run_merged_by_hand_is_seen_by_those_who_can_read_both(registry_of, homes_in) -> None:
    registry = registry_of(raw(1), raw(2, experiment="secret"), raw(3))
    registry.merge(["run-1", "run-2"])

    index = build_index(registry, homes_in(r1="1", r2="2", r3="1"))

    assert names_of(index, ANN, registry) == {"run-3"}
    both = Viewer(name="eve", experiments=frozenset({"1", "2"}))
    assert len(index.uids[index.visible(both)]) == 2


def test_a_file_linked_to_a_readable_run_by_its_tag_stays_hidden(registry_of, homes_in) -> None:
    registry = registry_of(
        raw(1, links=["run:mine"]), raw(2, kind="hf-trainer", links=["run:mine"]), raw(3)
    )
    assert len(registry.runs()) == 2

    index = build_index(registry, homes_in(r1="1", r3="1"))

    assert names_of(index, ANN, registry) == {"run-3"}


def test_a_live_record_that_names_its_mlflow_run_is_seen_with_it(registry_of, homes_in) -> None:
    registry = registry_of(raw(1), raw(2, kind="isoflop", links=[f"id:mlflow:{run_id(1)}"]))
    assert len(registry.runs()) == 1

    index = build_index(registry, homes_in(r1="1"))

    assert index.visible(ANN).tolist() == [True]


def test_a_run_that_the_server_deleted_is_no_longer_seen(registry_of, homes_in) -> None:
    registry = registry_of(raw(1), raw(2))
    before = build_index(registry, homes_in(r1="1", r2="1"))
    after = build_index(registry, homes_in(r1="1"))

    assert before.visible(ANN).sum() == 2
    assert after.visible(ANN).sum() == 1
    assert before.digest != after.digest


def test_deleted_runs_and_published_models_are_not_among_the_runs(registry_of, homes_in) -> None:
    registry = registry_of(raw(1), raw(2, lifecycle="deleted"), raw(3, kind="dataset"))

    index = build_index(registry, homes_in(r1="1", r2="1"))

    assert len(index.uids) == 1


def test_new_runs_make_another_state(registry_of, homes_in) -> None:
    first = build_index(registry_of(raw(1)), homes_in(r1="1"))
    second = build_index(registry_of(raw(2)), homes_in(r1="1"))
    again = build_index(registry_of(), homes_in(r1="1"))

    assert first.digest != second.digest == again.digest


def test_an_empty_registry_gives_an_empty_index(registry_of, homes_in) -> None:
    index = build_index(registry_of(), homes_in())

    assert len(index.uids) == 0
    assert index.visible(ANN).tolist() == []


def test_runs_of_this_server_link_below_its_prefix(registry_of, homes_in) -> None:
    index = build_index(registry_of(raw(1)), homes_in(r1="7"), prefix="/pre")

    assert list(index.links.values()) == [f"/pre/#/experiments/7/runs/{run_id(1)}"]


def test_without_a_server_runs_link_to_where_they_were_read(registry_of) -> None:
    registry = registry_of(raw(1, source_uri="https://mlflow.example"), raw(2), raw(3, kind="csv"))

    index = build_index(registry, None)

    assert list(index.links.values()) == [f"https://mlflow.example/#/runs/{run_id(1)}"]


@pytest.mark.parametrize("links", ["{", '{"a": 1}', "[1, null]", '"id:mlflow:x"'])
def test_links_that_cannot_be_read_claim_nothing(links: str) -> None:
    from isoflop_plugins.page.indexing import _claims

    assert _claims(links) == frozenset()
