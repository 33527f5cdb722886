"""Figures as files: SVG, PDF or PNG, as wide as the column they go into."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoflop.drawing import static
from isoflop.errors import SchemaError
from isoflop.figures.notes import rewrapped

if TYPE_CHECKING:
    import altair as alt

PIXELS_A_MM = 96 / 25.4
"""A pixel of CSS is 1/96 inch, so a label of 11 pixels is printed with 8.25 points."""

_POINTS_A_PIXEL = 72 / 96
_SMALLEST, _LARGEST = 20.0, 2000.0
_MARGIN = 4
_ENDINGS = (".pdf", ".png", ".svg")
_SHARP = 3
"""PNG pixels for a pixel of the chart: 288 dots per inch."""


def save(
    chart: alt.TopLevelMixin,
    path: str | Path,
    *,
    width_mm: float | None = None,
    height_mm: float | None = None,
) -> Path:
    """Write a chart as ``.svg``, ``.pdf`` or ``.png`` on a white ground, offline.

    Text stays text, and a PDF embeds its fonts. Without a size the chart keeps its own, a pixel
    being 1/96 inch. With one, a chart of a single plot is laid out anew, axes and legend included,
    so that labels keep their size in print; a chart of several panels is scaled as a picture to
    `width_mm`, labels and all.

    Parameters
    ----------
    chart : altair chart
        Any; it is not changed.
    path : str or Path
        Where to; its folder must be there.
    width_mm, height_mm : float or None
        Size of the whole picture: a column of many journals is 88 wide, a page 180. Without a
        height the proportions are kept. [mm]

    Raises
    ------
    SchemaError
        Another ending, or a size that is not between 20 and 2,000 mm, or a height for a chart of
        several panels.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in _ENDINGS:
        raise SchemaError(
            f"Cannot save a figure as {path.name!r}: the ending must be one of {list(_ENDINGS)}. "
            "Name the file `figure.svg`, for example."
        )
    for name, size in (("width_mm", width_mm), ("height_mm", height_mm)):
        if size is not None and not _SMALLEST <= size <= _LARGEST:
            raise SchemaError(
                f"{name} must lie between {_SMALLEST:g} and {_LARGEST:g} mm, got {size!r}."
            )
    path.write_bytes(_content(_picture(chart, width_mm, height_mm), kind, width_mm))
    return path


def _picture(chart: Any, width_mm: float | None, height_mm: float | None) -> str:
    """Return the SVG, laid out to the size where the chart is one plot."""
    import altair as alt

    white = chart.properties(background="white")
    if not isinstance(chart, alt.Chart | alt.LayerChart):
        if height_mm is not None:
            raise SchemaError(
                "A chart of several panels keeps its proportions: give width_mm alone."
            )
        return static.svg(white)
    if width_mm is None and height_mm is None:
        return static.svg(white)
    width, height = _pixels(chart, width_mm, height_mm)
    fit = alt.AutoSizeParams(type="fit", contains="padding")
    sized = white.properties(width=width, height=height, autosize=fit, padding=_MARGIN)
    return static.svg(rewrapped(sized, width=width - 2 * _MARGIN))


def _pixels(chart: Any, width_mm: float | None, height_mm: float | None) -> tuple[int, int]:
    own = [side if isinstance(side, int | float) else 400.0 for side in (chart.width, chart.height)]
    width, height = (mm * PIXELS_A_MM if mm else None for mm in (width_mm, height_mm))
    if width is None:
        assert height is not None
        width = height * own[0] / own[1]
    if height is None:
        height = width * own[1] / own[0]
    return round(width), round(height)


def _content(picture: str, kind: str, width_mm: float | None) -> bytes:
    """Return the file: the picture in points, in millimeters, or in pixels fine enough to print."""
    import vl_convert

    width, height = _sides(picture)
    wanted = width if width_mm is None else width_mm * PIXELS_A_MM
    scale = wanted / width
    if kind == ".png":
        return bytes(vl_convert.svg_to_png(picture, scale=_SHARP * scale))
    if kind == ".pdf":
        points = [side * scale * _POINTS_A_PIXEL for side in (width, height)]
        return bytes(vl_convert.svg_to_pdf(_sized(picture, [f"{p:.3f}" for p in points])))
    mm = [f"{side * scale / PIXELS_A_MM:.3f}mm" for side in (width, height)]
    return _sized(picture, mm).encode()


def _sides(picture: str) -> tuple[float, float]:
    found = re.search(r'<svg[^>]*\swidth="([\d.]+)"\sheight="([\d.]+)"', picture)
    assert found is not None, "vl-convert writes the size into the first element"
    return float(found[1]), float(found[2])


def _sized(picture: str, sides: list[str]) -> str:
    """Return the picture with another outer size; its view box, and so all in it, scales."""
    attributes = f'width="{sides[0]}" height="{sides[1]}"'
    return re.sub(r'width="[\d.]+"\sheight="[\d.]+"', attributes, picture, count=1)
