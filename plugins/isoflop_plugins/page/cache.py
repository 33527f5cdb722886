"""Computed pages in a private folder that all processes of a server share."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from isoflop.errors import IsoflopError

MAX_PAGES = 64
"""Pages that are kept, at most; the ones unused for longest go first. [1]"""
MAX_BYTES = 256_000_000
"""Their size together, at most. [B]"""
MAX_WAITING = 16
"""Pages that wait to be computed, at most; one more is asked for again by its reload. [1]"""
FAILURE_S = 300.0
"""A page that could not be computed is not tried again for so long. [s]"""
NO_ROOM = "There is no room on the disk for computed pages."


class PageCacheError(IsoflopError, OSError):
    """The folder for computed pages cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A kept page.

    Parameters
    ----------
    body : bytes
        The page; one that says that it is old where it is.
    is_stale : bool
        True where the data are newer.
    """

    body: bytes
    is_stale: bool


def private_folder() -> Path:
    """Return the folder of this user for computed pages, made where it is missing.

    Raises `PageCacheError` where somebody else could read or write it.
    """
    folder = Path(tempfile.gettempdir()) / f"isoflop-page-{os.geteuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise PageCacheError(
            f"Computed pages cannot be kept in {str(folder)!r}: {error.strerror}. Set TMPDIR to a "
            "folder that this process can write."
        ) from error
    is_mine = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    if not is_mine or stat.S_IMODE(found.st_mode) & 0o077:
        raise PageCacheError(
            f"Computed pages cannot be kept in {str(folder)!r}: it must be a folder of this user "
            "with mode 700. Remove it, or set TMPDIR to a folder of this user."
        )
    return folder


class PageCache:
    """Pages by slot (who may see what, and filters) and state (of the data).

    Parameters
    ----------
    folder : Path
        Private folder. In it: ``<slot>-<state>.html`` and the same page with the note that it is
        old, ``<slot>-<state>.old.html``; ``<slot>.todo`` and ``<slot>.doing``, jobs;
        ``<slot>.again``, one that is tried for the second time; ``<slot>.failed``, words.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, slot: str, state: str) -> Found | None:
        """Return the page of a slot: of this state, else the newest older one."""
        fresh = self._read(self.folder / f"{slot}-{state}.html")
        if fresh is not None:
            return Found(body=fresh, is_stale=False)
        for path in _by_age(self.folder.glob(f"{slot}-*.old.html")):
            old = self._read(path)
            if old is not None:
                return Found(body=old, is_stale=True)
        return None

    def keep(self, slot: str, state: str, *, fresh: bytes, old: bytes) -> None:
        """Keep a page in place of those of other states of its slot."""
        place(self.folder / f"{slot}-{state}.old.html", old)
        place(self.folder / f"{slot}-{state}.html", fresh)
        (self.folder / f"{slot}.failed").unlink(missing_ok=True)
        for path in self.folder.glob(f"{slot}-*.html"):
            if not path.name.startswith(f"{slot}-{state}."):
                path.unlink(missing_ok=True)
        self._make_room()

    def failure(self, slot: str) -> str:
        """Return why a page could not be computed a short while ago; empty where it was not."""
        path = self.folder / f"{slot}.failed"
        try:
            if time.time() - path.stat().st_mtime < FAILURE_S:
                return path.read_text(encoding="utf-8") or NO_ROOM
        except OSError:
            pass
        return ""

    def fail(self, slot: str, words: str) -> None:
        """Note why a page could not be computed."""
        path = self.folder / f"{slot}.failed"
        try:
            place(path, words.encode("utf-8", "replace"))
        except PageCacheError:
            path.touch()  # A full disk has no room for words, and most still have it for a name.

    def ask(self, slot: str, state: str, text: str) -> bool:
        """Queue a job unless its slot waits already, failed just now, or the queue is full."""
        if self.is_waiting(slot) or len(self.waiting()) >= MAX_WAITING or self.failure(slot):
            return False
        place(self.folder / f"{slot}.todo", f"{state}\n{text}".encode())
        return True

    def try_again(self, doing: Path) -> bool:
        """Queue a job whose worker ended in the midst of it once more; False the second time."""
        again = doing.with_suffix(".again")
        if again.exists():
            return False
        again.touch()
        doing.replace(doing.with_suffix(".todo"))
        return True

    def end(self, doing: Path) -> None:
        """Forget a job."""
        doing.unlink(missing_ok=True)
        doing.with_suffix(".again").unlink(missing_ok=True)

    def is_waiting(self, slot: str) -> bool:
        """Return whether a job of this slot waits or is being done."""
        return any((self.folder / f"{slot}{end}").exists() for end in (".todo", ".doing"))

    def waiting(self) -> list[Path]:
        """Return the jobs that wait or are being done, the oldest first."""
        jobs = [*self.folder.glob("*.todo"), *self.folder.glob("*.doing")]
        return list(reversed(_by_age(jobs)))

    def _read(self, path: Path) -> bytes | None:
        try:
            body = path.read_bytes()
            os.utime(path)  # Used just now: the last to go.
        except OSError:
            return None
        return body

    def _make_room(self) -> None:
        """Delete the pages that were unused for longest, and words and debris of long ago."""
        n_pages, n_bytes = 0, 0
        for path in _by_age(self.folder.glob("*.html")):
            n_pages, n_bytes = n_pages + 1, n_bytes + _size(path)
            if n_pages > 2 * MAX_PAGES or n_bytes > MAX_BYTES:
                path.unlink(missing_ok=True)
        for path in (*self.folder.glob("*.failed"), *self.folder.glob("*.tmp")):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > FAILURE_S:
                    path.unlink()


def place(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; raises `PageCacheError` where that cannot be."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise PageCacheError(
            f"Computed pages cannot be kept in {str(path.parent)!r}: {error.strerror}."
        ) from error


def _by_age(paths: Iterator[Path] | list[Path]) -> list[Path]:
    """Return files, the newest first; those that went away meanwhile are left out."""
    found = []
    for path in paths:
        with contextlib.suppress(OSError):
            found.append((path.stat().st_mtime_ns, path.name, path))
    return [path for _, _, path in sorted(found, reverse=True)]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
