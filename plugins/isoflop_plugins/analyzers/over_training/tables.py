"""Tables of the over-training fits of an analysis."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isoflop.estimation import FitResult, Rollout
from isoflop.estimation.allocation import decades_outside
from isoflop.estimation.frontier import FLOPS_PER_PARAM_TOKEN
from isoflop.estimation.intervals import intervals
from isoflop_plugins.analyzers.by_family.tables import (
    FITS,
    HELD_OUT,
    PARAMS,
    fit_row,
    frame,
    held_out_rows,
    param_rows,
    spread,
    used_rows,
)

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimate import Estimates
    from isoflop_plugins.analyzers.by_family.fits import FamilyFit

Floats = NDArray[np.float64]

_FIRST = 20.0  # D / N that Gadre et al. 2024 (section 3) call compute-optimal [token]
_MOST_LINES = 6
_GRID = 40

_COLUMNS: dict[str, tuple[str, ...]] = {
    "params": PARAMS,
    "fits": FITS,
    "by_multiplier": (
        "family", "tokens_per_param", "flops", "n_params", "n_tokens", "loss", "loss_low",
        "loss_high", "compute_factor", "compute_factor_low", "compute_factor_high", "size_factor",
        "extrapolation_decades",
    ),
    "held_out": (*HELD_OUT[:1], "held_out_by", *HELD_OUT[1:]),
    "loss_vs_compute": (
        "family", "kind", "segment", "run", "flops", "n_params", "n_tokens", "tokens_per_param",
        "loss",
    ),
    "cost": (
        "family", "segment", "tokens_per_param", "compute_factor", "compute_factor_low",
        "compute_factor_high",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FamilyOverTraining:
    """What came of one family.

    Parameters
    ----------
    item : FamilyFit
        The fit to all its runs, with those of largest compute held out once.
    most_tokens : Rollout or None
        The runs of most tokens per parameter held out instead; None where too few are left.
    multipliers : NDArray, shape (m,)
        Tokens per parameter to tell of, ascending. [token]
    """

    item: FamilyFit
    most_tokens: Rollout | None
    multipliers: Floats


def seen_multipliers(item: FamilyFit) -> tuple[float, float]:
    """Return the fewest and most tokens per parameter of the runs that were fitted [token]."""
    ratios = [row["tokens_per_param"] for row in used_rows(item)]
    return min(ratios), max(ratios)


def multiplier_ladder(item: FamilyFit) -> Floats:
    """Return doublings of 20 tokens per parameter up to the most seen, and that itself [token].

    Gadre et al. 2024 go from 20 to 640, arXiv 2403.08540, section 3.
    """
    low, high = seen_multipliers(item)
    steps = math.floor(math.log2(max(high / _FIRST, 1.0)) + 1e-9)
    ladder = _FIRST * 2.0 ** np.arange(steps + 1)
    ladder = ladder[(ladder >= low * (1 - 1e-6)) & (ladder <= high * (1 + 1e-6))]
    if not ladder.size or high > ladder[-1] * 1.05:
        ladder = np.append(ladder, high)
    return np.asarray(ladder)


def compute_factors(fit: FitResult, multipliers: Floats) -> Estimates:
    """Return compute over the least that reaches the same loss, with intervals, shape (m,) [1]."""
    n, d = at_budget(fit.largest_run.flops, multipliers)
    point = fit.frontier.compute_waste(n, d)
    band = intervals(point, fit.frontier_draws.compute_waste(n, d).T, fit.level)
    # Near the best split no draw can be below 1, and all of them may be above the point.
    return dataclasses.replace(band, low=np.minimum(band.low, point))


def at_budget(flops: float, multipliers: Floats) -> tuple[Floats, Floats]:
    """Return N [1] and D [token] of a budget 6 N D [FLOP] at each D / N."""
    n = np.sqrt(flops / (FLOPS_PER_PARAM_TOKEN * multipliers))
    return n, multipliers * n


def size_factors(fit: FitResult, multipliers: Floats, factors: Floats) -> Floats:
    """Return N over that of the compute-optimal run of equal loss, shape (m,) [1].

    With C = 6 M N^2, N falls by the square root of M over the best M, and grows by that of the
    compute factor.
    """
    best = fit.derived["tokens_per_param"].value
    return np.asarray(np.sqrt(factors * best / multipliers))


def tables(found: Sequence[FamilyOverTraining]) -> dict[str, pd.DataFrame]:
    """Return all tables by name, empty ones with their columns."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _COLUMNS}
    for one in found:
        item = one.item
        rows["fits"].append(fit_row(item))
        if item.fit is None:
            continue
        rows["params"] += param_rows(item.fit)
        rows["held_out"] += _held_out(one)
        rows["loss_vs_compute"] += [
            {**row, "kind": "run", "segment": ""} for row in used_rows(item)
        ]
        if item.fit.is_usable:
            rows["by_multiplier"] += _by_multiplier(one, item.fit)
            rows["loss_vs_compute"] += _lines(one, item.fit)
            rows["cost"] += _cost(one, item.fit)
    return {name: frame(_COLUMNS[name], made) for name, made in rows.items()}


