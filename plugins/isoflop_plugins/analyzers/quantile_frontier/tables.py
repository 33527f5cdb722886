"""Tables of the lower envelope beside the law of the same runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isoflop.estimate import Estimate
from isoflop.estimation import FitResult
from isoflop.estimation.intervals import interval
from isoflop_plugins.analyzers.by_family.tables import (
    FITS,
    PARAMS,
    fit_row,
    frame,
    param_rows,
    relative_residuals,
    spread,
    used_rows,
)

if TYPE_CHECKING:
    import pandas as pd

    from isoflop_plugins.analyzers.by_family.fits import FamilyFit

Floats = NDArray[np.float64]

ENVELOPE, LAW = "envelope", "law"
_GRID = 40
_MOST_RUNS = 2000  # for the middle of the runs, which no more would move; draws x runs are held
_AHEAD = 1.0  # decades of compute that the lines are drawn beyond the runs
_COLUMNS: dict[str, tuple[str, ...]] = {
    "params": (*PARAMS[:1], "fit", *PARAMS[1:]),
    "fits": (*FITS[:1], "fit", *FITS[1:], "share_below"),
    "distance": (
        "family", "run", "flops", "n_params", "n_tokens", "loss", "above_envelope", "is_below",
    ),
    "loss_vs_compute": (
        "family", "kind", "segment", "run", "flops", "n_params", "n_tokens", "loss", "loss_low",
        "loss_high",
    ),
}  # fmt: skip
_UNITS = {"above_envelope": "1", "share_below": "1"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FamilyEnvelope:
    """The envelope of one family, and the law of its runs.

    Parameters
    ----------
    envelope, law : FamilyFit
        The fit of a low quantile, and the ordinary one.
    """

    envelope: FamilyFit
    law: FamilyFit

    @property
    def is_told(self) -> bool:
        """True where both fits may be predicted from."""
        fits = (self.envelope.fit, self.law.fit)
        return all(fit is not None and fit.is_usable for fit in fits)

    @property
    def share_below(self) -> float:
        """Share of the runs whose loss is below the envelope [1]."""
        return float((self.above() < 0).mean())

    def above(self) -> Floats:
        """Return measured over envelope, less 1, of the runs, shape (n,) [1]."""
        return np.asarray(np.expm1(-relative_residuals(self.envelope)))

    @property
    def gap(self) -> Estimate:
        """How far the envelope lies below the law, in the middle of the runs [1]."""
        (low, law), rows = self._fits(), used_rows(self.envelope)
        rows = rows[:: math.ceil(len(rows) / _MOST_RUNS)]
        n = np.array([row["n_params"] for row in rows])
        d = np.array([row["n_tokens"] for row in rows])
        point = np.median(1.0 - low.frontier.loss(n, d) / law.frontier.loss(n, d))
        # Both fits resample with one seed, so their draws are of the same runs.
        ratio = low.frontier_draws.loss(n, d) / law.frontier_draws.loss(n, d)
        return interval(float(point), np.median(1.0 - ratio, axis=0), low.level)

    def _fits(self) -> tuple[FitResult, FitResult]:
        assert self.envelope.fit is not None
        assert self.law.fit is not None
        return self.envelope.fit, self.law.fit


def tables(found: Sequence[FamilyEnvelope]) -> dict[str, pd.DataFrame]:
    """Return all tables by name, empty ones with their columns."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _COLUMNS}
    for one in found:
        for kind, item in ((ENVELOPE, one.envelope), (LAW, one.law)):
            made = fit_row(item) | {"fit": kind}
            if item.fit is not None and kind == ENVELOPE:
                made["share_below"] = one.share_below
            rows["fits"].append(made)
            if item.fit is not None:
                rows["params"] += [{**row, "fit": kind} for row in param_rows(item.fit)]
                rows["loss_vs_compute"] += _line(item.family, kind, item.fit)
        if one.envelope.fit is not None:
            runs = used_rows(one.envelope)
            rows["distance"] += [
                {**row, "above_envelope": a, "is_below": bool(a < 0)}
                for row, a in zip(runs, one.above().tolist(), strict=True)
            ]
            rows["loss_vs_compute"] += [{**row, "kind": "run", "segment": ""} for row in runs]
    return {name: frame(_COLUMNS[name], made, _UNITS) for name, made in rows.items()}


def _line(family: str, kind: str, fit: FitResult) -> list[dict[str, Any]]:
    """Return the lowest loss along compute under one fit; segments share an end."""
    if not fit.is_usable:
        return []
    low, high = (math.log10(c) for c in fit.ranges["flops"])
    rows: list[dict[str, Any]] = []
    for segment, ends in (("inside", (low, high)), ("outside", (high, high + _AHEAD))):
        for flops in np.logspace(*ends, num=_GRID).tolist():
            best = fit.optimal(flops)
            rows.append(
                {"family": family, "kind": kind, "segment": segment, "run": "", "flops": flops,
                 "n_params": best.n_params.value, "n_tokens": best.n_tokens.value,
                 **spread("loss", best.loss)}
            )  # fmt: skip
    return rows
