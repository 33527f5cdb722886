"""One collection: what is new in a source or a tree, resolved and dropped in bounded batches."""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoflop.credentials import without_credentials
from isoflop.errors import CollectError, IsoflopError, RegistryError
from isoflop.gathering.claiming import Claims, Find, claim_tree
from isoflop.gathering.digests import is_unchanged
from isoflop.gathering.plain_text import plain_text
from isoflop.gathering.receipts import SourceReceipt
from isoflop.gathering.recording import Recorder
from isoflop.gathering.summary import by_kind, map_command
from isoflop.gathering.workers import read_finds
from isoflop.hookspecs import Collector, CollectRequest
from isoflop.plugin_host import PluginHost
from isoflop.progress import Progress
from isoflop.records import run_uid

if TYPE_CHECKING:
    from isoflop.records import RawRun, ResolvedRun
    from isoflop.store import Registry

BATCH_RUNS = 500
"""Runs resolved and dropped together, at most. [1]"""

BATCH_POINTS = 1_000_000
"""Metric points resolved and dropped together, at most: bounds the memory. [1]"""

_TOLD = [
    "run_uid", "run_name", "n_sources", "status", "lifecycle", "stage", "parent_uid", "n_params",
    "n_tokens", "loss", "null_reasons",
]  # fmt: skip


class Tally:
    """Counts sources by what the registry knew of them."""

    def __init__(self) -> None:
        self.n_new = self.n_changed = self.n_unchanged = 0
        self.uids: set[str] = set()
        self.read: set[str] = set()
        self.recognized: Counter[str] = Counter()
        self.attention: list[tuple[str, str]] = []
        self.unknown: list[str] = []

    def count(self, batch: Sequence[ResolvedRun], known: Callable[[str], bool]) -> None:
        """Count runs that were read."""
        for resolved in batch:
            uid = str(resolved.row["run_uid"])
            self.n_changed += known(uid)
            self.n_new += not known(uid)
            self.uids.add(uid)
            self.read.add(uid)


class Reading:
    """One collection from one source into a registry.

    Parameters
    ----------
    registry : Registry
        Where runs are kept.
    host : PluginHost
        Collectors and rules.
    since : datetime or None
        Leave out runs that ended before.
    full : bool
        Read every run again.
    progress : callable (done, total, words) or None
        Called now and then.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        host: PluginHost,
        since: datetime | None,
        full: bool,
        progress: Progress | None,
    ) -> None:
        self.tally = Tally()
        self._registry, self._host = registry, host
        self._since, self._full = since, full
        self._progress = progress or (lambda _done, _total, _words: None)
        self._recorder = Recorder(registry.uri, host=host)

    def read_source(self, collector: Collector, source: str) -> None:
        """Read a whole source; raises `CollectError` where it cannot be read."""
        known = self._registry.known(collector.source_kind)
        request = CollectRequest(
            source=source,
            known={} if self._full else known,
            since=self._since,
            progress=self._progress,
            unchanged=functools.partial(self._skip, collector.source_kind),
        )
        self.tally.recognized[collector.name] += 1
        self._record(_told_by(collector, request))

    def read_tree(self, root: Path) -> None:
        """Read everything that collectors find in a folder, or in one file.

        Raises `CollectError` where nothing in it is recognized; what is recognized and cannot be
        read is told, and the rest is read.
        """
        claims = claim_tree(
            root, self._host, lambda n, folder: self._progress(n, None, f"looking into {folder}")
        )
        self.tally.attention += claims.problems
        self.tally.unknown += claims.unknown
        if not claims.finds and not claims.sources:
            raise _nothing_found(root, claims)
        for collector, source in claims.sources:
            try:
                self.read_source(collector, source)
            except CollectError as error:
                self.tally.attention.append((error.source, str(error)))
        self._read_finds(claims.finds)

    def _read_finds(self, finds: Sequence[Find]) -> None:
        places = {} if self._full else self._registry.known_places()
        waiting = []
        for find in finds:
            self.tally.recognized[find.collector.name] += 1
            place = plain_text(find.found.place)
            stored = places.get((find.collector.source_kind, place), {})
            if _is_old(find, self._since):
                continue
            if stored and all(is_unchanged(find.found.files, d) for d in set(stored.values())):
                self.tally.n_unchanged += len(stored)
                self.tally.uids.update(stored)
            else:
                waiting.append(find)
        self._record(self._read(waiting))

    def _read(self, finds: Sequence[Find]) -> Iterator[RawRun]:
        for done, (find, answer) in enumerate(read_finds(finds), start=1):
            if answer.error:
                self.tally.attention.append((find.found.place, answer.error))
            yield from (r for r in answer.runs if not _ended_before(r, self._since))
            self._progress(done, len(finds), f"{find.collector.name} {find.found.place}")

    def _record(self, raws: Iterable[RawRun]) -> None:
        for batch in _batches(iter(raws)):
            self._record_batch(batch)

    def _record_batch(self, batch: Sequence[RawRun]) -> None:
        """Record runs together; where one of them cannot be kept, it is told, the others are."""
        revs = self._registry.revs([run_uid(r.source_kind, r.native_run_id) for r in batch])
        try:
            resolved = self._recorder.record(batch, known_revs=revs)
        except RegistryError:
            raise
        except Exception as error:  # noqa: BLE001 - the border around plugins
            for raw in batch if len(batch) > 1 else ():
                self._record_batch([raw])
            if len(batch) == 1:
                why = f"it cannot be kept, please report it: {_in_words(error)}"
                self.tally.attention.append((batch[0].run_name or batch[0].source_uri, why))
            return
        self.tally.count(resolved, revs.__contains__)

    def _skip(self, source_kind: str, found: Sequence[str] | int) -> None:
        if isinstance(found, int):
            self.tally.n_unchanged += found
        else:
            self.tally.n_unchanged += len(found)
            self.tally.uids.update(run_uid(source_kind, native) for native in found)

    def receipt(self, source: str, seconds: float) -> SourceReceipt:
        """Return what came of it; called after the fold, which decides what is one run."""
        tally = self.tally
        runs = self._registry.runs_of(tally.uids, _TOLD).to_arrow().to_pylist()
        # A collector may tell the number of unchanged runs and not their ids.
        n_untold = tally.n_unchanged + tally.n_new + tally.n_changed - len(tally.uids)
        return SourceReceipt(
            source=plain_text(source),
            collector=", ".join(sorted(tally.recognized)),
            recognized=tuple(sorted(tally.recognized.items())),
            n_new=tally.n_new,
            n_changed=tally.n_changed,
            n_unchanged=tally.n_unchanged,
            n_runs=len(runs) + n_untold,
            n_merged=sum((row["n_sources"] or 1) > 1 for row in runs),
            unknown=tuple(map(plain_text, tally.unknown)),
            attention=tuple(
                (plain_text(what), plain_text(why))
                for what, why in (
                    *tally.attention,
                    *self._registry.problems_of(tally.uids),
                    *missing(runs),
                    *self._doubts(),
                )
            ),
            seconds=seconds,
        )

    def _doubts(self) -> Iterator[tuple[str, str]]:
        """Yield what may be one run with what was read, and the command that says so."""
        doubts = self._registry.doubts(self.tally.read) if self.tally.read else ()
        doubted = {uid for d in doubts for uid in d.runs}
        runs = self._registry.runs_of(doubted, ["run_uid", "run_name"])
        told = zip(runs.texts("run_uid"), runs.texts("run_name"), strict=True)
        names = {str(uid): name or str(uid)[:8] for uid, name in told}
        for doubt in doubts:
            name = " and ".join(names[uid] for uid in doubt.runs if uid in names)
            one, other = (uid[:8] for uid in doubt.runs)
            yield name, f"{doubt.why}. If they are one run: `isoflop merge {one} {other}`."


def missing(runs: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield each run that lacks what a fit needs, why, and the command that helps."""
    for row in runs:
        uid, name = row["run_uid"][:8], row.get("run_name") or row["run_uid"]
        lacking = [c for c in ("n_params", "n_tokens", "loss") if row.get(c) is None]
        if row.get("lifecycle") == "deleted" or row.get("parent_uid"):
            continue
        if row.get("stage") == "eval":
            yield (
                name,
                (
                    "an evaluation of no known run; gather the run, or say which it is: "
                    f"`isoflop merge {uid} RUN`."
                ),
            )
        elif lacking and row.get("status") != "diverged":
            reasons = json.loads(row.get("null_reasons") or "{}")
            why = "; ".join(reasons.get(c, f"{c} is not known") for c in lacking)
            yield name, f"{why}. If you know it: `isoflop set {uid} {lacking[0]}=...`."


