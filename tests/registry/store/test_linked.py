"""Runs of several sources in the registry: one row, one curve, every source kept."""

from __future__ import annotations

import shutil
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isoflop.errors import RegistryError, UnknownNameError
from isoflop.records import MetricSeries, RawRun, ResolvedRun, run_uid
from isoflop.resolving import Rules, resolve_run
from isoflop.store import Registry, open_registry
from isoflop_plugins.aliases import ALIASES

RULES = Rules(aliases=ALIASES)
LOSSES = 2 + 3 / np.sqrt(np.arange(1, 21)) + np.random.default_rng(0).normal(0, 0.01, 20)


def source(name: str, kind: str, *, losses: Any = LOSSES, **facts: Any) -> ResolvedRun:
    steps = np.arange(len(losses), dtype=np.int64)
    times = steps * 1000 + 1_767_225_600_000
    metrics = {
        "loss": MetricSeries(step=steps, timestamp_ms=times, value=np.asarray(losses, float)),
        "eval/acc/acc": MetricSeries(step=steps[-1:], timestamp_ms=times[-1:], value=np.ones(1)),
    }
    facts = {"source_uri": f"{kind}://{name}", "run_name": name, "metrics": metrics} | facts
    return resolve_run(RawRun(source_kind=kind, native_run_id=name, **facts), RULES)


SOURCES = (
    source("x", "mlflow", params={"n_params": "1000"}, status="running"),
    source(
        "y", "wandb", params={"n_params": "1.1k"}, tags={"isoflop.n_tokens": "5000"},
        status="failed", trust=25,
    ),
    source("z", "huggingface", params={"seed": "7"}, trust=10, losses=LOSSES[1::2]),
)  # fmt: skip
ORDERS = list(permutations(SOURCES))


