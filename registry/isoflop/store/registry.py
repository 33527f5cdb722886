"""The registry as a person holds it in a notebook: tables in, tables out."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from isoflop.display.card import ShowsCard
from isoflop.errors import IsoflopWarning, RegistryError, UnknownNameError
from isoflop.schema import CURVES, FITS, METRICS, RUNS, SCORES, TABLES
from isoflop.store import history, views
from isoflop.store.arrange import maintain
from isoflop.store.conform import conform
from isoflop.store.drops import DropWriter
from isoflop.store.explanation import SHORTEST_ID, Explanation, explain_cell, find_run
from isoflop.store.export import export_tables
from isoflop.store.fold import FoldReceipt, fold, versions
from isoflop.store.hands import say_by_hand, say_values
from isoflop.store.location import CARD, Location, create_card, locate, read_card
from isoflop.store.quarantine import Quarantined, list_quarantined
from isoflop.store.relinking import doubts
from isoflop.store.sql import SqlResult, rows_where
from isoflop.store.stored import StoredTables
from isoflop.tables import CurveTable, FitTable, MetricTable, RunTable, ScoreTable

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.display.card import Card
    from isoflop.linking import Doubt
    from isoflop.plugin_host import PluginHost

STALE_AFTER_H = 24.0
"""A running run that has been silent for longer is stale. [h]"""

Runs = RunTable | Sequence[str] | str


def open_registry(
    uri: str | os.PathLike[str],
    *,
    create: bool = False,
    fold: bool = True,
    host: PluginHost | None = None,
) -> Registry:
    """Open a registry and fold what waits in its inbox.

    Parameters
    ----------
    uri : str or path
        Folder, as a path or as ``file://``.
    create : bool
        Create the registry where there is none.
    fold : bool
        False to read the tables as they are.
    host : PluginHost or None
        Told of every run that a fold stores.

    Raises
    ------
    RegistryError
        There is no registry, or it cannot be read.
    RegistryVersionError
        A newer isoflop wrote it.

    Warns
    -----
    IsoflopWarning
        What waits could not be folded (a read-only or full disk); the tables are read as they are.
    """
    location = locate(uri)
    if create and not (location.root / CARD).exists():
        create_card(location)
    card = read_card(location)
    opened = Registry(registry_id=card.registry_id, _location=location, _host=host)
    if fold:
        try:
            opened.fold()
        except RegistryError as error:
            warnings.warn(f"{error} The tables are read as they are.", IsoflopWarning, stacklevel=2)
    return opened


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Registry(ShowsCard):
    """Runs with their curves, metrics and scores, and what isoflop made of them.

    Get one from `open_registry`. Every call reads the newest version; `as_of` gives a view that
    stays at an older one.

    Parameters
    ----------
    registry_id : str
        Id of the registry.
    """

    registry_id: str
    _location: Location
    _host: PluginHost | None = None
    _pinned: Mapping[str, int] | None = None

    @property
    def uri(self) -> str:
        """Address of the registry."""
        return self._location.uri

    def _card(self) -> Card:
        from isoflop.store.registry_card import registry_card, unreadable_card

        try:
            return registry_card(self._location, self._stored)
        except RegistryError as error:
            return unreadable_card(self._location, error)

    def runs(
        self,
        where: str | None = None,
        *,
        loss: str | None = None,
        include_deleted: bool = False,
        version: int | None = None,
        stale_after_h: float = STALE_AFTER_H,
    ) -> RunTable:
        """Return the runs, oldest first.

        Parameters
        ----------
        where : str or None
            SQL condition on the columns of `runs`: ``"n_params > 1e9 and status = 'finished'"``.
        loss : str or None
            Data set whose evaluation loss stands in `loss`; null for runs without it.
        include_deleted : bool
            True to include runs that were deleted in their source.
        version : int or None
            Version of the table `runs`; the newest by default.
        stale_after_h : float
            A running run that has been silent for longer has status ``stale``. [h]

        Raises
        ------
        SchemaError
            `where` is not a condition on the columns.
        UnknownNameError
            No run has an evaluation loss on `loss`.
        """
        table = views.sorted_runs(self._stored.dataset(RUNS, version).to_table())
        table = views.with_stale_status(table, stale_after_h=stale_after_h, now=datetime.now(UTC))
        if not include_deleted:
            table = views.without_deleted(table)
        if loss is not None:
            table = views.with_loss(table, self._stored.dataset(SCORES).to_table(), loss)
        if where is not None:
            table = rows_where(table, where, name="runs")
        return RunTable(table, source=self.uri)

    def curves(self, runs: Runs | None = None, *, version: int | None = None) -> CurveTable:
        """Return training-curve points in the order of run, split and step, with their run's facts.

        Parameters
        ----------
        runs : RunTable, sequence of str or None
            Runs or their ids; None for all that are not deleted.
        version : int or None
            Version of the table `curves`; the newest by default.
        """
        beside = (*CurveTable.joined, "created_at", "last_activity_at")
        table, known = self._stored.points(CURVES, _asked(runs), version=version, beside=beside)
        now = datetime.now(UTC)
        known = views.with_stale_status(known, stale_after_h=STALE_AFTER_H, now=now)
        table = views.beside(table, known, CurveTable.joined)
        return CurveTable(table, source=self.uri)

    def metrics(self, runs: Runs | None = None, names: Iterable[str] | None = None) -> MetricTable:
        """Return logged metric points that no other table holds, by run, name and step.

        Parameters
        ----------
        runs : RunTable, sequence of str or None
            Runs or their ids; None for all that are not deleted.
        names : iterable of str or None
            Names of metrics; None for all.
        """
        table, _ = self._stored.points(METRICS, _asked(runs), names=names)
        return MetricTable(table, source=self.uri)

    def scores(self, where: str | None = None, *, version: int | None = None) -> ScoreTable:
        """Return scores with the name, family, N, D, C, loss and status of their run.

        Scores of deleted runs are left out.

        Parameters
        ----------
        where : str or None
            SQL condition on these columns: ``"task = 'arc_easy' and step is null"``.
        version : int or None
            Version of the table `scores`; the newest by default.
        """
        runs = self.runs(include_deleted=True).to_arrow()
        table = views.beside(self._stored.scores(version), runs, ScoreTable.joined)
        if where is not None:
            table = rows_where(table, where, name="scores")
        return ScoreTable(table, source=self.uri)

    def sql(self, text: str) -> SqlResult:
        """Return what one SELECT gives over the tables as they are stored.

        The names are runs, curves, metrics, scores, sources, links, fits, findings and events;
        points and scores stand under their runs, as in `curves` and `scores`. Deleted runs are
        among the rows and a silent run still says ``running``: only `runs()` derives these. The
        query reaches nothing else: no file, no network.

        Raises `RegistryError` for anything but a SELECT that can be run.
        """
        return self._stored.sql(text)

    def explain(self, run: str, column: str) -> Explanation:
        """Return where a cell of `runs` comes from, and what else was said about it.

        Parameters
        ----------
        run : str
            `run_uid`, the beginning of one (4 characters or more), or a name only one run has.
        column : str
            Column of `runs`.

        Raises `UnknownNameError` with the candidates where it is not exactly one run.
        """
        return explain_cell(self.runs(include_deleted=True), self.find(run), column)

    def known(self, source_kind: str) -> dict[str, str]:
        """Return the native id and the digest of every source of a kind."""
        return self._stored.known(source_kind)

    def revs(self, run_uids: Iterable[str] | None = None) -> dict[str, int]:
        """Return the newest `rev` of sources, of all of them by default; unknown ones are left out.

        A source has the id that its run would have if it were alone.
        """
        return self._stored.revs(run_uids)

    def known_places(self) -> dict[tuple[str, str], dict[str, str]]:
        """Return the sources of each place by kind and address: id to digest."""
        return self._stored.known_places()

    def runs_of(self, sources: Iterable[str], columns: Sequence[str] | None = None) -> RunTable:
        """Return the runs that some sources belong to; unknown sources are left out.

        Parameters
        ----------
        sources : iterable of str
            Ids of sources, or of runs.
        columns : sequence of str or None
            Columns to read; None for all.
        """
        return RunTable(self._stored.runs_of(sources, columns), source=self.uri)

    def problems_of(self, sources: Iterable[str]) -> list[tuple[str, str]]:
        """Return what of sources could not be read: name or address, and the problem in words."""
        return self._stored.problems_of(sources)

    def sources(self, runs: Runs | None = None) -> SqlResult:
        """Return every source as it was read, with the run it belongs to, its role and why.

        Parameters
        ----------
        runs : RunTable, sequence of str or None
            Runs or their ids; None for all.
        """
        return SqlResult(self._stored.sources(_asked(runs)))

    def doubts(self, sources: Iterable[str] | None = None) -> list[Doubt]:
        """Return the pairs of runs that may be one and are not proven to be, and why.

        Of the runs of some sources, of all by default. `merge` says that two are one; what a
        person split is left out.
        """
        return doubts(self._location, sources)

    def find(self, run: str) -> str:
        """Return the `run_uid` of a run: by its name, the start of its id, or one of its sources.

        A source is given by its name, the start of its id, or the end of its path.

        Raises `UnknownNameError` with the candidates where it is not exactly one run.
        """
        try:
            return find_run(self.runs(include_deleted=True), run)
        except UnknownNameError:
            found = self._stored.runs_with_source(run)
            if len(found) == 1:
                return found.pop()
            raise

    def merge(self, runs: Sequence[str]) -> str:
        """Make one run of several, by hand, and return its `run_uid`.

        Parameters
        ----------
        runs : sequence of str
            Two or more runs or sources, as for `find`.

        Raises `UnknownNameError` for an unknown run, `RegistryError` for fewer than two.
        """
        self._refuse_pinned("changed")
        found = sorted({self.find(run) for run in runs})
        if len(found) < 2:
            raise RegistryError(f"{', '.join(map(repr, runs))} is one run already; give two.")
        uids = self._stored.source_uids(found)
        say_by_hand(self._location, "merge", uids)
        return str(self.runs_of(uids[:1]).texts("run_uid")[0])

    def split(self, source: str) -> list[str]:
        """Make a source a run of its own, or take a run apart; return the ids of its new runs.

        Parameters
        ----------
        source : str
            The start of a source's id, or a run as for `find`: then all its sources are split.

        Raises `UnknownNameError` for an unknown source, `RegistryError` where it is alone already.
        """
        self._refuse_pinned("changed")
        run = self.find(source)
        uids = self._stored.source_uids([run])
        if len(uids) < 2:
            raise RegistryError(f"{source!r} is a run of one source already.")
        own = [u for u in uids if len(source) >= SHORTEST_ID and u.startswith(source)]
        chosen = own if len(own) == 1 and own != [run] else uids
        say_by_hand(self._location, "split", chosen)
        return [str(uid) for uid in self.runs_of(chosen).texts("run_uid")]

    def set(self, run: str, values: Mapping[str, Any]) -> str:
        """Say what no source says of a run, or says wrongly, and return its `run_uid`.

        What a person says stands before every source (``how`` is ``user``), survives collecting
        again, and C and all else that follows is derived anew.

        Parameters
        ----------
        run : str
            A run, as for `find`.
        values : mapping of str to object
            Column of `runs` to value, as text (``"5.2M"``) or in its type; None takes back what was
            said before.

        Raises
        ------
        UnknownNameError
            There is no such run, or the column is none that a person may say.
        RegistryError
            A value cannot be used.
        """
        self._refuse_pinned("changed")
        uid = self.find(run)
        say_values(self._location, [uid], values)
        return uid

    def versions(self) -> dict[str, int]:
        """Return the version of each table that this view reads."""
        return dict(self._pinned) if self._pinned is not None else versions(self._location)

    def as_of(self, moment: int | Mapping[str, int] | datetime) -> Registry:
        """Return a read-only view of the registry as it was.

        Parameters
        ----------
        moment : int, mapping of str to int, or datetime
            A version of the table `runs` (the other tables as they were then), versions by table
            as `versions` returns them, or a time.

        Raises `RegistryError` where there was no such version.
        """
        return replace(self, _pinned=history.versions_at(self._location, moment))

    def fits(self, where: str | None = None) -> FitTable:
        """Return the law fits that were kept, oldest first.

        Parameters
        ----------
        where : str or None
            SQL condition on the columns of `fits`: ``"law = 'chinchilla' and n_runs > 50"``.

        Raises `SchemaError` where `where` is not a condition on the columns.
        """
        # A registry of an earlier schema lacks columns until its next fold adds them.
        table = conform(self._stored.dataset(FITS).to_table(), FITS, extra=True)
        table = table.sort_by([("created_at", "ascending"), ("fit_id", "ascending")])
        if where is not None:
            table = rows_where(table, where, name="fits")
        return FitTable(table, source=self.uri)

    def findings(self) -> pd.DataFrame:
        """Return the flags that were raised and cleared."""
        return self._frame("findings")

    def events(self) -> pd.DataFrame:
        """Return what isoflop did to this registry."""
        return self._frame("events")

    def export(
        self,
        folder: str | os.PathLike[str],
        *,
        format: Literal["parquet", "csv"] = "parquet",  # noqa: A002
    ) -> list[Path]:
        """Write each table as one plain file and return the paths; only live rows are in them.

        Raises `RegistryError` where the folder cannot be written or the format is another one.
        """
        return export_tables(self._stored.all(), Path(folder), format=format)

    def writer(self, writer_id: str | None = None) -> DropWriter:
        """Return a writer into this registry's inbox."""
        self._refuse_pinned("written to")
        return DropWriter(self.uri, writer_id=writer_id)

    def fold(self) -> FoldReceipt:
        """Merge what waits in the inbox into the tables; see `FoldReceipt`.

        Raises `RegistryError` where the tables cannot be written; nothing that waits is lost.
        """
        self._refuse_pinned("folded")
        return fold(self._location, host=self._host)

    def maintain(self, *, retention_days: float = 30.0) -> dict[str, int]:
        """Compact and vacuum the tables; return the number of files deleted by table.

        Versions that are older than the retention cannot be read any more afterwards.
        """
        self._refuse_pinned("maintained")
        return maintain(self._location, retention_days=retention_days)

    def quarantined(self) -> tuple[Quarantined, ...]:
        """Return what folds set aside, with reasons."""
        return list_quarantined(self._location)

    @property
    def _stored(self) -> StoredTables:
        return StoredTables(location=self._location, pinned=self._pinned)

    def _frame(self, name: str) -> pd.DataFrame:
        table = self._stored.dataset(TABLES[name]).to_table()
        return SqlResult(table.sort_by("created_at")).to_pandas()

    def _refuse_pinned(self, what: str) -> None:
        if self._pinned is not None:
            raise RegistryError(
                f"A view of the past cannot be {what}. Open the registry itself: "
                f"open_registry({self.uri!r})."
            )


def _asked(runs: Runs | None) -> list[str] | None:
    return None if runs is None else views.run_uids(runs)
