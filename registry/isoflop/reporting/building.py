"""Builds a report: runs each analyzer alone on the user's runs and on published ones apart."""

from __future__ import annotations

import dataclasses
import functools
import logging
import traceback
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.analysis import analyze
from isoflop.errors import IsoflopError, PluginError
from isoflop.estimation.solver.sharing import shared_solutions
from isoflop.plugin_host import PluginHost, default_host
from isoflop.records import REFERENCE_KIND
from isoflop.reporting.changes import find_changes
from isoflop.reporting.fit_rows import fit_rows
from isoflop.reporting.headline import headline
from isoflop.reporting.plain import content_id
from isoflop.reporting.provenance import describe
from isoflop.reporting.report import Changes, Report, Section
from isoflop.reporting.sound_results import checked_result
from isoflop.results import AnalysisResult
from isoflop.schema import FITS
from isoflop.tables import FitTable

if TYPE_CHECKING:
    from isoflop.hookspecs import Analyzer
    from isoflop.progress import Progress
    from isoflop.store import Registry
    from isoflop.tables import ArrowTable, RunTable

_log = logging.getLogger(__name__)


@shared_solutions()
def build_report(
    registry: Registry,
    *,
    host: PluginHost | None = None,
    analyzers: Sequence[str] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    since: datetime | None = None,
    only: Collection[str] | None = None,
    now: datetime | None = None,
    progress: Progress | None = None,
) -> Report:
    """Run analyzers on a registry and say what changed since the last recorded report.

    Parameters
    ----------
    registry : Registry
        Read only; an empty one gives a report that says so.
    host : PluginHost or None
        Plugins to take analyzers from; all installed ones by default.
    analyzers : sequence of str or None
        Names to run, in their own order of position; None for all.
    options : mapping of str to mapping, or None
        Options by analyzer name.
    since : datetime or None
        Compare with the last report recorded at or before this time; None for the last one.
    only : collection of str or None
        `run_uid` of the user's runs to look at; nothing in the report tells of any other, and it is
        compared with no earlier one. Published models stay. None for all runs.
    now : datetime or None
        Time to print; the present by default.
    progress : callable (done, total, words) or None
        Called before each analyzer with its name, and at the end.

    Returns
    -------
    Report
        An analyzer that cannot answer, or breaks, is a section that says why.

    Raises
    ------
    UnknownNameError
        A name in `analyzers` or `options` is no analyzer.
    """
    host, options = host or default_host(), options or {}
    for name in (*(analyzers or ()), *options):
        host.analyzer(name)
    chosen = [a for a in host.analyzers.values() if analyzers is None or a.name in analyzers]
    now = now or datetime.now(UTC)
    # Runs arrive while analyzers think: what they read must be what the report says it read.
    registry = registry.as_of(registry.versions())
    tables = _Tables(registry, None if only is None else frozenset(only))
    published = [a for a in chosen if a.table == "runs" and a.shows_published]
    published = published if len(tables.reference) else []
    steps = _Steps(progress, len(chosen) + len(published))
    yours = _yours(chosen, tables, host=host, options=options, now=now, steps=steps)
    beside = (
        _run(a, tables.reference, host, options.get(a.name, {})) for a in steps.over(published)
    )
    reference = [
        dataclasses.replace(s, audience="reference") for s in beside if s.state == "answered"
    ]
    sections = (*yours, *reference)
    return _assemble(registry, tables, sections, host=host, options=options, since=since, now=now)


def _yours(
    chosen: Sequence[Analyzer],
    tables: _Tables,
    *,
    host: PluginHost,
    options: Mapping[str, Mapping[str, Any]],
    now: datetime,
    steps: _Steps,
) -> list[Section]:
    """Return what analyzers say of the user's rows; those that read fits see the ones just made."""
    said = {
        a.name: _run(a, getattr(tables, a.table), host, options.get(a.name, {}))
        for a in steps.over([a for a in chosen if a.table != "fits"])
    }
    if len(said) < len(chosen):
        fits = tables.fits_with([s.result for s in said.values()], now=now)
        said |= {
            a.name: _run(a, fits, host, options.get(a.name, {}))
            for a in steps.over([a for a in chosen if a.table == "fits"])
        }
    return [said[a.name] for a in chosen]


class _Steps:
    """Tells how many analyzers have been run, and which one runs now."""

    def __init__(self, tell: Progress | None, total: int) -> None:
        self._tell, self._total, self._done = tell, total, 0

    def over(self, analyzers: Sequence[Analyzer]) -> Iterator[Analyzer]:
        for analyzer in analyzers:
            self._say(analyzer.name)
            yield analyzer
            self._done += 1
        if self._done == self._total:
            self._say("")

    def _say(self, words: str) -> None:
        if self._tell is not None:
            self._tell(self._done, self._total, words)


