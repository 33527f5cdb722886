"""The explorer in a real JupyterLab: its own server, kernel, widget manager and a real browser."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("jupyterlab", reason="jupyterlab is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")
pytest.importorskip("anywidget", reason="anywidget is not installed")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.slow, pytest.mark.server]

TOKEN = "a-token-of-this-test-alone"
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


def write_notebook(folder: Path, code: str) -> None:
    cells = [
        {"cell_type": "code", "id": f"cell-{i}", "metadata": {}, "outputs": [], "source": source,
         "execution_count": None}
        for i, source in enumerate([f"{code}\nexplorer"])
    ]  # fmt: skip
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = {
        "cells": cells,
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (folder / "notebook.ipynb").write_text(json.dumps(notebook))


def write_settings(folder: Path, theme: str) -> None:
    """Choose a theme, and ask nothing of the network."""
    page = folder / "jupyter_config_dir" / "labconfig" / "page_config.json"
    page.parent.mkdir(parents=True)
    news = "@jupyterlab/apputils-extension:announcements"
    page.write_text(json.dumps({"disabledExtensions": {news: True}}))
    themes = folder / "jupyterlab_settings_dir" / "@jupyterlab" / "apputils-extension"
    themes.mkdir(parents=True)
    (themes / "themes.jupyterlab-settings").write_text(json.dumps({"theme": THEMES[theme]}))


@pytest.fixture(params=["light", "dark"])
def lab(
    request: pytest.FixtureRequest, tmp_path: Path, notebook_server
) -> Iterator[tuple[str, Path, str]]:
    """Return the address of a notebook in a JupyterLab, its folder and the theme."""
    write_notebook(tmp_path, notebook_server.SETUP)
    write_settings(tmp_path, request.param)
    port = notebook_server.free_port()
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}",
        f"--IdentityProvider.token={TOKEN}", "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={tmp_path}", *root,
    ]  # fmt: skip
    base = f"http://127.0.0.1:{port}"
    with notebook_server.serving(command, f"{base}/api", tmp_path):
        yield f"{base}/lab/tree/notebook.ipynb?token={TOKEN}", tmp_path, request.param


def run_notebook(page: Page, url: str) -> None:
    page.set_default_timeout(90_000)
    page.goto(url)
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    page.get_by_text("| Idle").first.wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    page.locator(".isoflop-explorer .now").first.wait_for()


def test_a_brush_moves_the_exponents_in_jupyterlab(lab, browser: Browser, notebook_server, shoot):
    url, folder, theme = lab
    page = browser.new_page(viewport={"width": 1400, "height": 1100})
    try:
        run_notebook(page, url)
        value = page.locator(".now[data-name=exponent_n]")
        before = value.inner_text()

        box = page.locator(".isoflop-explorer .plot > svg").bounding_box()
        page.mouse.move(box["x"] + 0.12 * box["width"], box["y"] + 4)
        page.mouse.down()
        page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.9 * box["height"], steps=5)
        page.mouse.up()

        page.wait_for_function(
            "(old) => document.querySelector('.now[data-name=exponent_n]').textContent !== old",
            arg=before,
        )
        kernel = notebook_server.told(folder)
        shoot(page, f"jupyterlab-{theme}")
        assert 0 < len(kernel["excluded"]) < 25
        assert kernel["n_runs"] == 30 - len(kernel["excluded"])
        assert value.inner_text() == kernel["exponent_n"] != before
        assert page.evaluate("window.hacked") is None
        ground = page.evaluate(
            "getComputedStyle(document.querySelector('.isoflop-explorer')).backgroundColor"
        )
        assert (ground == "rgb(255, 255, 255)") == (theme == "light")
    finally:
        page.close()
