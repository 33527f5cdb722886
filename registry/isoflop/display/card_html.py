"""A card as HTML without scripts: every text escaped, nothing fetched, small."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isoflop.display.card import SHOWN_COLUMNS, SHOWN_FLAGS, SHOWN_ROWS
from isoflop.display.card_style import STYLE
from isoflop.display.card_text import more_checks
from isoflop.display.harmless import one_line
from isoflop.display.text_table import not_shown
from isoflop.words import plural

if TYPE_CHECKING:
    from isoflop.display.card import Card, CardTable, Number
    from isoflop.display.table_view import Heading

LARGEST = 50_000
"""Size of a card, at most. [byte]"""

_LONG_CELL = 36
"""Characters from which the text of a cell runs over several lines. [1]"""

_TO_SEE = "isoflop.figures.show(result.figures[NAME]) draws one."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    """How much of a card is shown: rows, columns, lines of a list, characters. [1]."""

    rows: int
    columns: int
    tables: int
    lines: int
    cell: int
    text: int


_ROOMS = (
    _Room(rows=SHOWN_ROWS, columns=SHOWN_COLUMNS, tables=4, lines=12, cell=80, text=1_500),
    _Room(rows=10, columns=10, tables=2, lines=8, cell=40, text=600),
    _Room(rows=5, columns=8, tables=1, lines=5, cell=24, text=300),
    # Four bytes a character, or six where it is escaped, and still not too large.
    _Room(rows=3, columns=6, tables=1, lines=3, cell=16, text=120),
)


def card_html(card: Card) -> str:
    """Return a card as HTML of less than 50 kB: verdict, numbers, tables, left out, source.

    What does not fit is counted. Texts are escaped, without control codes, and cut where they are
    very long.
    """
    text = ""
    for room in _ROOMS:
        text = _html(card, room)
        if len(text.encode()) < LARGEST:
            break
    return text


def _html(card: Card, room: _Room) -> str:
    parts = "".join(
        (
            _box(card, room),
            *_flags(card, room),
            *_checks(card, room),
            *_numbers(card, room),
            *_tables(card, room),
            *_figures(card, room),
            *_left_out(card, room),
            _quiet(f"Source: {card.source}", room) if card.source else "",
        )
    )
    return f'<div class="isoflop-card"><style>{STYLE}</style>{parts}</div>'


def _said(text: object, longest: int) -> str:
    return html.escape(one_line(text, longest))


def _quiet(text: str, room: _Room) -> str:
    return f'<p class="isf-quiet">{_said(text, room.text)}</p>'


def _box(card: Card, room: _Room) -> str:
    status = _said(card.status, room.cell)
    badge = f'<span class="isf-badge">{status}</span>' if status else ""
    title = f"<strong>{_said(card.title, room.text)}</strong>"
    verdict = f"<p>{_said(card.verdict, room.text)}</p>" if card.verdict else ""
    formula = f"<p><code>{_said(card.formula, room.text)}</code></p>" if card.formula else ""
    return f'<div class="isf-box isf-{card.tone}">{badge}{title}{verdict}{formula}</div>'


def _flags(card: Card, room: _Room) -> Iterator[str]:
    shown = card.flags[: min(SHOWN_FLAGS, room.lines)]
    items = [
        f"<li><b>{_said(grave, room.cell)}</b>{_said(text, room.text)}</li>"
        for grave, text in shown
    ]
    if items:
        yield f"<ul class=isf-flags>{''.join(items)}</ul>"
    if len(card.flags) > len(shown):
        yield _quiet(f"and {plural(len(card.flags) - len(shown), 'more flag')}", room)


def _checks(card: Card, room: _Room) -> Iterator[str]:
    items = [
        f"<li><b{'' if holds else ' class=isf-no'}>{'ok' if holds else 'no'}</b>"
        f"{_said(text, room.text)}</li>"
        for text, holds in card.checks[: room.lines]
    ]
    if items:
        yield f"<ul>{''.join(items)}</ul>"
    if len(card.checks) > room.lines:
        yield _quiet(f"{more_checks(card, room.lines)}.", room)
    for fact in card.facts[: room.lines]:
        yield _quiet(fact, room)


def _numbers(card: Card, room: _Room) -> Iterator[str]:
    shown = card.numbers[: 2 * room.lines]
    title = f"<caption>{_said(card.numbers_title, room.text)}</caption>"
    if shown:
        rows = "".join(_number(number, room) for number in shown)
        head = title if card.numbers_title else ""
        yield f'<div class="isf-wide"><table>{head}<tbody>{rows}</tbody></table></div>'
    elif card.numbers_title:
        yield _quiet(card.numbers_title, room)
    if len(card.numbers) > len(shown):
        yield _quiet(f"and {plural(len(card.numbers) - len(shown), 'more number')}", room)


def _number(number: Number, room: _Room) -> str:
    kind = " class=isf-l" if len(number.text) > _LONG_CELL else " class=isf-r"
    beside = " ".join(part for part in (number.unit, number.note) if part)
    return (
        f'<tr><th scope="row">{_said(number.name, room.cell)}</th>'
        f"<td{kind}>{_said(number.text, 3 * room.cell)}</td>"
        f"<td>{_said(beside, 2 * room.cell)}</td></tr>"
    )


def _tables(card: Card, room: _Room) -> Iterator[str]:
    shown = card.tables[: room.tables]
    for place, table in enumerate(shown):
        drawn = _table(table, room)
        if not table.name:
            yield drawn
            continue
        name = f"{_said(table.name, room.cell)} ({plural(table.n_rows, 'row')})"
        opened = " open" if place == 0 else ""
        yield f"<details{opened}><summary>{name}</summary>{drawn}</details>"
    rest = [f"{t.name} ({plural(t.n_rows, 'row')})" for t in card.tables[room.tables :]]
    if rest:
        yield _quiet(f"More tables: {', '.join(rest)}", room)


def _table(table: CardTable, room: _Room) -> str:
    seen = table.view(rows=room.rows, columns=room.columns)
    heads = "".join(
        f"<th{_class(h)} scope=col>{_said(h.titled, room.cell)}</th>" for h in seen.headings
    )
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td{_class(h, text)}>{_said(text, room.cell)}</td>"
            for h, text in zip(seen.headings, row, strict=True)
        )
        + "</tr>"
        for row in seen.rows
    )
    more = not_shown(seen.n_hidden, seen.n_hidden_columns)
    note = _quiet(more, room) if more else ""
    head = f"<thead><tr>{heads}</tr></thead>" if heads else ""
    return f'<div class="isf-wide"><table>{head}<tbody>{rows}</tbody></table></div>{note}'


def _class(heading: Heading, text: str = "") -> str:
    if heading.numeric:
        return " class=isf-r"
    return " class=isf-l" if len(text) > _LONG_CELL else ""


def _figures(card: Card, room: _Room) -> Iterator[str]:
    items = [
        f"<dt><code>{_said(name, room.cell)}</code></dt><dd>{_said(caption, room.text)}</dd>"
        for name, caption in card.figures[: room.lines]
    ]
    if items:
        more = len(card.figures) - len(items)
        rest = f", {more:,} more not listed" if more else ""
        summary = f"{plural(len(card.figures), 'figure')}{rest}"
        yield (
            f"<details><summary>{summary}</summary><dl>{''.join(items)}</dl>"
            f"{_quiet(_TO_SEE, room)}</details>"
        )


def _left_out(card: Card, room: _Room) -> Iterator[str]:
    if card.left_out_title:
        title = card.left_out_title
        yield f"<p>{_said(title[:1].upper() + title[1:], room.text)}</p>"
    items = [
        f"<li><b>{r.n:,} x</b>{_said(r.reason, room.text)}"
        + (f' <span class="isf-quiet">({_said(_named(r.n, r.names), room.text)})</span>'
           if r.names else "")
        + "</li>"
        for r in card.left_out[: room.lines]
    ]  # fmt: skip
    if items:
        yield f"<ul>{''.join(items)}</ul>"
    if len(card.left_out) > len(items):
        yield _quiet(f"and {plural(len(card.left_out) - len(items), 'more reason')}", room)


def _named(n: int, names: tuple[str, ...]) -> str:
    return ", ".join(one_line(name, 60) for name in names) + (", ..." if n > len(names) else "")
