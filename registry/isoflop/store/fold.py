"""The fold: drops into tables, exactly once.

A fold may be killed anywhere and two may run at once. Three rules make that safe: a row is taken
only if its `rev` is newer than what is there, so a drop folded twice changes nothing; every commit
of a table is refused if another fold committed since it was planned, and planned anew; a drop is
deleted only after all its tables are committed and flushed.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from isoflop.errors import QuarantineWarning, RegistryError
from isoflop.schema import CURVES, EVENTS, METRICS, SCORES, SOURCES, TABLES
from isoflop.store.arrange import arrange
from isoflop.store.delta import dataset, ensure_table, open_table
from isoflop.store.drops import LEDGER_TABLES
from isoflop.store.events import event, event_rows
from isoflop.store.inbox import Drop, read_batches, row_faults
from isoflop.store.location import Location, commit_obstacle
from isoflop.store.merge import Merged, merge_rows, merge_series
from isoflop.store.quarantine import Quarantined, event_id, set_aside_file, set_aside_rows
from isoflop.store.relinking import heal, relink
from isoflop.words import plural

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from isoflop.plugin_host import PluginHost
    from isoflop.schema import TableSchema


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldReceipt:
    """What a fold did.

    Parameters
    ----------
    n_drops : int
        Drops that went in. [1]
    n_runs_new, n_runs_changed : int
        Runs that the registry did not know, and runs read anew. [1]
    n_quarantined : int
        Files and rows set aside. [1]
    quarantined : tuple of (str, str)
        File in the quarantine, and the reason.
    versions : mapping of str to int
        Version of each table afterwards.
    """

    n_drops: int
    n_runs_new: int
    n_runs_changed: int
    n_quarantined: int
    quarantined: tuple[tuple[str, str], ...]
    versions: dict[str, int]


@dataclass(slots=True)
class _Tally:
    n_drops: int = 0
    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    aside: list[Quarantined] = field(default_factory=list)


def fold(location: Location, *, host: PluginHost | None = None) -> FoldReceipt:
    """Merge the drops of the inbox into the tables.

    Parameters
    ----------
    location : Location
        The registry.
    host : PluginHost or None
        Told of every run that is new or changed.

    Raises
    ------
    RegistryError
        The tables cannot be written; every drop that is not in yet stays in the inbox.

    Warns
    -----
    QuarantineWarning
        Something was set aside; the rest went in.
    """
    why_not = commit_obstacle(location)
    if why_not:
        raise RegistryError(f"{location.uri!r} cannot be folded: {why_not}")
    for schema in TABLES.values():
        ensure_table(location, schema)
    tally = _Tally()
    for batch in read_batches(location):
        _fold_batch(location, batch, tally)
    _count(tally, heal(location))
    if tally.n_drops or tally.aside:
        merge_rows(location, EVENTS, _events(location, tally))
        for schema in TABLES.values():
            arrange(location, schema)
    _tell(location, tally, host)
    return FoldReceipt(
        n_drops=tally.n_drops,
        n_runs_new=len(tally.new),
        n_runs_changed=len(tally.changed),
        n_quarantined=len(tally.aside),
        quarantined=tuple((q.file, q.reason) for q in tally.aside),
        versions=versions(location),
    )


def versions(location: Location) -> dict[str, int]:
    """Return the newest version of each table that was ever written."""
    tables = {name: open_table(location, name) for name in TABLES}
    return {name: int(t.version()) for name, t in tables.items() if t is not None}


def _fold_batch(location: Location, batch: list[Drop], tally: _Tally) -> None:
    for drop in batch:
        _judge(location, drop, tally)
    drops = [d for d in batch if "sources" in d.tables and d.tables["sources"].num_rows]
    if drops:
        _fold_sources(location, drops, tally)
    for name in LEDGER_TABLES:
        rows = _together([d.tables[name] for d in batch if name in d.tables])
        if rows is not None:
            merge_rows(location, TABLES[name], rows)
    for drop in batch:
        tally.n_drops += bool(drop.files)
        for path in drop.files:
            path.unlink(missing_ok=True)


def _judge(location: Location, drop: Drop, tally: _Tally) -> None:
    """Set aside what cannot be kept of a drop."""
    import pyarrow as pa

    missing = [path for path, _ in drop.faults if not path.exists()]
    if missing and _is_folded(location, drop):
        # A fold was killed while it deleted this drop: everything is in.
        drop.faults = [(p, why) for p, why in drop.faults if p not in missing]
        drop.tables.clear()
    for path, reason in drop.faults:
        item = set_aside_file(location, path, reason)
        item = item or Quarantined(file=path.name, reason=reason)
        tally.aside.append(item)
    sources = drop.tables.get("sources")
    if sources is None:
        return
    if drop.faults:
        # Without a digest the next collection reads these sources again and heals them.
        sources = _blanked(sources, "source_digest")
    reasons = row_faults(sources)
    bad = [i for i, reason in enumerate(reasons) if reason]
    if bad:
        rows = sources.take(bad)
        tally.aside += set_aside_rows(location, drop.stem, rows, [reasons[i] for i in bad])
        sources = sources.filter(pa.array([not reason for reason in reasons], pa.bool_()))
        _keep_only(drop, sources.column("source_uid"))
    drop.tables["sources"] = sources


def _is_folded(location: Location, drop: Drop) -> bool:
    """Return whether `sources` holds every row of a drop in this or a newer reading."""
    rows = drop.tables.get("sources")
    if rows is None:
        return True
    known = {row["run_uid"]: row["rev"] for row in _known(location, _heads([rows])).to_pylist()}
    pairs = zip(rows.column("source_uid").to_pylist(), rows.column("rev").to_pylist(), strict=True)
    return all(known.get(uid, -1) >= rev for uid, rev in pairs)


def _blanked(rows: pa.Table, name: str) -> pa.Table:
    import pyarrow as pa

    at = rows.column_names.index(name)
    return rows.set_column(at, rows.field(at), pa.nulls(rows.num_rows, rows.field(at).type))


def _keep_only(drop: Drop, uids: pa.ChunkedArray) -> None:
    for name, table in drop.tables.items():
        if name != "sources":
            drop.tables[name] = table.filter(_among(table.column("run_uid"), uids))


def _among(column: pa.ChunkedArray, uids: pa.ChunkedArray) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.is_in(column.cast(pa.string()), uids.combine_chunks().cast(pa.string()))


def _fold_sources(location: Location, drops: list[Drop], tally: _Tally) -> None:
    """Fold drops of sources: points first, then `sources` as the marker, then what follows: `runs`.

    A fold that is killed before the last step folds the drop again, and `relink` works on every
    source of the drop, new or not.
    """
    heads = _heads([d.tables["sources"] for d in drops])
    for schema in (CURVES, METRICS):
        merge_series(
            location,
            schema,
            heads=heads,
            known=lambda: _known(location, heads),
            points=_points_of(drops, schema),
        )
    scores = _together([d.tables["scores"] for d in drops if "scores" in d.tables])
    if scores is not None:
        merge_rows(location, SCORES, scores)
    rows = _together([d.tables["sources"] for d in drops])
    assert rows is not None
    merge_rows(location, SOURCES, rows)
    _count(tally, relink(location, rows.column("source_uid").to_pylist()))


def _count(tally: _Tally, merged: Merged | None) -> None:
    if merged is not None:
        tally.new += merged.inserted
        tally.changed += merged.changed


def _heads(sources: list[pa.Table]) -> pa.Table:
    """Return `run_uid`, `rev`, `writer_id` of readings, the source's id as points carry it."""
    import pyarrow as pa

    named = ["source_uid", "rev", "writer_id"]
    heads = pa.concat_tables([table.select(named) for table in sources])
    return heads.rename_columns(["run_uid", "rev", "writer_id"])