def _held_out(one: FamilyOverTraining) -> list[dict[str, Any]]:
    how = {"compute": one.item.held_out, "tokens per parameter": one.most_tokens}
    return [
        {**row, "held_out_by": name}
        for name, held in how.items()
        if held is not None
        for row in held_out_rows(one.item.family, held)
    ]


def _by_multiplier(one: FamilyOverTraining, fit: FitResult) -> list[dict[str, Any]]:
    """Return loss and its cost at the largest compute seen, one multiplier a row."""
    seen = seen_multipliers(one.item)
    n, d = at_budget(fit.largest_run.flops, one.multipliers)
    loss, factor = fit.predict(n, d), compute_factors(fit, one.multipliers)
    size = size_factors(fit, one.multipliers, factor.value)
    return [
        {
            "family": one.item.family,
            "tokens_per_param": m,
            "flops": fit.largest_run.flops,
            "n_params": n[i],
            "n_tokens": d[i],
            **spread("loss", loss[i]),
            **spread("compute_factor", factor[i]),
            "size_factor": size[i],
            "extrapolation_decades": decades_outside(m, (seen[0] * (1 - 1e-9), seen[1])),
        }
        for i, m in enumerate(one.multipliers.tolist())
    ]


def _lines(one: FamilyOverTraining, fit: FitResult) -> list[dict[str, Any]]:
    """Return the law along compute at a few multipliers; solid where runs are near that one."""
    runs = used_rows(one.item)
    flops = np.array([row["flops"] for row in runs])
    ratios = np.array([row["tokens_per_param"] for row in runs])
    chosen = one.multipliers
    if chosen.size > _MOST_LINES:
        chosen = chosen[np.linspace(0, chosen.size - 1, _MOST_LINES).round().astype(int)]
    rows: list[dict[str, Any]] = []
    for m in chosen.tolist():
        near = flops[np.abs(np.log2(ratios / m)) <= 0.5 + 1e-9]
        grid = np.geomspace(flops.min(), flops.max(), _GRID)
        # With the ends of what is seen among the points, the segments meet without a gap.
        grid = np.unique(np.r_[grid, near.min(), near.max()] if near.size else grid)
        n, d = at_budget(grid, np.full(grid.size, m))  # type: ignore[arg-type]
        loss = fit.predict(n, d).value
        for segment, mask in _segments(grid, near):
            rows += [
                {"family": one.item.family, "kind": "line", "segment": segment, "run": "",
                 "flops": grid[i], "n_params": n[i], "n_tokens": d[i], "tokens_per_param": m,
                 "loss": loss[i]}
                for i in np.flatnonzero(mask)
            ]  # fmt: skip
    return rows


def _segments(grid: Floats, near: Floats) -> list[tuple[str, NDArray[np.bool_]]]:
    if not near.size:
        return [("above", np.ones(grid.size, dtype=bool))]
    low, high = near.min(), near.max()
    return [
        ("below", grid <= low),
        ("inside", (grid >= low) & (grid <= high)),
        ("above", grid >= high),
    ]


def _cost(one: FamilyOverTraining, fit: FitResult) -> list[dict[str, Any]]:
    """Return the compute factor along multipliers, to four times the most seen or asked for."""
    low, high = seen_multipliers(one.item)
    last = max(4 * high, float(one.multipliers.max()))
    rows: list[dict[str, Any]] = []
    for segment, ends in (("inside", (low, high)), ("outside", (high, last))):
        grid = np.geomspace(*ends, num=_GRID)
        factor = compute_factors(fit, grid)
        rows += [
            {"family": one.item.family, "segment": segment, "tokens_per_param": m,
             **spread("compute_factor", factor[i])}
            for i, m in enumerate(grid.tolist())
        ]  # fmt: skip
    return rows
