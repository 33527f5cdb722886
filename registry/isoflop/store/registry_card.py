"""What a registry shows of itself: counts from the log of each table, no curve is read."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from isoflop.display.card import Card, Number, Tone
from isoflop.display.result_cards import counted_flags
from isoflop.display.table_cards import counted_kinds
from isoflop.records import REFERENCE_KIND
from isoflop.schema import CURVES, EVENTS, FINDINGS, FITS, METRICS, RUNS, SCORES
from isoflop.store.events import REPORT_KIND
from isoflop.store.inbox import waiting
from isoflop.store.standing import FLAG_COLUMNS, standing
from isoflop.store.views import without_deleted
from isoflop.words import moment, plural

if TYPE_CHECKING:
    from isoflop.errors import RegistryError
    from isoflop.store.location import Location
    from isoflop.store.stored import StoredTables

_COUNTED = ((CURVES, "curve points"), (METRICS, "metric points"), (SCORES, "scores"),
            (FITS, "fits"))  # fmt: skip


def registry_card(location: Location, stored: StoredTables) -> Card:
    """Return the card of a registry: what is in it, what stands flagged, what waits.

    Raises `RegistryError` where a table cannot be read.
    """
    runs, published = _runs(stored)
    flags, facts = _flags(stored)
    waits = _waiting(location)
    tone: Tone = "bad" if flags["severe"] else "caution" if flags["clear"] or waits else "neutral"
    past = [f"as of versions {dict(stored.pinned)}"] if stored.pinned is not None else []
    return Card(
        title=f"Registry {location.uri}",
        verdict=_verdict(runs, published),
        status=counted_flags(flags.elements()),
        tone=tone,
        checks=[(text, False) for text in waits],
        facts=[*past, *facts],
        numbers=[Number(name=name, text=f"{stored.n_rows(schema):,}") for schema, name in _COUNTED],
    )


def unreadable_card(location: Location, error: RegistryError) -> Card:
    """Return the card of a registry that cannot be read: showing a thing raises nothing."""
    title = f"Registry {location.uri}"
    return Card(title=title, verdict=str(error), status="cannot be read", tone="bad")


def _runs(stored: StoredTables) -> tuple[pa.Table, pa.Table]:
    """Return family and kind of the user's runs, and those of published models."""
    columns = ["family", "source_kind", "lifecycle"]
    facts = without_deleted(stored.dataset(RUNS).to_table(columns))
    known = pc.fill_null(pc.equal(facts.column("source_kind"), REFERENCE_KIND), False)
    return facts.filter(pc.invert(known)), facts.filter(known)


def _verdict(runs: pa.Table, published: pa.Table) -> str:
    if not runs.num_rows and not published.num_rows:
        return "no runs yet; `isoflop.collect(SOURCE, registry)` gathers some"
    families = counted_kinds(runs.column("family"), "family", "families")
    yours = plural(runs.num_rows, "run") + (f" of {families}" if families else "")
    beside = plural(published.num_rows, "published model")
    return f"{yours}; {beside} to compare with" if published.num_rows else yours


def _flags(stored: StoredTables) -> tuple[Counter[str], list[str]]:
    """Return the flags that stand, by severity, and when the last report was made."""
    events = stored.dataset(EVENTS).to_table(["kind", "created_at"])
    made = events.filter(pc.equal(events.column("kind"), REPORT_KIND)).column("created_at")
    last = pc.max(made).as_py()
    if last is None:
        return Counter(), ["no report yet; `isoflop report` makes one"]
    columns = [*FLAG_COLUMNS, "state", "severity", "created_at"]
    rows = stored.dataset(FINDINGS).to_table(columns).sort_by("created_at").to_pylist()
    flags = Counter(row["severity"] or "info" for row in standing(rows))
    return flags, [f"last report {moment(last)}: {plural(flags.total(), 'flag')} standing"]


def _waiting(location: Location) -> list[str]:
    """Return what is not in the tables: drops that wait, and what folds set aside."""
    n_drops = len(waiting(location)) if location.inbox.is_dir() else 0
    n_aside = sum(1 for _ in location.quarantine.glob("*.reason.json"))
    said = [f"{plural(n_drops, 'drop')} in the inbox; fold() takes them in"] if n_drops else []
    if n_aside:
        said.append(f"{plural(n_aside, 'file')} set aside; quarantined() says why")
    return said
