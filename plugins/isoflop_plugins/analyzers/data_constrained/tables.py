"""Tables of repeated tokens: worth by epochs, best epochs at a budget, runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.estimation.frontier import FLOPS_PER_PARAM_TOKEN
from isoflop.estimation.intervals import interval
from isoflop.estimation.variables import fitted_values
from isoflop_plugins.analyzers.by_family import tables as rows_of
from isoflop_plugins.analyzers.data_constrained.half_lives import (
    ONE_PASS,
    half_life,
    last_worth,
    mean_worth,
    mean_worths,
)
from isoflop_plugins.laws.data_constrained import MUENNIGHOFF_C4

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimation import FitResult
    from isoflop_plugins.analyzers.data_constrained.analyzer import Repeats

_UNITS = {
    "n_tokens_unique": "token", "epochs": "1", "worth": "1", "worth_of_next": "1",
    "n_params_fresh": "1", "n_tokens_fresh": "token", "loss_fresh": "nat/token",
}  # fmt: skip
_COLUMNS = {
    "params": rows_of.PARAMS,
    "fits": rows_of.FITS,
    "worth": (
        "family", "kind", "segment", "epochs", "worth", "worth_low", "worth_high", "worth_of_next",
    ),
    "optimum": (
        "family", "flops", "n_tokens_unique", "n_params", "n_params_low", "n_params_high",
        "epochs", "epochs_low", "epochs_high", "n_tokens", "loss", "loss_low", "loss_high",
        "n_params_fresh", "n_tokens_fresh", "loss_fresh", "extrapolation_decades",
    ),
    "runs": (
        "family", "run", "n_params", "n_tokens", "n_tokens_unique", "epochs", "repeats", "worth",
        "loss", "residual",
    ),
}  # fmt: skip

_NET = 961
_MOST_EPOCHS = 1e3
_AHEAD = 10.0
_POINTS = 40


def tables(
    found: Sequence[Repeats], *, budgets: Sequence[float] | None, unique: float | None
) -> dict[str, pd.DataFrame]:
    """Return all tables by name, empty ones with their columns."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _COLUMNS}
    for r in found:
        rows["fits"].append(rows_of.fit_row(r.item))
        fit = r.item.fit
        if fit is None:
            continue
        rows["params"] += rows_of.param_rows(fit)
        rows["runs"] += _runs(r)
        if fit.is_usable:
            rows["worth"] += _worth(r, fit)
            at = unique or fit.ranges["n_tokens_unique"][1]
            for flops in budgets or [fit.ranges["flops"][1]]:
                rows["optimum"].append({"family": r.item.family, **_optimum(fit, flops, at)})
    return {name: rows_of.frame(_COLUMNS[name], made, _UNITS) for name, made in rows.items()}


def _worth(r: Repeats, fit: FitResult) -> list[dict[str, Any]]:
    """Return the worth of the tokens seen along epochs; segments share their ends."""
    most = max(float(np.nanmax(r.epochs)), 2.0)
    inside = np.geomspace(1.0, most, _POINTS)
    outside = np.geomspace(most, most * _AHEAD, _POINTS // 3)
    found, out = half_life(fit, "R_D"), []
    for segment, epochs in (("inside", inside), ("outside", outside)):
        worth, last = mean_worths(epochs, found), last_worth(epochs, found.value)
        out += [
            {"family": r.item.family, "kind": "fit", "segment": segment, "epochs": e,
             **rows_of.spread("worth", w), "worth_of_next": n}
            for e, w, n in zip(epochs, worth, last, strict=True)
        ]  # fmt: skip
    published = MUENNIGHOFF_C4["R_D"]
    every = np.concatenate([inside, outside[1:]])
    means, lasts = mean_worth(every, published), last_worth(every, published)
    return out + [
        {"family": r.item.family, "kind": "published", "segment": "published", "epochs": e,
         "worth": w, "worth_of_next": n}
        for e, w, n in zip(every, means, lasts, strict=True)
    ]  # fmt: skip


def _optimum(fit: FitResult, flops: float, unique: float) -> dict[str, Any]:
    """Return the best N and epochs for a budget and distinct tokens, by search over D."""
    epochs = np.geomspace(0.01, _MOST_EPOCHS, _NET)
    point = _best(fit, fit.estimate[None], flops, unique, epochs)
    draws = _best(fit, fit.draws, flops, unique, epochs) if fit.n_boot else point[:, :0]
    row: dict[str, Any] = {"flops": flops, "n_tokens_unique": unique}
    for i, name in enumerate(("n_params", "epochs", "loss")):
        row |= rows_of.spread(name, interval(float(point[i, 0]), draws[i], fit.level))
    fresh = _best(fit, fit.estimate[None], flops, np.inf, epochs)
    low, high = np.log10(fit.ranges["flops"])
    row |= {
        "n_tokens": unique * row["epochs"],
        "n_params_fresh": fresh[0, 0],
        "n_tokens_fresh": flops / (FLOPS_PER_PARAM_TOKEN * fresh[0, 0]),
        "loss_fresh": fresh[2, 0],
        "extrapolation_decades": max(0.0, low - np.log10(flops), np.log10(flops) - high),
    }
    return row


def _best(fit: FitResult, params: Any, flops: float, unique: float, epochs: Any) -> Any:
    """Return N, epochs and loss at the minimum for parameters (r, p), shape (3, r).

    With infinite `unique` tokens all are new, and N alone is searched.
    """
    if np.isinf(unique):
        n = np.geomspace(1e3, flops / FLOPS_PER_PARAM_TOKEN / 1e3, 2 * _NET)
        tokens, distinct = flops / (FLOPS_PER_PARAM_TOKEN * n), flops / (FLOPS_PER_PARAM_TOKEN * n)
    else:
        tokens = unique * epochs
        n, distinct = flops / (FLOPS_PER_PARAM_TOKEN * tokens), np.minimum(unique, tokens)
    parameters = {name: params[:, i : i + 1] for i, name in enumerate(fit.law.names)}
    variables = {"n_params": n, "n_tokens": tokens, "n_tokens_unique": distinct}
    with np.errstate(all="ignore"):
        loss = fit.law.form(parameters, variables)
    at = np.argmin(np.where(np.isfinite(loss), loss, np.inf), axis=1)
    return np.stack([n[at], tokens[at] / unique, loss[np.arange(at.size), at]])


def _runs(r: Repeats) -> list[dict[str, Any]]:
    fit = r.item.fit
    assert fit is not None
    used = r.item.runs.take(fit.rows)
    epochs, unique = r.epochs[fit.rows], used.numbers("n_tokens_unique")
    worth = mean_worth(epochs, fit.params["R_D"].value)
    residual = np.expm1(rows_of.relative_residuals(r.item))
    n, d, loss = (
        fitted_values(used, "n_params"), fitted_values(used, "n_tokens"), used.numbers("loss"),
    )  # fmt: skip
    return [
        {"family": r.item.family, "run": label, "n_params": n[i], "n_tokens": d[i],
         "n_tokens_unique": unique[i], "epochs": epochs[i], "repeats": bool(epochs[i] > ONE_PASS),
         "worth": worth[i], "loss": loss[i], "residual": residual[i]}
        for i, label in enumerate(used.labels())
    ]  # fmt: skip
