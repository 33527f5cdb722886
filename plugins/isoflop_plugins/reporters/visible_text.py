"""Untrusted text as a reader should see it: what hides or reorders characters is written out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from markupsafe import Markup, escape

_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Controls but tab and line ends, bidirectional overrides, lone surrogates, zero-width and tags."""


class Exact(Markup):
    """Markup that a template prints unchanged: a value that a form sends back."""


def visible(text: str) -> str:
    r"""Return text with unseen and reordering characters as their code points.

    Examples
    --------
    >>> visible("run\u202e1\x1b[2J")
    'run[U+202E]1[U+001B][2J'
    """
    return _UNSEEN.sub(lambda found: f"[U+{ord(found[0]):04X}]", text)


def finalized(value: Any) -> Any:
    """Return what a template prints: text made visible; markup stays markup.

    A code point in brackets is text wherever text is allowed, in a picture too.
    """
    if isinstance(value, Exact):
        return value
    if isinstance(value, Markup):
        return Markup(visible(value))  # noqa: S704 - it was markup before
    return visible(str(value))


def exactly(text: str) -> Exact:
    """Return escaped text as it is, but for lone surrogates, which no address can hold.

    Examples
    --------
    >>> exactly('a"b')
    Exact('a&#34;b')
    """
    return Exact(escape(text.encode("utf-8", "ignore").decode()))


def coded(text: str) -> Markup:
    """Return escaped text in which what stands in backticks is code.

    Examples
    --------
    >>> coded("Run `isoflop collect <b>`.")
    Markup('Run <code>isoflop collect &lt;b&gt;</code>.')
    """
    marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(visible(text))))
    return Markup(marked)  # noqa: S704 - escaped above


def safe_link(links: Mapping[str, str], key: str) -> str:
    """Return an address to click on: http, https or relative; empty for any other and for none.

    Examples
    --------
    >>> links = {"a": "/#/runs/1", "b": "javascript:alert(1)", "c": "//evil"}
    >>> [safe_link(links, key) for key in "abcd"]
    ['/#/runs/1', '', '', '']
    """
    address = links.get(key, "")
    # Browsers drop tabs and line ends from an address and read a backslash as a slash.
    if re.search(r"[\s\\]", address) or _UNSEEN.search(address):
        return ""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    is_here = not parts.scheme and not parts.netloc and not address.startswith("//")
    return address if is_here or (parts.scheme in ("http", "https") and parts.netloc) else ""
