"""The tables of a registry at one version, points and scores of sources under their runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from isoflop.schema import LINKS, RUNS, SCORES, SOURCES, TABLES, TableSchema
from isoflop.store import views
from isoflop.store.delta import dataset, n_rows
from isoflop.store.explanation import SHORTEST_ID
from isoflop.store.location import Location
from isoflop.store.source_views import first_of_key, linked_views, of_runs, sources_of
from isoflop.store.sql import SqlResult, query

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as pads


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTables:
    """What a registry holds, at its newest version or at a pinned one.

    Parameters
    ----------
    location : Location
        The registry.
    pinned : mapping of str to int or None
        Version of each table; None for the newest.
    """

    location: Location
    pinned: Mapping[str, int] | None = None

    def dataset(self, schema: TableSchema, version: int | None = None) -> pads.Dataset:
        """Return a table as an Arrow dataset; nothing is read yet."""
        if version is None and self.pinned is not None:
            if schema.name not in self.pinned:
                import pyarrow.dataset as pads

                return pads.dataset(schema.to_arrow().empty_table())
            version = self.pinned[schema.name]
        return dataset(self.location, schema, version)

    def n_rows(self, schema: TableSchema) -> int:
        """Return how many rows a table has, from its log alone."""
        version = None if self.pinned is None else self.pinned.get(schema.name, -1)
        return 0 if version == -1 else n_rows(self.location, schema, version)

    def all(self) -> dict[str, pads.Dataset]:
        """Return every table by name."""
        return {name: self.dataset(schema) for name, schema in TABLES.items()}

    def links(self) -> pa.Table:
        """Return which sources are one run; a source that is alone is not among them."""
        return self.dataset(LINKS).to_table()

    def points(
        self,
        schema: TableSchema,
        runs: Sequence[str] | None,
        *,
        version: int | None = None,
        names: Iterable[str] | None = None,
        beside: Sequence[str] = (),
    ) -> tuple[pa.Table, pa.Table]:
        """Return points of runs in order, and columns of runs to put beside them."""
        facts = self.dataset(RUNS).to_table(["run_uid", "lifecycle", *beside])
        active = views.without_deleted(facts)
        links = self.links()
        chosen = None
        # Where nothing is deleted or linked, the points of all runs are simply all points.
        if runs is not None or links.num_rows or active.num_rows < facts.num_rows:
            asked = active.column("run_uid").to_pylist() if runs is None else runs
            chosen = among("run_uid", sources_of(links, asked, roles=("lead", "segment")))
        if names is not None:
            named = among("name", names)
            chosen = named if chosen is None else chosen & named
        table = self._under_runs(self.dataset(schema, version).to_table(filter=chosen), schema)
        return table.sort_by([(name, "ascending") for name in schema.key]), facts

    def scores(self, version: int | None = None) -> pa.Table:
        """Return the scores of runs that are not deleted, in order."""
        import pyarrow.compute as pc

        facts = self.dataset(RUNS).to_table(["run_uid", "lifecycle"])
        table = self._under_runs(self.dataset(SCORES, version).to_table(), SCORES)
        active = views.without_deleted(facts).column("run_uid")
        if len(active) < facts.num_rows:
            table = table.filter(pc.is_in(table.column("run_uid"), active.combine_chunks()))
        return table.sort_by([(name, "ascending") for name in SCORES.key])

    def sql(self, text: str) -> SqlResult:
        """Return what a SELECT gives, points and scores under their runs."""
        tables = self.all()
        if not tables[LINKS.name].count_rows():
            return query(text, tables)
        derived = linked_views()
        stored = {f"{n}_by_source" if n in derived else n: t for n, t in tables.items()}
        return query(text, stored, derived)

    def known(self, source_kind: str) -> dict[str, str]:
        """Return the native id and the digest of every source of a kind."""
        import pyarrow.dataset as pads

        columns = ["native_run_id", "source_digest"]
        of_kind = pads.field("source_kind") == source_kind
        table = self.dataset(SOURCES).to_table(columns, filter=of_kind)
        return {i: d or "" for i, d in _rows(table, columns) if i}

    def known_places(self) -> dict[tuple[str, str], dict[str, str]]:
        """Return the sources of each place by kind and address: id to digest."""
        columns = ["source_kind", "source_uri", "source_uid", "source_digest"]
        found: dict[tuple[str, str], dict[str, str]] = {}
        for kind, place, uid, digest in _rows(self.dataset(SOURCES).to_table(columns), columns):
            found.setdefault((kind, place), {})[uid] = digest or ""
        return found

    def revs(self, source_uids: Iterable[str] | None) -> dict[str, int]:
        """Return the newest `rev` of sources, of all of them for None."""
        columns = ["source_uid", "rev"]
        chosen = None if source_uids is None else among("source_uid", source_uids)
        return dict(_rows(self.dataset(SOURCES).to_table(columns, filter=chosen), columns))

    def runs_of(self, sources: Iterable[str], columns: Sequence[str] | None = None) -> pa.Table:
        """Return the runs that sources belong to, oldest first; None for all columns."""
        run_of = self._run_of()
        uids = among("run_uid", {run_of.get(uid, uid) for uid in sources})
        if columns is None:
            return views.sorted_runs(self.dataset(RUNS).to_table(filter=uids))
        needed = list(dict.fromkeys((*columns, "created_at", "run_uid")))
        table = views.sorted_runs(self.dataset(RUNS).to_table(needed, filter=uids))
        return table.select(list(columns))

    def problems_of(self, sources: Iterable[str]) -> list[tuple[str, str]]:
        """Return what of sources could not be read: name or address, and the problem in words."""
        import pyarrow.dataset as pads

        columns = ["run_name", "source_uri", "problems"]
        told = among("source_uid", sources) & pads.field("problems").is_valid()
        rows = _rows(self.dataset(SOURCES).to_table(columns, filter=told), columns)
        return [(name or uri, why) for name, uri, text in rows for why in json.loads(text)]

    def sources(self, runs: Sequence[str] | None) -> pa.Table:
        """Return sources with their run, role and why, of all runs for None."""
        wanted = None if runs is None else set(runs)
        return views.sources_with_runs(self.dataset(SOURCES).to_table(), self.links(), wanted)

    def source_uids(self, runs: Iterable[str]) -> list[str]:
        """Return the ids of the sources of runs."""
        return sorted(sources_of(self.links(), runs))

    def runs_with_source(self, word: str) -> set[str]:
        """Return the runs that have a source of this name or place, or whose id starts so.

        The end of a path is enough: it is what a run without a name is called by.
        """
        columns = ["source_uid", "run_name", "source_uri"]
        run_of = self._run_of()
        return {
            run_of.get(uid, uid)
            for uid, name, place in _rows(self.dataset(SOURCES).to_table(columns), columns)
            if word in (name, place)
            or (place or "").endswith(f"/{word}")
            or (len(word) >= SHORTEST_ID and uid.startswith(word))
        }

    def _run_of(self) -> dict[str, str]:
        return dict(_rows(self.links(), ["source_uid", "run_uid"]))

    def _under_runs(self, table: pa.Table, schema: TableSchema) -> pa.Table:
        """Return rows of sources as rows of their runs, of one key only the most trusted one."""
        run_of = self._run_of()
        mine = table.column("run_uid").cast("string").unique().to_pylist() if run_of else []
        if not run_of.keys() & set(mine):
            return table
        told = self.dataset(SOURCES).to_table(["source_uid", "trust", "created_at"])
        told = told.sort_by([("trust", "ascending"), ("created_at", "descending")])
        marked = table.append_column("_source", table.column("run_uid"))
        under = of_runs(marked, {uid: run_of.get(uid, uid) for uid in mine})
        return first_of_key(under, schema.key, told.column("source_uid").to_pylist())


def among(column: str, words: Iterable[str]) -> Any:
    """Return the condition that a column holds one of some texts."""
    import pyarrow as pa
    import pyarrow.dataset as pads

    return pads.field(column).isin(pa.array(list(words), pa.string()))


def _rows(table: pa.Table, columns: Sequence[str]) -> Iterable[tuple[Any, ...]]:
    return zip(*(table.column(c).to_pylist() for c in columns), strict=True)
