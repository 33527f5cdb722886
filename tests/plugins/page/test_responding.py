"""Requests are answered from what was computed before, and each viewer from an own page."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from isoflop import open_registry
from isoflop_plugins.page import looking, worker
from isoflop_plugins.page.cache import PageCache
from isoflop_plugins.page.jobs import VIEWER_TOKEN, Job
from isoflop_plugins.page.responding import NONE_CHOSEN, NONE_YOURS, Responder
from isoflop_plugins.page.starting import Starter
from isoflop_plugins.page.views import Choices, View
from isoflop_plugins.page.visibility import Viewer

from .conftest import raw, recorded

ANN = Viewer(name="ann", experiments=frozenset({"1"}))
BOSS = Viewer(name="boss")


@pytest.fixture(autouse=True)
def _no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs are looked at, or done here; the process of its own has its tests with the servers."""
    monkeypatch.setattr(Starter, "start", lambda self: None)
    monkeypatch.setattr(looking, "RECHECK_S", 0.0)
    monkeypatch.setattr(looking, "HOMES_S", 0.0)


@pytest.fixture
def cache(tmp_path: Path) -> PageCache:
    (tmp_path / "pages").mkdir()
    return PageCache(tmp_path / "pages")


@pytest.fixture
def responder(mixed: Path, homes_in, cache: PageCache, seen_views: list[View]) -> Responder:
    homes = homes_in(r1="1", r2="2")
    return Responder(registry=str(mixed), base="/pre/isoflop/", homes=homes, cache=cache)


def jobs_in(cache: PageCache) -> list[Job]:
    texts = (p.read_text().partition("\n")[2] for p in cache.folder.glob("*.todo"))
    return [Job.from_json(text) for text in texts]


def do_jobs(cache: PageCache, page: Callable[[Job], bytes]) -> None:
    for path in cache.folder.glob("*.todo"):
        state, _, text = path.read_text().partition("\n")
        body = page(Job.from_json(text))
        cache.keep(path.stem, state, fresh=body, old=b"old " + body)
        path.unlink()


def runs_in(job: Job) -> bytes:
    return f"{job.viewer} {len(job.only) if job.only is not None else 'all'}".encode()


def test_the_first_request_is_told_to_wait_and_asks_once(responder, cache, seen_views) -> None:
    first, second = responder.answer(ANN, {}), responder.answer(ANN, {})

    assert (first.status, second.status) == (202, 202)
    assert seen_views[0].is_pending
    assert seen_views[0].choices.experiments == ("open",)
    (job,) = jobs_in(cache)
    assert len(job.only) == 1


def test_a_computed_page_carries_the_name_of_who_asks(responder, cache) -> None:
    responder.answer(ANN, {})
    do_jobs(cache, runs_in)

    eve = Viewer(name="<eve>", experiments=frozenset({"1", "99"}))
    assert responder.answer(ANN, {}).body == b"ann 1"
    assert responder.answer(eve, {}).body == b"&lt;eve&gt; 1"


def test_a_name_cannot_turn_the_writing_of_a_kept_page(responder, cache) -> None:
    turning = Viewer(name="eve\u202e", experiments=frozenset({"1"}))
    responder.answer(turning, {})
    do_jobs(cache, runs_in)
    assert responder.answer(turning, {}).body == b"eve[U+202E] 1"


def test_a_user_gets_no_page_made_for_more(responder, cache) -> None:
    responder.answer(BOSS, {})
    do_jobs(cache, runs_in)

    assert responder.answer(BOSS, {}).body == b"boss all"
    assert responder.answer(ANN, {}).status == 202


def test_a_withdrawn_permission_takes_the_page_away_at_once(responder, cache, seen_views) -> None:
    responder.answer(ANN, {})
    do_jobs(cache, runs_in)
    assert responder.answer(ANN, {}).status == 200

    responder.answer(Viewer(name="ann", experiments=frozenset()), {})

    assert seen_views[-1].n_hidden_note == NONE_YOURS
    assert seen_views[-1].choices == Choices()
    assert not jobs_in(cache)


def test_new_data_show_the_old_page_with_a_note_until_there_is_a_new_one(
    responder, cache, registry_of
) -> None:
    responder.answer(ANN, {})
    do_jobs(cache, runs_in)
    registry_of(raw(5))

    assert responder.answer(ANN, {}).body == b"old ann 1"
    assert len(jobs_in(cache)) == 1


def test_rows_that_wait_in_the_inbox_are_folded_first(responder, cache, registry_of) -> None:
    from isoflop.collection import Recorder

    Recorder(responder.registry).record([raw(6)])
    responder.answer(BOSS, {})

    (job,) = cache.folder.glob("*.todo")
    assert job.name.startswith("fold-")
    worker.main(str(cache.folder))
    assert responder.answer(BOSS, {}).status == 202
    (job,) = cache.folder.glob("*.todo")
    assert not job.name.startswith("fold-")


def test_an_administrator_without_filters_gets_the_whole_report(responder, cache) -> None:
    responder.answer(BOSS, {})
    (job,) = jobs_in(cache)
    assert job.only is None
    assert not job.is_ordinary
    assert job.note == ""
    assert job.viewer == VIEWER_TOKEN


def test_filters_choose_among_the_visible(responder, cache) -> None:
    responder.answer(BOSS, {"experiment": "secret"})
    (job,) = jobs_in(cache)
    assert len(job.only) == 1


def test_filters_that_no_run_passes_do_not_say_that_none_was_collected(
    responder, cache, seen_views
) -> None:
    assert responder.answer(BOSS, {"since": "2099-01-01"}).status == 200
    assert seen_views[-1].n_hidden_note == NONE_CHOSEN
    assert not jobs_in(cache)


