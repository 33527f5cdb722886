"""Tables of shape: effects of depth, pairs of one size, runs at the middle size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.estimation.variables import fitted_values
from isoflop_plugins.analyzers.by_family import tables as rows_of
from isoflop_plugins.analyzers.by_family.log_linear import middle, partial_lines, partial_points

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimation import FitResult
    from isoflop_plugins.analyzers.shape.families import FamilyShape, Pair

_UNITS = {"effect": "1", "worth": "1", "x": "1"}
_COLUMNS = {
    "effects": (
        "family", "kind", "n_runs", "effect", "effect_low", "effect_high", "worth", "worth_low",
        "worth_high",
    ),
    "pairs": (
        "family", "deeper", "shallower", "n_layers_deeper", "n_layers_shallower", "d_model_deeper",
        "d_model_shallower", "size_ratio", "tokens_ratio", "loss_ratio", "score_difference",
    ),
    "params": ("family", "kind", *rows_of.PARAMS[1:]),
    "fits": rows_of.FITS,
    "partial": ("family", "kind", "run", "x", "y", "n_layers", "d_model"),
    "lines": ("family", "kind", "segment", "part", "x", "y", "y_low", "y_high"),
}  # fmt: skip


def tables(items: Sequence[FamilyShape], level: float) -> dict[str, pd.DataFrame]:
    """Return all tables by name, empty ones with their columns; the level is in ``attrs``."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _COLUMNS}
    for item in items:
        if item.fits:
            rows["fits"].append(rows_of.fit_row(item.upstream))
            rows["fits"] += [] if item.downstream is None else [rows_of.fit_row(item.downstream)]
        rows["pairs"] += [_pair(item, pair) for pair in item.pairs] if item.effects else []
        for kind, fit in item.fits.items():
            rows["params"] += [{**row, "kind": kind} for row in rows_of.param_rows(fit)]
        for kind, told in item.effects.items():
            rows["effects"].append(
                {"family": item.family, "kind": kind, "n_runs": told.n_runs,
                 **rows_of.spread("effect", told.effect), **rows_of.spread("worth", told.worth)}
            )  # fmt: skip
            _add_partial(rows, item, kind, item.fits[kind])
    made = {name: rows_of.frame(_COLUMNS[name], found, _UNITS) for name, found in rows.items()}
    made["effects"].attrs["level"] = level
    return made


def _pair(item: FamilyShape, pair: Pair) -> dict[str, Any]:
    labels, loss = item.runs.labels(), item.runs.numbers("loss")
    layers, width = item.runs.numbers("n_layers"), item.runs.numbers("d_model")
    i, j = pair.deeper, pair.shallower
    return {
        "family": item.family, "deeper": labels[i], "shallower": labels[j],
        "n_layers_deeper": layers[i], "n_layers_shallower": layers[j],
        "d_model_deeper": width[i], "d_model_shallower": width[j],
        "size_ratio": pair.size_ratio, "tokens_ratio": pair.tokens_ratio,
        "loss_ratio": loss[i] / loss[j], "score_difference": item.score[i] - item.score[j],
    }  # fmt: skip


def _add_partial(
    rows: dict[str, list[dict[str, Any]]], item: FamilyShape, kind: str, fit: FitResult
) -> None:
    whose = item.upstream if kind == "upstream" or item.downstream is None else item.downstream
    used = whose.runs.take(fit.rows)
    layers, width = used.numbers("n_layers"), used.numbers("d_model")
    aspect = width / layers
    columns = {**fit.settings.using}
    middles = {
        name: middle(fitted_values(used, columns.get(name, name)))
        for name in fit.law.variables
        if name not in ("n_layers", "d_model")
    }

    def placed(x: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, Any]:
        return {**middles, "d_model": x, "n_layers": 1.0}

    y = partial_points(fit, aspect, placed)
    rows["partial"] += [
        {"family": item.family, "kind": kind, "run": label, "x": aspect[i], "y": y[i],
         "n_layers": layers[i], "d_model": width[i]}
        for i, label in enumerate(used.labels())
    ]  # fmt: skip
    rows["lines"] += [
        {"family": item.family, "kind": kind, **row} for row in partial_lines(fit, aspect, placed)
    ]
