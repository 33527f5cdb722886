"""Builds the index of runs from the registry and from what this MLflow server knows of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.records import REFERENCE_KIND
from isoflop_plugins.page.addresses import run_page_elsewhere, run_page_here
from isoflop_plugins.page.visibility import (
    MLFLOW_KIND,
    RunIndex,
    SourceOfRun,
    digest,
    experiments_needed,
)

if TYPE_CHECKING:
    from isoflop.store import Registry

Homes = Callable[[Collection[str]], Mapping[str, str]]
"""Returns, of ids of MLflow runs, those that this server holds and did not delete, with the id of
their experiment."""

_RUNS = f"""
    SELECT run_uid, source_kind, native_run_id, source_uri, experiment, family, created_at
    FROM runs
    WHERE coalesce(lifecycle, 'active') <> 'deleted' AND source_kind <> '{REFERENCE_KIND}'
    ORDER BY created_at, run_uid
"""  # noqa: S608 - a word of our own
_SOURCES = """
    SELECT coalesce(l.run_uid, s.source_uid) AS run_uid, s.source_kind, s.native_run_id,
        s.source_uri, s.links
    FROM sources s LEFT JOIN links l ON l.source_uid = s.source_uid
    ORDER BY s.trust, s.source_uid
"""
_CLAIM = "id:mlflow:"

Row = Mapping[str, Any]


def build_index(registry: Registry, homes: Homes | None, *, prefix: str = "") -> RunIndex:
    """Read the runs of a registry, and where they live on this server.

    Parameters
    ----------
    registry : Registry
        Read only, at the versions it has now.
    homes : Homes or None
        This server's own store; None where there is no server: then nobody but those who see all
        sees a run, and links lead to the servers that the runs were read from.
    prefix : str
        Static prefix of this server.
    """
    versions = registry.versions()
    registry = registry.as_of(versions)
    runs = registry.sql(_RUNS).to_arrow().to_pylist()
    sources = _by_run(registry, runs)
    mlflow = (s for told in sources.values() for s in told if _is_mlflow(s))
    asked = frozenset(s["native_run_id"] for s in mlflow)
    found = homes(asked) if homes and asked else {}
    needs, group = _groups([sources[r["run_uid"]] for r in runs], found)
    return RunIndex(
        digest=_digest(registry.registry_id, versions, needs, group),
        versions=versions,
        registry_id=registry.registry_id,
        uids=_texts(runs, "run_uid"),
        experiments=_texts(runs, "experiment"),
        families=_texts(runs, "family"),
        days=np.array([_day(r["created_at"]) for r in runs], dtype="datetime64[D]"),
        group=group,
        needs=needs,
        links=_links(sources, found, prefix=prefix, is_server=homes is not None),
        asked=asked,
        homes=found,
    )


def _by_run(registry: Registry, runs: list[dict[str, Any]]) -> dict[str, list[Row]]:
    """Return the sources of each run; a run of an old registry is its own source."""
    told: dict[str, list[Row]] = {}
    for row in registry.sql(_SOURCES).to_arrow().to_pylist():
        told.setdefault(row["run_uid"], []).append(row)
    return {r["run_uid"]: told.get(r["run_uid"]) or [r] for r in runs}


def _is_mlflow(source: Row) -> bool:
    return source["source_kind"] == MLFLOW_KIND and bool(source["native_run_id"])


def _groups(
    runs: list[list[Row]], homes: Mapping[str, str]
) -> tuple[tuple[frozenset[str], ...], np.ndarray[Any, np.dtype[np.int64]]]:
    needs: dict[frozenset[str], int] = {}
    group = np.full(len(runs), -1, dtype=np.int64)
    for index, sources in enumerate(runs):
        needed = experiments_needed([_source(s) for s in sources], homes)
        if needed is not None:
            group[index] = needs.setdefault(needed, len(needs))
    return tuple(needs), group


def _source(row: Row) -> SourceOfRun:
    return SourceOfRun(
        kind=row["source_kind"] or "",
        native_id=row["native_run_id"] or "",
        claims=_claims(row.get("links")),
    )


def _claims(text: str | None) -> frozenset[str]:
    try:
        links = json.loads(text or "[]")
    except ValueError:
        return frozenset()
    said = (link for link in links if isinstance(link, str)) if isinstance(links, list) else ()
    return frozenset(link.removeprefix(_CLAIM) for link in said if link.startswith(_CLAIM))


def _links(
    sources: Mapping[str, list[Row]], homes: Mapping[str, str], *, prefix: str, is_server: bool
) -> dict[str, str]:
    links = {}
    for uid, told in sources.items():
        for row in filter(_is_mlflow, told):
            run = row["native_run_id"]
            if run in homes:
                links[uid] = run_page_here(prefix, homes[run], run)
                break
            if not is_server and (page := run_page_elsewhere(row["source_uri"] or "", run)):
                links[uid] = page
                break
    return links


def _texts(rows: list[dict[str, Any]], name: str) -> np.ndarray[Any, np.dtype[np.object_]]:
    return np.array([row[name] or "" for row in rows], dtype=object)


def _day(moment: Any) -> Any:
    return np.datetime64("NaT") if moment is None else moment.date()


def _digest(
    registry_id: str,
    versions: Mapping[str, int],
    needs: tuple[frozenset[str], ...],
    group: np.ndarray[Any, np.dtype[np.int64]],
) -> str:
    told = json.dumps([sorted(versions.items()), [sorted(need) for need in needs]])
    return digest(registry_id, told, group.tobytes().hex())
