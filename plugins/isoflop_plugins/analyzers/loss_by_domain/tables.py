"""Tables of a power law plus a constant by family and data set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.estimation.variables import fitted_values
from isoflop_plugins.analyzers.by_family.loss_parts import FLOOR, loss_parts

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimate import Estimate
    from isoflop_plugins.analyzers.by_family.reached_fits import LawFit

_GRID = 24
_AHEAD = 1.0  # decades beyond the runs that a line is drawn
FEWEST_RUNS = 8
"""Runs below which an interval of three parameters is rough: a resample of seven holds some four
distinct ones. [1]"""
_LEAST = 1e-3  # smallest reducible loss that is drawn, as the axis is logarithmic

UNITS = {
    "L_inf": "nat/token", "reducible": "nat/token", "loss": "nat/token", "alpha": "1",
    "reducible_share": "1", "error": "1", "error_without_constant": "1", "baseline_error": "1",
    "x_0": "unit of x",
}  # fmt: skip

SYMBOLS = {"henighan-n": "N", "henighan-d": "D", "henighan-c": "C"}
"""Laws, and their variable as the paper writes it."""


def _ends(name: str) -> tuple[str, str, str]:
    return name, f"{name}_low", f"{name}_high"


_COLUMNS: dict[str, tuple[str, ...]] = {
    "domains": (
        "family", "loss_dataset", "variable", "column", "status", "n_runs", *_ends("alpha"),
        *_ends("x_0"), *_ends("L_inf"), "entropy", "x_largest", *_ends("loss"),
        *_ends("reducible"), "error", "error_without_constant", "baseline_error", "reason",
    ),
    "entropy": ("family", "loss_dataset", "n_floors", "L_inf_low", "L_inf_high", "agree"),
    "reducible_loss": (
        "family", "loss_dataset", "variable", "kind", "segment", "run", "x", *_ends("reducible"),
    ),
}  # fmt: skip


def tables(fits: Sequence[tuple[LawFit, LawFit]]) -> dict[str, pd.DataFrame]:
    """Return all tables by name, empty ones with their columns.

    Parameters
    ----------
    fits : sequence of (LawFit, LawFit)
        Each law with a constant, and the same without.
    """
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _COLUMNS}
    for item, plain in fits:
        key = {
            "family": item.family,
            "loss_dataset": item.domain,
            "variable": SYMBOLS[item.law.name],
        }
        rows["domains"].append({**key, **_row(item, plain)})
        rows["reducible_loss"] += [{**key, **row} for row in _points(item)]
    rows["entropy"] = _entropies(rows["domains"])
    return {name: _frame(name, found) for name, found in rows.items()}


def _frame(name: str, rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(_COLUMNS[name]))
    stems = {c: c.removesuffix("_low").removesuffix("_high") for c in frame.columns}
    frame.attrs["units"] = {c: UNITS[s] for c, s in stems.items() if s in UNITS}
    return frame


def _three(name: str, e: Estimate) -> dict[str, float]:
    return dict(zip(_ends(name), (e.value, e.low, e.high), strict=True))


def _row(item: LawFit, plain: LawFit) -> dict[str, Any]:
    (variable,) = item.law.variables
    told: dict[str, Any] = {"column": item.using.get(variable, variable)}
    fit = item.fit
    if fit is None:
        return {**told, "status": "not-fitted", "n_runs": 0, "reason": item.refusal}
    largest = fit.ranges[variable][1]
    parts = loss_parts(fit, {variable: [largest]})
    return {
        **told,
        "status": fit.status,
        "n_runs": fit.n_runs,
        **_three("alpha", fit.params["alpha"]),
        **_three("x_0", fit.params["x_0"]),
        **_three(FLOOR, parts.floor),
        "entropy": _entropy_words(fit.n_runs, known=parts.is_known),
        "x_largest": largest,
        **_three("loss", parts.total[0]),
        **_three("reducible", parts.reducible[0]),
        "error": item.held_out.error,
        "error_without_constant": plain.held_out.error,
        "baseline_error": item.held_out.baseline,
        "reason": "; ".join(fit.warnings),
    }


def _entropy_words(n_runs: int, *, known: bool) -> str:
    if not known:
        return "not identified"
    return "identified" if n_runs >= FEWEST_RUNS else "rough, few runs"


def _entropies(domains: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row a data set with several identified floors: what they leave for the entropy.

    The entropy is one number, so floors that do not overlap are not it: each holds what the other
    causes still cost.
    """
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in domains:
        if row.get("entropy") == "identified":
            found.setdefault((row["family"], row["loss_dataset"]), []).append(row)
    out = []
    for (family, domain), rows in found.items():
        low, high = max(r["L_inf_low"] for r in rows), min(r["L_inf_high"] for r in rows)
        agree = bool(low <= high)
        if len(rows) > 1:
            out.append(
                {
                    "family": family, "loss_dataset": domain, "n_floors": len(rows),
                    "agree": agree, "L_inf_low": low if agree else math.nan,
                    "L_inf_high": high if agree else math.nan,
                }
            )  # fmt: skip
    return out


def _points(item: LawFit) -> list[dict[str, Any]]:
    """Return the reducible loss of each run that was fitted, and of the law with its band.

    Empty where the floor is not identified: there is nothing to subtract.
    """
    fit = item.fit
    if fit is None:
        return []
    (variable,) = item.law.variables
    parts = loss_parts(fit, {variable: [fit.ranges[variable][1]]})
    if not parts.is_known:
        return []
    used = item.runs.take(fit.rows)
    x = fitted_values(used, item.using.get(variable, variable))
    above = used.numbers("loss") - parts.floor.value
    rows: list[dict[str, Any]] = [
        {"kind": "run", "segment": "", "run": label, "x": at, "reducible": kl}
        for label, at, kl in zip(used.labels(), x.tolist(), above.tolist(), strict=True)
        if kl > _LEAST
    ]
    low, high = (math.log10(v) for v in fit.ranges[variable])
    for segment, decades in (
        ("inside", np.linspace(low, high, _GRID)),
        ("above", np.linspace(high, high + _AHEAD, _GRID // 3)),
    ):
        line = loss_parts(fit, {variable: 10.0**decades}).reducible
        rows += [
            {"kind": "line", "segment": segment, "run": "", "x": at, **_three("reducible", e)}
            for at, e in zip((10.0**decades).tolist(), line, strict=True)
        ]
    return rows
