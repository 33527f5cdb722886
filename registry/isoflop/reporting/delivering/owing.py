"""Notices are owed to their addresses before they are sent, and sent later where that failed.

What is owed is kept in `events`: the words, and each address as messages name it ("address 2
(mailto)"), never itself. A process that is killed while it sends loses none; an address that took
the notice just before gets it again.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from isoflop.errors import RegistryError
from isoflop.hookspecs import Notice
from isoflop.reporting.delivering.sending import send
from isoflop.reporting.delivering.targets import shown_target
from isoflop.reporting.ledger import rows_of
from isoflop.store.events import event, event_rows, keep_event
from isoflop.words import moment, plural

if TYPE_CHECKING:
    from isoflop.plugin_host import PluginHost
    from isoflop.store import Registry

EVENT_KIND = "notice"


def owe(registry: Registry, notice: Notice, targets: Sequence[str]) -> tuple[str, list[str]]:
    """Drop a notice as owed to all addresses; the fold of its report takes it in.

    Returns
    -------
    tuple of str and list of str
        What it is called, empty where it cannot be kept; and why it cannot.
    """
    words = {"title": notice.title, "body": notice.body, "is_problem": notice.is_problem}
    owed = {"id": uuid.uuid4().hex, "to": [shown_target(t, targets) for t in targets], **words}
    told = event(EVENT_KIND, f"To deliver: {notice.title}", outputs=owed)
    try:
        registry.writer().drop_table("events", event_rows([told]))
    except RegistryError as error:
        return "", [_unkept(error)]
    return str(owed["id"]), []


def settle(registry: Registry, owed: str, *, title: str, left: Sequence[str]) -> list[str]:
    """Keep who still waits for an owed notice; return why that cannot be done."""
    missed = f"Not delivered to {plural(len(left), 'address', 'addresses')}"
    message = f"{missed if left else 'Delivered'}: {title}"
    try:
        keep_event(registry, event(EVENT_KIND, message, outputs={"id": owed, "to": list(left)}))
    except RegistryError as error:
        return [_unkept(error)]
    return []


def pay(registry: Registry, targets: Sequence[str], host: PluginHost) -> list[str]:
    """Send what is owed, oldest first; return a sentence for each address that does not take it.

    Each address gets a notice once; one that fails is not tried again for the next notice, and one
    that is no longer among the targets waits.
    """
    known = {shown_target(target, targets): target for target in targets}
    problems: list[str] = []
    for owed, at in _unpaid(registry):
        due = [name for name in owed["to"] if name in known]
        if not due:
            continue
        sent = send(_late(owed, at), [known[name] for name in due], host, among=targets)
        again = "A notice of an earlier report is still not delivered"
        problems += [f"{again}. {problem}" for problem in sent.problems]
        for name in sent.failed:
            del known[name]
        if sent.n_told:
            left = [name for name in owed["to"] if name not in due or name in sent.failed]
            problems += settle(registry, owed["id"], title=owed["title"], left=left)
    return problems


def _late(owed: Mapping[str, Any], at: datetime) -> Notice:
    body = f"Not delivered on {moment(at)}.\n\n{owed['body']}"
    return Notice(title=owed["title"], body=body, is_problem=owed["is_problem"])


def _unpaid(registry: Registry) -> list[tuple[dict[str, Any], datetime]]:
    """Return what is owed and since when; a later event of one id says who still waits."""
    unpaid: dict[str, tuple[dict[str, Any], datetime]] = {}
    for row in rows_of(registry.events()):
        if row["kind"] == EVENT_KIND:
            told = json.loads(row["outputs"])
            owed, at = unpaid.get(told["id"], ({}, row["created_at"]))
            unpaid[told["id"]] = (owed | told, at)
    return [(owed, at) for owed, at in unpaid.values() if owed["to"]]


def _unkept(error: RegistryError) -> str:
    return f"The registry could not keep which notices are delivered: {error}"
