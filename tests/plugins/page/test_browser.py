"""The page in a real browser, on a real MLflow server with real runs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import isoflop

from ..mlflow_servers import running_mlflow

pytestmark = [pytest.mark.slow, pytest.mark.server]

SCRIPT = "<script>alert(document.domain)</script>"
DEADLINE_MS = 120_000
_CONTRAST = """
() => {
  const seen = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = color => {
    seen.clearRect(0, 0, 1, 1); seen.fillStyle = color; seen.fillRect(0, 0, 1, 1);
    return [...seen.getImageData(0, 0, 1, 1).data];
  };
  const light = c => c.slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = el => {
    for (; el; el = el.parentElement) {
      const c = rgb(getComputedStyle(el).backgroundColor);
      if (c[3] === 255) return c;
    }
    return rgb(getComputedStyle(document.body).backgroundColor);
  };
  const poor = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let judged = 0;
  while (walk.nextNode()) {
    const el = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || el.closest('svg')) continue;
    const [a, b] = [light(rgb(getComputedStyle(el).color)), light(ground(el))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    judged += 1;
    if (ratio < 4.5) poor.push([ratio, el.tagName, el.className, el.textContent.slice(0, 40)]);
  }
  return {judged, poor};
}
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A tracking database with starved runs in two experiments, and the ids of the runs."""
    pytest.importorskip("mlflow", reason="MLflow is not installed")
    with warnings.catch_warnings():
        # MLflow itself uses a loader that SQLAlchemy 2.1 calls deprecated, at import.
        warnings.simplefilter("ignore")
        from mlflow import MlflowClient
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        assert SqlAlchemyStore

    folder = tmp_path_factory.mktemp("tracking")
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    ids: dict[str, str] = {}
    for experiment, names in (("open", [SCRIPT, "safe\u202egnp"]), ("other", ["plain"])):
        where = client.create_experiment(experiment, artifact_location=str(folder / experiment))
        for index, name in enumerate(names):
            run = client.create_run(where, run_name=name).info.run_id
            n_params, n_tokens = 1e9 * (1 + index), 2e8
            client.log_param(run, "n_params", str(int(n_params)))
            client.log_param(run, "family", f"family-{experiment}")
            for step in range(1, 4):
                client.log_metric(run, "loss", 4.0 - 0.1 * step - 0.01 * len(ids), step=step)
                client.log_metric(run, "tokens", n_tokens * step / 3, step=step)
            client.set_terminated(run)
            ids[name] = run
    return folder, ids


@pytest.fixture(scope="module")
def server(runs: tuple[Path, dict[str, str]]) -> Iterator[str]:
    """Address of a real `mlflow server --app-name isoflop` on these runs."""
    folder, _ = runs
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    isoflop.collect(uri, folder / "registry")
    kept = folder / "tmp"
    kept.mkdir()
    options = ("--workers", "1", "--app-name", "isoflop", "--backend-store-uri", uri)
    with running_mlflow(
        folder, *options, TMPDIR=str(kept), ISOFLOP_AUTH="none",
        ISOFLOP_REGISTRY=str(folder / "registry"),
    ) as address:  # fmt: skip
        yield address


@pytest.fixture
def opened(browser: Any, server: str) -> Iterator[Callable[..., Any]]:
    """Open the page with a look; at the end nothing may have been said on the console."""
    contexts: list[Any] = []
    said: list[str] = []

    def open_page(query: str = "", **look: Any) -> Any:
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | look))
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else 0)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        page.goto(f"{server}/isoflop/{query}")
        # The first visit waits for the computing and reloads by itself, as a person would see.
        page.wait_for_selector("#provenance", state="attached", timeout=DEADLINE_MS)
        page.said = said
        return page

    yield open_page
    for context in contexts:
        context.close()


def _focused(page: Any) -> str:
    """Return what has the focus, in a few words."""
    return page.evaluate(
        "() => { const e = document.activeElement;"
        " return [e.tagName, e.id, e.className, e.textContent.trim().slice(0, 30)].join('|') }"
    )


def _tab_to(page: Any, wanted: str, *, most: int = 120) -> str:
    for _ in range(most):
        page.keyboard.press("Tab")
        if wanted in (found := _focused(page)):
            return found
    pytest.fail(f"{most} times Tab do not lead to {wanted!r}; last: {_focused(page)}")


def test_the_page_loads_by_itself_and_answers_first(opened):
    page = opened()
    assert page.locator("h1").inner_text().startswith("Look at")
    assert "3 runs checked" in page.locator("h1").inner_text()
    assert page.said == []


def test_a_script_in_a_run_name_is_text(opened):
    page = opened()
    assert page.locator(".findings").first.inner_text().count(SCRIPT) >= 1
    assert page.locator("script").count() == 0
    assert page.said == []


def test_characters_that_reorder_text_are_written_out(opened):
    assert "safe[U+202E]gnp" in opened().locator("main").inner_text()


def test_a_filter_is_set_and_cleared_by_keyboard(opened):
    page = opened()
    _tab_to(page, "SELECT|experiment")
    page.keyboard.type("other")
    _tab_to(page, "BUTTON")
    page.keyboard.press("Enter")
    page.wait_for_url("**experiment=other**")
    page.wait_for_selector("#provenance", state="attached", timeout=DEADLINE_MS)
    assert "1 run checked" in page.locator("h1").inner_text()
    assert SCRIPT not in page.locator("main").inner_text().split("Published models")[0].replace(
        page.locator("form").inner_text(), ""
    )
    assert "Shown: experiment other." in page.locator("form").inner_text()
    page.get_by_role("link", name="Clear all filters").press("Enter")
    page.wait_for_selector("text=3 runs checked", timeout=DEADLINE_MS)
    assert page.said == []


def test_a_link_leads_to_the_run_in_mlflow(opened, runs):
    page = opened()
    link = page.locator(".findings li", has_text=SCRIPT).get_by_role("link").first
    link.click()
    page.wait_for_url(f"**/runs/{runs[1][SCRIPT]}")
    page.wait_for_selector(f"text={SCRIPT}", timeout=DEADLINE_MS)


def test_the_page_works_without_javascript(opened):
    page = opened(java_script_enabled=False)
    page.locator("#family").select_option("family-open")
    page.get_by_role("button", name="Show").click()
    page.wait_for_selector("text=2 runs checked", timeout=DEADLINE_MS)


def test_tab_reaches_skip_link_contents_filters_and_tables_in_this_order(opened):
    page = opened()
    page.keyboard.press("Tab")
    assert "Skip to the content" in _focused(page)
    order = [_tab_to(page, part) for part in ("A||", "SELECT|experiment", "BUTTON", "scroll")]
    assert all(order)
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_contrast(opened, scheme):
    found = opened(color_scheme=scheme).evaluate(_CONTRAST)
    assert found["judged"] > 100
    assert found["poor"] == []


def test_a_phone_needs_no_sideways_scrolling(opened):
    page = opened(viewport={"width": 390, "height": 844})
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    boxes = [page.locator(name).bounding_box() for name in ("#experiment", "#family", "#since")]
    assert len({round(box["x"]) for box in boxes}) == 1


def test_folded_parts_are_printed_and_the_form_is_not(opened, tmp_path):
    page = opened()
    folded = page.locator("details.holds:not([open]) .source").first
    assert not folded.is_visible()
    page.emulate_media(media="print")
    assert folded.is_visible()
    assert not page.locator("form").is_visible()
    paper = page.pdf(path=tmp_path / "page.pdf")
    assert paper.startswith(b"%PDF")
    assert len(paper) > 50_000
