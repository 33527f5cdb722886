"""Contours of L(N, D) with the efficient frontier: rows of the table `contours`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from isoflop.figures.contour_lines import contour_rows as rows_of_fit
from isoflop_plugins.analyzers.by_family.tables import used_rows

if TYPE_CHECKING:
    from isoflop_plugins.analyzers.by_family.fits import FamilyFit

COLUMNS = (
    "family", "kind", "segment", "run", "level", "flops", "n_params", "n_tokens",
    "tokens_per_param", "loss",
)  # fmt: skip


def contour_rows(item: FamilyFit) -> list[dict[str, Any]]:
    """Return runs, contours of equal loss and the frontier of one family, one point a row.

    A fit whose optimum cannot be placed has its runs alone.
    """
    assert item.fit is not None
    rows: list[dict[str, Any]] = [
        {"kind": "run", "segment": "", "level": math.nan, **row} for row in used_rows(item)
    ]
    return [{**row, "family": item.family} for row in [*rows, *rows_of_fit(item.fit)]]
