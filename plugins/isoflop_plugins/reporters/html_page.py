"""A report as one self-contained page."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isoflop.display.table_view import TableView, view
from isoflop.drawing.static import Drawing, draw
from isoflop.reporting.report import Report, Section
from isoflop.words import moment, plural
from isoflop_plugins.reporters.ordering import by_reason, gravest

if TYPE_CHECKING:
    import jinja2

_ROWS, _OPEN_ROWS = 50, 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One thing of a section: a table, or a figure with the table of the same numbers.

    Parameters
    ----------
    name : str
        Name of the table; empty where there is none.
    table : TableView or None
        Rows to show.
    drawing : Drawing or None
        Picture above the table.
    is_open : bool
        True for the first table of a section and for short ones.
    """

    name: str
    table: TableView | None
    drawing: Drawing | None
    is_open: bool


def render_html(report: Report) -> str:
    """Return the page: no script, no address outside itself, untrusted text escaped."""
    drawn = {s.anchor: tuple(_blocks(s)) for s in report.sections}
    return _environment().get_template("report.html.jinja").render(report=report, blocks=drawn)


@functools.cache
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("isoflop_plugins.reporters", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "moment": moment,
        "plural": plural,
        "gravest": gravest,
        "by_reason": by_reason,
        "slug": lambda text: re.sub(r"[^A-Za-z0-9-]", "-", text),
    }
    return environment


def _blocks(section: Section) -> Iterator[Block]:
    """Yield a section's tables in their order, each figure right above its table."""
    result = section.result
    if result is None:
        return
    drawings: dict[str, list[Drawing]] = {}
    for index, figure in enumerate(result.figures.specs()):
        drawing = draw(result, figure, prefix=f"{section.anchor}-{index}")
        home = figure.table if figure.table in result.tables else ""
        drawings.setdefault(home, []).append(drawing)
    for index, (name, frame) in enumerate(result.tables.items()):
        drawn = drawings.get(name, [])
        yield from (Block(name="", table=None, drawing=d, is_open=False) for d in drawn[:-1])
        last = drawn[-1] if drawn else None
        table = view(frame, limit=_ROWS)
        is_open = index == 0 or 0 < len(table.rows) <= _OPEN_ROWS
        yield Block(name=name, table=table, drawing=last, is_open=is_open)
    for drawing in drawings.get("", ()):
        yield Block(name="", table=None, drawing=drawing, is_open=False)
