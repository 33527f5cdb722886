"""Notices that could not be delivered are kept in `events` and sent with the next report.

Kept are the words, and each address as messages name it ("address 2 (mailto)"), never itself.
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
from isoflop.store.events import event, keep_event
from isoflop.words import moment

if TYPE_CHECKING:
    from isoflop.plugin_host import PluginHost
    from isoflop.store import Registry

EVENT_KIND = "notice"


def owe(registry: Registry, notice: Notice, failed: Sequence[str]) -> list[str]:
    """Keep a notice for the addresses that did not take it; return why that cannot be done."""
    words = {"title": notice.title, "body": notice.body, "is_problem": notice.is_problem}
    owed = {"id": uuid.uuid4().hex, "to": list(failed), **words}
    return _keep(registry, owed, f"Not delivered: {notice.title}")


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
            told = {"id": owed["id"], "to": left}
            problems += _keep(registry, told, f"Delivered late: {owed['title']}")
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


def _keep(registry: Registry, outputs: Mapping[str, Any], message: str) -> list[str]:
    try:
        keep_event(registry, event(EVENT_KIND, message, outputs=outputs))
    except RegistryError as error:
        return [f"The registry could not keep which notices are delivered: {error}"]
    return []
