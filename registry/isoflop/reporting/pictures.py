"""A report's figures as files: one SVG each, and one PNG of the figure that matters most."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from isoflop.reporting.report import Report, Section
from isoflop.reporting.writing import place, remove_leftovers
from isoflop.results import PRESSING, Figure, Figures

FOLDER = "figures"
PICTURE = "headline.png"
_OURS = re.compile(r"(yours|reference)-.+\.svg")
_PNG_SCALE = 2


def write_pictures(report: Report, folder: Path) -> list[Path]:
    """Write the figures into a folder, each whole or not at all; remove those of other reports.

    A figure that cannot be drawn is left out: its section says why. A report without figures
    leaves none.

    Parameters
    ----------
    report : Report
        Whose figures.
    folder : Path
        Folder of the report.

    Returns
    -------
    list of Path
        Files written: ``figures/<section>-<figure>.svg``, then ``headline.png``.

    Raises
    ------
    RegistryError
        The folder cannot be written.
    """
    drawn = {(section.anchor, figure.name): svg for section, figure, svg in _drawn(report)}
    files = [
        place(folder / FOLDER / _file_name(anchor, name), svg.encode("utf-8", "replace"))
        for (anchor, name), svg in drawn.items()
    ]
    _remove_others(folder / FOLDER, files)
    first = _headline(report, drawn)
    if first:
        return [*files, place(folder / PICTURE, _png(first))]
    with contextlib.suppress(OSError):
        (folder / PICTURE).unlink(missing_ok=True)
    return files


def _drawn(report: Report) -> Iterator[tuple[Section, Figure, str]]:
    from isoflop.drawing.static import svg

    for section in report.sections:
        figures = section.result.figures if section.result else Figures(())
        for figure in figures.specs():
            with contextlib.suppress(Exception):  # a chart is a plugin's code; the page says why
                yield section, figure, _on_white(figures.drawn(figure.name, svg))


def _on_white(svg: str) -> str:
    """Return a picture for a page with a ground of its own: a viewer may be dark."""
    head, end, rest = svg.partition(">")
    return f'{head}{end}<rect width="100%" height="100%" fill="white"/>{rest}'


def _file_name(anchor: str, figure: str) -> str:
    return f"{anchor}-{re.sub(r'[^A-Za-z0-9_-]', '-', figure)[:100]}.svg"


def _headline(report: Report, drawn: dict[tuple[str, str], str]) -> str:
    """Return the first picture of a section with a pressing flag, else of any of the user's."""
    pressing = {f.analyzer for f in report.flags if f.finding.severity in PRESSING}
    ordered = sorted(report.yours, key=lambda section: section.analyzer not in pressing)
    anchors = [section.anchor for section in ordered]
    found = [key for anchor in anchors for key in drawn if key[0] == anchor]
    return drawn[found[0]] if found else ""


def _png(svg: str) -> bytes:
    import vl_convert

    picture: bytes = vl_convert.svg_to_png(svg, scale=_PNG_SCALE)
    return picture


def _remove_others(folder: Path, files: list[Path]) -> None:
    """Remove pictures that an earlier report left; what is not ours stays."""
    remove_leftovers(folder)
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if _OURS.fullmatch(path.name) and path not in files:
                path.unlink(missing_ok=True)
        if not any(folder.iterdir()):
            folder.rmdir()
