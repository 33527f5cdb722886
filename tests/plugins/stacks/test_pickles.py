"""No collector opens a pickle: traps that would betray it, and an audit of every process."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys

import pytest

PICKLES = (
    "training_args.bin", "pytorch_model.bin", "optimizer.pt", "rng_state.pth", "last.ckpt",
    "model.pkl", "state.pickle", "model.joblib", "arrays.npy", "mp_rank_00_model_states.pt",
)  # fmt: skip
"""Names that frameworks give to pickles."""

DISGUISED = (
    "metrics.jsonl", "metrics.csv", "hparams.yaml", "console.log", "trainer_state.json",
    "config.json", "model.safetensors", "events.out.tfevents.1.host.1.0", "run-abc.wandb",
    "history.parquet", "mlflow.db", "results_2026-11-21T02-06-11.827306.json", "log.eval",
)  # fmt: skip
"""Names of files that collectors read."""

N_FOLDERS = 120
"""Enough finds that worker processes read them. [1]"""

AUDIT = """
import os, sys
_LOG = os.open(os.environ["AUDIT_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
_NAMES = tuple(os.environ["AUDIT_NAMES"].split("|"))

def _hook(event, args):
    told = None
    if event == "pickle.find_class":
        told = f"class {args[0]}"
    elif event == "open" and isinstance(args[0], (str, bytes, os.PathLike)):
        name = os.path.basename(os.fsdecode(args[0]))
        told = f"open {name}" if name in _NAMES else None
    if told:
        os.write(_LOG, f"{told}\\n".encode())

sys.addaudithook(_hook)
os.write(_LOG, b"start\\n")
"""
"""A `sitecustomize`: every Python process that starts under it is heard."""


class Trap:
    """Copies a file where it is unpickled."""

    def __init__(self, source, target):
        self.told = (str(source), str(target))

    def __reduce__(self):
        return shutil.copyfile, self.told


@pytest.fixture
def trapped(stacks, tmp_path):
    """Return a tree of fixtures with a trap at every name, and the file that traps would write."""
    root, betrayed, bait = tmp_path / "tree", tmp_path / "betrayed", tmp_path / "bait"
    bait.write_text("bait")
    trap = pickle.dumps(Trap(bait, betrayed))
    for folder in ("huggingface/gpt2_resumed", "lightning/mlflow_autolog", "torch_loop"):
        shutil.copytree(stacks / folder, root / folder, copy_function=shutil.copyfile)
    state = root / "huggingface/gpt2_resumed/out/trainer_state.json"
    for i in range(N_FOLDERS):
        (root / f"many/{i:03}").mkdir(parents=True)
        shutil.copyfile(state, root / f"many/{i:03}/trainer_state.json")
    (root / "disguised").mkdir()
    for name in DISGUISED:
        (root / "disguised" / name).write_bytes(trap)
    for folder in [root, *(p for p in root.rglob("*") if p.is_dir())]:
        for name in PICKLES:
            (folder / name).write_bytes(trap)
    return root, betrayed


def test_a_trap_betrays_whoever_opens_it(tmp_path):
    (tmp_path / "bait").write_text("bait")
    pickle.loads(pickle.dumps(Trap(tmp_path / "bait", tmp_path / "betrayed")))
    assert (tmp_path / "betrayed").exists()


@pytest.fixture
def heard(trapped, tmp_path):
    """Collect the tree in a process of its own; return what the audit heard, line by line."""
    root, betrayed = trapped
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(AUDIT)
    audit = {"PYTHONPATH": str(tmp_path / "site"), "AUDIT_LOG": str(tmp_path / "log"),
             "AUDIT_NAMES": "|".join(PICKLES)}  # fmt: skip
    collect = "import isoflop, sys; print(isoflop.collect(*sys.argv[1:]))"
    command = [sys.executable, "-c", collect, str(root), str(tmp_path / "registry")]
    done = subprocess.run(command, env=os.environ | audit, capture_output=True, text=True,
                          timeout=120, check=False)  # fmt: skip
    assert "runs from" in done.stdout, done.stderr
    return (tmp_path / "log").read_text().splitlines(), betrayed, done.stdout


@pytest.mark.slow
def test_no_pickle_is_opened_and_none_is_loaded(heard):
    lines, betrayed, said = heard
    assert not betrayed.exists()
    assert not [line for line in lines if line.startswith("open ")]
    # Worker processes send their answers as pickles of isoflop's own records, and nothing else.
    roots = {line.split()[1].partition(".")[0] for line in lines if line.startswith("class ")}
    assert roots <= {"isoflop", "isoflop_plugins", "numpy", "datetime", "builtins", "collections"}
    assert lines.count("start") > 1, said
