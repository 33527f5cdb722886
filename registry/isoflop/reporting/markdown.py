"""Untrusted text in Markdown, for summaries and notices."""

from __future__ import annotations

import re


def escaped(text: str) -> str:
    r"""Return untrusted text as one line of Markdown that shows it verbatim.

    Examples
    --------
    >>> escaped("| a | <b>`x`")
    '\\| a \\| &lt;b&gt;\\`x\\`'
    """
    text = " ".join(text.split())
    text = re.sub(r"([\\`*|~])", r"\\\1", text)
    # A bracket pair is a link only where one of these follows.
    text = re.sub(r"\](?=[(\[:])", r"\\]", text)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"^(\d*)([#.)+-])(?=[\s#]|$)", r"\1\\\2", text)
