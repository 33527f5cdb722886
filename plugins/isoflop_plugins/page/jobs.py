"""What is to be computed for a page, and the names under which it is kept."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import entry_points
from typing import Any

from isoflop_plugins.page.views import Choices, Filters
from isoflop_plugins.page.visibility import Viewer, digest

VIEWER_TOKEN = "isoflop-viewer-4b1d9e62"  # noqa: S105 - not a secret: stands for a name
"""Stands in a kept page where the viewer's name belongs: pages are shared, names are not."""

FOLD = "fold-"
"""Beginning of the names of jobs that compute no page but fold a registry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One page to compute.

    Parameters
    ----------
    registry : str
        Address of the registry.
    versions : mapping of str to int
        Versions of its tables to read.
    base, viewer, note : str
        As in `View`; the viewer is `VIEWER_TOKEN` where one logs in.
    filters : Filters
        What was asked.
    choices : Choices
        What can be asked.
    links : mapping of str to str
        Addresses of run pages, of chosen runs only.
    only : tuple of str or None
        Chosen runs; None for all.
    is_ordinary : bool
        True where the viewer is no administrator: then nothing tells of this machine.
    """

    registry: str
    versions: Mapping[str, int]
    base: str
    viewer: str = ""
    note: str = ""
    filters: Filters = field(default_factory=Filters)
    choices: Choices = field(default_factory=Choices)
    links: Mapping[str, str] = field(default_factory=dict)
    only: tuple[str, ...] | None = None
    is_ordinary: bool = False

    def to_json(self) -> str:
        """Return the job as text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        """Return the job of a text that `to_json` wrote."""
        told: dict[str, Any] = json.loads(text)
        told["filters"] = Filters(**told["filters"])
        told["choices"] = Choices(**{name: tuple(v) for name, v in told["choices"].items()})
        told["only"] = None if told["only"] is None else tuple(told["only"])
        return cls(**told)


def slot_of(*, registry: str, base: str, viewer: Viewer, scope: str, filters: Filters) -> str:
    """Return the name of a page whatever the state of the data: 32 hexadecimal digits.

    Two viewers share a slot only where they may see the same experiments, so an older page of a
    slot never shows what somebody must not see.
    """
    kind = "login" if viewer.name else "open"
    asked = json.dumps(asdict(filters))
    return digest(registry, base, kind, scope, asked, _software())


def fold_slot(registry: str) -> str:
    """Return the name of the job that folds what waits in the inbox of a registry."""
    return f"{FOLD}{digest(registry)}"


def state_of(index_digest: str) -> str:
    """Return the name of the state of the data: another day is another state.

    What a report says depends on the day: a silent run becomes stale.
    """
    return digest(index_digest, datetime.now(UTC).date().isoformat())


@functools.cache
def _software() -> str:
    """Return the versions of isoflop and of every plugin."""
    from isoflop import __version__

    plugins = {
        f"{point.name} {point.value} {point.dist.version if point.dist else ''}"
        for point in entry_points(group="isoflop")
    }
    return " ".join((__version__, *sorted(plugins)))
