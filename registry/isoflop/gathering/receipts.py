"""What came of a collection, in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass

from isoflop.display.card import Card, ShowsCard
from isoflop.gathering.summary import receipt_card, summary


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReceipt:
    """What came of one source.

    Parameters
    ----------
    source : str
        The source, credentials stripped.
    collector : str
        Collectors that read it, by name; empty where none could.
    recognized : tuple of (str, int)
        Formats found in a tree, and how many sources of each.
    n_new, n_changed, n_unchanged : int
        Sources of runs by what the registry knew of them. [1]
    n_runs, n_merged : int
        Runs that these sources make together, and how many of them have several sources. [1]
    unknown : tuple of str
        Files that look as if they held runs and that no collector knows.
    attention : tuple of (str, str)
        What needs attention and why: a source that could not be read, a run without N, D or loss.
    seconds : float
        Wall time. [s]
    """

    source: str
    collector: str
    recognized: tuple[tuple[str, int], ...] = ()
    n_new: int = 0
    n_changed: int = 0
    n_unchanged: int = 0
    n_runs: int = 0
    n_merged: int = 0
    unknown: tuple[str, ...] = ()
    attention: tuple[tuple[str, str], ...] = ()
    seconds: float = 0.0

    @property
    def n_sources(self) -> int:
        """Sources of runs that were found."""
        return self.n_new + self.n_changed + self.n_unchanged


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CollectReceipt(ShowsCard):
    """What came of one collection, source by source.

    Parameters
    ----------
    sources : tuple of SourceReceipt
        One a source, in the order given.
    """

    sources: tuple[SourceReceipt, ...]

    @property
    def n_new(self) -> int:
        """Sources of runs that the registry did not know."""
        return sum(s.n_new for s in self.sources)

    @property
    def n_changed(self) -> int:
        """Sources of runs that changed since the last collection."""
        return sum(s.n_changed for s in self.sources)

    @property
    def n_unchanged(self) -> int:
        """Sources of runs that did not change."""
        return sum(s.n_unchanged for s in self.sources)

    @property
    def n_runs(self) -> int:
        """Runs that the sources make."""
        return sum(s.n_runs for s in self.sources)

    @property
    def n_merged(self) -> int:
        """Runs that several sources tell of."""
        return sum(s.n_merged for s in self.sources)

    @property
    def attention(self) -> tuple[tuple[str, str], ...]:
        """What needs attention, and why."""
        return tuple(a for s in self.sources for a in s.attention)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Files that look as if they held runs and that no collector knows."""
        return tuple(name for s in self.sources for name in s.unknown)

    def __repr__(self) -> str:
        return "\n".join(summary(self))

    def _card(self) -> Card:
        return receipt_card(self)
