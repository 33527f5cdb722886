"""Answers a request for the page: from the cache, or with words while it is being computed."""

from __future__ import annotations

import html
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import IsoflopError
from isoflop_plugins.page.addresses import PAGE
from isoflop_plugins.page.cache import PageCache, PageCacheError, private_folder
from isoflop_plugins.page.filtering import (
    choices_of,
    chosen_runs,
    meant_by,
    problems_of,
    read_filters,
)
from isoflop_plugins.page.indexing import Homes
from isoflop_plugins.page.jobs import VIEWER_TOKEN, Job, fold_slot, slot_of, state_of
from isoflop_plugins.page.looking import CurrentIndex
from isoflop_plugins.page.starting import Starter
from isoflop_plugins.page.views import Filters, View
from isoflop_plugins.page.visibility import RunIndex, Viewer
from isoflop_plugins.reporters import visible_text

_log = logging.getLogger(__name__)

NO_REGISTRY = (
    "This server knows no registry. Set ISOFLOP_REGISTRY to the folder of one in the environment "
    "of the server and start it again."
)
NOT_MADE = (
    "The registry of this server is not there yet. Where the server runs, and with its "
    "ISOFLOP_REGISTRY, collect what is there once: `isoflop collect <store URI>`."
)
ONLY_YOURS = (
    "You see the runs of those experiments on this server that you may read, and published models. "
    "Runs from anywhere else are shown to administrators only."
)
NONE_YOURS = (
    "The registry holds no run of an experiment that you may read. Ask for a permission in MLflow; "
    "runs from anywhere else are shown to administrators only."
)
NONE_CHOSEN = "None of the runs that you can see passes these filters: change or clear them."
LOG_SAYS_WHY = "The server's log says why."
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'self'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}
_NEVER_KEPT = {"Cache-Control": "private, no-store"}
_ASK_AGAIN = {"Cache-Control": "no-cache"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back to the browser."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @classmethod
    def words(cls, status: int, text: str) -> Answer:
        """Return a plain sentence, where no page can be made."""
        plain = {"Content-Type": "text/plain; charset=utf-8"}
        return cls(status=status, body=text.encode(), headers=_HEADERS | plain | _NEVER_KEPT)


class Responder:
    """Makes answers for one registry.

    Parameters
    ----------
    registry : str
        Address of the registry; empty where none was named.
    base : str
        Address of the page on this server, static prefix included.
    homes : Homes or None
        This server's own runs; None for a page without an MLflow server.
    cache : PageCache or None
        Where computed pages lie; None for the private folder of this user, made when needed.
    """

    def __init__(
        self, *, registry: str, base: str, homes: Homes | None, cache: PageCache | None = None
    ) -> None:
        self.registry, self.base = registry, base
        self._cache = cache
        self._starter = Starter(cache) if cache else None
        self._index = CurrentIndex(registry, homes, prefix=base.removesuffix(PAGE))

    def answer(self, viewer: Viewer, query: Mapping[str, str]) -> Answer:
        """Return the page that a viewer asked for; never raises, never computes a report."""
        blank = View(report=None, base=self.base, viewer=viewer.name, filters=read_filters(query))
        try:
            if not self.registry:
                return _page(503, replace(blank, n_hidden_note=NO_REGISTRY))
            return self._answer(viewer, blank)
        except PageCacheError as error:
            _log.warning("The page cannot be computed: %s", error)
            return _page(503, replace(blank, n_hidden_note=_not_computed(str(error), viewer)))
        except (IsoflopError, OSError) as error:
            _log.warning("The page cannot be shown: %s", error)
            # The words name folders of this machine, which are no business of an ordinary user.
            why = str(error) if viewer.sees_all else ""
            words = "The registry cannot be read now." if self._is_there() else NOT_MADE
            words = f"{words} {why}".strip()
            return _page(503, replace(blank, n_hidden_note=words))
        except Exception:  # noqa: BLE001 - the border to the server, which must go on
            _log.exception("The page cannot be shown.")
            return Answer.words(500, "The page cannot be shown; the server's log says why.")

    def _is_there(self) -> bool:
        """Return whether anything lies where the registry should; True where nobody can say."""
        from isoflop.store.location import locate

        try:
            return locate(self.registry).root.exists()
        except (IsoflopError, OSError):
            return True

    def _answer(self, viewer: Viewer, blank: View) -> Answer:
        cache, _ = self._opened()
        index = self._index.now()
        visible = index.visible(viewer)
        choices = choices_of(index, visible)
        blank = replace(blank, choices=choices, filters=meant_by(blank.filters, choices))
        if problems := problems_of(blank.filters, blank.choices):
            return _page(200, replace(blank, n_hidden_note=" ".join(problems)))
        chosen = chosen_runs(index, visible, blank.filters)
        # A report on no runs would say that none was collected.
        if not chosen.any() and not _is_everything(viewer, blank.filters):
            note = NONE_CHOSEN if visible.any() or viewer.sees_all else NONE_YOURS
            return _page(200, replace(blank, n_hidden_note=note))
        slot = slot_of(
            registry=self.registry, base=self.base, viewer=viewer, scope=index.scope(viewer),
            filters=blank.filters,
        )  # fmt: skip
        state = state_of(index.digest)
        found = cache.find(slot, state)
        job = None
        if found is None or found.is_stale:
            job = self._job(index, chosen, viewer, blank)
        try:
            self._have_computed(slot, state, job)
        except OSError as error:
            if found is None:
                raise
            _log.warning("No newer page can be computed: %s", error)
        if found is None:
            return _not_yet(cache.failure(slot), viewer, blank)
        name = html.escape(visible_text.visible(viewer.name)).encode()
        body = found.body.replace(VIEWER_TOKEN.encode(), name) if name else found.body
        return Answer(status=200, body=body, headers=_headers(viewer.name))

    def _have_computed(self, slot: str, state: str, job: Job | None) -> None:
        """Queue what waits in the inbox, and a page where one is wanted; see that they are done."""
        cache, starter = self._opened()
        if self._index.take_waiting():
            cache.ask(fold_slot(self.registry), "", self.registry)
        # The inbox goes first: a page made before would be old when it is ready.
        if job is not None and not cache.is_waiting(fold_slot(self.registry)):
            cache.ask(slot, state, job.to_json())
        starter.start()

    def _opened(self) -> tuple[PageCache, Starter]:
        # Made at a request: a server without a folder to write must start all the same.
        if self._cache is None or self._starter is None:
            self._cache = PageCache(private_folder())
            self._starter = Starter(self._cache)
        return self._cache, self._starter

    def _job(self, index: RunIndex, chosen: NDArray[np.bool_], viewer: Viewer, view: View) -> Job:
        uids = index.uids[chosen].tolist()
        return Job(
            registry=self.registry,
            versions=index.versions,
            base=self.base,
            viewer=VIEWER_TOKEN if viewer.name else "",
            note="" if viewer.sees_all else ONLY_YOURS,
            filters=view.filters,
            choices=view.choices,
            links={uid: index.links[uid] for uid in uids if uid in index.links},
            only=None if _is_everything(viewer, view.filters) else tuple(uids),
            is_ordinary=not viewer.sees_all,
        )


def _is_everything(viewer: Viewer, filters: Filters) -> bool:
    return viewer.sees_all and filters == Filters()


def _not_yet(failure: str, viewer: Viewer, blank: View) -> Answer:
    """Return the page that says that there is none yet, or why there is none."""
    if not failure:
        return _page(202, replace(blank, is_pending=True))
    return _page(503, replace(blank, n_hidden_note=_not_computed(failure, viewer)))


def _not_computed(why: str, viewer: Viewer) -> str:
    return f"The page could not be computed. {why if viewer.sees_all else LOG_SAYS_WHY}"


def _page(status: int, view: View) -> Answer:
    """Return a page without a report; quick to make."""
    from isoflop_plugins.page.rendering import render_page

    body = render_page(view).encode("utf-8", "replace")
    return Answer(status=status, body=body, headers=_headers(view.viewer))


def _headers(viewer: str) -> dict[str, str]:
    return _HEADERS | (_NEVER_KEPT if viewer else _ASK_AGAIN)
