"""Collects the sources of a report again; one that cannot be read does not stop the report."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from isoflop.errors import CollectError

if TYPE_CHECKING:
    from isoflop.gathering.remembering import KnownSource
    from isoflop.plugin_host import PluginHost
    from isoflop.progress import Progress
    from isoflop.store import Registry


def collect_again(
    registry: Registry,
    sources: Sequence[str] | None,
    *,
    host: PluginHost,
    progress: Progress | None = None,
) -> list[str]:
    """Collect what is new, and return a sentence for each source that could not be read.

    Parameters
    ----------
    registry : Registry
        Where the runs are kept.
    sources : sequence of str or None
        None for those that were collected before; empty for nothing.
    host : PluginHost
        Collectors.
    progress : callable (done, total, words) or None
        Called now and then.
    """
    from isoflop.collection import collect
    from isoflop.gathering.remembering import known_source, remembered_sources

    known = remembered_sources(registry) if sources is None else [known_source(s) for s in sources]
    given = [k.address for k in known] if sources is None else list(sources)
    problems = []
    for source, kept in zip(given, known, strict=True):
        try:
            collect(source, registry, host=host, progress=progress)
        except CollectError as error:
            advice = _advice(kept) if sources is None else ""
            problems.append(f"The source {kept.address!r} could not be read: {error}{advice}")
    return problems


def _advice(source: KnownSource) -> str:
    if source.had_credentials:
        return (
            " It was first given with credentials, which isoflop does not keep: set them in the "
            "environment that its collector reads, or the whole address in ISOFLOP_COLLECT."
        )
    return f" If it is gone for good: `isoflop collect --forget {shlex.quote(source.address)}`."
