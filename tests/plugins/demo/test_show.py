"""The demo end to end on two tiny rungs: real training, real store, real hook, real report."""

import sqlite3

import pytest

from isoflop.errors import RegistryError
from isoflop.store import open_registry
from isoflop_plugins.demo.ladder import make_ladder
from isoflop_plugins.demo.show import run_demo

RUNGS = make_ladder(ladder=((3e8, (8, 16)),))


def losses(folder):
    runs = open_registry(folder / "registry").runs("source_kind = 'mlflow'")
    return dict(zip(runs.texts("run_name"), runs.numbers("loss"), strict=True))


@pytest.mark.slow
def test_demo_trains_gathers_and_reports_and_again_trains_nothing(tmp_path):
    said = []
    first = run_demo(tmp_path / "demo", say=said.append, rungs=RUNGS)
    assert (first["n_runs"], first["n_trained"], first["n_live"]) == (2, 2, 2)
    assert "about 3 minutes on two cores" in said[0]
    assert "  50 % trained" in said
    assert "2 arrived through the live hook" in "\n".join(said)
    assert {p.name for p in (tmp_path / "demo").iterdir()} >= {"mlflow.db", "registry", "report"}
    assert (tmp_path / "demo" / "report" / "index.html").stat().st_size > 1000
    questions = [a["question"] for a in first["answers"]]
    assert questions[0] == "Scaling law"
    assert "Undertrained, published models" in questions
    assert "Emergence" in questions

    runs = open_registry(tmp_path / "demo" / "registry").runs("source_kind = 'mlflow'")
    for rung in RUNGS:
        row = runs.take([runs.texts("run_name").index(rung.name)])
        assert row.numbers("n_params")[0] == rung.plan.shape.n_params()
        assert row.numbers("n_tokens")[0] == rung.plan.n_tokens
        assert row.numbers("flops")[0] == pytest.approx(rung.plan.flops)
        assert row.texts("loss_dataset") == ["python-stdlib-heldout"]
    scores = open_registry(tmp_path / "demo" / "registry").scores(
        "metric = 'accuracy' and family = 'demo-bytes'"
    )
    assert set(scores.texts("task")) == {
        "bracket-closing", "indentation", "keyword-completion", "name-copying", "digit-copying",
    }  # fmt: skip
    assert all(scores.numbers("n_examples") >= 200)
    assert all(scores.numbers("chance_level") > 0)

    again = run_demo(tmp_path / "demo", say=said.append, rungs=RUNGS)
    assert again["n_trained"] == 0
    assert "trained already" in "\n".join(said)
    with sqlite3.connect(tmp_path / "demo" / "mlflow.db") as store:
        assert store.execute("select count(*) from runs").fetchone() == (2,)

    other = run_demo(tmp_path / "other", say=said.append, rungs=RUNGS)
    assert other["n_trained"] == 2
    assert losses(tmp_path / "other") == losses(tmp_path / "demo")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(RegistryError, match="--dir"):
        run_demo(tmp_path / "file" / "demo", say=print, rungs=RUNGS)
