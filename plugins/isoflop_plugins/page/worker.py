"""The process that computes pages, one after the other, until none waits.

Started by `starting`; ``python -m isoflop_plugins.page.worker FOLDER``.
"""

from __future__ import annotations

import dataclasses
import html
import logging
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from isoflop_plugins.page.cache import PageCache
from isoflop_plugins.page.jobs import FOLD, Job
from isoflop_plugins.page.starting import give_up, only_worker

if TYPE_CHECKING:
    from isoflop.reporting import Report
    from isoflop_plugins.page.views import View

_log = logging.getLogger(__name__)

LONGEST_S = 1800
"""A page that takes longer is given up, and the process with it. [s]"""
_NICENESS = 10
_TELLING = 8
THIS_REGISTRY = "the registry of this server"
"""What a user who is no administrator is told instead of a path."""


def main(folder: str) -> int:
    """Compute what waits in a folder; at once over where another process does."""
    cache = PageCache(Path(folder))
    with only_worker(cache.folder) as is_ours:
        if not is_ours:
            return 0
        os.nice(_NICENESS)
        _take_over(cache)
        while (job := _take(cache)) is not None:
            _do(cache, job)
    return 0


def _take_over(cache: PageCache) -> None:
    """Queue what was being done when server and worker ended together; what ends them fails."""
    if not all(cache.try_again(path) for path in list(cache.folder.glob("*.doing"))):
        give_up(cache)


def _take(cache: PageCache) -> Path | None:
    """Return the oldest job, marked as being done."""
    todo = next((p for p in cache.waiting() if p.suffix == ".todo"), None)
    return None if todo is None else todo.replace(todo.with_suffix(".doing"))


def _do(cache: PageCache, path: Path) -> None:
    # The default action of the signal ends the process, whatever a plugin does in it.
    signal.alarm(LONGEST_S)
    try:
        state, _, text = path.read_text(encoding="utf-8").partition("\n")
        if path.name.startswith(FOLD):
            fold(text)
            return
        fresh, old = compute(Job.from_json(text))
        cache.keep(path.stem, state, fresh=fresh, old=old)
    except Exception as error:  # noqa: BLE001 - the border to registry, plugins and templates
        _log.exception("A page cannot be computed.")
        cache.fail(path.stem, f"{type(error).__name__}: {error}")
    finally:
        signal.alarm(0)
        cache.end(path)


def fold(registry: str) -> None:
    """Fold what waits in the inbox of a registry, as whoever opens one does."""
    from isoflop.store import open_registry

    open_registry(registry, fold=False).fold()


def compute(job: Job) -> tuple[bytes, bytes]:
    """Return the page of a job, and the same page with the note that it is old."""
    from isoflop.reporting import build_report
    from isoflop.store import open_registry
    from isoflop_plugins.page.rendering import render_page
    from isoflop_plugins.page.views import View

    now = datetime.now(UTC)
    registry = open_registry(job.registry, fold=False).as_of(dict(job.versions))
    report = build_report(registry, only=job.only, now=now)
    view = View(
        report=_for_ordinary(report) if job.is_ordinary else report,
        filters=job.filters, choices=job.choices, as_of=now, run_links=job.links,
        base=job.base, viewer=job.viewer, n_hidden_note=job.note,
    )  # fmt: skip

    def rendered(view: View) -> bytes:
        page = render_page(view)
        page = _without_path(page, str(registry.uri)) if job.is_ordinary else page
        return page.encode("utf-8", "replace")

    return rendered(view), rendered(dataclasses.replace(view, is_stale=True))


def _without_path(page: str, path: str) -> str:
    """Return the page without the path of the registry, which results name as their data.

    A path too short to tell of anything may stand in the page for other reasons.
    """
    return page if len(path) < _TELLING else page.replace(html.escape(path), THIS_REGISTRY)


def _for_ordinary(report: Report) -> Report:
    """Return the report without what it tells of the machine, and of runs that are not shown."""
    from isoflop.reporting import Section

    def silent(section: Section) -> Section:
        return dataclasses.replace(section, trace="")

    provenance = dataclasses.replace(
        report.provenance,
        command="isoflop report",
        data_versions={},  # they count what others write
        plugins=tuple(
            dataclasses.replace(p, error="", traceback="") for p in report.provenance.plugins
        ),
    )
    return dataclasses.replace(
        report,
        registry_uri=THIS_REGISTRY,
        sections=tuple(map(silent, report.sections)),
        provenance=provenance,
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    sys.exit(main(sys.argv[1]))
