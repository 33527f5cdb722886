"""Where a registry lies: the one place that opens a URI, and the card that says what it is."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from isoflop.errors import RegistryError, RegistryVersionError
from isoflop.schema import SCHEMA_VERSION, TABLES
from isoflop.store.durable import write_durably

LAYOUT_VERSION = 1
"""Version of the folder layout; a reader refuses a newer one. [1]"""

CARD = "_registry.json"
SUPPORTED_SCHEMES = ("a local path", "file://")
REPORT_LOCK = "_report.lock"
"""File that a report on the registry locks while it is made."""

_OWN_NAMES = frozenset({CARD, "_inbox", "_quarantine", REPORT_LOCK, *TABLES})


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place that can hold a registry.

    Parameters
    ----------
    root : Path
        Folder of the registry, absolute.
    """

    root: Path

    @property
    def uri(self) -> str:
        """The registry's address as users may give it again."""
        return str(self.root)

    @property
    def inbox(self) -> Path:
        """Folder of the drops."""
        return self.root / "_inbox"

    @property
    def quarantine(self) -> Path:
        """Folder of what was set aside."""
        return self.root / "_quarantine"

    def table(self, name: str) -> Path:
        """Return the folder of a Delta table."""
        return self.root / name


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What `_registry.json` says.

    Parameters
    ----------
    registry_id : str
        Id of the registry, random.
    layout_version : int
        Layout of the folder. [1]
    schema_version : str
        Major.minor of the tables when it was created.
    """

    registry_id: str
    layout_version: int
    schema_version: str


def locate(uri: str | os.PathLike[str]) -> Location:
    """Return where a URI points; nothing is read.

    Raises `RegistryError` for a scheme this version cannot open, and for a path with a percent
    escape, which the table format cannot address.
    """
    text = os.fspath(uri)
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.\-]+)://", text)
    if scheme is None:
        path = Path(text).expanduser()
    elif scheme[1].lower() == "file" and urlsplit(text).netloc in ("", "localhost"):
        path = Path(url2pathname(urlsplit(text).path))
    else:
        raise RegistryError(
            f"A registry cannot be opened at {scheme[1]}://: this version of isoflop opens "
            f"{' and '.join(SUPPORTED_SCHEMES)}. Give a folder on a disk."
        )
    root = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow symbolic links
    if re.search(r"%[0-9A-Fa-f]{2}", str(root)):
        raise RegistryError(
            f"A registry cannot lie under {str(root)!r}: the table format reads the percent sign "
            "and what follows it as an escape. Choose a folder without one."
        )
    return Location(root=root)


def read_card(location: Location) -> Card:
    """Return the card of a registry.

    Raises
    ------
    RegistryError
        The folder is missing, is not a registry, or its card cannot be read.
    RegistryVersionError
        A newer isoflop wrote the registry.
    """
    path = location.root / CARD
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        card = Card(
            registry_id=str(told["registry_id"]),
            layout_version=int(told["layout_version"]),
            schema_version=str(told["schema_version"]),
        )
        major = schema_major(card.schema_version)
    except (FileNotFoundError, NotADirectoryError):
        raise _no_registry(location) from None
    except OSError as error:
        raise RegistryError(f"{str(path)!r} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise RegistryError(
            f"{str(path)!r} is damaged ({error}). Restore it from a copy; the tables beside it "
            "are untouched."
        ) from error
    if card.layout_version > LAYOUT_VERSION or major > schema_major(SCHEMA_VERSION):
        raise RegistryVersionError(
            f"The registry at {location.uri!r} has layout {card.layout_version} and schema "
            f"{card.schema_version}, and this isoflop reads layout {LAYOUT_VERSION} and schema "
            f"{SCHEMA_VERSION}: update isoflop (`pip install -U isoflop`)."
        )
    return card


def create_card(location: Location) -> Card:
    """Make a folder a registry and return its card; one that is there already stays as it is.

    Raises `RegistryError` where the folder holds other things, cannot be written, or lies on a
    file system without hard links, on which safe commits stand.
    """
    refuse_foreign(location)
    told: Mapping[str, Any] = {
        "registry_id": uuid.uuid4().hex,
        "layout_version": LAYOUT_VERSION,
        "schema_version": SCHEMA_VERSION,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    try:
        location.inbox.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RegistryError(
            f"A registry cannot be created at {location.uri!r}: {error.strerror}."
        ) from error
    why_not = commit_obstacle(location)
    if why_not:
        raise RegistryError(f"A registry cannot be created at {location.uri!r}: {why_not}")
    text = json.dumps(told, indent=2) + "\n"
    write_durably(location.root / CARD, lambda path: _write_text(path, text), replace=False)
    return read_card(location)


def refuse_foreign(location: Location) -> None:
    """Raise `RegistryError` where the place is a file, or a folder with other things in it."""
    if location.root.exists() and not location.root.is_dir():
        raise RegistryError(f"{location.uri!r} is a file; a registry is a folder.")
    if not location.root.is_dir() or (location.root / CARD).exists():
        return
    foreign = sorted({p.name for p in location.root.iterdir()} - _OWN_NAMES)
    foreign = [name for name in foreign if not name.endswith(".tmp")]
    if foreign:
        raise RegistryError(
            f"{location.uri!r} is not a registry and holds other things ({foreign[0]!r} among "
            "them). Choose an empty folder or a new one."
        )


def commit_obstacle(location: Location) -> str:
    """Return why nothing can be committed here, in one sentence; empty where it can.

    Commits take a version's number by a hard link that fails where the number is taken; where
    links are missing (some network and FUSE mounts) two folds could overwrite each other.
    """
    probe = location.inbox / f".probe-{secrets.token_hex(8)}.tmp"
    twin = probe.with_suffix(".link.tmp")
    try:
        probe.touch(exist_ok=False)
    except OSError as error:
        return f"the folder cannot be written ({error.strerror})."
    try:
        os.link(probe, twin)
    except OSError as error:
        return (
            f"its file system has no hard links ({error.strerror}), on which safe commits stand. "
            "Keep the registry on a local disk, or fold it from a machine that mounts it natively."
        )
    finally:
        for path in (twin, probe):
            with contextlib.suppress(OSError):
                path.unlink()
    return ""


def schema_major(version: str) -> int:
    """Return the major number of ``"major.minor"``; raise ValueError where there is none."""
    return int(version.partition(".")[0])


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _no_registry(location: Location) -> RegistryError:
    refuse = "is not a registry" if location.root.exists() else "does not exist"
    return RegistryError(
        f"{location.uri!r} {refuse}. Make one with `isoflop collect FOLDER` (in Python: "
        "open_registry(uri, create=True)), or give the folder that holds `_registry.json`."
    )
