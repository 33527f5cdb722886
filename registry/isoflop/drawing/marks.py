"""Marks that a picture repeats, written once: a thousand runs are a thousand equal circles."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import NamedTuple

_MARK = re.compile(r'<path transform="translate\((-?[\d.]+),(-?[\d.]+)\)" d="([^"]*)"([^>]*)/>')
_FILL = re.compile(r'\sfill="([^"]*)"')
_RGB = re.compile(r"rgb\((\d+), ?(\d+), ?(\d+)\)")
_FEWEST = 5


class _Look(NamedTuple):
    """What marks share: outline, and all attributes but the fill."""

    outline: str
    rest: str


def share_marks(svg: str) -> str:
    """Return an SVG document whose repeated marks point to one definition, drawn where they were.

    A mark is placed to a tenth of a pixel. Fills that differ stay with the marks. A document
    without repetition comes back as it is.
    """
    fills: dict[_Look, list[str]] = defaultdict(list)
    for found in _MARK.finditer(svg):
        look, fill = _look(found)
        fills[look].append(fill)
    names = {
        look: f"m{place}"
        for place, look in enumerate(look for look, each in fills.items() if len(each) >= _FEWEST)
    }
    if not names:
        return svg
    common = {look: fills[look][0] if len(set(fills[look])) == 1 else "" for look in names}

    def use(found: re.Match[str]) -> str:
        look, fill = _look(found)
        if look not in names:
            return found[0]
        own = fill if not common[look] else ""
        return f'<use href="#{names[look]}" x="{_short(found[1])}" y="{_short(found[2])}"{own}/>'

    text = _MARK.sub(use, svg)
    defined = "".join(
        f'<path id="{name}" d="{look.outline}"{look.rest}{common[look]}/>'
        for look, name in names.items()
    )
    return re.sub(r"(<svg[^>]*>)", lambda m: f"{m[1]}<defs>{defined}</defs>", text, count=1)


def _look(mark: re.Match[str]) -> tuple[_Look, str]:
    """Return what a mark shares with others, and its fill as an attribute, empty without one."""
    fill = _FILL.search(mark[4])
    rest = _FILL.sub("", mark[4]).rstrip()
    return _Look(mark[3], rest), f' fill="{_hex(fill[1])}"' if fill else ""


def _hex(color: str) -> str:
    found = _RGB.fullmatch(color)
    return "#" + "".join(f"{int(part):02x}" for part in found.groups()) if found else color


def _short(number: str) -> str:
    return f"{float(number):.1f}".removesuffix(".0")
