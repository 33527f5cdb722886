"""Starts the process that computes pages: one on this machine, with low priority."""

from __future__ import annotations

import fcntl
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from isoflop_plugins.page.cache import PageCache

_log = logging.getLogger(__name__)
_LOCK = "worker.lock"
_LOG = "worker.log"
_LAST_WORDS = 2000


@contextmanager
def only_worker(folder: Path) -> Iterator[bool]:
    """Hold the lock of the one process that computes; gives False where another holds it.

    The system frees it when the process ends, however it ends.
    """
    with (folder / _LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True


class Starter:
    """Starts the worker where pages wait and none works; each server process has one starter.

    Parameters
    ----------
    cache : PageCache
        Where the jobs wait.
    """

    def __init__(self, cache: PageCache) -> None:
        self._cache = cache
        self._started = threading.Lock()

    def start(self) -> None:
        """Start the worker unless one is at work; returns at once."""
        if not self._cache.waiting() or not self._started.acquire(blocking=False):
            return
        try:
            with only_worker(self._cache.folder) as is_free:
                if is_free:
                    threading.Thread(target=self._work, name="isoflop-page", daemon=True).start()
                else:
                    self._started.release()
        except BaseException:
            self._started.release()
            raise

    def _work(self) -> None:
        """Run the worker and wait for it, so that it leaves no zombie and no job unanswered."""
        try:
            code = _run(self._cache.folder)
            if code:
                with only_worker(self._cache.folder) as is_free:
                    if is_free:
                        give_up(self._cache)
        except OSError as error:
            _log.warning("The process that computes pages cannot be started: %s", error)
        finally:
            self._started.release()


def _run(folder: Path) -> int:
    # Not a thread: a report keeps the interpreter busy for seconds, and requests would wait. The
    # worker needs no hook of MLflow, and no module of the server's current folder (-P).
    command = [sys.executable, "-P", "-m", "isoflop_plugins.page.worker", str(folder)]
    with (folder / _LOG).open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder,
            env=os.environ | {"ISOFLOP_DISABLE": "1"}, start_new_session=True,
        )  # fmt: skip
        return process.wait()


def give_up(cache: PageCache) -> None:
    """Note of jobs whose worker ended without a word that they failed."""
    try:
        said = (cache.folder / _LOG).read_bytes()[-_LAST_WORDS:].decode("utf-8", "replace")
    except OSError:
        said = ""
    if said:
        _log.warning("The process that computes pages ended early: %s", said)
    doing = list(cache.folder.glob("*.doing"))
    for path in doing or cache.folder.glob("*.todo"):
        cache.fail(path.stem, "The process that computes it ended early.")
        cache.end(path)
