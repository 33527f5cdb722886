"""Tables of the comparison: growth with compute, budgets, agreement, and lines to draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.estimation import FitResult
from isoflop.estimation.allocation import decades_outside
from isoflop.estimation.frontier import FLOPS_PER_PARAM_TOKEN
from isoflop_plugins.analyzers.by_family.tables import frame, spread
from isoflop_plugins.analyzers.compare_laws.allocations import ANY, Split

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimate import Estimate
    from isoflop.tables import RunTable

TIMES = 10.0
"""Growth of compute that the factors of N and D are for."""

_GRID = 41
_FIXED = 1e-9
"""Width below which an interval is none: the form fixes the number."""

UNITS = dict.fromkeys(("exponent_n", "factor_n", "factor_d", "residual_scale"), "1")


def _ends(*names: str) -> list[str]:
    return [f"{name}{end}" for name in names for end in ("", "_low", "_high")]


_COLUMNS = {
    "growth": ("family", "law", "kind", *_ends("exponent_n", "factor_n", "factor_d"), "counts"),
    "budgets": (
        "family", "law", "kind", "flops", *_ends("n_params", "n_tokens", "tokens_per_param"),
        "extrapolation_decades", "counts",
    ),
    "agreement": (
        "family", "method", "law", "quantity", "flops", "published", *_ends("data"), "inside",
    ),
    "fits": (
        "family", "law", "status", "n_runs", "objective", "residual_scale", *_ends("exponent_n"),
        "reason",
    ),
    "tokens_per_param": (
        "family", "law", "kind", "run", "flops", *_ends("tokens_per_param"), "part", "segment",
    ),
}  # fmt: skip


def tables(
    *,
    published: Sequence[Split],
    own: Sequence[Split],
    fits: Mapping[tuple[str, str], FitResult | str],
    families: Mapping[str, RunTable],
    budgets: Sequence[float],
    largest: Mapping[str, float],
) -> dict[str, pd.DataFrame]:
    """Return all tables by name, empty ones with their columns.

    Parameters
    ----------
    published, own : sequence of Split
        Of papers, and of the runs.
    fits : mapping of (family, law) to FitResult or str
        What was fitted, or why not.
    families : mapping of str to RunTable
        The runs.
    budgets : sequence of float
        Budgets of the table ``budgets``. [FLOP]
    largest : mapping of str to float
        Largest compute of each family whose runs have N and D. [FLOP]
    """
    every = [*own, *published]
    rows = {
        "growth": [_growth(split) for split in every],
        "budgets": [_at_budget(split, c) for split in every if split.optimum for c in budgets],
        "agreement": [
            row for mine in own for theirs in published
            for row in _agreement(mine, theirs, largest[mine.family])
        ],
        "fits": [_fit(family, law, fit) for (family, law), fit in fits.items()],
        "tokens_per_param": _lines(every, families, budgets),
    }  # fmt: skip
    return {name: frame(_COLUMNS[name], found, UNITS) for name, found in rows.items()}


def _growth(split: Split) -> dict[str, Any]:
    return {
        "family": split.family,
        "law": split.name,
        "kind": split.kind,
        **spread("exponent_n", split.exponent_n),
        **spread("factor_n", split.factor_n(TIMES)),
        **spread("factor_d", split.factor_d(TIMES)),
        "counts": split.counts,
    }


def _at_budget(split: Split, flops: float) -> dict[str, Any]:
    assert split.optimum is not None
    best = split.optimum(flops)
    row: dict[str, Any] = {"family": split.family, "law": split.name, "kind": split.kind}
    for name, estimate in best.items():
        row |= spread(name, estimate)
    outside = _outside(split, flops, best)
    return {**row, "flops": flops, "extrapolation_decades": outside, "counts": split.counts}


def _outside(split: Split, flops: float, best: Mapping[str, Estimate]) -> float:
    """Return how far a budget lies outside the runs: in C where they say it, else in N or D.

    NaN where the paper does not say what runs are behind the law.
    """
    if split.flops_range != ANY:
        return decades_outside(flops, split.flops_range)
    if split.n_range == split.d_range == ANY:
        return float("nan")
    return max(
        decades_outside(best["n_params"].value, split.n_range),
        decades_outside(best["n_tokens"].value, split.d_range),
    )


def _agreement(mine: Split, theirs: Split, flops: float) -> list[dict[str, Any]]:
    """Return whether a published law lies inside the interval of the runs.

    Null with no interval, and where the form of the law fixes the number and not the runs. A law
    that counts other parameters than the runs is compared by growth alone.
    """
    compared = {"exponent_n": (theirs.exponent_n.value, mine.exponent_n)}
    if mine.optimum and theirs.optimum and theirs.counts == mine.counts:
        name = "tokens_per_param"
        compared[name] = theirs.optimum(flops)[name].value, mine.optimum(flops)[name]
    return [
        {
            "family": mine.family,
            "method": mine.name,
            "law": theirs.name,
            "quantity": quantity,
            "flops": flops,
            "published": value,
            **spread("data", data),
            "inside": data.low <= value <= data.high if data.high - data.low > _FIXED else None,
        }
        for quantity, (value, data) in compared.items()
    ]


def _fit(family: str, law: str, fit: FitResult | str) -> dict[str, Any]:
    if isinstance(fit, str):
        return {"family": family, "law": law, "status": "not-fitted", "n_runs": 0, "reason": fit}
    return {
        "family": family,
        "law": law,
        "status": fit.status,
        "n_runs": fit.n_runs,
        "objective": fit.objective,
        "residual_scale": fit.residual_scale,
        **spread("exponent_n", fit.derived["exponent_n"]),
        "reason": "; ".join(fit.warnings),
    }


def compute_of(runs: RunTable) -> tuple[Any, Any, Any]:
    """Return N, D and 6 N D of each run, NaN where one is not a positive number."""
    n, d = runs.params_per_token(), runs.numbers("n_tokens")
    known = (n > 0) & (d > 0) & np.isfinite(n) & np.isfinite(d)
    n, d = np.where(known, n, np.nan), np.where(known, d, np.nan)
    return n, d, FLOPS_PER_PARAM_TOKEN * n * d


def _lines(
    splits: Sequence[Split], families: Mapping[str, RunTable], budgets: Sequence[float]
) -> list[dict[str, Any]]:
    """Return runs as points, and each split along compute, from the smallest run on."""
    points = [row for family, runs in families.items() for row in _points(family, runs)]
    seen = [row["flops"] for row in points]
    low, high = min([*seen, *budgets]), max([*seen, *budgets])
    grid = (
        np.geomspace(low, high, _GRID) if high > low else np.geomspace(low / 10, high * 10, _GRID)
    )
    return [*points, *(row for s in splits if s.optimum for row in _line(s, grid))]


def _points(family: str, runs: RunTable) -> list[dict[str, Any]]:
    n, d, c = compute_of(runs)
    labels = runs.labels()
    return [
        {"family": family, "law": "", "kind": "run", "run": labels[i], "flops": float(c[i]),
         "tokens_per_param": float(d[i] / n[i]), "part": 0, "segment": ""}
        for i in np.flatnonzero(np.isfinite(c))
    ]  # fmt: skip


def _line(split: Split, grid: Any) -> list[dict[str, Any]]:
    rows = [_at_budget(split, float(c)) for c in grid]
    inside = np.array([row["extrapolation_decades"] == 0 for row in rows])
    part = np.concatenate([[0], np.cumsum(inside[1:] != inside[:-1])])
    out = []
    for i, row in enumerate(rows):
        at = {k: row[k] for k in ("family", "law", "kind", "flops", *_ends("tokens_per_param"))}
        # The point of a change belongs to both parts, so that the line has no gap.
        for j in sorted({i, max(i - 1, 0)}):
            if j == i or part[j] != part[i]:
                segment = "inside" if inside[j] else "outside"
                out.append({**at, "run": "", "part": int(part[j]), "segment": segment})
    return out
