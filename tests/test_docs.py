"""The docs say what the code does."""

from __future__ import annotations

import importlib.util
import math
import re
import types
from pathlib import Path

import pytest

import isoflop
from isoflop.plugin_host import PluginHost
from isoflop.resolving.rules import Rules

ROOT = Path(__file__).resolve().parents[1]
_SPEC = importlib.util.spec_from_file_location(
    "docs_reference", Path(__file__).parent / "docs_reference.py"
)
reference = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(reference)


@pytest.mark.parametrize("file", reference.PARTS)
def test_reference_parts_are_what_the_code_says(file):
    text = (ROOT / file).read_text("utf-8")
    made = reference.rewritten(text, reference.PARTS[file])
    assert made == text, "run `.venv/bin/python tests/docs_reference.py`"


def test_readme_python_runs_as_it_stands(tmp_path, monkeypatch):
    code = _python_block("README.md", "import isoflop\n")
    monkeypatch.chdir(tmp_path)
    assert len([line for line in code.splitlines() if line.strip()]) <= 12
    exec(compile(code, "README.md", "exec"), {})


def test_readme_tracks_a_loop_in_three_lines(tmp_path):
    code = _python_block("README.md", "isoflop.track(")
    assert len([line for line in code.splitlines() if line.strip()]) == 3
    told = code.replace("tokens_per_step=512", f"tokens_per_step=512, registry={str(tmp_path)!r}")
    exec(told, {"isoflop": isoflop, "batches": [4.0, 3.5], "train_step": float})
    row = isoflop.open_registry(tmp_path).runs().to_arrow().to_pylist()[0]
    assert (row["n_params"], row["n_tokens"], row["loss_last"]) == (30_016, 1_024, 3.5)


def test_the_file_collector_of_the_docs_collects(tmp_path):
    module = types.ModuleType("docs_example")
    code = _python_block("plugins/README.md", "FileCollector(")
    exec(compile(code, "plugins/README.md", "exec"), module.__dict__)
    host = PluginHost()
    host.register(module, name="docs")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "a.log").write_text("# tinytrain 30016\n1 4.0\n2 3.5\nSaved.\n")
    (tmp_path / "runs" / "b.log").write_text("# tinytrain 30016\n")
    receipt = isoflop.collect(tmp_path / "runs", tmp_path / "registry", host=host)
    row = isoflop.open_registry(tmp_path / "registry").runs().to_arrow().to_pylist()[0]
    assert (row["n_params"], row["loss_last"], receipt.n_new) == (30_016, 3.5, 1)
    told = [why for _, why in receipt.attention]
    assert "1 lines that are no step" in told
    assert any("holds no step" in why for why in told)


def test_the_alias_map_of_the_docs_means_what_it_says():
    names: dict = {}
    exec(_python_block("plugins/README.md", "MY_STACK ="), names)
    rules = Rules(aliases=(names["MY_STACK"],), resolvers=(), devices=())
    assert rules.column_of("model_size_m", "my-stack").factor == 1e6
    assert rules.column_of("model_size_m", "other") is None
    assert rules.role_of("ce_bits", "my-stack").factor == pytest.approx(math.log(2))
    assert rules.role_of("epoch_loss", "my-stack").kind == "other"
    assert rules.role_of("val/c4/ce", "my-stack").task == "c4"


def test_the_law_of_the_plugins_page_fits():
    import numpy as np
    import pandas as pd

    import isoflop

    names = {}
    exec(_python_block("plugins/README.md", "SATURATING ="), names)
    (law,) = names["isoflop_laws"]()
    tokens = np.geomspace(1e8, 1e10, 20)
    frame = pd.DataFrame({"n_tokens": tokens, "accuracy": 0.8 - 0.5 * np.exp(-tokens / 2e9)})
    fit = isoflop.fit(law, isoflop.RunTable.from_pandas(frame), n_boot=0)
    assert fit.estimate == pytest.approx([0.8, 0.5, 2e9], rel=1e-6)


def _python_block(file, word):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / file).read_text("utf-8"), re.DOTALL)
    return next(block for block in blocks if word in block)


def test_readme_names_the_two_commands():
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "make demo" in readme
    assert "make test" in readme


def test_changelog_has_this_version():
    assert f"## {isoflop.__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_no_file_names_a_package_index_or_a_path_of_a_machine():
    import subprocess

    names = "|".join(["pypi" + r"\.org", "python" + "hosted", "npmjs" + r"\.org", "index" + "-url"])
    done = subprocess.run(
        ["git", "grep", "-nIE", names], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode == 128:
        pytest.skip("not a git checkout")
    assert done.stdout == ""
