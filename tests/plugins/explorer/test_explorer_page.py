"""The front end in a real headless Chromium, a small model in JavaScript, a real Explorer behind.

The model does what a notebook's does: it holds the traits, sends what was set on `save_changes`,
and takes what comes back. It can hold answers back, as a kernel does that runs another cell.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest

from isoflop_plugins.explorer import explore

pytest.importorskip("anywidget", reason="anywidget is not installed")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

HOSTILE = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"
SHARED = (
    "points", "families", "family", "excluded", "reasons", "axes", "results", "message", "asked",
    "answered",
)  # fmt: skip
PAGE = """<!doctype html><meta charset=utf-8><link rel=stylesheet href=/explorer.css>
<body><div id=here></div><script type=module>
import widget from "/explorer.js";
const listeners = {}, dirty = {}, requests = [];
let state = JSON.parse(await window.kernel("{}"));
const model = {
  get: (name) => state[name],
  set(name, value) {
    state[name] = dirty[name] = value;
    for (const f of listeners["change:" + name] ?? []) f();
  },
  on: (name, f) => { (listeners[name] ??= []).push(f); },
  off: (name, f) => { listeners[name] = listeners[name].filter((g) => g !== f); },
  save_changes() {
    requests.push(JSON.stringify(dirty));
    for (const name of Object.keys(dirty)) delete dirty[name];
    if (!window.isHeld) window.release();
  },
};
window.requests = 0;
window.release = async () => {
  while (requests.length) {
    window.requests += 1;
    const answer = JSON.parse(await window.kernel(requests.shift()));
    const changed = Object.keys(answer)
      .filter((n) => JSON.stringify(answer[n]) !== JSON.stringify(state[n]));
    Object.assign(state, answer);
    for (const n of changed) for (const f of listeners["change:" + n] ?? []) f();
  }
};
window.model = model;
window.close_ = widget.render({ model, el: document.getElementById("here") });
document.body.dataset.ready = "yes";
</script>"""


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Return what opens an explorer in a new page; a page error fails the test."""
    contexts, errors = [], []

    def opened(explorer: Any, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        files = resources.files("isoflop_plugins.explorer")

        def served(route: Any) -> None:
            name = route.request.url.rpartition("/")[2]
            kind = {"js": "text/javascript", "css": "text/css"}.get(name.rpartition(".")[2])
            if kind is None:
                route.fulfill(body=PAGE, content_type="text/html")
            else:
                route.fulfill(body=files.joinpath(name).read_text("utf-8"), content_type=kind)

        def kernel(change: str) -> str:
            explorer.set_state(json.loads(change))
            return json.dumps({name: getattr(explorer, name) for name in SHARED}, allow_nan=False)

        page.route("**/*", served)
        page.expose_function("kernel", kernel)
        page.set_default_timeout(10_000)
        page.goto("http://explorer.test/")
        page.wait_for_selector("body[data-ready]")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []


def value_of(page: Page, name: str) -> str:
    return page.locator(f".now[data-name={name}]").inner_text()


def drag(page: Page, corner: tuple[float, float], other: tuple[float, float]) -> None:
    """Drag over a part of the plot, corners as shares of its width and height."""
    box = page.locator(".plot > svg").bounding_box()
    assert box is not None
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (corner, other)]
    page.mouse.move(*at[0])
    page.mouse.down()
    page.mouse.move(*at[1], steps=4)
    page.mouse.up()


def settled(page: Page) -> None:
    page.wait_for_function("!document.querySelector('.isoflop-explorer[data-busy]')")


def test_a_drag_takes_runs_out_and_moves_the_exponents(open_page, make_runs):
    explorer = explore(make_runs(30))
    page = open_page(explorer)
    before = value_of(page, "exponent_n")
    assert before == explorer.results["numbers"][0]["now"]["text"]

    drag(page, (0.12, 0.02), (0.4, 0.95))
    settled(page)

    assert 0 < len(explorer.excluded) < 25
    assert value_of(page, "exponent_n") == repr(explorer.fit.derived["exponent_n"]) != before
    assert page.locator(".before").nth(0).inner_text() == before
    assert page.locator(".plot > svg .is-out").count() == len(explorer.excluded)


def test_a_drag_can_put_back_and_keep_only_and_undo_takes_it_back(open_page, make_runs):
    explorer = explore(make_runs(30))
    page = open_page(explorer)

    drag(page, (0.12, 0.02), (0.4, 0.95))
    settled(page)
    taken = set(explorer.excluded)
    page.get_by_label("Drag to").select_option("in")
    drag(page, (0.0, 0.0), (1.0, 1.0))
    settled(page)
    assert explorer.excluded == []
    page.get_by_role("button", name="Undo").click()
    settled(page)
    assert set(explorer.excluded) == taken
    page.get_by_label("Drag to").select_option("only")
    drag(page, (0.12, 0.02), (0.4, 0.95))
    settled(page)
    assert set(explorer.excluded) == {p["id"] for p in explorer.points} - taken


def test_a_click_on_a_run_toggles_it(open_page, make_runs):
    explorer = explore(make_runs(20))
    page = open_page(explorer)

    def click() -> None:
        box = page.locator(".plot > svg .mark").nth(4).bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        settled(page)

    click()
    assert explorer.excluded == ["uid-4"]
    click()
    assert explorer.excluded == []


