"""Long work shows progress where somebody looks: a kernel, a terminal, and nothing elsewhere."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from isoflop.progress import onlooker, progress

WORK = """
import time
from isoflop.progress import onlooker, progress
who = onlooker()
with progress("Reading <b>all</b>") as tick:
    print(who, flush=True)
    for done in range(4):
        tick(done + 1, 4, "run \\x1b[2J<i>%d</i>" % done)
        time.sleep(0.15)
"""


def test_nobody_looks_at_a_pipe() -> None:
    done = subprocess.run([sys.executable, "-c", WORK], capture_output=True, text=True, check=True)
    assert done.stdout == "nobody\n"
    assert done.stderr == ""


def test_a_terminal_gets_a_bar_that_is_taken_away() -> None:
    told = _in_terminal(WORK)
    assert "terminal" in told
    assert "4/4" in told
    assert "run ?[2J<i>" in told
    # Rich erases the line that it leaves.
    assert told.rstrip().endswith(("\x1b[2K", "\x1b[?25h", "\r"))


def test_what_a_notebook_runs_in_a_shell_draws_no_bar() -> None:
    assert _in_terminal(WORK, JPY_PARENT_PID="1").split() == ["nobody"]


def test_a_bar_of_the_callers_own_is_the_only_one() -> None:
    seen: list[tuple[int, int | None, str]] = []
    with progress("x", instead=lambda *told: seen.append(told)) as tick:
        tick(1, 2, "half")
    assert seen == [(1, 2, "half")]


def test_a_test_run_is_watched_by_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    assert onlooker() == "nobody"
    with progress("x") as tick:
        tick(1, None, "y")
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_a_kernel_gets_a_bar_of_html_that_ends_as_one_line(tmp_path: Path) -> None:
    pytest.importorskip("nbclient", reason="nbclient runs the notebook")
    pytest.importorskip("ipykernel", reason="ipykernel is the kernel")
    told, shown = _run([WORK, "x = 1", WORK + "    raise ValueError"])
    assert "notebook" in told
    (line,) = shown[0]
    assert "Reading &lt;b&gt;all&lt;/b&gt;: done in" in line["text/html"]
    assert "<progress" not in line["text/html"]
    assert line["text/plain"].startswith("Reading <b>all</b>: done in")
    (stopped,) = shown[2]
    assert ": stopped in" in stopped["text/html"]


@pytest.mark.slow
def test_a_notebook_collects_and_shows_the_registry_in_html(tmp_path: Path) -> None:
    pytest.importorskip("nbclient", reason="nbclient runs the notebook")
    pytest.importorskip("ipykernel", reason="ipykernel is the kernel")
    runs = tmp_path / "sweep.csv"
    runs.write_text("run_name,n_params,n_tokens,loss\na,1000000,20000000,3.2\n")
    collect = f"isoflop.collect({str(runs)!r}, {str(tmp_path / 'r')!r})"
    show = f"isoflop.open_registry({str(tmp_path / 'r')!r})"
    _, shown = _run([f"import isoflop\n{collect}", show, f"{show}.runs()"])
    bar, receipt = shown[0]
    assert "Collecting: done in" in bar["text/plain"]
    assert "1 run from 1 source" in receipt["text/html"]
    assert receipt["text/plain"].startswith("1 run from 1 source")
    for outputs in shown[1:]:
        (card,) = outputs
        assert card["text/html"].startswith('<div class="isoflop-card">')
        assert "1 run" in card["text/plain"]


def _run(sources: list[str]) -> tuple[str, list[list[dict[str, str]]]]:
    """Return what cells print, and what each of them displays in the end."""
    import nbformat
    from nbclient import NotebookClient

    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, kernel_name="python3", allow_errors=True, timeout=120).execute()
    outputs = [cell.outputs for cell in notebook.cells]
    printed = "".join(o.text for some in outputs for o in some if o.output_type == "stream")
    displayed = [
        [dict(o.data) for o in some if o.output_type in ("display_data", "execute_result")]
        for some in outputs
    ]
    return printed, displayed


def _in_terminal(code: str, **more: str) -> str:
    """Return what a program writes to a terminal."""
    child, own = pty.openpty()
    inherited = {k: v for k, v in os.environ.items() if k != "JPY_PARENT_PID"}
    env = inherited | {"TERM": "xterm-256color", "COLUMNS": "120"} | more
    process = subprocess.Popen([sys.executable, "-c", code], stdout=own, stderr=own, env=env)
    os.close(own)
    told, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([child], [], [], 0.1)[0]:
            continue
        try:
            part = os.read(child, 65_536)
        except OSError:
            break
        if not part:
            break
        told += part
    assert process.wait(timeout=30) == 0
    os.close(child)
    return told.decode()
