"""Every hook of isoflop, typed and documented; implement one with `isoflop.hookimpl`.

Register hooks return frozen descriptors. What isoflop ships goes through the same hooks. Hooks are
called with keywords and have no default values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import pluggy

from isoflop.folders import Folder, Found
from isoflop.records import Claim, LivePoint, RawRun
from isoflop.results import AnalysisResult

if TYPE_CHECKING:
    from isoflop.laws import Law, PublishedLaw
    from isoflop.tables import ArrowTable

hookspec = pluggy.HookspecMarker("isoflop")
hookimpl = pluggy.HookimplMarker("isoflop")


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectRequest:
    """What a collector is asked to read.

    Parameters
    ----------
    source : str
        Path or URI as the user gave it; may hold credentials, which must not be stored.
    known : mapping of str to str
        `native_run_id` to `source_digest` of the runs that the registry holds from this kind of
        source; a run whose digest is equal needs no reading.
    since : datetime or None
        Leave out runs that ended before; None for all.
    progress : callable (done, total, words)
        Called now and then; `total` is None where unknown.
    unchanged : callable (found)
        Called with the native ids of runs that were found and need no reading, or, where they are
        not at hand, with their number.
    """

    source: str
    known: Mapping[str, str]
    since: datetime | None
    progress: Callable[[int, int | None, str], None]
    unchanged: Callable[[Sequence[str] | int], None] = lambda _found: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """Reads runs from one kind of source.

    Parameters
    ----------
    name : str
        Lower-case with hyphens.
    summary : str
        One sentence.
    source_kind : str
        `source_kind` of the runs it yields.
    recognizes : callable (source) -> bool
        True where this collector can read the source; looks, never raises, never writes.
    collect : callable (request) -> iterator of RawRun
        Yields new and changed runs; raises `CollectError` where the source cannot be read.
    within : callable (folder) -> iterable of str
        Sources of this kind that lie in a folder of a walked tree: paths inside it, or the folder
        itself. Looks, never raises, never writes.
    """

    name: str
    summary: str
    source_kind: str
    recognizes: Callable[[str], bool]
    collect: Callable[[CollectRequest], Iterator[RawRun]]
    within: Callable[[Folder], Iterable[str]] = lambda _folder: ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCollector:
    """Reads runs from files of one format, wherever they lie in a tree.

    The host walks the tree, asks every file collector what it finds in each folder, skips what has
    not changed, and calls `reads` in worker processes, several finds at a time.

    Parameters
    ----------
    name : str
        Lower-case with hyphens.
    summary : str
        One sentence.
    source_kind : str
        `source_kind` of the runs it yields.
    finds : callable (folder) -> iterable of Found
        Looks at the names in a folder, and inside a file only where names do not tell
        (`Folder.head`). Never raises, never writes. Files that it claims are not shown to
        collectors after it.
    reads : callable (found) -> iterable of RawRun
        Reads the files of one find; a function of a module, so that a worker process can call it.
        `RawRun.source_uri` is `Found.place`. Raises `CollectError` where the files cannot be read;
        where a part of them cannot, it yields the rest with `RawRun.problems`. Never unpickles.
    position : int
        Order of asking, small first: a format that is sure of its files before one that takes any
        table.
    """

    name: str
    summary: str
    source_kind: str
    finds: Callable[[Folder], Iterable[Found]]
    reads: Callable[[Found], Iterable[RawRun]]
    position: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasMap:
    """A stack's keys and the columns they mean.

    Parameters
    ----------
    name : str
        Stack the keys belong to.
    params : mapping of str to str
        Param or tag key (lower case) to column of `runs`; ``"key": "column*1e9"`` scales.
    metrics : mapping of str to str
        Metric key (lower case) to the role of the metric: a column of `curves` (``loss``,
        ``n_tokens``, ``learning_rate``, ``grad_norm``), or ``runs.<column>`` for its last value;
        ``"key": "loss*0.6931471805599453"`` scales, and ``""`` says that the key is no column
        although a map for all kinds says so.
    score_patterns : sequence of str
        Regular expressions over metric keys with the named groups ``task`` (or ``split``) and
        ``metric``; a group named ``loss`` instead of ``metric`` says that what it matches, whatever
        its spelling, is a cross-entropy.
    score_factor : float
        From the logged unit of the evaluation losses that the patterns find to nat/token.
    source_kinds : sequence of str
        Kinds of source it applies to, before the maps for all kinds; empty for all.
    """

    name: str
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, str] = field(default_factory=dict)
    score_patterns: Sequence[str] = ()
    score_factor: float = 1.0
    source_kinds: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolver:
    """Adds claims about a run's columns that no alias can express.

    Parameters
    ----------
    name : str
        Lower-case with hyphens.
    summary : str
        One sentence.
    claims : callable (raw) -> iterable of Claim
        Pure. Claims that name an unknown column are dropped with a warning.
    """

    name: str
    summary: str
    claims: Callable[[RawRun], Iterable[Claim]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Peak speed of one device.

    Parameters
    ----------
    name : str
        Name to store.
    pattern : str
        Regular expression, matched against the lower-case device name; the longest match wins.
    peak_flops_per_s : float
        Dense peak at `precision`. [FLOP/s]
    precision : str
        Number format of the peak, for example ``"bf16"``.
    source : str
        Where the number was read.
    """

    name: str
    pattern: str
    peak_flops_per_s: float
    precision: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An option of an analyzer: default and meaning."""

    default: Any
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisContext:
    """What an analyzer may use beside its table.

    Parameters
    ----------
    laws : mapping of str to Law
        Laws by name.
    published : mapping of str to PublishedLaw
        Published parameter sets by name.
    """

    laws: Mapping[str, Law]
    published: Mapping[str, PublishedLaw]


class AnalyzerFunction(Protocol):
    """Pure function from a table and options to a result."""

    def __call__(self, table: Any, context: AnalysisContext, /, **options: Any) -> AnalysisResult:
        """Return what the table says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Analyzer:
    """Answers one question about a table.

    Parameters
    ----------
    name : str
        Lower-case with hyphens.
    summary : str
        One sentence; the README's table shows it.
    source : str
        Papers it stands on.
    table : str
        ``"runs"``, ``"scores"``, ``"curves"`` or ``"fits"``: what `run` is given. In a report the
        fits are those that the registry holds and those that the analyzers before made just now.
    requires : tuple of str
        Columns without which it cannot say anything.
    run : AnalyzerFunction
        Called as ``run(table, context, **options)``.
    options : mapping of str to Option
        Keyword options with their defaults.
    position : int
        Place in a report, small first; 500 where it does not matter.
    shows_published : bool
        True where a report may show published models beside the user's runs: it judges runs one by
        one. A law fitted across everybody's conventions would mislead.
    """

    name: str
    summary: str
    source: str
    table: Literal["runs", "scores", "curves", "fits"]
    requires: tuple[str, ...]
    run: AnalyzerFunction
    options: Mapping[str, Option] = field(default_factory=dict)
    position: int = 500
    shows_published: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Renders a report into one file; never computes.

    Parameters
    ----------
    name : str
        Format, for example ``"html"``.
    summary : str
        One sentence.
    filename : str
        File in the report's folder, for example ``"index.html"``.
    render : callable (report) -> str or bytes
        Pure function of `isoflop.reporting.Report`.
    is_default : bool
        False where it is written only when asked for by name.
    """

    name: str
    summary: str
    filename: str
    render: Callable[[Any], str | bytes]
    is_default: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """Keeps the files of a report where people look, other than in its folder.

    Parameters
    ----------
    name : str
        Lower-case with hyphens.
    summary : str
        One sentence.
    publish : callable (report, files) -> str or None
        Given `isoflop.reporting.Report` and the paths written; returns where the report is now, or
        None where this place is not in use. A report that is there already is not kept twice.
        Raises where it could not.
    """

    name: str
    summary: str
    publish: Callable[[Any, Sequence[Path]], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message to people: a report in which something changed, or a report that failed.

    Parameters
    ----------
    title : str
        One line.
    body : str
        Markdown, short enough for a chat.
    is_problem : bool
        True where a flag was raised or the report failed.
    files : tuple of Path
        Files to attach where the channel can.
    """

    title: str
    body: str
    is_problem: bool = False
    files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifier:
    """Delivers notices to one kind of channel.

    Parameters
    ----------
    name : str
        Lower-case with hyphens.
    summary : str
        One sentence.
    recognizes : callable (target) -> bool
        True where it can deliver to this address; looks, never raises, never connects.
    notify : callable (notice, target) -> None
        Raises where it could not deliver, never with the address in its words: it holds secrets.
    """

    name: str
    summary: str
    recognizes: Callable[[str], bool]
    notify: Callable[[Notice, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A published table that ships with a plugin.

    Parameters
    ----------
    name : str
        Lower-case with hyphens.
    summary : str
        One sentence.
    card : str
        Origin, licence, columns with units, known faults; Markdown.
    load : callable () -> ArrowTable or DataFrame
        Reads the shipped file.
    """

    name: str
    summary: str
    card: str
    load: Callable[[], ArrowTable | Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoLogger:
    """Has a training library tell of its runs by itself, from `isoflop.autolog` on.

    Parameters
    ----------
    name : str
        Lower-case with hyphens.
    summary : str
        One sentence.
    library : str
        Module that must be loaded first, dotted: ``"transformers.trainer"``.
    install : callable () -> None
        Called once `library` is loaded; a second call changes nothing.
    """

    name: str
    summary: str
    library: str
    install: Callable[[], None]


LiveSink = Callable[[RawRun, Sequence[LivePoint]], None]
"""Takes in a tracked run as it is now, and the points that are new since the last call. Called from
one background thread at a time; where it raises, the points come again. A status other than
``running`` says that the run ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTarget:
    """A place where tracked runs can be written, other than the registry itself.

    Parameters
    ----------
    name : str
        Lower-case with hyphens.
    summary : str
        One sentence.
    opens : callable (run) -> LiveSink or None
        Called in the thread that starts the run; None where this place is not in use.
    """

    name: str
    summary: str
    opens: Callable[[RawRun], LiveSink | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A verb of the command line.

    Parameters
    ----------
    name : str
        The verb.
    summary : str
        One sentence for ``--help``.
    function : callable
        A function that Typer can read: annotated arguments, a docstring.
    """

    name: str
    summary: str
    function: Callable[..., Any]


@hookspec
def isoflop_collectors() -> Sequence[Collector | FileCollector]:
    """Return collectors: readers of one kind of source, or of one format of files, each."""
    raise NotImplementedError


@hookspec
def isoflop_aliases() -> Sequence[AliasMap]:
    """Return alias maps: a stack's keys and the columns they mean."""
    raise NotImplementedError


@hookspec
def isoflop_resolvers() -> Sequence[Resolver]:
    """Return resolvers: claims about a run that no alias can express."""
    raise NotImplementedError


@hookspec
def isoflop_devices() -> Sequence[Device]:
    """Return devices with their peak FLOP/s and its source."""
    raise NotImplementedError


@hookspec
def isoflop_laws() -> Sequence[Law | PublishedLaw]:
    """Return laws to fit and published parameter sets to compare with."""
    raise NotImplementedError


@hookspec
def isoflop_analyzers() -> Sequence[Analyzer]:
    """Return analyzers: one question about a table each."""
    raise NotImplementedError


@hookspec
def isoflop_reporters() -> Sequence[Reporter]:
    """Return reporters: one output format each."""
    raise NotImplementedError


@hookspec
def isoflop_publishers() -> Sequence[Publisher]:
    """Return publishers: one place for reports each."""
    raise NotImplementedError


@hookspec
def isoflop_notifiers() -> Sequence[Notifier]:
    """Return notifiers: one kind of channel each."""
    raise NotImplementedError


@hookspec
def isoflop_datasets() -> Sequence[Dataset]:
    """Return published tables that ship with the plugin."""
    raise NotImplementedError


@hookspec
def isoflop_commands() -> Sequence[Command]:
    """Return verbs to add to the command line."""
    raise NotImplementedError


@hookspec
def isoflop_autologgers() -> Sequence[AutoLogger]:
    """Return autologgers: one training library each."""
    raise NotImplementedError


@hookspec
def isoflop_live_targets() -> Sequence[LiveTarget]:
    """Return places where tracked runs go instead of the registry, each where it is in use."""
    raise NotImplementedError


@hookspec
def isoflop_run_tags() -> Mapping[str, str]:
    """Return tags that every run tracked in this process carries: hardware, environment."""
    raise NotImplementedError


@hookspec
def isoflop_run_stored(run_uid: str, registry_uri: str) -> None:
    """Notice: a run was new or changed in a registry after a fold."""


@hookspec
def isoflop_report_ready(report_id: str, folder: str) -> None:
    """Notice: a report was written to a folder."""
