"""Which flags stand, by the rows of `findings` that raised and cleared them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

FLAG_COLUMNS = ("analyzer", "kind", "subject", "law", "family")
"""Columns in which two rows of one flag agree."""


def standing(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows of flags that stand after these, the last of each flag.

    Parameters
    ----------
    rows : iterable of mapping
        Rows of `findings`, oldest first.
    """
    last = {tuple(row[name] or "" for name in FLAG_COLUMNS): row for row in rows}
    return [row for row in last.values() if row["state"] != "cleared"]
