"""The pull: runs of a source that the registry does not hold yet, or holds as they were before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import Protocol

from isoflop.hookspecs import CollectRequest
from isoflop.records import MetricSeries, RawRun
from isoflop_plugins.mlflow_pull.headers import RunHeader, is_report, moment, raw_run
from isoflop_plugins.mlflow_pull.sources import Location, locate


class Reader(Protocol):
    """Reads runs from one place."""

    def headers(self, run_ids: Sequence[str] | None = None) -> Iterator[list[RunHeader]]:
        """Yield runs without history, a list at a time; None for all, oldest first."""

    def count_points(self, run_ids: Sequence[str]) -> Mapping[str, int] | None:
        """Return points per run; None where that costs as much as reading them."""

    def histories(self, headers: Sequence[RunHeader]) -> Iterator[Mapping[str, MetricSeries]]:
        """Yield the whole history of each run, in the order of the headers."""

    def close(self) -> None:
        """Close what was opened."""


def collect(request: CollectRequest) -> Iterator[RawRun]:
    """Yield the new and changed runs of a source.

    A run counts as changed when its header differs (status, times, lifecycle, name, params, tags,
    inputs, latest point of each metric) or, in databases and folders, when its number of points
    does. A server does not tell the number of points: there, a point that comes late at a smaller
    step than the newest is read with the next change of the run, or when everything is read again.

    Raises `CollectError` where the source cannot be read.
    """
    for location in locate(request.source):
        with closing(open_reader(location)) as reader:
            yield from _changed(reader, location, request)


def open_reader(location: Location) -> Reader:
    """Return the reader for a place."""
    if location.kind == "server":
        from isoflop_plugins.mlflow_pull.server import connect
        from isoflop_plugins.mlflow_pull.server_reading import ServerReader

        return ServerReader(connect(location))
    if location.kind == "folder":
        from isoflop_plugins.mlflow_pull.folder_reading import FolderReader

        return FolderReader(location.address)
    from isoflop_plugins.mlflow_pull.database import open_database
    from isoflop_plugins.mlflow_pull.database_reading import DatabaseReader

    return DatabaseReader(open_database(location))


def _changed(reader: Reader, location: Location, request: CollectRequest) -> Iterator[RawRun]:
    n_seen = n_read = 0
    for headers in reader.headers():
        n_seen += len(headers)
        recent = [h for h in headers if not (is_report(h) or _ended_before(h, request.since))]
        news = _news(reader, recent, request.known)
        new = {header.run_id for header in news}
        request.unchanged([h.run_id for h in recent if h.run_id not in new])
        for header, metrics in zip(news, reader.histories(news), strict=True):
            yield raw_run(header, metrics, location.shown)
            n_read += 1
            request.progress(n_read, None, f"runs read from {location.shown}")
        request.progress(n_read, None, f"runs read, {n_seen:,} looked at in {location.shown}")


def _news(
    reader: Reader, headers: Sequence[RunHeader], known: Mapping[str, str]
) -> list[RunHeader]:
    digests = {h.run_id: h.digest() for h in headers if h.run_id in known}
    held = {run: known[run].rpartition(".") for run in digests}
    same = [run for run, digest in digests.items() if held[run][0] == digest]
    counts = reader.count_points(same) if same else {}
    if counts is not None:
        same = [run for run in same if held[run][2] == str(counts.get(run, 0))]
    unchanged = set(same)
    return [header for header in headers if header.run_id not in unchanged]


def _ended_before(header: RunHeader, since: datetime | None) -> bool:
    ended = moment(header.end_ms)
    return since is not None and ended is not None and ended < since