@pytest.mark.parametrize(
    "query", [{"experiment": "secret"}, {"since": "<script>"}, {"until": "9999-99-99"}]
)
def test_a_filter_that_cannot_be_used_costs_nothing(
    responder, cache, seen_views, query: dict[str, str]
) -> None:
    answer = responder.answer(ANN, query)

    assert answer.status == 200
    assert seen_views[0].n_hidden_note
    assert not list(cache.folder.glob("*.todo"))


def test_an_ordinary_user_is_not_told_of_this_machine(responder, cache, seen_views) -> None:
    responder.answer(ANN, {})
    (job,) = jobs_in(cache)
    worker.compute(job)

    report = seen_views[-1].report
    assert report.registry_uri == worker.THIS_REGISTRY
    assert report.provenance.command == "isoflop report"
    assert not report.provenance.data_versions
    assert not any(p.error or p.traceback for p in report.provenance.plugins)
    assert not any(s.trace for s in report.sections)
    assert seen_views[-1].is_stale
    assert not seen_views[-2].is_stale


def test_the_registrys_path_is_no_business_of_an_ordinary_user() -> None:
    page = worker._without_path("<p>data: /srv/a&amp;b/registry</p>", "/srv/a&b/registry")
    assert page == f"<p>data: {worker.THIS_REGISTRY}</p>"
    assert worker._without_path("<p></p>", "/p") == "<p></p>"


def test_only_links_of_chosen_runs_are_told(responder, cache) -> None:
    responder.answer(ANN, {})
    (job,) = jobs_in(cache)
    assert list(job.links) == list(job.only)
    assert all(url.startswith("/pre/#/experiments/1/runs/") for url in job.links.values())


def test_headers_keep_the_page_to_itself(responder) -> None:
    headers = responder.answer(ANN, {}).headers
    assert headers["Cache-Control"] == "private, no-store"
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "script-src" not in headers["Content-Security-Policy"]


@pytest.mark.parametrize("viewer", [BOSS, ANN], ids=["administrator", "user"])
def test_a_registry_that_cannot_be_read_is_said_with_care(
    responder, seen_views, viewer: Viewer
) -> None:
    responder.answer(viewer, {})
    folder = Path(responder.registry)
    (folder / "_registry.json").write_text("{")

    answer = responder.answer(viewer, {})

    assert answer.status == 503
    assert ("damaged" in seen_views[-1].n_hidden_note) is viewer.sees_all
    assert str(folder) not in seen_views[-1].n_hidden_note or viewer.sees_all


@pytest.mark.parametrize("viewer", [BOSS, ANN], ids=["administrator", "user"])
def test_a_registry_that_is_not_there_yet_is_answered_with_what_to_do(
    responder, seen_views, viewer: Viewer
) -> None:
    shutil.rmtree(responder.registry)

    answer = responder.answer(viewer, {})

    assert answer.status == 503
    note = seen_views[-1].n_hidden_note
    assert "collect what is there once: `isoflop collect <store URI>`" in note
    assert (responder.registry in note) is viewer.sees_all


def test_another_registry_in_its_place_is_seen_for_what_it_is(
    responder, cache, tmp_path: Path
) -> None:
    responder.answer(BOSS, {})
    do_jobs(cache, runs_in)
    before = open_registry(responder.registry).versions()
    shutil.rmtree(responder.registry)
    recorded(
        Path(responder.registry), [raw(1), raw(7, experiment="new"), raw(3, kind="hf-trainer")]
    )
    assert open_registry(responder.registry).versions() == before

    responder.answer(BOSS, {})

    (job,) = jobs_in(cache)
    assert job.choices.experiments == ("new", "open")


@pytest.mark.parametrize("viewer", [BOSS, ANN], ids=["administrator", "user"])
def test_a_full_disk_takes_no_page_away(
    responder, cache, registry_of, seen_views, monkeypatch: pytest.MonkeyPatch, viewer: Viewer
) -> None:
    responder.answer(ANN, {})
    do_jobs(cache, runs_in)
    registry_of(raw(5))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)

    assert responder.answer(ANN, {}).body == b"old ann 1"
    without = responder.answer(viewer, {"experiment": "open"})
    assert without.status == 503
    note = seen_views[-1].n_hidden_note
    assert note.startswith("The page could not be computed.")
    assert ("No space left" in note) is viewer.sees_all


def test_without_a_registry_the_page_says_what_to_set(cache, seen_views) -> None:
    answer = Responder(registry="", base="/isoflop/", homes=None, cache=cache).answer(BOSS, {})
    assert answer.status == 503
    assert "ISOFLOP_REGISTRY" in seen_views[0].n_hidden_note


def test_a_failed_page_says_so_and_is_not_tried_again(responder, cache, seen_views) -> None:
    responder.answer(BOSS, {})
    (job,) = cache.folder.glob("*.todo")
    cache.fail(job.stem, "Disk full.")
    job.unlink()

    assert responder.answer(BOSS, {}).status == 503
    assert "Disk full." in seen_views[-1].n_hidden_note
    assert not list(cache.folder.glob("*.todo"))


def test_a_broken_template_is_an_answer_too(responder, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    from types import SimpleNamespace

    def broken(view: View) -> str:
        raise ZeroDivisionError

    stand_in = SimpleNamespace(render_page=broken)
    monkeypatch.setitem(sys.modules, "isoflop_plugins.page.rendering", stand_in)
    answer = responder.answer(BOSS, {})
    assert answer.status == 500
    assert b"log says why" in answer.body


def test_a_job_survives_its_file(responder, cache) -> None:
    responder.answer(ANN, {"experiment": "open", "since": "2026-01-01"})
    (job,) = jobs_in(cache)
    assert Job.from_json(job.to_json()) == job
    assert json.loads(job.to_json())["is_ordinary"]
