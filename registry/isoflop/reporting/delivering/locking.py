"""One report on a registry at a time; a holder that died holds nothing."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from isoflop.errors import RegistryError
from isoflop.store.location import REPORT_LOCK


class ReportBusyError(RegistryError):
    """Another report on the registry is being made.

    Attributes
    ----------
    holder : dict
        ``pid``, ``host`` and ``since`` of the other; empty where it did not say.
    """

    def __init__(self, message: str, *, holder: dict[str, Any]) -> None:
        super().__init__(message)
        self.holder = holder


@contextlib.contextmanager
def report_lock(folder: Path) -> Iterator[None]:
    """Hold the registry for one report; the system lets go of it when the process ends.

    A registry that cannot be written is not held: nothing of the report is kept in it either.

    Parameters
    ----------
    folder : Path
        Folder of the registry.

    Raises
    ------
    ReportBusyError
        At once, where another process or thread holds it.
    """
    # The file stays: removing it would let two reports hold two files of one name.
    handle = _open(folder / REPORT_LOCK)
    if handle is None:
        yield
        return
    try:
        _take(handle, folder)
        _say(handle, _me())
        yield
        _say(handle, {})
    finally:
        os.close(handle)


def _open(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError:
        return None


def _take(handle: int, folder: Path) -> None:
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _said(handle)
        who = (
            f"by process {holder['pid']} on {holder['host']} since {holder['since']}"
            if {"pid", "host", "since"} <= set(holder)
            else "by another process"
        )
        raise ReportBusyError(
            f"A report on {str(folder)!r} is being made {who}. Nothing was done; try again when "
            "it has ended.",
            holder=holder,
        ) from None
    except OSError:
        return  # a file system without locks: better a report than none


def _me() -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": now}


def _say(handle: int, words: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(words).encode() if words else b"", 0)


def _said(handle: int) -> dict[str, Any]:
    try:
        told = json.loads(os.pread(handle, 1_000, 0) or b"{}")
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
