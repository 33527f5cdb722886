"""Computed pages: private, bounded, and never one page for another."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from isoflop_plugins.page import cache as caching
from isoflop_plugins.page import worker
from isoflop_plugins.page.cache import PageCache, PageCacheError, private_folder
from isoflop_plugins.page.jobs import slot_of
from isoflop_plugins.page.starting import give_up, only_worker
from isoflop_plugins.page.views import Filters
from isoflop_plugins.page.visibility import Viewer


@pytest.fixture
def cache(tmp_path: Path) -> PageCache:
    return PageCache(tmp_path)


def test_a_page_is_found_until_the_data_change(cache: PageCache) -> None:
    cache.keep("s", "one", fresh=b"new", old=b"old")

    assert cache.find("s", "one") == caching.Found(body=b"new", is_stale=False)
    assert cache.find("s", "two") == caching.Found(body=b"old", is_stale=True)
    assert cache.find("t", "one") is None


def test_a_page_takes_the_place_of_those_of_older_states(cache: PageCache) -> None:
    cache.keep("s", "one", fresh=b"1", old=b"1o")
    cache.keep("s", "two", fresh=b"2", old=b"2o")

    assert cache.find("s", "one") == caching.Found(body=b"2o", is_stale=True)
    assert len(list(cache.folder.glob("*.html"))) == 2


def test_pages_are_bounded_in_number_and_size(
    cache: PageCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caching, "MAX_PAGES", 3)
    for number in range(10):
        cache.keep(f"s{number}", "x", fresh=b"1234", old=b"1234")
    assert len(list(cache.folder.glob("*.html"))) <= 6
    assert cache.find("s9", "x") is not None

    monkeypatch.setattr(caching, "MAX_BYTES", 9)
    cache.keep("t", "x", fresh=b"1234", old=b"1234")
    assert cache.find("s9", "x") is None
    assert cache.find("t", "x") is not None


def test_the_queue_is_bounded_and_holds_a_slot_once(
    cache: PageCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caching, "MAX_WAITING", 2)

    assert cache.ask("a", "x", "job")
    assert not cache.ask("a", "y", "job")
    assert cache.ask("b", "x", "job")
    assert not cache.ask("c", "x", "job")


def test_what_failed_is_not_tried_again_at_once(cache: PageCache) -> None:
    cache.fail("a", "No luck.")
    assert cache.failure("a") == "No luck."
    assert not cache.ask("a", "x", "job")

    long_ago = time.time() - caching.FAILURE_S - 1
    os.utime(cache.folder / "a.failed", (long_ago, long_ago))
    assert cache.failure("a") == ""
    assert cache.ask("a", "x", "job")


def test_one_process_works_at_a_time(cache: PageCache) -> None:
    with only_worker(cache.folder) as first, only_worker(cache.folder) as second:
        assert first
        assert not second
    with only_worker(cache.folder) as third:
        assert third


def test_a_job_whose_worker_died_has_failed_and_the_others_wait_on(cache: PageCache) -> None:
    cache.ask("a", "x", "job")
    cache.ask("b", "x", "job")
    (cache.folder / "a.todo").rename(cache.folder / "a.doing")

    give_up(cache)

    assert cache.failure("a")
    assert [p.name for p in cache.waiting()] == ["b.todo"]


def test_a_full_disk_leaves_no_debris_and_is_said(
    cache: PageCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, _content: bytes) -> None:
        self.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(PageCacheError, match="No space left"):
        cache.ask("a", "x", "job")
    assert not list(cache.folder.iterdir())

    # The failure itself needs no room: without it the page would be computed for ever.
    cache.fail("a", "No space.")
    assert cache.failure("a") == caching.NO_ROOM
    assert not cache.ask("a", "x", "job")


def test_what_a_restart_cut_short_is_done_again_once(cache: PageCache) -> None:
    cache.ask("a", "x", "job")
    todo = cache.folder / "a.todo"
    todo.rename(cache.folder / "a.doing")
    worker._take_over(cache)
    assert [p.name for p in cache.waiting()] == ["a.todo"]
    assert cache.failure("a") == ""

    todo.rename(cache.folder / "a.doing")
    worker._take_over(cache)
    assert cache.waiting() == []
    assert cache.failure("a")
    assert not (cache.folder / "a.again").exists()


def test_the_folder_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = private_folder()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert private_folder() == folder


def test_a_folder_that_others_can_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    private_folder().chmod(0o755)
    with pytest.raises(PageCacheError, match="mode 700"):
        private_folder()


def test_a_link_in_place_of_the_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / f"isoflop-page-{os.geteuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PageCacheError, match="folder of this user"):
        private_folder()


def slot(viewer: Viewer, scope: str, filters: Filters = Filters()) -> str:  # noqa: B008
    return slot_of(registry="r", base="/isoflop/", viewer=viewer, scope=scope, filters=filters)


def test_slots_tell_apart_what_must_not_be_mixed() -> None:
    ann = Viewer(name="ann", experiments=frozenset("1"))
    slots = {
        slot(ann, "only 1"), slot(ann, "only 1 2"), slot(ann, "only "), slot(ann, "all"),
        slot(Viewer(), "all"), slot(ann, "only 1", Filters(family="f")),
        slot(ann, "only 1", Filters(experiment="f")), slot(ann, "only 1", Filters(since="f")),
    }  # fmt: skip
    assert len(slots) == 8


def test_a_slot_does_not_depend_on_who_asks() -> None:
    ann, bob = (Viewer(name=n, experiments=frozenset("1")) for n in ("ann", "bob"))
    assert slot(ann, "only 1") == slot(bob, "only 1")
