"""The explorer in a real marimo, as an app and in its editor, with a real browser."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("marimo", reason="marimo is not installed")
pytest.importorskip("anywidget", reason="anywidget is not installed")

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.slow, pytest.mark.server]

NOTEBOOK = """import marimo

app = marimo.App(width="full")


@app.cell
def _():
{cell}
    return (explorer,)


@app.cell
def _(explorer):
    explorer
    return


if __name__ == "__main__":
    app.run()
"""


@pytest.fixture(params=[("run", "dark"), ("edit", "light")], ids="-".join)
def marimo(
    request: pytest.FixtureRequest, tmp_path: Path, notebook_server
) -> Iterator[tuple[str, Path, str]]:
    """Return the address of a notebook in a marimo, its folder and its theme."""
    mode, theme = request.param
    cell = textwrap.indent(notebook_server.SETUP.strip(), "    ")
    (tmp_path / "notebook.py").write_text(NOTEBOOK.replace("{cell}", cell))
    (tmp_path / "pyproject.toml").write_text(
        "[tool.marimo.runtime]\nauto_instantiate = true\n"
        f'[tool.marimo.display]\ntheme = "{theme}"\n'
    )
    port = notebook_server.free_port()
    update = ["--skip-update-check"] if mode == "edit" else []
    command = [
        sys.executable, "-m", "marimo", "-q", mode, "notebook.py", "--headless",
        "--no-token", "--host", "127.0.0.1", "--port", str(port), *update,
    ]  # fmt: skip
    base = f"http://127.0.0.1:{port}"
    with notebook_server.serving(command, f"{base}/health", tmp_path):
        yield base, tmp_path, theme


def test_a_brush_moves_the_exponents_in_marimo(marimo, browser: Browser, notebook_server, shoot):
    url, folder, theme = marimo
    page = browser.new_page(viewport={"width": 1400, "height": 1100})
    page.set_default_timeout(60_000)
    try:
        page.goto(url)
        value = page.locator(".now[data-name=exponent_n]")
        value.wait_for()
        before = value.inner_text()

        box = page.locator(".isoflop-explorer .plot > svg").bounding_box()
        page.mouse.move(box["x"] + 0.12 * box["width"], box["y"] + 4)
        page.mouse.down()
        page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.9 * box["height"], steps=5)
        page.mouse.up()

        kernel = notebook_server.told(folder)
        page.locator(".now[data-name=exponent_n]", has_text=kernel["exponent_n"]).wait_for()
        shoot(page, f"marimo-{theme}")
        assert 0 < len(kernel["excluded"]) < 25
        assert kernel["n_runs"] == 30 - len(kernel["excluded"])
        assert kernel["exponent_n"] != before
        assert page.evaluate("window.hacked") is None
        ground = page.locator(".isoflop-explorer").evaluate(
            "(e) => getComputedStyle(e).backgroundColor"
        )
        assert (ground == "rgb(255, 255, 255)") == (theme == "light")
    finally:
        page.close()