class _Tables:
    """The registry's tables split into the user's rows and published ones, read when needed."""

    def __init__(self, registry: Registry, only: frozenset[str] | None) -> None:
        self._registry = registry
        self.only = only

    @functools.cached_property
    def is_reference(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        return np.array([k == REFERENCE_KIND for k in self.all_runs.texts("source_kind")], bool)

    @functools.cached_property
    def all_runs(self) -> RunTable:
        every = self._registry.runs()
        if self.only is None:
            return every
        told = zip(every.texts("run_uid"), every.texts("source_kind"), strict=True)
        return every.take([uid in self.only or kind == REFERENCE_KIND for uid, kind in told])

    @functools.cached_property
    def runs(self) -> RunTable:
        return self.all_runs.take(~self.is_reference)

    @functools.cached_property
    def reference(self) -> RunTable:
        return self.all_runs.take(self.is_reference)

    @functools.cached_property
    def scores(self) -> ArrowTable:
        return self._own(self._registry.scores())

    @functools.cached_property
    def curves(self) -> ArrowTable:
        return self._own(self._registry.curves())

    def fits_with(self, made: Sequence[AnalysisResult | None], *, now: datetime) -> FitTable:
        """Return the fits to the user's runs that are kept, and the new ones of this report."""
        import pyarrow as pa

        kept = self._registry.fits()
        kept = kept.take([audience != "reference" for audience in kept.texts("audience")])
        if self.only is not None:
            # A fit to runs that are not all among them tells of the others.
            kept = kept.take([self.only.issuperset(uids or ()) and bool(uids)
                              for uids in kept.objects("run_uids")])  # fmt: skip
        there = set(kept.texts("fit_id"))
        version = self._registry.versions().get("runs")
        rows = [r for r in fit_rows(made, at=now, runs_version=version) if r["fit_id"] not in there]
        new = pa.Table.from_pylist(rows, schema=FITS.to_arrow())
        both = pa.concat_tables([kept.to_arrow(), new], promote_options="permissive")
        # The store gives rows in an order of its own, and the report's id must not hang on it.
        ordered = both.sort_by([("created_at", "ascending"), ("fit_id", "ascending")])
        return FitTable(ordered, source=kept.source)

    def _own(self, table: ArrowTable) -> ArrowTable:
        """Return the rows that belong to the user's runs."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if not len(table) or (self.only is None and not len(self.reference)):
            return table
        own = pa.array(self.runs.texts("run_uid"), pa.string())
        return table.take(pc.is_in(table.to_arrow().column("run_uid"), value_set=own).to_numpy())


def _run(
    analyzer: Analyzer, table: ArrowTable, host: PluginHost, options: Mapping[str, Any]
) -> Section:
    """Run one analyzer alone; whatever it raises ends here."""
    blank = Section(
        analyzer=analyzer.name,
        title=analyzer.name.replace("-", " ").capitalize(),
        summary=analyzer.summary,
    )
    try:
        result = checked_result(analyze(analyzer.name, table, host=host, **options), analyzer.name)
    except PluginError as error:
        return _failed(blank, error)
    except IsoflopError as error:
        return dataclasses.replace(blank, state="cannot-answer", failure=str(error))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the border: a plugin may call sys.exit
        return _failed(blank, error)
    titled = dataclasses.replace(blank, title=result.title)
    if result.is_silent:
        return dataclasses.replace(titled, state="cannot-answer", failure=result.verdict)
    return dataclasses.replace(titled, result=result)


def _failed(blank: Section, error: BaseException) -> Section:
    words = "".join(traceback.format_exception_only(error)).strip()
    _log.warning("Analyzer %r failed: %s", blank.analyzer, words)
    trace = "".join(traceback.format_exception(error))
    return dataclasses.replace(blank, state="failed", failure=words, trace=trace)


def _assemble(
    registry: Registry,
    tables: _Tables,
    sections: tuple[Section, ...],
    *,
    host: PluginHost,
    options: Mapping[str, Mapping[str, Any]],
    since: datetime | None,
    now: datetime,
) -> Report:
    provenance = describe(registry, host=host, options=options)
    changes = Changes(is_compared=False)
    if tables.only is None:
        changes = find_changes(registry, tables.runs, sections, since=since)
    return Report(
        id=content_id(sections, provenance.data_versions),
        created_at=now,
        registry_uri=str(registry.uri),
        registry_id=str(registry.registry_id),
        headline=headline(
            sections, changes, n_runs=len(tables.runs), n_reference=len(tables.reference)
        ),
        changes=changes,
        sections=sections,
        provenance=provenance,
        n_runs=len(tables.runs),
        n_reference=len(tables.reference),
    )
