"""Charts as static pictures, offline: SVG for pages, files for papers.

One picture serves the light and the dark page: it has no background, and a dark page inverts its
lightness and keeps its hues by CSS, so a chart with colours of its own stays readable too.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoflop.drawing.marks import share_marks
from isoflop.drawing.palette import SOFT
from isoflop.errors import SchemaError
from isoflop.results import AnalysisResult, Figure

if TYPE_CHECKING:
    import altair as alt

_INK, _GRID = "#24292f", "#d8dee4"
LARGEST_SVG = 200_000
"""Characters above which a page holds a PNG instead: 4,000 points as SVG stall a phone."""

_REFUSED = re.compile(
    r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u202a-\u202e\u2066-\u2069]"
    r"|\\u00(?:0[0-8bcefBCEF]|1[0-9a-fA-F])|\\u(?:202[a-eA-E]|206[6-9])|\\[bfv]|\\x[01][0-9a-fA-F]"
)
"""Characters that XML refuses, that turn text around, and escapes in expressions of a chart."""

_LONGEST_NAME = 200
"""Characters of a name in a chart: more than a legend or a tooltip shows."""

_HOLD_DATA = frozenset({"datasets", "domain", "sort", "values"})
"""Keys of a chart under which names stand, and no expression."""

CHART_CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": "sans-serif",
    "aria": False,
    "padding": {"left": 28, "right": 20, "top": 6, "bottom": 6},  # a browser's font may be wider
    "view": {"stroke": None},
    "axis": {
        "labelColor": SOFT, "titleColor": _INK, "gridColor": _GRID, "domainColor": SOFT,
        "tickColor": SOFT, "labelFontSize": 11, "titleFontSize": 12, "titleFontWeight": "normal",
        "gridOpacity": 0.7,
    },
    "legend": {"labelColor": _INK, "titleColor": _INK, "titleFontWeight": "normal"},
    "header": {"labelColor": _INK, "titleColor": _INK, "labelFontSize": 12},
    "title": {"color": _INK, "fontSize": 13, "fontWeight": "normal", "anchor": "start"},
    "text": {"color": _INK},
}  # fmt: skip
"""Neutral look; a chart's own config wins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A figure as a page shows it.

    Parameters
    ----------
    name, caption, table : str
        As in the figure.
    markup : str
        Safe HTML: one ``<svg>`` or one ``<img>`` with the picture inside; empty where it failed.
    failure : str
        Why there is no picture; empty where there is one.
    """

    name: str
    caption: str
    table: str
    markup: str = ""
    failure: str = ""


def draw(result: AnalysisResult, figure: Figure, *, prefix: str) -> Drawing:
    """Return a figure of a result as markup; a chart that fails gives its reason.

    Parameters
    ----------
    result : AnalysisResult
        The result that holds the figure; its chart is built at most once.
    figure : Figure
        Which.
    prefix : str
        Makes the ids of the picture unique in its page.
    """
    known = {"name": figure.name, "caption": figure.caption, "table": figure.table}
    try:
        text = result.figures.drawn(figure.name, svg)
        return Drawing(**known, markup=_embedded(text, label=figure.caption, prefix=prefix))
    except Exception as error:  # noqa: BLE001 - the border around plugins: a chart is their code
        words = " ".join(str(error).split("\n")[:2])
        return Drawing(**known, failure=f"{type(error).__name__}: {words}")


def markup(chart: alt.TopLevelMixin, *, label: str, prefix: str) -> str:
    """Return a chart as SVG for a page, or as an embedded PNG where the SVG would be huge."""
    return _embedded(svg(chart), label=label, prefix=prefix)


def _embedded(text: str, *, label: str, prefix: str) -> str:
    """Return an SVG document as a part of a page."""
    if len(text) <= LARGEST_SVG:
        return _inline(text, label=label, prefix=prefix)
    import vl_convert

    picture = vl_convert.svg_to_png(text, scale=2)
    data = base64.b64encode(picture).decode("ascii")
    return f'<img alt="{html.escape(label)}" src="data:image/png;base64,{data}">'


def svg(chart: alt.TopLevelMixin) -> str:
    """Return a chart as an SVG document; text stays text, links and remote pictures go."""
    import vl_convert

    text: str = vl_convert.vegalite_to_svg(_spec(chart), config=CHART_CONFIG, allowed_base_urls=[])
    # A chart may carry data in picture addresses: none may lead out of the page.
    text = re.sub(r'\s(?:xlink:)?href="(?!#|data:image/)[^"]*"', "", text)
    return share_marks(re.sub(r'\s(d|transform)="([^"]*)"', _shorter, text))


def save(chart: alt.TopLevelMixin, path: str | Path) -> Path:
    """Write a chart as ``.svg``, ``.png`` or ``.pdf`` on a white ground, offline.

    Raises `SchemaError` for another ending.
    """
    import vl_convert

    path = Path(path)
    kinds = {".svg": "svg", ".png": "png", ".pdf": "pdf"}
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise SchemaError(
            f"Cannot save a figure as {path.name!r}: the ending must be one of {sorted(kinds)}. "
            "Name the file `figure.svg`, for example."
        )
    config = CHART_CONFIG | {"background": "white"}
    convert = getattr(vl_convert, f"vegalite_to_{kind}")
    extra = {"scale": 2} if kind == "png" else {}
    content = convert(_spec(chart), config=config, allowed_base_urls=[], **extra)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def _spec(chart: alt.TopLevelMixin) -> dict[str, Any]:
    import altair as alt

    # Altair refuses more than 5,000 rows by default; a registry has more.
    with alt.data_transformers.disable_max_rows():
        spec: dict[str, Any] = chart.to_dict()
    spec = {k: v if k == "datasets" else _without_links(v) for k, v in spec.items()}
    cleaned: dict[str, Any] = _printable(spec)
    return cleaned


def _printable(part: Any, *, is_data: bool = False) -> Any:
    """Return a part of a chart without characters of which one may end the whole process.

    A name of a megabyte would be measured letter by letter: names in data are cut.
    """
    if isinstance(part, str):
        text = _REFUSED.sub("\N{REPLACEMENT CHARACTER}", part)
        return _cut(text) if is_data and len(text) > _LONGEST_NAME else text
    if isinstance(part, list):
        return [_printable(p, is_data=is_data) for p in part]
    if isinstance(part, dict):
        return {k: _printable(v, is_data=is_data or k in _HOLD_DATA) for k, v in part.items()}
    return part


def _cut(name: str) -> str:
    """Return the beginning of a name; what follows tells it from others that begin alike."""
    rest = hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=4).hexdigest()
    return f"{name[:_LONGEST_NAME]}\N{HORIZONTAL ELLIPSIS}{rest}"


def _without_links(part: Any) -> Any:
    """Return a part of a chart without links: one bad address breaks every later chart."""
    if isinstance(part, list):
        return [_without_links(p) for p in part]
    if not isinstance(part, dict):
        return part
    return {k: v if k == "data" else _without_links(v) for k, v in part.items() if k != "href"}


def _shorter(found: re.Match[str]) -> str:
    """Return a coordinate attribute with two decimals: a hundredth of a pixel is not seen."""
    return f' {found[1]}="' + re.sub(r"(\.\d\d)\d+", r"\1", found[2]) + '"'


def _inline(text: str, *, label: str, prefix: str) -> str:
    """Return an SVG document as an element of a page: unique ids, a label, no namespaces."""
    text = re.sub(r'\sxmlns(?::xlink)?="[^"]*"', "", text)
    # Thousands of marks name an id, so that its prefix is short, whatever the section is called.
    prefix = "p" + hashlib.blake2b(prefix.encode(), digest_size=4).hexdigest()
    text = re.sub(r'\sid="([^"]+)"', rf' id="{prefix}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', text)
    return text.replace("<svg ", f'<svg role="img" aria-label="{html.escape(label)}" ', 1)
