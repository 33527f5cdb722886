"""A DataFrame as people read it: intervals in one cell, words of the field, units in the head."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from isoflop import words
from isoflop.estimate import format_interval

if TYPE_CHECKING:
    import pandas as pd

MISSING = "-"
_TITLES = {
    "n_params": "N, parameters",
    "n_tokens": "D, tokens",
    "flops": "C, compute",
    "n_runs": "runs",
    "n_points": "points",
    "p_value": "p",
    "q_value": "q",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """Head of a column.

    Parameters
    ----------
    name : str
        Column of the table.
    title, unit : str
        What to print; the unit is empty where the cells say it.
    numeric : bool
        True where cells are numbers, to be aligned right.
    """

    name: str
    title: str
    unit: str
    numeric: bool

    @property
    def titled(self) -> str:
        """Title and unit."""
        return f"{self.title} [{self.unit}]" if self.unit else self.title


@dataclass(frozen=True, slots=True, kw_only=True)
class TableView:
    """The first rows of a table as text.

    Parameters
    ----------
    headings : tuple of Heading
        One a shown column.
    rows : tuple of tuple of str
        Cells; untrusted text is not escaped here.
    n_rows, n_hidden : int
        Rows of the whole table, and rows that are not shown.
    n_hidden_columns : int
        Columns that are not shown.
    """

    headings: tuple[Heading, ...]
    rows: tuple[tuple[str, ...], ...]
    n_rows: int
    n_hidden: int
    n_hidden_columns: int = 0


def view(frame: pd.DataFrame, *, limit: int = 50, widest: int | None = None) -> TableView:
    """Return the first `limit` rows as text; ``x``, ``x_low``, ``x_high`` share one cell.

    An empty table gives its headings; a missing value gives a dash. At most `widest` columns are
    shown, all by default.
    """
    shown = frame.head(limit)
    names = [str(c) for c in frame.columns]
    units = units_of(frame)
    place = {name: i for i, name in enumerate(names)}
    ends = {f"{n}{end}" for n in names if _has_interval(n, place) for end in ("_low", "_high")}
    apart = [name for name in names if name not in ends]
    seen = {*apart[:widest], *(f"{n}{end}" for n in apart[:widest] for end in ("_low", "_high"))}
    columns = {name: shown.iloc[:, i] for name, i in place.items() if name in seen}
    headings, cells = [], []
    for name in apart[:widest]:
        heading, texts = _column(name, columns, str(units.get(name, "")))
        headings.append(heading)
        cells.append(texts)
    return TableView(
        headings=tuple(headings),
        rows=tuple(zip(*cells, strict=True)),
        n_rows=len(frame),
        n_hidden=len(frame) - len(shown),
        n_hidden_columns=len(apart) - len(headings),
    )


def units_of(frame: pd.DataFrame) -> Mapping[str, str]:
    """Return the units of a table's columns; none where its `attrs` do not hold them by name."""
    units = frame.attrs.get("units")
    return units if isinstance(units, Mapping) else {}


def column_title(name: str) -> str:
    """Return a column's name in words.

    Examples
    --------
    >>> column_title("n_params"), column_title("excess_loss")
    ('N, parameters', 'excess loss')
    """
    return _TITLES.get(name, name.replace("_", " "))


def cell(value: Any, *, name: str = "", unit: str = "") -> str:
    """Return one value as text, worded by its column's name and unit.

    Examples
    --------
    >>> cell(7e9, name="n_params"), cell(5.76e23, unit="FLOP"), cell(True), cell(None)
    ('7.0 B', '5.8e23', 'yes', '-')
    """
    if _is_missing(value):
        return MISSING
    if isinstance(value, bool) or type(value).__name__ == "bool_":
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return words.moment(value)
    number = _as_float(value)
    if number is None:
        return words.any_text(value)
    return MISSING if math.isnan(number) else _wording(name, unit)(number)


def _as_float(value: Any) -> float | None:
    """Return a number as a float; None for what is none, and for one that no float can hold."""
    if not hasattr(value, "__float__") or getattr(value, "ndim", 0) != 0:
        return None
    try:
        return float(value)
    except Exception:  # noqa: BLE001 - an object of a plugin: its own conversion may raise anything
        return None


def _has_interval(name: str, columns: Mapping[str, Any]) -> bool:
    return f"{name}_low" in columns and f"{name}_high" in columns


def _column(
    name: str, columns: Mapping[str, pd.Series[Any]], unit: str
) -> tuple[Heading, tuple[str, ...]]:
    import pandas as pd

    series = columns[name]
    numeric = pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series)
    if numeric and _has_interval(name, columns):
        ends = (columns[f"{name}_low"], columns[f"{name}_high"])
        rows = zip(series, *ends, strict=True)
        texts = tuple(_interval(*row, name=name, unit=unit) for row in rows)
    else:
        texts = tuple(cell(v, name=name, unit=unit) for v in series)
    hidden = unit in ("", "1", "s") or _wording(name, unit) is words.count
    title = column_title(name)
    return Heading(name=name, title=title, unit="" if hidden else unit, numeric=numeric), texts


def _interval(value: Any, low: Any, high: Any, *, name: str, unit: str) -> str:
    if _is_missing(value):
        return MISSING
    wording = _wording(name, unit)
    v, lo, hi = (_known(x) for x in (value, low, high))
    if wording is words.number:
        return format_interval(v, lo, hi)
    ends = ("?" if math.isnan(end) else wording(end) for end in (lo, hi))
    return f"{wording(v)} [{', '.join(ends)}]"


def _known(value: Any) -> float:
    number = None if _is_missing(value) else _as_float(value)
    return math.nan if number is None else number


def _wording(name: str, unit: str) -> Callable[[float], str]:
    """Return how numbers of this column are worded."""
    if unit in ("token", "tokens") or name.startswith(("n_params", "n_tokens")):
        return words.count
    if unit == "FLOP" or name == "flops" or name.endswith("_flops"):
        return _flops
    return words.duration if unit == "s" else words.number


def _flops(value: float) -> str:
    return words.flops(value, unit=False)


def _is_missing(value: Any) -> bool:
    import pandas as pd

    if value is None or value is pd.NA or value is pd.NaT:
        return True
    return isinstance(value, float) and math.isnan(value)