def _nothing_found(root: Path, claims: Claims) -> CollectError:
    if claims.unknown:
        command = map_command(claims.unknown)
        hint = f"{command} says what one means. " if command else ""
        seen = f" These speak of a loss or are tables: {by_kind(claims.unknown)}. {hint}"
    elif root.is_dir() and not any(root.iterdir()):
        seen = " It is empty. "
    else:
        seen = " Give the file or folder that holds the logs, or a tracking URI. "
    return CollectError(
        f"No collector recognizes anything in {str(root)!r}.{seen}"
        "`isoflop plugins` lists the formats that are known.",
        source=str(root),
    )


def _told_by(collector: Collector, request: CollectRequest) -> Iterator[RawRun]:
    """Yield what a collector reads; whatever it raises is an error of its source."""
    try:
        yield from collector.collect(request)
    except IsoflopError:
        raise
    except Exception as error:
        shown = without_credentials(request.source)
        message = f"Collector {collector.name!r} failed, please report it: {_in_words(error)}"
        raise CollectError(f"{message}.", source=shown) from error


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]


def _is_old(find: Find, since: datetime | None) -> bool:
    """Return whether no file of a find was written after a time."""
    if since is None:
        return False
    times = []
    for name in find.found.files:
        try:
            times.append(Path(name).stat().st_mtime)
        except OSError:
            continue
    return bool(times) and datetime.fromtimestamp(max(times), tz=UTC) < since


def _ended_before(raw: RawRun, since: datetime | None) -> bool:
    return since is not None and raw.ended_at is not None and raw.ended_at < since


def _batches(raws: Iterator[RawRun]) -> Iterator[list[RawRun]]:
    """Group runs so that neither their number nor their points grow without bound."""
    batch: list[RawRun] = []
    points = 0
    for raw in raws:
        batch.append(raw)
        points += sum(len(s) for s in raw.metrics.values())
        if len(batch) >= BATCH_RUNS or points >= BATCH_POINTS:
            yield batch
            batch, points = [], 0
    if batch:
        yield batch
