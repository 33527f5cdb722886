"""Which simulated sources become one run, through `resolve_run` and a real registry."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoflop.linking import Group, compose
from isoflop.records import run_uid
from isoflop.resolving import Rules, resolve_run
from isoflop.store import Registry, open_registry
from isoflop_plugins.aliases import ALIASES

from .simulated import SCENARIOS, Scenario, label, losses, of, source

RULES = Rules(aliases=ALIASES)


def keep(registry: Registry, scenario: Scenario) -> None:
    registry.writer().drop_runs([resolve_run(raw, RULES) for raw in scenario.sources])
    registry.fold()


def runs(registry: Registry) -> set[frozenset[str]]:
    table = registry.sources().to_arrow().select(["run_uid", "source_kind", "native_run_id"])
    found: dict[str, set[str]] = {}
    for row in table.to_pylist():
        found.setdefault(row["run_uid"], set()).add(f"{row['source_kind']}:{row['native_run_id']}")
    return {frozenset(labels) for labels in found.values()}


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    registry = open_registry(tmp_path_factory.mktemp("all") / "registry", create=True)
    every = [make().sources for make in SCENARIOS.values()]
    keep(registry, Scenario(sources=tuple(raw for several in every for raw in several), runs=()))
    return registry


@pytest.mark.parametrize("name", SCENARIOS)
def test_sources_are_the_runs_they_are_of(name: str, everything: Registry) -> None:
    scenario = SCENARIOS[name]()
    mine = frozenset().union(*scenario.runs)
    assert {r for r in runs(everything) if r & mine} == set(scenario.runs)


POSSIBLE = {
    "branch_of_sparse_logs": "goes on",
    "crashed_elsewhere_and_restarted": "goes on",
    "learning_rates_killed_in_their_warmup": "learning_rate_peak differ",
    "reruns_and_a_folder_without_times": "so are others",
    "ambiguous_evaluation": "so are others",
    "sweep_of_saved_models": "so are others",
    "constant_losses": "fewer digits",
    "one_id_in_two_projects": "so are others",
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_is_possible_and_not_proven_is_told(name: str, everything: Registry) -> None:
    mine = [run_uid(r.source_kind, r.native_run_id) for r in SCENARIOS[name]().sources]
    told = everything.doubts(mine)
    expected = POSSIBLE.get(name)
    if expected is None:
        # An evaluation of two stacks' models by one name is told too; nothing else is in doubt.
        assert told == [] or name == "evaluation_of_runs_of_two_stacks"
    else:
        assert told
        assert all(expected in doubt.why for doubt in told)


def test_a_doubt_ends_with_the_word_of_a_person(tmp_path: Path) -> None:
    registry = open_registry(tmp_path / "registry", create=True)
    keep(registry, SCENARIOS["branch_of_sparse_logs"]())
    (doubt,) = registry.doubts()
    registry.merge(doubt.runs)
    assert registry.doubts() == []
    registry.split(doubt.runs[0])
    assert registry.doubts() == []


MIXED = (
    "deterministic_reruns_in_two_trackers", "reruns_and_a_folder_without_times",
    "crashed_and_restarted_from_scratch", "resumed_in_a_new_tracker_run",
    "second_tracker_run_that_evaluates", "ambiguous_evaluation", "sweep_of_saved_models",
    "one_id_in_two_projects", "model_folders_inside_an_output",
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_runs_do_not_depend_on_order_grouping_or_repetition_of_drops(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(MIXED))
    scenario = SCENARIOS[name]()
    several = data.draw(st.lists(st.sampled_from(scenario.sources), max_size=3))
    order = data.draw(st.permutations([*scenario.sources, *several]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(order)), max_size=2)))
    with tempfile.TemporaryDirectory() as folder:
        registry = open_registry(Path(folder) / "registry", create=True)
        for first, end in pairwise([0, *cuts, len(order)]):
            part = tuple({label(raw): raw for raw in order[first:end]}.values())
            keep(registry, Scenario(sources=part, runs=()))
        assert runs(registry) == set(scenario.runs)
        assert_runs_follow(registry)


def assert_runs_follow(registry: Registry) -> None:
    """The table `runs` is what `compose` makes of `sources` and `links`, row by row."""
    tables = {
        n: registry.sql(f"SELECT * FROM {n}").to_arrow().to_pylist() for n in ("runs", "links")
    }
    sources = {r["source_uid"]: r for r in registry.sources().to_arrow().to_pylist()}
    members: dict[str, list[dict[str, str]]] = {}
    for row in tables["links"]:
        members.setdefault(row["run_uid"], []).append(row)
    alone = sources.keys() - {row["source_uid"] for row in tables["links"]}
    assert {row["run_uid"] for row in tables["runs"]} == members.keys() | alone
    for row in tables["runs"]:
        mine = members.get(row["run_uid"])
        if mine:
            group = Group(
                lead=row["run_uid"], roles={m["source_uid"]: m["role"] for m in mine}, hows={}
            )
            expected = compose([sources[m["source_uid"]] for m in mine], group)
            named = {k: v for k, v in expected.items() if k not in ("n_scores", "run_name")}
            assert {k: row[k] for k in named} == named
        else:
            assert row["n_sources"] == 1
            assert row["n_params"] == sources[row["run_uid"]]["n_params"]


def test_live_runs_seen_at_two_moments_end_as_one(tmp_path: Path) -> None:
    registry = open_registry(tmp_path / "registry", create=True)
    curve = losses(900, 80)
    early = source("mlflow", "live", curve[:30], status="running")
    keep(registry, of([early, source("wandb", "live", curve)]))
    assert len(registry.runs()) == 2
    assert len(registry.doubts()) == 1
    keep(registry, of([source("mlflow", "live", curve, status="finished")]))
    assert len(registry.runs()) == 1
    assert registry.doubts() == []


def test_a_source_that_makes_an_evaluation_ambiguous_takes_it_away(tmp_path: Path) -> None:
    registry = open_registry(tmp_path / "registry", create=True)
    one, other, _, scored = SCENARIOS["ambiguous_evaluation"]().sources
    keep(registry, of([one, scored]))
    assert len(registry.runs()) == 1
    keep(registry, of([other]))
    assert len(registry.runs()) == 3
    assert_runs_follow(registry)


def test_the_word_of_a_person_holds_when_other_sources_come(tmp_path: Path) -> None:
    registry = open_registry(tmp_path / "registry", create=True)
    curve = losses(901)
    made = [source(k, "held", curve) for k in ("mlflow", "wandb", "tensorboard")]
    other = source("mlflow", "other", losses(902))
    keep(registry, of(made[:2], [other]))
    registry.split(run_uid("wandb", "held"))
    registry.merge([run_uid("mlflow", "held"), run_uid("mlflow", "other")])
    expected = {frozenset({"mlflow:held", "mlflow:other"}), frozenset({"wandb:held"})}
    assert runs(registry) == expected
    keep(registry, of([made[0], made[1], other]))
    assert runs(registry) == expected
    keep(registry, of([made[2]]))
    assert frozenset({"wandb:held"}) in runs(registry)
    assert_runs_follow(registry)
