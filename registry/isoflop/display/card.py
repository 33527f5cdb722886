"""What a result shows of itself, the same in a notebook and in a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.display.table_view import TableView

Tone = Literal["good", "caution", "bad", "neutral"]
"""Color of a verdict; its words say the same."""

SHOWN_ROWS = 10
SHOWN_COLUMNS = 12
"""Rows and columns of a table that are shown. [1]"""

SHOWN_FLAGS = 5
"""Flags that are told, the gravest; the others are counted. [1]"""

_NAMES_KEPT = 3
_VARIES = re.compile(r"'[^']*'|\"[^\"]*\"|\d[\d.,e+-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number with its interval and unit, in words.

    Parameters
    ----------
    name : str
        What it is called.
    text : str
        ``value [low, high]``.
    unit : str
        Unit; empty for none.
    note : str
        Where it holds; empty where that needs no word.
    """

    name: str
    text: str
    unit: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why something is not there, and for how many.

    Parameters
    ----------
    n : int
        How many. [1]
    reason : str
        Why.
    names : tuple of str
        The first of them; may be empty.
    """

    n: int
    reason: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CardTable:
    """A table on a card.

    Parameters
    ----------
    name : str
        What it is called; empty for the only one.
    frame : DataFrame
        The first rows or all, units in ``attrs["units"]``.
    n_rows : int
        Rows of the whole table. [1]
    is_in_text : bool
        False where text names it with its size only.
    n_columns_beside : int
        Columns of the whole table that are not in the frame. [1]
    is_queried : bool
        True where columns are called as in the query and not in words.
    """

    name: str
    frame: pd.DataFrame
    n_rows: int
    is_in_text: bool = True
    n_columns_beside: int = 0
    is_queried: bool = False

    def view(self, *, rows: int, columns: int) -> TableView:
        """Return the first rows and columns as text; of all rows, the rest is counted."""
        from isoflop.display.table_view import view

        seen = view(self.frame, limit=rows, widest=columns)
        heads = tuple(replace(h, title=h.name) if self.is_queried else h for h in seen.headings)
        hidden = max(self.n_rows - len(seen.rows), 0)
        return replace(
            seen,
            headings=heads,
            n_rows=self.n_rows,
            n_hidden=hidden,
            n_hidden_columns=seen.n_hidden_columns + self.n_columns_beside,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Card:
    """What a result shows of itself; every text is untrusted until it is rendered.

    Parameters
    ----------
    title, verdict : str
        What it is, and the answer.
    status : str
        State in one or two words.
    tone : Tone
        Color of the state.
    formula : str
        Equation; empty for none.
    flags : sequence of (str, str)
        How grave and what, gravest first.
    checks : sequence of (str, bool)
        Statements that were checked, and whether they hold.
    facts : sequence of str
        Sentences beside the checks.
    numbers_title : str
        What the intervals are; empty for nothing to say.
    numbers : sequence of Number
        Headline numbers.
    tables : sequence of CardTable
        Tables, most important first.
    figures : sequence of (str, str)
        Names of charts and what they show.
    left_out_title : str
        How many are left out or not known; empty where that is no question.
    left_out : sequence of Reason
        Why, most frequent first.
    source : str
        Papers and data it stands on.
    """

    title: str
    verdict: str = ""
    status: str = ""
    tone: Tone = "neutral"
    formula: str = ""
    flags: Sequence[tuple[str, str]] = ()
    checks: Sequence[tuple[str, bool]] = ()
    facts: Sequence[str] = ()
    numbers_title: str = ""
    numbers: Sequence[Number] = ()
    tables: Sequence[CardTable] = ()
    figures: Sequence[tuple[str, str]] = ()
    left_out_title: str = ""
    left_out: Sequence[Reason] = ()
    source: str = ""


class ShowsCard:
    """An object that shows itself by its card: HTML in notebooks, text elsewhere."""

    __slots__ = ()

    def _card(self) -> Card:
        raise NotImplementedError

    def __repr__(self) -> str:
        from isoflop.display.card_text import card_text

        return card_text(self._card())

    def _repr_html_(self) -> str:
        from isoflop.display.card_html import card_html

        return card_html(self._card())


def by_reason(left_out: Iterable[tuple[str, str]]) -> tuple[Reason, ...]:
    """Return (name, reason) pairs grouped by reason, most frequent first.

    Reasons that differ only in names and numbers are one, told as the first of them.
    """
    groups: dict[str, list[tuple[str, str]]] = {}
    for name, reason in left_out:
        groups.setdefault(_VARIES.sub("#", reason), []).append((name, reason))
    ordered = sorted(groups.values(), key=len, reverse=True)
    return tuple(_reason(told) for told in ordered)


def _reason(told: Sequence[tuple[str, str]]) -> Reason:
    first = told[0][1]
    alike = " (and alike)" if any(reason != first for _, reason in told) else ""
    names = tuple(dict.fromkeys(name for name, _ in told if name))[:_NAMES_KEPT]
    return Reason(n=len(told), reason=f"{first}{alike}", names=names)
