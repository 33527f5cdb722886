"""From sources into the registry: find the collector, resolve each run, drop, fold."""

from __future__ import annotations

import difflib
import re
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from isoflop.credentials import without_credentials
from isoflop.errors import CollectError
from isoflop.gathering.reading import Reading
from isoflop.gathering.receipts import CollectReceipt, SourceReceipt
from isoflop.gathering.recording import Recorder
from isoflop.gathering.remembering import remember
from isoflop.hookspecs import Collector
from isoflop.plugin_host import PluginHost, default_host
from isoflop.progress import Progress
from isoflop.progress import progress as show_progress

if TYPE_CHECKING:
    from isoflop.store import Registry

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
"""Start of what is no path: a scheme, longer than the letter of a Windows drive."""

__all__ = ["CollectReceipt", "Recorder", "SourceReceipt", "collect", "find_collector"]


def collect(
    sources: str | Path | Sequence[str | Path],
    registry: Registry | str | Path,
    *,
    since: datetime | None = None,
    full: bool = False,
    host: PluginHost | None = None,
    progress: Progress | None = None,
) -> CollectReceipt:
    """Gather new and changed runs from sources into a registry.

    Incremental and idempotent: a run that the source has not changed is not read again. A source
    that cannot be read is listed in the receipt, and the others go on; where no source can be
    read, the first one's error is raised.

    Parameters
    ----------
    sources : str, Path or sequence of them
        Tracking URIs, database files, folders, or ``dataset:NAME``.
    registry : Registry, str or Path
        Where to keep the runs; created where it does not exist.
    since : datetime or None
        Leave out runs that ended before.
    full : bool
        Read every run again, also those that look unchanged.
    host : PluginHost or None
        Plugins to collect with; all installed ones by default.
    progress : callable (done, total, words) or None
        Called now and then; by default a bar in a notebook or a terminal, nothing elsewhere.

    Raises
    ------
    CollectError
        No source could be read.
    RegistryError
        The registry cannot be opened or written.
    """
    from isoflop.store import open_registry

    host = host or default_host()
    several = [sources] if isinstance(sources, str | Path) else list(sources)
    if isinstance(registry, str | Path):
        _refuse_unknown([str(source) for source in several], host)
        registry = open_registry(str(registry), create=True)
    receipts: list[SourceReceipt] = []
    errors: list[CollectError] = []
    with show_progress("Collecting", instead=progress) as tick:
        for source in several:
            receipt, error = _collect_one(
                str(source), registry, since=since, full=full, host=host, progress=tick
            )
            receipts.append(receipt)
            errors += [error] if error else []
    if errors and len(errors) == len(several):
        raise errors[0]
    return CollectReceipt(sources=tuple(receipts))


def _collect_one(
    source: str,
    registry: Registry,
    *,
    since: datetime | None,
    full: bool,
    host: PluginHost,
    progress: Progress,
) -> tuple[SourceReceipt, CollectError | None]:
    start = time.perf_counter()
    reading = Reading(registry, host=host, since=since, full=full, progress=progress)
    failure: CollectError | None = None
    try:
        path = _local_path(source)
        if path is not None:
            reading.read_tree(path)
        else:
            reading.read_source(find_collector(source, host), source)
    except CollectError as error:
        failure = error
        reading.tally.attention.append((error.source, str(error)))
    else:
        remember(registry, [source])
    finally:
        # What was dropped before a failure is kept: the fold is outside of the source's fate.
        registry.fold()
    return reading.receipt(without_credentials(source), time.perf_counter() - start), failure


def _refuse_unknown(sources: Sequence[str], host: PluginHost) -> None:
    """Raise the first source's error where none can be read, before a registry is made for them."""
    errors = []
    for source in sources:
        try:
            if _local_path(source) is None:
                find_collector(source, host)
        except CollectError as error:
            errors.append(error)
    if errors and len(errors) == len(sources):
        raise errors[0]


def _local_path(source: str) -> Path | None:
    """Return the file or folder that a source names, None where it is an address."""
    try:
        path = Path(source.removeprefix("file://")).expanduser()
        return path if path.exists() else None
    except (OSError, RuntimeError, ValueError):
        return None


def find_collector(source: str, host: PluginHost) -> Collector:
    """Return the collector that recognizes a source; raise `CollectError` where none does."""
    for collector in host.collectors.values():
        if collector.recognizes(source):
            return collector
    shown = without_credentials(source)
    if not _ADDRESS.match(source):
        close = _close_to(source)
        hint = f"Did you mean {close!r}?" if close else "Check the spelling and the current folder."
        raise CollectError(f"There is no file or folder {shown!r}. {hint}", source=shown)
    named = "\n".join(f"  {c.name}: {c.summary}" for c in host.collectors.values())
    raise CollectError(
        f"No collector recognizes the address {shown!r}. Known are files, folders and:\n"
        f"{named or '  nothing else'}",
        source=shown,
    )


def _close_to(source: str) -> str:
    """Return what lies beside a path that is not there and has nearly its name; empty for none."""
    try:
        path = Path(source).expanduser()
        beside = [entry.name for entry in path.parent.iterdir()]
    except (OSError, RuntimeError, ValueError):
        return ""
    close = difflib.get_close_matches(path.name, beside, n=1)
    return str(path.with_name(close[0])) if close else ""
