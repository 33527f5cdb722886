"""Untrusted text that is to be shown: nothing in it may steer a terminal or pass for our words."""

from __future__ import annotations

import unicodedata

_JOINERS = "\u200c\u200d"
"""Format codes that Persian, Hindi and emoji are written with; a terminal obeys neither."""


def harmless(text: str) -> str:
    r"""Return the text without codes that a terminal or a page would obey.

    Control codes, marks that turn the direction of writing, invisible ones and lone surrogates
    become question marks; new lines and tabs stay.

    Examples
    --------
    >>> harmless("run\x1b[2J 1"), harmless("a\u202eb")
    ('run?[2J 1', 'a?b')
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in "\n\t" or not _is_harmful(c) else "?" for c in text)


def one_line(text: object, longest: int) -> str:
    r"""Return harmless text on one line of at most `longest` characters, so that it fakes no line.

    Examples
    --------
    >>> one_line("a\n  41 runs", 20), one_line("x" * 9, 6)
    ('a 41 runs', 'xxx...')
    """
    # What lies far behind the end cannot be seen: names of megabytes cost nothing.
    told = " ".join(harmless(" ".join(str(text)[: 4 * longest + 100].split())).split())
    return told if len(told) <= longest else f"{told[: longest - 3].rstrip()}..."


def _is_harmful(c: str) -> bool:
    return c not in _JOINERS and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")
