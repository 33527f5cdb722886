"""What a page shows of a section: figures with their tables, and which of it is folded."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from isoflop.display.table_view import TableView, view
from isoflop.drawing.static import Drawing, draw
from isoflop.reporting.report import Report, Section
from isoflop.results import PRESSING, AnalysisResult
from isoflop.words import plural

_ROWS, _SAMPLE_ROWS, _OPEN_ROWS = 50, 10, 12


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
        True for a first table that is short, or that no figure of its section shows.
    """

    name: str
    table: TableView | None
    drawing: Drawing | None
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A section and how a page shows it.

    Parameters
    ----------
    section : Section
        What an analyzer said.
    blocks : tuple of Block
        Its figures and tables.
    mark : str
        What a reader should know before reading: ``"failed"``, ``"3 flags"``; empty for nothing.
    doubt : str
        Checks that do not hold, in words; empty where all do.
    is_pressing : bool
        True where somebody may have to act.
    is_open : bool
        True where its figures and tables are unfolded.
    holds : str
        What is folded, in words.
    """

    section: Section
    blocks: tuple[Block, ...]
    mark: str
    doubt: str
    is_pressing: bool
    is_open: bool
    holds: str


@functools.lru_cache(maxsize=1)
def parts_of(report: Report) -> Mapping[str, Part]:
    """Return each section's part by its anchor; a section without a result has no blocks.

    Folded are those with nothing to act on, but the first that fits a law: its figure is what most
    readers come for. The last report's parts are kept: pictures take seconds to draw, and one
    report is a page, a page that says it is old, and a PDF.
    """
    calm = (s for s in report.yours if s.result and s.result.fits and not _pressing(s))
    first = next((section.anchor for section in calm), "")
    return {s.anchor: _part(s, is_first_law=s.anchor == first) for s in report.sections}


def _part(section: Section, *, is_first_law: bool) -> Part:
    pressing = _pressing(section)
    mark = plural(pressing, "flag") if pressing else ""
    return Part(
        section=section,
        blocks=_in_order(tuple(_blocks(section))),
        mark="failed" if section.state == "failed" else mark,
        doubt=_doubt(section.result) if section.result else "",
        is_pressing=bool(pressing) or section.state == "failed",
        is_open=bool(pressing) or is_first_law,
        holds=_holds(section.result) if section.result else "",
    )


def _pressing(section: Section) -> int:
    """Return the number of subjects with a flag to act on: two laws may flag one run."""
    found = section.result.findings if section.result else ()
    return len({(f.kind, f.subject) for f in found if f.severity in PRESSING})


def _doubt(result: AnalysisResult) -> str:
    wrong = sum(not ok for _, ok in result.checks)
    return f"{wrong} of {plural(len(result.checks), 'check')} not met" if wrong else ""


def _holds(result: AnalysisResult) -> str:
    counts = (
        (len(result.findings), "finding"), (len(result.figures), "figure"),
        (len(result.tables), "table"), (len(result.checks), "check"),
    )  # fmt: skip
    return ", ".join(plural(n, what) for n, what in counts if n) or "source"


def _in_order(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
    """Return the first thing first, then what has a picture, then the other tables."""
    rest = sorted(blocks[1:], key=lambda block: block.drawing is None)
    return (*blocks[:1], *rest)


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
        # Long tables after the first are the points of curves: a sample tells what they hold.
        whole = index == 0 or len(frame) <= _ROWS
        table = view(frame, limit=_ROWS if whole else _SAMPLE_ROWS)
        is_open = index == 0 and (len(frame) <= _OPEN_ROWS or not drawings)
        yield Block(name=name, table=table, drawing=drawn[-1] if drawn else None, is_open=is_open)
    for drawing in drawings.get("", ()):
        yield Block(name="", table=None, drawing=drawing, is_open=False)