def test_everything_works_by_keyboard(open_page, make_runs):
    explorer = explore(make_runs(20))
    page = open_page(explorer)

    page.get_by_label("Why left out", exact=True).focus()
    page.keyboard.type("warm-up too short")
    page.get_by_label("Search").focus()
    page.keyboard.type("run-17")
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.type") == "checkbox":
            break
    page.keyboard.press("Space")
    settled(page)

    assert explorer.excluded == ["uid-17"]
    assert [(o.subject, o.reason) for o in explorer.left_out] == [("run-17", "warm-up too short")]


def test_a_search_takes_out_all_it_finds(open_page, make_runs):
    explorer = explore(make_runs(20))
    page = open_page(explorer)

    page.get_by_label("Search").fill("RUN-1")
    page.get_by_role("button", name="Take these out").click()
    settled(page)

    assert set(explorer.excluded) == {"uid-1", *(f"uid-{i}" for i in range(10, 20))}


def test_a_reason_is_typed_beside_the_run(open_page, make_runs):
    explorer = explore(make_runs(12))
    page = open_page(explorer)

    page.get_by_label("run-3, N").uncheck()
    settled(page)
    page.get_by_label("Why run-3 is left out").fill("diverged twice")
    page.keyboard.press("Tab")
    settled(page)

    assert explorer.left_out[0].reason == "diverged twice"
    page.get_by_role("button", name="Put all back").click()
    settled(page)
    assert explorer.left_out == ()
    assert explorer.reasons == {}


def test_a_brush_faster_than_the_fit_sends_the_latest_change_alone(open_page, make_runs):
    explorer = explore(make_runs(20))
    page = open_page(explorer)

    page.evaluate("window.isHeld = true")
    for i in range(6):
        page.get_by_label(f"run-{i}, N").uncheck()
    assert page.locator(".busy").inner_text() == "refitting ..."
    assert page.locator(".out").inner_text() == "6 of 20 taken out"
    page.evaluate("window.isHeld = false; window.release()")
    settled(page)

    assert set(explorer.excluded) == {f"uid-{i}" for i in range(6)}
    assert page.evaluate("window.requests") == 2


def test_too_few_runs_are_said_in_the_page(open_page, make_runs):
    explorer = explore(make_runs(8))
    page = open_page(explorer)

    drag(page, (0.0, 0.0), (1.0, 1.0))
    settled(page)

    assert "No run is left" in page.get_by_role("alert").inner_text()
    assert value_of(page, "exponent_n") == "-"


def test_hostile_names_are_text(open_page, make_runs):
    explorer = explore(make_runs(12, run_name=[HOSTILE] * 12, family=HOSTILE, run_uid=None))
    page = open_page(explorer)

    page.locator(".rows input[type=checkbox]").first.uncheck()
    settled(page)

    assert page.locator(".rows .name").first.inner_text() == HOSTILE
    assert page.evaluate("window.hacked") is None
    assert page.locator(".isoflop-explorer img, .isoflop-explorer script").count() == 0


def test_axes_and_families_are_chosen(open_page, make_runs):
    explorer = explore(make_runs(20, family=["a"] * 8 + ["b"] * 12))
    page = open_page(explorer)

    page.get_by_label("Family").select_option("a")
    settled(page)
    page.get_by_label("x", exact=True).select_option("n_params")
    page.get_by_label("y", exact=True).select_option("n_tokens")

    page.wait_for_selector("text=Parameters N [1]")
    assert explorer.family == "a"
    assert explorer.axes == ["n_params", "n_tokens"]
    assert page.locator(".plot > svg .mark").count() == 8


def test_runs_without_a_number_stand_in_the_list_with_the_reason(open_page, make_runs):
    explorer = explore(make_runs(12, loss=[None, *[2.5 + i / 10 for i in range(11)]]))
    page = open_page(explorer)

    assert page.locator(".plot > svg .mark").count() == 11
    assert "1 run has no C or loss" in page.locator(".plot .note").inner_text()
    assert page.locator(".rows li").first.locator(".flag").inner_text() == "loss is null"
    assert page.locator(".rows input[type=checkbox]").first.is_disabled()


@pytest.mark.parametrize("n", [0, 1])
def test_no_run_and_one_run_are_drawn(open_page, make_runs, n):
    page = open_page(explore(make_runs(n)))

    assert page.locator(".plot > svg .mark").count() == n
    assert page.get_by_role("alert").inner_text() != ""


def test_the_view_leaves_no_listener_behind(open_page, make_runs):
    page = open_page(explore(make_runs(12)))

    left = page.evaluate("(window.close_(), window.model.set('results', {}), true)")

    assert left
    assert page.locator(".now[data-name=exponent_n]").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_the_ground_in_both_schemes(open_page, make_runs, scheme):
    page = open_page(explore(make_runs(12)), color_scheme=scheme)

    colors = page.evaluate(
        "(() => { const s = getComputedStyle(document.querySelector('.isoflop-explorer'));"
        " const sum = (c) => c.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + +b, 0);"
        " return [sum(s.color), sum(s.backgroundColor)]; })()"
    )

    assert abs(colors[0] - colors[1]) > 450
    assert (colors[0] > colors[1]) == (scheme == "dark")


def test_it_fits_a_phone(open_page, make_runs):
    runs = make_runs(12, family=["a family whose name is longer than a phone is wide", "b"] * 6)
    page = open_page(explore(runs), viewport={"width": 390, "height": 800})

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
