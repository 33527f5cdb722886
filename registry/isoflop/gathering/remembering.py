"""Sources that were collected, kept in the registry's `events`, so that a report reads them again.

Addresses are kept without credentials, and what is relative to a folder is made absolute.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoflop.credentials import without_credentials
from isoflop.errors import UnknownNameError
from isoflop.store.events import event, event_rows, keep_event

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.store import Registry

EVENT_KIND = "collect"
_DATABASE_FILE = re.compile(r"(sqlite(?:\+\w+)?:///)(?!/)([^?#]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSource:
    """A source that was collected.

    Parameters
    ----------
    address : str
        Path or URI, absolute, without credentials.
    had_credentials : bool
        True where it was given with something that is not kept.
    """

    address: str
    had_credentials: bool


def remembered_sources(registry: Registry) -> list[KnownSource]:
    """Return the sources that were collected into a registry, each once, oldest first."""
    return list(_known(registry.events()).values())


def remember(registry: Registry, sources: Iterable[str]) -> None:
    """Drop an event for every source that the registry does not know; the next fold keeps it.

    Raises `RegistryError` where the inbox cannot be written.
    """
    known = _known(registry.events())
    new = {k.address: k for k in map(known_source, sources) if known.get(k.address) != k}
    if new:
        rows = event_rows([_event(source) for source in new.values()])
        registry.writer().drop_table("events", rows)


def forget(registry: Registry, source: str) -> None:
    """Drop an event that says not to read a source again; its runs stay.

    Raises `UnknownNameError` for a source that was not collected.
    """
    known, wanted = _known(registry.events()), known_source(source)
    if wanted.address not in known:
        raise UnknownNameError("collected source", wanted.address, known)
    keep_event(registry, _event(wanted, is_forgotten=True))


def known_source(source: str) -> KnownSource:
    """Return a source as it is kept."""
    given = _absolute(source)
    kept = without_credentials(given)
    return KnownSource(address=kept, had_credentials=kept != given)


def _absolute(source: str) -> str:
    path = Path(source.removeprefix("file://")).expanduser()
    if _exists(path):
        return os.path.abspath(path)  # noqa: PTH100 - resolve() would follow symbolic links
    return _DATABASE_FILE.sub(lambda m: m[1] + os.path.abspath(m[2]), source, count=1)  # noqa: PTH100


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, RuntimeError, ValueError):
        return False


def _known(events: pd.DataFrame) -> dict[str, KnownSource]:
    told = events[events["kind"] == EVENT_KIND].sort_values("created_at", kind="stable")
    known: dict[str, KnownSource] = {}
    for text in told["inputs"]:
        inputs: dict[str, Any] = json.loads(text)
        if inputs.get("is_forgotten"):
            known.pop(inputs["source"], None)
            continue
        source = KnownSource(
            address=inputs["source"], had_credentials=bool(inputs.get("had_credentials"))
        )
        known[source.address] = source
    return known


def _event(source: KnownSource, *, is_forgotten: bool = False) -> dict[str, Any]:
    told = {"source": source.address, "had_credentials": source.had_credentials}
    verb = "No longer collected" if is_forgotten else "Collected"
    return event(
        EVENT_KIND,
        f"{verb} from {source.address}.",
        inputs=told | ({"is_forgotten": True} if is_forgotten else {}),
    )
