"""The tutorial notebooks run from top to bottom in a real kernel, on the demo."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "registry" / "tutorial-notebooks"


def stderr_of(notebook):
    """Return what the cells wrote to stderr: a tutorial that warns teaches the wrong thing."""
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", ())]
    return "".join(o.text for o in outputs if o.get("name") == "stderr")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of the kernel's own packages
def test_tutorials_run_and_warn_of_nothing(tmp_path, monkeypatch):
    nbformat = pytest.importorskip("nbformat", reason="needs nbformat")
    nbclient = pytest.importorskip("nbclient", reason="needs nbclient")
    pytest.importorskip("ipykernel", reason="needs ipykernel")
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    for path in sorted(FOLDER.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        client = nbclient.NotebookClient(
            notebook, timeout=600, kernel_name="python3",
            resources={"metadata": {"path": str(tmp_path)}},
        )  # fmt: skip
        client.execute()
        assert not stderr_of(notebook), path.name


def test_tutorials_are_kept_without_outputs_and_without_paths_of_a_machine():
    texts = [path.read_text() for path in FOLDER.glob("*.ipynb")]
    assert len(texts) == 3
    assert all('"outputs": []' in text and '"execution_count": null' in text for text in texts)
    assert not any('"output_type"' in text or "/home/" in text for text in texts)
