"""Tables of transfer: fine-tuned runs weighed, their law, the two ladders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.estimation.variables import fitted_values
from isoflop_plugins.analyzers.by_family import tables as rows_of

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimation import FitResult
    from isoflop_plugins.analyzers.transfer.analyzer import Transfer

_TOKENS = ("n_tokens_effective", "n_tokens_transferred", "n_tokens_near_floor")
_UNITS = {**dict.fromkeys(_TOKENS, "token"), "multiplier": "1"}
_COLUMNS = {
    "params": ("law", *rows_of.PARAMS),
    "fits": ("law", *rows_of.FITS),
    "runs": (
        "family", "run", "n_params", "n_tokens", "loss", "n_tokens_effective",
        "n_tokens_effective_low", "n_tokens_effective_high", "n_tokens_transferred",
        "n_tokens_transferred_low", "n_tokens_transferred_high", "multiplier", "multiplier_low",
        "multiplier_high", "n_tokens_near_floor", "low_data", "finding",
    ),
    "lines": ("family", "segment", "n_tokens", "n_params", "multiplier"),
    "ladders": ("family", "kind", "segment", "run", "n_params", "n_tokens", "loss"),
}  # fmt: skip

_POINTS = 30
_MOST_LINES = 4
_AHEAD = 1.0  # decades of data that the law from scratch is drawn beyond its runs


def tables(found: Sequence[Transfer]) -> dict[str, pd.DataFrame]:
    """Return all tables by name, empty ones with their columns."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _COLUMNS}
    for t in found:
        for law, item in (("chinchilla", t.scratch), ("transfer", t.law)):
            if item is None:
                continue
            rows["fits"].append({"law": law, **rows_of.fit_row(item)})
            if item.fit is not None:
                rows["params"] += [{"law": law, **r} for r in rows_of.param_rows(item.fit)]
        if t.tuned is None:
            continue
        rows["runs"] += _runs(t)
        rows["lines"] += _lines(t)
        rows["ladders"] += _ladders(t)
    for row in rows["params"]:
        if row["law"] == "transfer":
            row |= _both(found, row)
    return {name: rows_of.frame(_COLUMNS[name], made, _UNITS) for name, made in rows.items()}


def _both(found: Sequence[Transfer], row: dict[str, Any]) -> dict[str, float]:
    """Return a parameter's interval over resamples of both ladders, not of the fine-tuned alone."""
    for t in found:
        if t.family == row["family"] and t.fit is not None:
            e = t.estimate(row["parameter"])
            return {"low": e.low, "high": e.high}
    return {}


def _runs(t: Transfer) -> list[dict[str, Any]]:
    tuned = t.tuned
    assert tuned is not None
    return [
        {"family": t.family, "run": label, "n_params": tuned.n_params[i],
         "n_tokens": tuned.n_tokens[i], "loss": tuned.loss[i],
         **rows_of.spread("n_tokens_effective", tuned.effective[i]),
         **rows_of.spread("n_tokens_transferred", tuned.transferred[i]),
         **rows_of.spread("multiplier", tuned.multiplier[i]),
         "n_tokens_near_floor": tuned.floor_tokens[i], "low_data": bool(tuned.low_data[i]),
         "finding": _finding(tuned.transferred[i].low, tuned.transferred[i].high)}
        for i, label in enumerate(tuned.labels)
    ]  # fmt: skip


def _finding(low: float, high: float) -> str:
    if low > 0:
        return "helps"
    return "hurts" if high < 0 else "cannot be told"


def _lines(t: Transfer) -> list[dict[str, Any]]:
    """Return the law of transfer along size at a few amounts of fine-tuning data."""
    if t.fit is None or t.tuned is None:
        return []
    amounts = _some(t.tuned.n_tokens[t.tuned.usable])
    low, high = np.log10(t.fit.ranges["n_params"])
    sizes = np.logspace(low, high, _POINTS)
    out = []
    for amount in amounts:
        brought = t.fit.predict_at({"n_params": sizes, "n_tokens": amount}).value
        out += [
            {"family": t.family, "segment": "inside", "n_tokens": amount, "n_params": size,
             "multiplier": 1.0 + more / amount}
            for size, more in zip(sizes, brought, strict=True)
        ]  # fmt: skip
    return out


def _some(values: Any) -> Any:
    """Return at most four of the values, spread evenly over them."""
    every = np.unique(values)
    places = np.linspace(0, every.size - 1, min(_MOST_LINES, every.size)).round().astype(int)
    return every[places]


def _ladders(t: Transfer) -> list[dict[str, Any]]:
    fit, tuned = t.scratch.fit, t.tuned
    assert fit is not None
    assert tuned is not None
    out = [
        {"family": t.family, "kind": "fine-tuned", "segment": "", "run": label,
         "n_params": tuned.n_params[i], "n_tokens": tuned.n_tokens[i], "loss": tuned.loss[i]}
        for i, label in enumerate(tuned.labels)
    ]  # fmt: skip
    used = t.scratch.runs.take(fit.rows)
    size = fit.settings.using.get("n_params", "n_params")
    n, d, loss = (fitted_values(used, name) for name in (size, "n_tokens", "loss"))
    out += [
        {"family": t.family, "kind": "from scratch", "segment": "", "run": label,
         "n_params": n[i], "n_tokens": d[i], "loss": loss[i]}
        for i, label in enumerate(used.labels())
    ]  # fmt: skip
    for n_params in _some(tuned.n_params):
        out += _scratch_lines(t.family, fit, n_params, float(tuned.n_tokens.min()))
    return out


def _scratch_lines(
    family: str, fit: FitResult, n_params: float, least: float
) -> list[dict[str, Any]]:
    """Return L(N, D) of one size, from the least data of any run; segments share their ends."""
    low, high = np.log10(fit.ranges["n_tokens"])
    parts = (
        ("below", min(np.log10(least), low), low), ("inside", low, high),
        ("above", high, high + _AHEAD),
    )  # fmt: skip
    out = []
    for segment, begin, end in parts:
        tokens = np.logspace(begin, end, _POINTS)
        out += [
            {"family": family, "kind": "law", "segment": segment, "run": "", "n_params": n_params,
             "n_tokens": x, "loss": y}
            for x, y in zip(tokens, fit.predict(n_params, tokens).value, strict=True)
        ]  # fmt: skip
    return out
