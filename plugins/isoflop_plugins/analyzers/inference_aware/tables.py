"""Tables of the inference-aware optimum: by quality and demand, and along demand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.estimation.frontier import TwoTermFrontier
from isoflop.estimation.inference_aware import (
    InferenceOptimum,
    inference_optimal_for_budget,
    inference_optimal_like,
)
from isoflop.estimation.intervals import intervals
from isoflop_plugins.analyzers.by_family.tables import frame

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from isoflop.estimate import Estimates
    from isoflop_plugins.analyzers.inference_aware.analyzer import Target

    Floats = NDArray[np.float64]

_MOST_CURVES = 4
"""Families drawn; more lines cannot be told apart."""

_SPAN = (1e9, 1e15)
_POINTS = 49

_ESTIMATED = ("n_params", "n_tokens", "tokens_per_param", "saved_flops", "saved_share")
_PLAIN = ("loss", "n_params_training", "n_tokens_training", "total_flops", "total_flops_training")

UNITS = {
    "inference_tokens": "token", "n_params_training": "1", "n_tokens_training": "token",
    "total_flops": "FLOP", "total_flops_training": "FLOP", "saved_flops": "FLOP",
    "saved_share": "1",
}  # fmt: skip


def _ends(names: Sequence[str]) -> list[str]:
    return [f"{name}{end}" for name in names for end in ("", "_low", "_high")]


_COLUMNS = {
    "optimum": (
        "family", "law", "target", "run", "flops", "loss", "inference_tokens", *_ends(_ESTIMATED),
        *_PLAIN[1:], "extrapolation_decades",
    ),
    "curve": (
        "family", "quality", "law", "inference_tokens",
        *_ends(("tokens_per_param", "saved_share")), "part", "segment",
    ),
}  # fmt: skip


def tables(
    targets: Sequence[Target], demands: Sequence[float], *, level: float
) -> dict[str, pd.DataFrame]:
    """Return both tables, empty ones with their columns.

    Parameters
    ----------
    targets : sequence of Target
        Qualities wanted, families of most compute first.
    demands : sequence of float
        Inference tokens. [token]
    level : float
        Level of the intervals. [1]
    """
    drawn = [t for t in targets if t.kind == "largest run"][:_MOST_CURVES]
    rows = {
        "optimum": [row for t in targets for row in _optimum(t, demands, level)],
        "curve": [row for t in drawn for row in _curve(t, level)],
    }
    return {name: frame(_COLUMNS[name], found, UNITS) for name, found in rows.items()}


def _optimum(target: Target, demands: Sequence[float], level: float) -> list[dict[str, Any]]:
    best, spread = _solved(target, np.asarray(demands, dtype=np.float64))
    estimates = {name: _with_interval(name, best, spread, level) for name in _ESTIMATED}
    outside = _decades_outside(target, best)
    return [
        {
            "family": target.family,
            "law": target.judge.name,
            "target": target.kind,
            "run": target.run,
            "flops": target.flops,
            "inference_tokens": demand,
            **{name: float(getattr(best, name)[i]) for name in _PLAIN},
            **_row(estimates, i),
            "extrapolation_decades": float(outside[i]),
        }
        for i, demand in enumerate(demands)
    ]


def _curve(target: Target, level: float) -> list[dict[str, Any]]:
    """Return the line of one quality, cut where it leaves the runs behind the law."""
    demand = np.geomspace(*_SPAN, _POINTS)
    best, spread = _solved(target, demand)
    names = ("tokens_per_param", "saved_share")
    estimates = {name: _with_interval(name, best, spread, level) for name in names}
    inside = _decades_outside(target, best) == 0
    part = np.concatenate([[0], np.cumsum(inside[1:] != inside[:-1])])
    quality = f"{target.family}: {target.run}" if target.family else target.run
    fixed = {"family": target.family, "quality": quality, "law": target.judge.name}
    out = []
    for i in range(demand.size):
        row = {**fixed, "inference_tokens": float(demand[i]), **_row(estimates, i)}
        out.append({**row, "part": int(part[i]), "segment": _segment(inside[i])})
        if i + 1 < demand.size and part[i + 1] != part[i]:
            # The point of a change belongs to both parts, so that the line has no gap.
            out.append({**row, "part": int(part[i + 1]), "segment": _segment(inside[i + 1])})
    return out


def _segment(inside: object) -> str:
    return "inside" if inside else "outside"


def _solved(target: Target, demand: Floats) -> tuple[InferenceOptimum, InferenceOptimum | None]:
    """Return the optima at the law and at its draws, None where it has none."""

    def solve(frontier: TwoTermFrontier) -> InferenceOptimum:
        if target.kind == "largest run":
            return inference_optimal_like(frontier, target.n_params, target.n_tokens, demand)
        return inference_optimal_for_budget(frontier, target.flops, demand)

    point, draws = target.judge.point, target.judge.draws
    assert isinstance(point, TwoTermFrontier)
    return solve(point), None if draws is None else solve(draws)


def _with_interval(
    name: str, best: InferenceOptimum, spread: InferenceOptimum | None, level: float
) -> Estimates:
    value = getattr(best, name)
    draws = np.empty((0, value.size)) if spread is None else getattr(spread, name).T
    return intervals(value, draws, level)


def _row(estimates: dict[str, Estimates], i: int) -> dict[str, float]:
    ends = (("", "value"), ("_low", "low"), ("_high", "high"))
    return {
        f"{name}{end}": float(getattr(e, field)[i])
        for name, e in estimates.items()
        for end, field in ends
    }


def _decades_outside(target: Target, best: InferenceOptimum) -> Floats:
    """Return how far each optimum lies outside the runs behind the law, in N or D [decade]."""
    outside = np.zeros(best.n_params.shape)
    for values, (low, high) in (
        (best.n_params, target.judge.n_range),
        (best.n_tokens, target.judge.d_range),
    ):
        with np.errstate(divide="ignore"):
            above, below = np.log10(values / high), np.log10(low / values)
        outside = np.maximum(outside, np.maximum(above, below))
    return outside
