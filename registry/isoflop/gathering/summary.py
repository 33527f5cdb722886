"""The lines that a person reads after a collection; the program reads the receipt."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from isoflop.display.card import Card
from isoflop.words import plural

if TYPE_CHECKING:
    from isoflop.gathering.receipts import CollectReceipt

_SHOWN = 10
_SHOWN_NAMES = 2
_MAPPABLE = frozenset({".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet"})
_VARIES = re.compile(r"`[^`]*`|'[^']*'|\"[^\"]*\"|/\S+|\d[\d.,e+-]*")


def headline(receipt: CollectReceipt) -> str:
    """Return how many runs came of how many sources, and whether something is amiss."""
    n_sources = sum(s.n_sources for s in receipt.sources)
    text = f"{plural(receipt.n_runs, 'run')} from {plural(n_sources, 'source')}"
    if receipt.n_merged:
        text += f", {receipt.n_merged:,} merged"
    n = len(receipt.attention)
    return text + (f", {n:,} {'needs' if n == 1 else 'need'} attention" if n else "")


def summary(receipt: CollectReceipt) -> Iterator[str]:
    """Yield the lines that tell of a collection."""
    yield headline(receipt)
    yield from (f"  {line}" for line in _facts(receipt))
    if receipt.attention:
        yield "  needs attention:"
        yield from (f"    {line}" for line in attention_lines(receipt.attention))


def receipt_card(receipt: CollectReceipt) -> Card:
    """Return the card of a collection."""
    n = len(receipt.attention)
    return Card(
        title="Collected",
        verdict=headline(receipt),
        status=f"{n:,} {'needs' if n == 1 else 'need'} attention" if n else "all read",
        tone="caution" if n else "good",
        checks=[(line, False) for line in attention_lines(receipt.attention)],
        facts=list(_facts(receipt)),
        source=", ".join(s.source for s in receipt.sources),
    )


def _facts(receipt: CollectReceipt) -> Iterator[str]:
    counts = {
        "new": receipt.n_new, "changed": receipt.n_changed, "unchanged": receipt.n_unchanged,
    }  # fmt: skip
    yield f"sources: {', '.join(f'{n:,} {word}' for word, n in counts.items() if n) or 'none'}"
    recognized: Counter[str] = Counter()
    for source in receipt.sources:
        recognized.update(dict(source.recognized))
    if recognized:
        ordered = sorted(recognized.items(), key=lambda pair: (-pair[1], pair[0]))
        yield f"recognized: {', '.join(f'{name} {n:,}' for name, n in ordered)}"
    yield from _not_recognized(receipt.unknown)


def attention_lines(attention: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield one line a reason: whom it concerns, the reason, and the command for the first.

    Reasons that differ only in names, numbers and commands are one.
    """
    groups: dict[str, list[tuple[str, str]]] = {}
    for what, why in attention:
        groups.setdefault(_VARIES.sub("#", why), []).append((what, why))
    for told in list(groups.values())[:_SHOWN]:
        what, why = told[0]
        more = f" and {len(told) - 1:,} more" if len(told) > 1 else ""
        yield f"{_one_line(what)}{more}: {_one_line(why)}"
    if len(groups) > _SHOWN:
        yield f"and {plural(len(groups) - _SHOWN, 'other reason')}"
    if len(groups) < len(attention) or len(groups) > _SHOWN:
        yield "(--json lists each)"


def map_command(files: Sequence[str]) -> str:
    """Return the command that proposes a map for the first file that it can read; empty for none.

    Paths are quoted for the shell.
    """
    first = next((f for f in files if Path(f).suffix.lower() in _MAPPABLE), None)
    return f"`isoflop map {_one_line(shlex.quote(first))}`" if first else ""


def by_kind(files: Sequence[str]) -> str:
    """Return files in words: how many of each kind, and the names of a few."""
    kinds: dict[str, list[str]] = {}
    for file in files:
        kinds.setdefault(Path(file).suffix.lower() or "without suffix", []).append(Path(file).name)
    parts = []
    for kind, names in sorted(kinds.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        shown = ", ".join(map(_one_line, names[:_SHOWN_NAMES]))
        more = ", ..." if len(names) > _SHOWN_NAMES else ""
        parts.append(f"{len(names):,} {kind} ({shown}{more})")
    return ", ".join(parts)


def _not_recognized(files: Sequence[str]) -> Iterator[str]:
    if files:
        command = map_command(files)
        hint = f"; {command} says what one means" if command else ""
        yield f"not recognized: {by_kind(files)}{hint}"


def _one_line(text: str) -> str:
    """Return untrusted text on one line, so that a name cannot pass for a line of ours."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)
