"""Fits of analyzers as rows of the registry's table `fits`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from isoflop import __version__
from isoflop.reporting.plain import plain
from isoflop.results import AnalysisResult
from isoflop.schema import FITS


def fit_rows(
    results: Iterable[AnalysisResult | None], *, at: datetime, runs_version: int | None
) -> list[dict[str, Any]]:
    """Return the fits of results on the user's runs, each id once.

    Parameters
    ----------
    results : iterable of AnalysisResult or None
        What analyzers said; None is passed over.
    at : datetime
        Date of the fits that have none, UTC.
    runs_version : int or None
        Version of the table `runs` that was read.
    """
    rows: dict[str, dict[str, Any]] = {}
    for result in results:
        for fit in result.fits if result else ():
            row = {k: _stored(v) for k, v in fit.items() if k in FITS.names}
            if not row.get("fit_id"):
                row["fit_id"] = _digest(json.dumps(plain(fit), sort_keys=True))
            row["created_at"] = row.get("created_at") or at
            row["runs_version"] = runs_version
            row["writer_version"] = row.get("writer_version") or __version__
            row["audience"] = "yours"
            rows.setdefault(row["fit_id"], row)
    return list(rows.values())


def _stored(value: Any) -> Any:
    """Return a value as a column of the ledger holds it: mappings as JSON."""
    return json.dumps(plain(value)) if isinstance(value, (Mapping, list, tuple)) else value


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
