"""The page as text: what it says in each of its states, and what it never says."""

import dataclasses
import itertools
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from isoflop_plugins.page.rendering import render_page
from isoflop_plugins.page.views import Choices, Filters, View

GOLDEN = Path(__file__).parent / "golden"
LINKS = {"uid-0": "/pre/#/experiments/1/runs/0", "uid-1": "javascript:alert(1)", "uid-2": "//evil"}


@pytest.fixture
def view(fixed):
    return View(
        report=dataclasses.replace(fixed.report),
        choices=Choices(experiments=("open", fixed.script), families=("web",)),
        filters=Filters(family="web", since="2026-11-01"),
        as_of=fixed.now,
        run_links=LINKS,
        viewer="ada",
        n_hidden_note="You see 7 of your runs.",
    )


class _Reading(HTMLParser):
    """Tags with attributes, and headings' levels."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def test_the_page_is_as_it_was_looked_at(view, golden):
    golden(GOLDEN / "page.html", render_page(view))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("pending", {"is_pending": True}),
        ("nothing", {"n_hidden_note": "None of the runs that you can see has this family: 'x'."}),
    ],
)
def test_a_page_without_a_report_is_as_it_was_looked_at(name, changes, golden):
    golden(GOLDEN / f"{name}.html", render_page(View(report=None, **changes)))


def test_a_pending_page_loads_itself_again_and_any_other_does_not(view):
    assert 'http-equiv="refresh"' in render_page(View(report=None, is_pending=True))
    assert 'http-equiv="refresh"' not in render_page(view)
    assert 'http-equiv="refresh"' not in render_page(View(report=None, n_hidden_note="Broken."))


def test_a_stale_page_says_so(view):
    assert "The registry has newer data" in render_page(dataclasses.replace(view, is_stale=True))
    assert "The registry has newer data" not in render_page(view)


def test_links_to_runs_are_http_https_or_relative(view):
    hrefs = [a["href"] for a in _Reading(render_page(view)).of("a") if "href" in a]
    assert "/pre/#/experiments/1/runs/0" in hrefs
    assert all(h.startswith(("#", "/")) and not h.startswith("//") for h in hrefs)


def test_untrusted_text_makes_no_tag_and_no_handler(view):
    page = _Reading(render_page(view))
    assert not page.of("script")
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]


def test_characters_that_hide_or_reorder_text_are_written_out(view, fixed):
    page = render_page(view)
    assert "safe[U+202E]gnp.exe[U+001B][2J" in page
    assert not re.search("[\u202e\x1b]", page)


def test_the_name_of_the_viewer_reorders_nothing_around_it(view):
    assert "seen by <bdi>ada</bdi>" in render_page(view)


def test_a_filter_sends_back_the_very_name(view):
    odd = 'a"b\u202ec'
    choices = Choices(experiments=(odd,))
    page = _Reading(render_page(dataclasses.replace(view, choices=choices)))
    assert odd in [attrs.get("value") for attrs in page.of("option")]


def test_a_filter_that_was_asked_for_is_selected_though_nothing_has_it():
    page = _Reading(render_page(View(report=None, filters=Filters(experiment="gone"))))
    assert {"value": "gone", "selected": None} in page.of("option")


def test_a_page_can_be_encoded_whatever_the_names_are(view):
    half = dataclasses.replace(view, choices=Choices(families=("half \ud800",)))
    assert "half [U+D800]" in render_page(half).encode().decode()


def test_headings_leave_out_no_level_and_ids_are_unique(view):
    page = _Reading(render_page(view))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_every_link_within_the_page_leads_somewhere(view):
    page = _Reading(render_page(view))
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    inner = {a["href"][1:] for a in page.of("a") if (a.get("href") or "").startswith("#")}
    assert inner <= ids


def test_every_field_has_a_label_and_every_table_a_caption(view):
    page = _Reading(render_page(view))
    labelled = {attrs["for"] for attrs in page.of("label")}
    assert {a["id"] for a in (*page.of("select"), *page.of("input"))} == labelled
    assert len(page.of("caption")) == len(page.of("table")) > 0
    assert {attrs.get("scope") for attrs in page.of("th")} == {"col"}
