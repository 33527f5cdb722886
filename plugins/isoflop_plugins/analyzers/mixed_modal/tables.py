"""Tables of mixed modalities: laws alone, interactions, barriers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop_plugins.analyzers.by_family import tables as rows_of
from isoflop_plugins.analyzers.mixed_modal.pairs import Pair, Single, barriers, decades_outside_runs

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimation import FitResult

_UNITS = {"interaction": "nat/token", "value": "nat/token"}
_SIZES = ("n_params", "n_params_low", "n_params_high", "n_tokens", "n_tokens_low",
          "n_tokens_high", "flops", "flops_low", "flops_high")  # fmt: skip
_COLUMNS = {
    "params": ("modalities", *rows_of.PARAMS),
    "fits": ("modalities", *rows_of.FITS),
    "barrier": ("family", "modalities", *_SIZES, "extrapolation_decades"),
    "interaction": (
        "family", "modalities", "kind", "segment", "run", "n_params", "n_tokens", "interaction",
        "interaction_low", "interaction_high",
    ),
}  # fmt: skip

_POINTS = 30
_MOST_LINES = 4
_AHEAD = 1.0  # decades of tokens that the law is drawn beyond the runs


def tables(alone: Sequence[Single], found: Sequence[Pair]) -> dict[str, pd.DataFrame]:
    """Return all tables by name, empty ones with their columns."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _COLUMNS}
    named = [(s.modality, s.item) for s in alone]
    named += [("+".join(p.modalities), p.item) for p in found]
    for name, item in named:
        rows["fits"].append({"modalities": name, **rows_of.fit_row(item)})
        if item.fit is not None:
            rows["params"] += [{"modalities": name, **r} for r in rows_of.param_rows(item.fit)]
    for pair in found:
        names = {"family": pair.item.family, "modalities": "+".join(pair.modalities)}
        rows["interaction"] += [{**names, **row} for row in _measured(pair)]
        fit = pair.item.fit
        if fit is None or not fit.is_usable:
            continue
        rows["barrier"].append({**names, **_barrier(fit)})
        rows["interaction"] += [{**names, **row} for row in _lines(pair, fit)]
    return {name: rows_of.frame(_COLUMNS[name], made, _UNITS) for name, made in rows.items()}


def _barrier(fit: FitResult) -> dict[str, Any]:
    n, d, c = barriers(fit)
    return {
        **rows_of.spread("n_params", n),
        **rows_of.spread("n_tokens", d),
        **rows_of.spread("flops", c),
        "extrapolation_decades": decades_outside_runs(fit, n.value, d.value),
    }


def _measured(pair: Pair) -> list[dict[str, Any]]:
    if not pair.interaction.size:
        return []
    return [
        {"kind": "run", "segment": "", "run": label, "n_params": pair.n_params[i],
         "n_tokens": pair.n_tokens[i], "interaction": pair.interaction[i]}
        for i, label in enumerate(pair.item.runs.labels())
    ]  # fmt: skip


def _lines(pair: Pair, fit: FitResult) -> list[dict[str, Any]]:
    """Return the law of a few sizes along tokens; segments share their ends."""
    sizes = np.unique(pair.n_params)
    places = np.linspace(0, sizes.size - 1, min(_MOST_LINES, sizes.size)).round().astype(int)
    low, high = np.log10(fit.ranges["n_tokens"])
    out = []
    for size in sizes[places]:
        for segment, begin, end in (("inside", low, high), ("outside", high, high + _AHEAD)):
            tokens = np.logspace(begin, end, _POINTS)
            values = fit.predict_at({"n_params": size, "n_tokens": tokens})
            out += [
                {"kind": "law", "segment": segment, "run": "", "n_params": size, "n_tokens": x,
                 **rows_of.spread("interaction", v)}
                for x, v in zip(tokens, values, strict=True)
            ]  # fmt: skip
    return out
