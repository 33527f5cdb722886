"""A card as text: the same lines for every result, harmless in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from isoflop.display.card import SHOWN_FLAGS
from isoflop.display.harmless import one_line
from isoflop.display.text_table import text_table
from isoflop.words import plural

if TYPE_CHECKING:
    from isoflop.display.card import Card, Number

_LONGEST = 2_000
_LONGEST_NAME = 60
_LONGEST_NUMBER = 200
_FACTS = 12
_CHECKS = 24
_NUMBERS = 40
_REASONS = 8


def card_text(card: Card) -> str:
    """Return a card as text: verdict, checks, numbers, tables, what was left out, source."""
    return "\n".join((_head(card), *(f"  {line}" for line in _body(card))))


def _head(card: Card) -> str:
    title, verdict = one_line(card.title, _LONGEST), one_line(card.verdict, _LONGEST)
    return f"{title}: {verdict}" if verdict else title


def _body(card: Card) -> Iterator[str]:
    if card.formula:
        yield one_line(card.formula, _LONGEST)
    for grave, text in card.flags[:SHOWN_FLAGS]:
        yield f"[{one_line(grave, _LONGEST_NAME)}] {one_line(text, _LONGEST)}"
    if len(card.flags) > SHOWN_FLAGS:
        yield f"and {plural(len(card.flags) - SHOWN_FLAGS, 'more flag')}"
    for text, holds in card.checks[:_CHECKS]:
        yield f"[{'ok' if holds else 'no'}] {one_line(text, _LONGEST)}"
    if len(card.checks) > _CHECKS:
        yield more_checks(card, _CHECKS)
    yield from (one_line(fact, _LONGEST) for fact in card.facts[:_FACTS])
    yield from _numbers(card)
    yield from _tables(card)
    yield from _left_out(card)
    if card.source:
        yield f"source: {one_line(card.source, _LONGEST)}"


def more_checks(card: Card, shown: int) -> str:
    """Return how many checks are not shown, and how many of them hold."""
    rest = [holds for _, holds in card.checks[shown:]]
    return f"and {plural(len(rest), 'more check')}: {sum(rest):,} ok, {len(rest) - sum(rest):,} no"


def _numbers(card: Card) -> Iterator[str]:
    shown = card.numbers[:_NUMBERS]
    if card.numbers_title:
        yield f"{one_line(card.numbers_title, _LONGEST)}:"
    names = [one_line(number.name, _LONGEST_NAME) for number in shown]
    wide = max(map(len, names), default=0)
    for name, number in zip(names, shown, strict=True):
        yield f"{name:<{wide}}  {number_text(number)}"
    if len(card.numbers) > len(shown):
        yield f"and {plural(len(card.numbers) - len(shown), 'more number')}"


def number_text(number: Number) -> str:
    """Return value, interval, unit and note in one text."""
    parts = (number.text, number.unit, number.note)
    return one_line(" ".join(part for part in parts if part), _LONGEST_NUMBER)


def _tables(card: Card) -> Iterator[str]:
    named = [t for t in card.tables if not t.is_in_text]
    for table in card.tables:
        if table.is_in_text:
            if table.name:
                yield f"{one_line(table.name, _LONGEST_NAME)}:"
            yield from text_table(table, indent="")
    if named:
        sizes = (f"{one_line(t.name, _LONGEST_NAME)} ({plural(t.n_rows, 'row')})" for t in named)
        yield f"tables: {', '.join(sizes)}"


def _left_out(card: Card) -> Iterator[str]:
    if card.left_out_title:
        yield one_line(card.left_out_title, _LONGEST)
    for reason in card.left_out[:_REASONS]:
        yield f"  {reason.n:,} x {one_line(reason.reason, _LONGEST)}"
    if len(card.left_out) > _REASONS:
        yield f"  and {plural(len(card.left_out) - _REASONS, 'more reason')}"
