"""The index of runs as it is now: read anew when the registry has changed."""

from __future__ import annotations

import threading
import time
import warnings
from typing import TYPE_CHECKING

from isoflop.errors import IsoflopWarning
from isoflop_plugins.page.indexing import Homes, build_index
from isoflop_plugins.page.visibility import RunIndex

if TYPE_CHECKING:
    from isoflop.store import Registry

RECHECK_S = 2.0
"""How long the registry's versions are taken as known. [s]"""
FOLD_S = 60.0
"""How often a fold of what waits in the inbox is asked for, at most. [s]"""
HOMES_S = 60.0
"""How long it is taken as known which runs the server's store has deleted. A run never changes its
experiment, and who may read an experiment is asked for every request. [s]"""


class CurrentIndex:
    """The index of a registry, shared by the threads of a process.

    Parameters
    ----------
    registry : str
        Address of the registry.
    homes, prefix
        As for `build_index`.
    """

    def __init__(self, registry: str, homes: Homes | None, *, prefix: str) -> None:
        self._registry, self._homes, self._prefix = registry, homes, prefix
        self._lock = threading.Lock()
        self._index: RunIndex | None = None
        self._checked = self._asked = self._folded = float("-inf")
        self._has_waiting = False

    def take_waiting(self) -> bool:
        """Return, once in a while, whether rows wait in the registry's inbox."""
        if self._has_waiting and time.monotonic() - self._folded > FOLD_S:
            self._folded = time.monotonic()
            return True
        return False

    def now(self) -> RunIndex:
        """Return the index; one thread at a time reads, the others go on with the last one.

        Raises `IsoflopError` where the registry cannot be read.
        """
        last = self._index
        if last is not None and time.monotonic() - self._checked < RECHECK_S:
            return last
        if not self._lock.acquire(blocking=last is None):
            assert last is not None
            return last
        try:
            return self._read()
        except BaseException:
            # What cannot be read now must not be shown from memory.
            self._index = None
            raise
        finally:
            self._lock.release()

    def _read(self) -> RunIndex:
        """Read the registry where it has changed; called by one thread at a time."""
        from isoflop.store import open_registry
        from isoflop.store.inbox import waiting
        from isoflop.store.location import locate

        begin = time.monotonic()
        last = self._index
        if last is not None and begin - self._checked < RECHECK_S:
            return last
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", IsoflopWarning)
            registry = open_registry(self._registry, fold=False)
        if last is None or _has_changed(registry, last) or self._moved(last):
            last = build_index(registry, self._homes, prefix=self._prefix)
            self._asked = time.monotonic()
        self._has_waiting = bool(waiting(locate(self._registry)))
        self._index, self._checked = last, begin
        return last

    def _moved(self, index: RunIndex) -> bool:
        """Return, once in a while, whether the server's store deleted or restored runs."""
        if self._homes is None or time.monotonic() - self._asked < HOMES_S:
            return False
        self._asked = time.monotonic()
        return dict(self._homes(index.asked)) != dict(index.homes)


def _has_changed(registry: Registry, index: RunIndex) -> bool:
    is_other = registry.registry_id != index.registry_id
    return is_other or registry.versions() != dict(index.versions)