def keep(registry: Registry, *sources: ResolvedRun) -> None:
    registry.writer().drop_runs(sources)
    registry.fold()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry of linked sources, to be copied: linking takes much longer."""
    registry = open_registry(tmp_path_factory.mktemp("template") / "registry", create=True)
    keep(registry, *SOURCES)
    return Path(registry.uri)


@pytest.fixture
def linked(template: Path, tmp_path: Path) -> Registry:
    return open_registry(shutil.copytree(template, tmp_path / "registry"))


def test_sources_of_one_run_are_one_row_with_the_best_of_each(linked: Registry) -> None:
    (row,) = linked.runs().to_arrow().to_pylist()
    assert row["n_sources"] == 3
    assert (row["n_params"], row["n_tokens"], row["seed"]) == (1000, 5000, 7)
    assert (row["flops"], row["flops_convention"]) == (6 * 1000 * 5000, "6ND")
    assert row["status"] == "failed"
    assert row["n_scores"] == 1


def test_the_most_trusted_source_with_a_curve_leads(linked: Registry) -> None:
    sources = linked.sources().to_pandas().set_index("source_kind")
    assert sources["role"].to_dict() == {"huggingface": "lead", "mlflow": "copy", "wandb": "copy"}
    assert set(sources["how"]) == {"curve"}
    assert linked.runs().texts("run_uid") == [run_uid("huggingface", "z")]


def test_points_and_scores_stand_once_under_the_run(linked: Registry) -> None:
    (uid,) = linked.runs().texts("run_uid")
    assert linked.curves().to_pandas()["run_uid"].unique().tolist() == [uid]
    assert len(linked.curves()) == 10
    assert linked.scores().to_pandas()[["run_uid", "task"]].to_numpy().tolist() == [[uid, "acc"]]
    counts = "select count(*) as n, count(distinct run_uid) as runs from "
    assert linked.sql(counts + "curves").to_pandas().to_numpy().tolist() == [[10, 1]]
    assert linked.sql(counts + "scores").to_pandas().to_numpy().tolist() == [[1, 1]]


def test_explain_tells_what_each_source_says(linked: Registry) -> None:
    explained = linked.explain("x", "n_params")
    assert [(c.value, c.source) for c in explained.claims] == [
        (1000, "mlflow: param:n_params"),
        (1100, "wandb: param:n_params"),
    ]


def test_any_source_names_the_run(linked: Registry) -> None:
    assert linked.find(run_uid("wandb", "y")[:8]) == run_uid("huggingface", "z")
    with pytest.raises(UnknownNameError):
        linked.find("nobody")


@pytest.mark.parametrize(
    "orders",
    [pytest.param(ORDERS[::5], id="two"), pytest.param(ORDERS, id="all", marks=pytest.mark.slow)],
)
def test_the_table_does_not_depend_on_the_order_or_grouping_of_drops(
    tmp_path: Path, orders: list[tuple[ResolvedRun, ...]]
) -> None:
    told = []
    for i, order in enumerate(orders):
        one = open_registry(tmp_path / f"one{i}", create=True)
        keep(one, *order)
        several = open_registry(tmp_path / f"several{i}", create=True)
        for each in order:
            keep(several, each)
        told += [r.runs().to_pandas().drop(columns=["rev", "writer_id", "ingested_at"])
                 for r in (one, several)]  # fmt: skip
    assert all(t.equals(told[0]) for t in told[1:])


def test_a_source_read_again_changes_its_run_and_stays_linked(linked: Registry) -> None:
    keep(linked, source("y", "wandb", tags={"isoflop.n_tokens": "6000"}, status="finished"))
    (row,) = linked.runs().to_arrow().to_pylist()
    assert (row["n_sources"], row["n_tokens"], row["status"]) == (3, 6000, "finished")


def test_a_source_whose_curve_turns_out_to_be_another_leaves_the_run(linked: Registry) -> None:
    keep(linked, source("y", "wandb", losses=LOSSES + 1))
    assert sorted(linked.runs().texts("source_kind")) == ["huggingface", "wandb"]


def test_diverged_in_one_source_is_diverged(registry: Registry) -> None:
    keep(registry, source("a", "mlflow"), source("b", "wandb", losses=np.append(LOSSES, np.nan)))
    (row,) = registry.runs().to_arrow().to_pylist()
    assert (row["status"], row["loss"], row["n_sources"]) == ("diverged", None, 2)
    assert "diverged" in registry.explain("a", "loss").reason


def test_split_and_merge_by_hand_hold_against_a_new_reading(linked: Registry) -> None:
    linked.split(run_uid("wandb", "y")[:10])
    assert len(linked.runs()) == 2
    keep(linked, SOURCES[1])
    assert len(linked.runs()) == 2
    assert linked.merge([run_uid("wandb", "y"), run_uid("mlflow", "x")]) in linked.runs().texts(
        "run_uid"
    )
    assert len(linked.runs()) == 1


def test_a_whole_run_is_taken_apart(linked: Registry) -> None:
    assert len(linked.split("x")) == 3
    assert len(linked.runs()) == 3
    with pytest.raises(RegistryError, match="one source already"):
        linked.split(run_uid("mlflow", "x"))


def test_segments_of_one_training_make_one_curve(registry: Registry) -> None:
    def part(name: str, first: int, last: int) -> ResolvedRun:
        steps = np.arange(first, last, dtype=np.int64)
        loss = MetricSeries(
            step=steps, timestamp_ms=steps + 1_767_225_600_000, value=10.0 + first - steps / 100
        )
        return resolve_run(
            RawRun(
                source_kind="mlflow", source_uri="mlflow://", native_run_id=name,
                metrics={"loss": loss}, links=("run:one",),
                params={"batch_tokens": "10"},
            ),
            RULES,
        )  # fmt: skip

    keep(registry, part("first", 1, 31), part("second", 21, 51))
    (row,) = registry.runs().to_arrow().to_pylist()
    assert (row["n_steps"], row["n_tokens"]) == (50, 500)
    steps = registry.curves().to_pandas()["step"].tolist()
    assert steps == list(range(1, 51))


def test_folding_the_same_drop_twice_changes_no_table(linked: Registry) -> None:
    before = linked.versions()
    linked.writer().drop_runs(SOURCES[:1], known_revs={})
    inbox = Path(linked.uri) / "_inbox"
    copies = {p.name: p.read_bytes() for p in inbox.iterdir()}
    linked.fold()
    after = linked.versions()
    for name, data in copies.items():
        (inbox / name).write_bytes(data)
    linked.fold()
    again = linked.versions()
    assert before != after
    assert {k: v for k, v in again.items() if k != "events"} == {
        k: v for k, v in after.items() if k != "events"
    }


def test_parts_of_one_training_add_up_their_time(registry: Registry) -> None:
    parts = [
        source(name, "mlflow", links=("run:one",), tags={"isoflop.wall_time_s": seconds})
        for name, seconds in (("first", "100"), ("second", "50"))
    ]
    keep(registry, *parts)
    (row,) = registry.runs().to_arrow().to_pylist()
    assert row["wall_time_s"] == 150
    told = {claim.value for claim in registry.explain(row["run_uid"], "wall_time_s").claims}
    assert told == {100.0, 50.0, 150.0}


def test_what_a_person_says_stands_before_every_source_and_gives_c(linked: Registry) -> None:
    uid = linked.set("x", {"n_params": "2k", "n_tokens": 10_000})
    (row,) = linked.runs().to_arrow().to_pylist()
    assert (row["run_uid"], row["n_params"], row["n_params_how"]) == (uid, 2000, "user")
    assert row["flops"] == 6 * 2000 * 10_000
    assert {c.value for c in linked.explain("x", "n_params").claims} == {2000, 1000, 1100}
    keep(linked, SOURCES[1])
    assert linked.runs().numbers("n_tokens").tolist() == [10_000]
    linked.set("x", {"n_params": None, "n_tokens": ""})
    (row,) = linked.runs().to_arrow().to_pylist()
    assert (row["n_params"], row["n_tokens"]) == (1000, 5000)


def test_a_person_says_what_the_only_source_of_a_run_does_not(registry: Registry) -> None:
    keep(registry, source("a", "mlflow"))
    registry.set("a", {"n_params": 1000, "stage": "sft", "device_type": "NVIDIA A100"})
    (row,) = registry.runs().to_arrow().to_pylist()
    assert (row["n_params"], row["stage"], row["hardware_how"]) == (1000, "sft", "user")
    assert row["loss_last"] == pytest.approx(LOSSES[-1])


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ({"n_params": "many"}, RegistryError, "n_params cannot be set to 'many': .* not a number"),
        ({"flops": 1e18}, UnknownNameError, "column that can be set 'flops'"),
        ({"run_uid": "x"}, UnknownNameError, "column that can be set 'run_uid'"),
    ],
)
def test_what_cannot_be_said_is_refused_and_nothing_changes(
    linked: Registry, values: dict[str, Any], error: type[Exception], words: str
) -> None:
    before = linked.versions()
    with pytest.raises(error, match=words):
        linked.set("x", values)
    assert linked.versions() == before