def _known(location: Location, heads: pa.Table) -> pa.Table:
    """Return the readings that `sources` holds of some sources."""
    import pyarrow.dataset as pads

    uids = heads.column("run_uid").combine_chunks()
    named = ["source_uid", "rev", "writer_id"]
    there = dataset(location, SOURCES).to_table(named, filter=pads.field("source_uid").isin(uids))
    return there.rename_columns(heads.column_names).cast(heads.schema).replace_schema_metadata(None)


def _points_of(drops: list[Drop], schema: TableSchema) -> Any:
    """Return the function that picks the points of the readings that win."""
    from isoflop.store.columns import file_schema

    def points(wins: NDArray[Any]) -> pa.Table:
        parts, start = [], 0
        for drop in drops:
            sources = drop.tables["sources"]
            won = wins[start : start + sources.num_rows]
            start += sources.num_rows
            if schema.name in drop.tables and won.any():
                rows = drop.tables[schema.name]
                if not won.all():
                    kept = sources["source_uid"].filter(won)
                    rows = rows.filter(_among(rows.column("run_uid"), kept))
                parts.append(rows)
        rows = _together(parts)
        return file_schema(schema).empty_table() if rows is None else rows

    return points


def _together(tables: list[pa.Table]) -> pa.Table | None:
    """Return tables one after the other; a column that one lacks is null there."""
    import pyarrow as pa

    if not tables:
        return None
    return pa.concat_tables(tables, promote_options="permissive")


def _events(location: Location, tally: _Tally) -> pa.Table:
    now = datetime.now(UTC)
    rows = [
        event("quarantine", f"{q.file}: {q.reason}", at=now, event_id=event_id(q))
        for q in tally.aside
    ]
    drops = plural(tally.n_drops, "drop")
    message = f"{drops}: {len(tally.new)} runs new, {len(tally.changed)} changed."
    counts = {"n_drops": tally.n_drops}
    rows.append(event("fold", message, at=now, inputs=counts, outputs=versions(location)))
    return event_rows(rows)


def _tell(location: Location, tally: _Tally, host: PluginHost | None) -> None:
    if tally.aside:
        first = tally.aside[0]
        warnings.warn(
            f"{len(tally.aside)} set aside while folding {location.uri!r}; the first: "
            f"{first.file}: {first.reason}. See the folder `_quarantine`.",
            QuarantineWarning,
            stacklevel=4,
        )
    if host is not None:
        for uid in dict.fromkeys([*tally.new, *tally.changed]):
            host.notify("isoflop_run_stored", run_uid=uid, registry_uri=location.uri)
