"""All fixtures at once: which sources are one run, that order and repetition change nothing."""

from __future__ import annotations

import json

import numpy as np
import pytest

from isoflop.store import Registry

TORCH_RUNS = ("d16-s40", "d24-diverged", "d32-crashed", "d32-s40", "d32-s80-wsd")


def _folder_of(uri, folders):
    """Return the fixture folder that an address lies in."""
    path = uri.partition("stacks/")[2]
    (folder,) = [f for f in folders if path == f or path.startswith(f + "/")]
    return folder


@pytest.fixture(scope="module")
def folders(stacks):
    """Return every fixture folder, the one without a truth included."""
    found = {str(path.parent.relative_to(stacks)) for path in stacks.rglob("truth.json")}
    return sorted(found | {"inspect_ai"})


def test_five_torch_runs_from_25_sources(by_folder):
    gathered = by_folder("torch_loop")
    (receipt,) = gathered.receipt.sources
    assert (receipt.n_sources, receipt.n_runs, receipt.n_merged) == (25, 5, 5)
    frame = gathered.registry.sources().to_pandas()
    kinds = frame.groupby("run_uid")["source_kind"].agg(sorted)
    assert [*kinds] == [["jsonl", "mlflow", "tensorboard", "trackio", "wandb"]] * 5
    names = {row["run_name"]: row["n_sources"] for row in gathered.rows()}
    assert names == dict.fromkeys(TORCH_RUNS, 5)


def test_no_run_of_the_whole_tree_joins_two_fixtures(whole_tree, folders):
    frame = whole_tree.registry.sources().to_pandas()
    home = frame["source_uri"].map(lambda uri: _folder_of(uri, folders))
    assert (home.groupby(frame["run_uid"]).nunique() == 1).all()
    assert home.nunique() == len(folders)


def test_whole_tree_gives_the_runs_of_its_folders(whole_tree, by_folder, content, folders):
    apart = [row for folder in folders for row in content(by_folder(folder))]
    apart.sort(key=lambda row: row["run_uid"])
    assert content(whole_tree) == apart


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_order_of_folders_changes_no_run(stacks, gather, content, whole_tree, seed):
    folders = sorted(path.name for path in stacks.iterdir() if path.is_dir())
    shuffled = np.random.default_rng(seed).permutation(folders)
    assert content(gather(*(stacks / str(f) for f in shuffled))) == content(whole_tree)


def test_collecting_twice_changes_no_table(stacks, gather):
    import isoflop

    first = gather(stacks)
    before = first.registry.versions()
    second = isoflop.collect(stacks, first.registry)
    assert (second.n_new, second.n_changed) == (0, 0)
    assert second.n_unchanged == first.receipt.n_new
    assert first.registry.versions() == before


def test_sources_of_a_linked_run_say_role_and_why(by_folder):
    registry = by_folder("torch_loop").registry
    uid = registry.find("d32-s40")
    frame = registry.sources([uid]).to_pandas()
    assert sorted(frame["role"]) == ["copy"] * 4 + ["lead"]
    assert set(frame["how"]) == {"curve"}
    assert (frame["run_uid"] == uid).all()


def test_the_run_with_one_finite_loss_is_linked_by_its_name(by_folder):
    registry = by_folder("torch_loop").registry
    frame = registry.sources([registry.find("d24-diverged")]).to_pandas()
    assert set(frame["how"]) == {"name"}


def test_an_evaluation_after_training_belongs_to_its_run(by_folder):
    frame = by_folder("huggingface/gpt2_tied_four_trackers").registry.sources().to_pandas()
    assert frame["run_uid"].nunique() == 1
    assert sorted(frame["role"]) == ["copy"] * 4 + ["evaluation", "lead"]


def test_evaluations_of_no_known_run_stay_alone_and_are_listed(by_folder):
    gathered = by_folder("inspect_ai")
    assert {row["n_sources"] for row in gathered.rows()} == {1}
    listed = [why for _, why in gathered.receipt.attention if "evaluation of no known run" in why]
    assert len(listed) == len(gathered.rows())


def test_results_of_a_harness_belong_to_the_model_they_name(by_folder):
    frame = by_folder("lm_eval").registry.sources().to_pandas()
    assert frame["run_uid"].nunique() == 1
    assert sorted(frame["role"]) == ["evaluation", "evaluation", "lead"]


def test_explain_names_every_source_of_a_linked_number(stacks, by_folder):
    registry = by_folder("torch_loop").registry
    truth = json.loads((stacks / "torch_loop" / "truth.json").read_text())
    (wanted,) = [r["D_tokens_fed"] for r in truth["runs"] if r["run_name"] == "d32-crashed"]
    told = registry.explain("d32-crashed", "n_tokens")
    kinds = {claim.source.partition(":")[0] for claim in told.claims if not claim.rejected}
    assert kinds == {"jsonl", "mlflow", "tensorboard", "trackio", "wandb"}
    assert {claim.value for claim in told.claims if not claim.rejected} == {wanted}
    assert told.value == wanted
    assert f"{wanted:,}" in told.text


def test_explain_finds_a_run_by_the_id_of_a_copy(by_folder):
    registry = by_folder("torch_loop").registry
    frame = registry.sources([registry.find("d16-s40")]).to_pandas()
    copy = frame.loc[frame["role"] == "copy", "source_uid"].iloc[0]
    assert registry.explain(copy[:12], "n_params").run == "d16-s40"


def test_doubts_about_many_runs_take_one_reading_of_them(stacks, gather, tmp_path, monkeypatch):
    state = stacks / "huggingface/gpt2_resumed/out/trainer_state.json"
    for i in range(12):
        (tmp_path / str(i)).mkdir()
        (tmp_path / str(i) / state.name).write_bytes(state.read_bytes())
    asked = []
    real = Registry.runs_of
    monkeypatch.setattr(Registry, "runs_of", lambda *given: asked.append(1) or real(*given))
    gathered = gather(tmp_path)
    assert sum("isoflop merge" in why for _, why in gathered.receipt.attention) == 66
    assert len(asked) <= 3
