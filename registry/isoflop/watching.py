"""Following folders and trackers while runs are under way."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from isoflop.collection import collect
from isoflop.errors import CollectError
from isoflop.gathering.receipts import CollectReceipt
from isoflop.store import Registry


def watch(
    sources: Sequence[str],
    registry: Registry,
    *,
    interval_s: float = 30.0,
    stop: threading.Event | None = None,
) -> Iterator[CollectReceipt | CollectError]:
    """Collect again and again; yield what came of each round in which something changed.

    Only what changed is read. A source that cannot be read now may be there in the next round, so
    its error is yielded and the watch goes on.

    Parameters
    ----------
    sources : sequence of str
        As for `collect`.
    registry : Registry
        Where to keep the runs.
    interval_s : float
        Pause between rounds. [s]
    stop : threading.Event or None
        Ends the watch when set; None to watch until interrupted.
    """
    stop = stop or threading.Event()
    told = ""
    while not stop.is_set():
        try:
            receipt = collect(sources, registry, progress=_unshown)
            told = ""
            if receipt.n_new or receipt.n_changed:
                yield receipt
        except CollectError as error:
            if str(error) != told:
                told = str(error)
                yield error
        stop.wait(interval_s)


def _unshown(_done: int, _total: int | None, _words: str) -> None:
    """Show no bar: what came is told once a round."""
