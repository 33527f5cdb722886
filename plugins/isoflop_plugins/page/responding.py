"""Answers a request for the page: from the cache, or with words while it is being computed."""

from __future__ import annotations

import html
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import IsoflopError
from isoflop_plugins.page.cache import PageCache, private_folder
from isoflop_plugins.page.filtering import choices_of, chosen_runs, problems_of, read_filters
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
ONLY_YOURS = (
    "You see the runs of those experiments on this server that you may read, and published models. "
    "Runs from anywhere else are shown to administrators only."
)
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
        self._index = CurrentIndex(registry, homes, prefix=base.removesuffix("/isoflop/"))

    def answer(self, viewer: Viewer, query: Mapping[str, str]) -> Answer:
        """Return the page that a viewer asked for; never raises, never computes a report."""
        blank = View(report=None, base=self.base, viewer=viewer.name, filters=read_filters(query))
        try:
            if not self.registry:
                return _page(503, replace(blank, n_hidden_note=NO_REGISTRY))
            return self._answer(viewer, blank)
        except (IsoflopError, OSError) as error:
            _log.warning("The page cannot be shown: %s", error)
            # The words name folders of this machine, which are no business of an ordinary user.
            words = f"The registry cannot be read now. {error if viewer.sees_all else ''}".strip()
            return _page(503, replace(blank, n_hidden_note=words))
        except Exception:  # noqa: BLE001 - the border to the server, which must go on
            _log.exception("The page cannot be shown.")
            return Answer.words(500, "The page cannot be shown; the server's log says why.")

    def _answer(self, viewer: Viewer, blank: View) -> Answer:
        cache, starter = self._opened()
        index = self._index.now()
        if self._index.take_waiting():
            cache.ask(fold_slot(self.registry), "", self.registry)
        visible = index.visible(viewer)
        blank = replace(blank, choices=choices_of(index, visible))
        if problems := problems_of(blank.filters, blank.choices):
            return _page(200, replace(blank, n_hidden_note=" ".join(problems)))
        slot = slot_of(
            registry=self.registry, base=self.base, viewer=viewer, scope=index.scope(viewer),
            filters=blank.filters,
        )  # fmt: skip
        state = state_of(index.digest)
        found = cache.find(slot, state)
        is_wanted = found is None or found.is_stale
        # What waits in the inbox goes first: a page made before would be old when it is ready.
        if is_wanted and not cache.is_waiting(fold_slot(self.registry)):
            cache.ask(slot, state, self._job(index, visible, viewer, blank).to_json())
        starter.start()
        if found is None:
            return _not_yet(cache.failure(slot), viewer, blank)
        name = html.escape(visible_text.visible(viewer.name)).encode()
        body = found.body.replace(VIEWER_TOKEN.encode(), name) if name else found.body
        return Answer(status=200, body=body, headers=_headers(viewer.name))

    def _opened(self) -> tuple[PageCache, Starter]:
        # Made at a request: a server without a folder to write must start all the same.
        if self._cache is None or self._starter is None:
            self._cache = PageCache(private_folder())
            self._starter = Starter(self._cache)
        return self._cache, self._starter

    def _job(self, index: RunIndex, visible: NDArray[np.bool_], viewer: Viewer, view: View) -> Job:
        uids = index.uids[chosen_runs(index, visible, view.filters)].tolist()
        is_everything = viewer.sees_all and view.filters == Filters()
        return Job(
            registry=self.registry,
            versions=index.versions,
            base=self.base,
            viewer=VIEWER_TOKEN if viewer.name else "",
            note="" if viewer.sees_all else ONLY_YOURS,
            filters=view.filters,
            choices=view.choices,
            links={uid: index.links[uid] for uid in uids if uid in index.links},
            only=None if is_everything else tuple(uids),
            is_ordinary=not viewer.sees_all,
        )


def _not_yet(failure: str, viewer: Viewer, blank: View) -> Answer:
    """Return the page that says that there is none yet, or why there is none."""
    if not failure:
        return _page(202, replace(blank, is_pending=True))
    words = failure if viewer.sees_all else "The server's log says why."
    return _page(503, replace(blank, n_hidden_note=f"The page could not be computed. {words}"))


def _page(status: int, view: View) -> Answer:
    """Return a page without a report; quick to make."""
    from isoflop_plugins.page.rendering import render_page

    body = render_page(view).encode("utf-8", "replace")
    return Answer(status=status, body=body, headers=_headers(view.viewer))


def _headers(viewer: str) -> dict[str, str]:
    return _HEADERS | (_NEVER_KEPT if viewer else _ASK_AGAIN)
