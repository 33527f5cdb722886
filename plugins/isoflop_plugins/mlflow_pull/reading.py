"""Runs of a tracking store by id: what a live observer calls, through the same readers as pull."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from isoflop.credentials import without_credentials
from isoflop.errors import CollectError
from isoflop.records import RawRun
from isoflop_plugins.mlflow_pull.headers import is_report, raw_run
from isoflop_plugins.mlflow_pull.pulling import Reader


def read_runs_from_store(store: Any, run_ids: Sequence[str], *, source_uri: str) -> list[RawRun]:
    """Return runs of an MLflow tracking store, equal to what a pull of them gives.

    Parameters
    ----------
    store : mlflow.store.tracking.AbstractStore
        A `SqlAlchemyStore`, read through its engine, or a `RestStore`, read by HTTP; subclasses
        too.
    run_ids : sequence of str
        Runs to read; one that does not exist (any more) is left out.
    source_uri : str
        Where the store is; credentials are stripped.

    Raises
    ------
    CollectError
        The store cannot be read, or is of another kind.
    """
    shown = without_credentials(source_uri)
    with closing(reader_of_store(store, shown)) as reader:
        return [
            raw_run(header, metrics, shown)
            for headers in reader.headers(run_ids)
            for header, metrics in zip(headers, reader.histories(headers), strict=True)
            if not is_report(header)
        ]


def reader_of_store(store: Any, shown: str) -> Reader:
    """Return the reader for a store object; raises `CollectError` for one of another kind."""
    if hasattr(store, "engine"):
        from isoflop_plugins.mlflow_pull.database import from_engine
        from isoflop_plugins.mlflow_pull.database_reading import DatabaseReader

        return DatabaseReader(from_engine(store.engine, shown=shown))
    if hasattr(store, "get_host_creds"):
        from isoflop_plugins.mlflow_pull.server import Server
        from isoflop_plugins.mlflow_pull.server_reading import ServerReader

        return ServerReader(Server(store.get_host_creds, shown=shown))
    raise CollectError(
        f"Runs cannot be read from a {type(store).__name__!r} at {shown!r}: it is neither a "
        "database nor an HTTP store. Collect them from the tracking URI instead.",
        source=shown,
    )
