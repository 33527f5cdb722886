"""Events: what was done to a registry and with it, as rows of the table `events`."""

from __future__ import annotations

import json
import os
import socket
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import isoflop
from isoflop.schema import EVENTS

if TYPE_CHECKING:
    import pyarrow as pa

    from isoflop.store.registry import Registry

REPORT_KIND = "report"
"""Of the event that a recorded report leaves."""


def event(
    kind: str,
    message: str,
    *,
    inputs: Mapping[str, Any] | None = None,
    outputs: Mapping[str, Any] | None = None,
    at: datetime | None = None,
    event_id: str = "",
) -> dict[str, Any]:
    """Return an event of this process.

    Parameters
    ----------
    kind : str
        What happened, in one word.
    message : str
        The same for people, in one sentence; everybody who reads the registry reads it.
    inputs, outputs : mapping or None
        What programs read back, as JSON holds it.
    at : datetime or None
        When; the present by default.
    event_id : str
        Its id where the same event must not be there twice; a new one by default.
    """
    return {
        "event_id": event_id or uuid.uuid4().hex,
        "created_at": at or datetime.now(UTC),
        "kind": kind,
        "producer": f"isoflop {isoflop.__version__}",
        "writer_id": f"{socket.gethostname()}-{os.getpid()}",
        "inputs": None if inputs is None else json.dumps(inputs),
        "outputs": None if outputs is None else json.dumps(outputs),
        "message": message,
    }


def event_rows(events: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return events as rows of the table."""
    import pyarrow as pa

    return pa.Table.from_pylist([dict(row) for row in events], schema=EVENTS.to_arrow())


def keep_event(registry: Registry, told: Mapping[str, Any]) -> None:
    """Write an event into a registry; raises `RegistryError` where it cannot be written."""
    registry.writer().drop_table("events", event_rows([told]))
    registry.fold()
