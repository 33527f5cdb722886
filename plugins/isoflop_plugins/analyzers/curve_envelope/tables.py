"""Tables of the envelope of training curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.estimate import Estimate
from isoflop.estimation.frontier import FLOPS_PER_PARAM_TOKEN

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimation.curve_envelope import Envelope
    from isoflop_plugins.analyzers.curve_envelope.families import FamilyEnvelope

PAPER_N = Estimate(value=0.50, low=0.488, high=0.502, level=0.8)
PAPER_D = Estimate(value=0.50, low=0.501, high=0.512, level=0.8)
"""Approach 1 of Hoffmann et al. 2022, table 2, arXiv 2203.15556: 10th and 90th percentile over 100
subsamples of 80 %. The interval of b does not hold its value there either."""

_MOST_ROWS = 4000
"""Rows of curves in a chart: Altair takes 5,000 rows."""

UNITS = {
    "flops": "FLOP", "flops_first": "FLOP", "flops_last": "FLOP", "n_params": "1",
    "n_params_smaller": "1", "n_params_larger": "1", "n_tokens": "token",
    "tokens_per_param": "token", "loss": "nat/token", "exponent_n": "1", "exponent_d": "1",
    "level": "1", "learning_rate_share": "1", "share_best": "1", "extrapolation_decades": "decade",
}  # fmt: skip

_COLUMNS: dict[str, tuple[str, ...]] = {
    "exponents": (
        "family", "method", "exponent_n", "exponent_n_low", "exponent_n_high", "exponent_d",
        "exponent_d_low", "exponent_d_high", "level", "n_steps", "reason",
    ),
    "sizes": (
        "family", "n_params", "n_runs", "flops_first", "flops_last", "share_best",
    ),
    "steps": (
        "family", "n_params_smaller", "n_params_larger", "flops", "n_params", "n_tokens", "reason",
    ),
    "envelope": (
        "family", "flops", "loss", "run", "n_params", "n_tokens", "tokens_per_param",
        "learning_rate_share", "is_inside",
    ),
    "allocation": (
        "family", "flops", "n_params", "n_params_low", "n_params_high", "n_tokens", "n_tokens_low",
        "n_tokens_high", "tokens_per_param", "extrapolation_decades",
    ),
    "curves": ("family", "kind", "segment", "run", "flops", "n_params", "loss"),
    "growth": (
        "family", "kind", "segment", "flops", "n_params", "n_params_low", "n_params_high",
        "n_tokens", "n_tokens_low", "n_tokens_high",
    ),
}  # fmt: skip


def tables(items: Sequence[FamilyEnvelope]) -> dict[str, pd.DataFrame]:
    """Return all tables by name, empty ones with their columns."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _COLUMNS}
    n_runs = sum(item.curves.run.size for item in items if item.curves is not None)
    for item in items:
        if item.found is None:
            rows["exponents"].append({"family": item.family, "reason": item.refusal})
        made: dict[str, list[dict[str, Any]]] = {}
        if item.curves is not None:
            made["sizes"] = _sizes(item)
            made["curves"] = _curves(item, max(8, _MOST_ROWS // (2 * n_runs)))
        if item.found is not None:
            made["exponents"] = _exponents(item.found)
            made["steps"] = _steps(item.found)
            made["envelope"] = _envelope(item)
            made["curves"] += _lowest(made["envelope"])
            made["allocation"] = _allocation(item.found)
            made["growth"] = [*_found_steps(made["steps"]), *_growth(item.found)]
        for name, more in made.items():
            rows[name] += [{"family": item.family, **row} for row in more]
    if any(item.found is not None for item in items):
        rows["exponents"].append(_paper())
    return {name: _frame(name, found) for name, found in rows.items()}


def _frame(name: str, rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(_COLUMNS[name]))
    stems = {c: c.removesuffix("_low").removesuffix("_high") for c in frame.columns}
    frame.attrs["units"] = {c: UNITS[s] for c, s in stems.items() if s in UNITS}
    return frame


def _ends(name: str, e: Estimate) -> dict[str, float]:
    return {name: e.value, f"{name}_low": e.low, f"{name}_high": e.high}


def _exponents(found: Envelope) -> list[dict[str, Any]]:
    n, direct = found.exponent_n, found.direct_exponent_n
    less = Estimate(
        value=1 - direct.value, low=1 - direct.high, high=1 - direct.low, level=direct.level
    )
    common = {"level": found.level, "n_steps": int(found.stairs.n_steps[0])}
    return [
        {"method": "line through the steps", **_ends("exponent_n", n),
         **_ends("exponent_d", found.exponent_d), **common},
        {"method": "regression over every compute, as in the paper",
         **_ends("exponent_n", direct), **_ends("exponent_d", less), **common,
         "reason": "pulled towards 0 by the stairs"},
    ]  # fmt: skip


def _paper() -> dict[str, Any]:
    return {
        "family": "", "method": "published: Hoffmann et al. 2022, table 2, approach 1",
        **_ends("exponent_n", PAPER_N), **_ends("exponent_d", PAPER_D), "level": PAPER_N.level,
    }  # fmt: skip


def _sizes(item: FamilyEnvelope) -> list[dict[str, Any]]:
    curves, found = item.curves, item.found
    assert curves is not None
    best = found.stairs.best[0] if found is not None else np.full(1, -1)
    out = []
    for i, n in enumerate(curves.sizes.tolist()):
        mine = curves.size == i
        reach = curves.log_flops[np.isfinite(curves.log_loss[mine]).any(axis=0)]
        out.append(
            {"n_params": n, "n_runs": int(mine.sum()),
             "flops_first": 10 ** reach.min() if reach.size else math.nan,
             "flops_last": 10 ** reach.max() if reach.size else math.nan,
             "share_best": float((best == i).mean()) if found is not None else math.nan}
        )  # fmt: skip
    return out


def _steps(found: Envelope) -> list[dict[str, Any]]:
    sizes, out = found.curves.sizes, []
    for i, step in enumerate(found.stairs.step[0].tolist()):
        n = math.sqrt(sizes[i] * sizes[i + 1])
        row: dict[str, Any] = {"n_params_smaller": sizes[i], "n_params_larger": sizes[i + 1]}
        if math.isnan(step):
            out.append({**row, "reason": "not seen to change places where both have points"})
            continue
        flops = 10**step
        tokens = flops / (FLOPS_PER_PARAM_TOKEN * n)
        out.append({**row, "flops": flops, "n_params": n, "n_tokens": tokens, "reason": ""})
    return out


def _envelope(item: FamilyEnvelope) -> list[dict[str, Any]]:
    found = item.found
    assert found is not None
    curves, best = found.curves, found.stairs.best[0]
    flops = 10**curves.log_flops
    out = []
    for g in np.flatnonzero(best >= 0).tolist():
        run = int(item.best_run[g])
        n = float(curves.sizes[best[g]] if run < 0 else curves.n_params[run])
        tokens = flops[g] / (FLOPS_PER_PARAM_TOKEN * n)
        out.append(
            {"flops": flops[g], "loss": math.exp(found.log_loss[best[g], g]),
             "run": "" if run < 0 else item.names[curves.run[run]], "n_params": n,
             "n_tokens": tokens, "tokens_per_param": tokens / n,
             "learning_rate_share": item.rate[g], "is_inside": bool(found.stairs.is_inside[0][g])}
        )  # fmt: skip
    return out


def _allocation(found: Envelope) -> list[dict[str, Any]]:
    """Return the best split at decades of compute, from the steps to two decades beyond.

    Nothing where the exponent has no interval: a size without one would look sure.
    """
    if math.isnan(found.exponent_n.low):
        return []
    low, high = (math.log10(c) for c in found.range)
    decades = np.arange(math.floor(low), math.ceil(high) + 3, dtype=float)
    best = found.n_opt(10.0**decades)
    out = []
    for decade, n in zip(decades.tolist(), best, strict=True):
        per_n = 10**decade / FLOPS_PER_PARAM_TOKEN
        tokens = Estimate(value=per_n / n.value, low=per_n / n.high, high=per_n / n.low)
        out.append(
            {"flops": 10**decade, **_ends("n_params", n), **_ends("n_tokens", tokens),
             "tokens_per_param": tokens.value / n.value,
             "extrapolation_decades": max(0.0, decade - high, low - decade)}
        )  # fmt: skip
    return out


def _curves(item: FamilyEnvelope, n_points: int) -> list[dict[str, Any]]:
    """Return a few points of each smoothed curve, for the eye."""
    curves, out = item.curves, []
    assert curves is not None
    for r in range(curves.run.size):
        there = np.flatnonzero(np.isfinite(curves.log_loss[r]))
        some = np.linspace(0, there.size - 1, min(n_points, there.size)).astype(int)
        out += [
            {"kind": "run", "segment": "", "run": item.names[curves.run[r]],
             "flops": 10 ** curves.log_flops[g], "n_params": curves.n_params[r],
             "loss": math.exp(curves.log_loss[r, g])}
            for g in there[some].tolist()
        ]  # fmt: skip
    return out


def _lowest(envelope: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the envelope in stretches inside and outside, ends shared so that it has no gap."""
    out, stretch, previous = [], -1, None
    for row in envelope[:: max(1, len(envelope) // 600)]:
        if previous is None or row["is_inside"] != previous["is_inside"]:
            stretch += 1
            if previous is not None:
                out.append({**out[-1], "segment": _segment(row, stretch)})
        out.append({"kind": "envelope", "segment": _segment(row, stretch), "run": row["run"],
                    "flops": row["flops"], "n_params": row["n_params"],
                    "loss": row["loss"]})  # fmt: skip
        previous = row
    return out


def _segment(row: dict[str, Any], stretch: int) -> str:
    return f"{'inside' if row['is_inside'] else 'outside'} {stretch}"


def _found_steps(steps: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    keys = ("flops", "n_params", "n_tokens")
    found = [s for s in steps if not s["reason"]]
    return [{"kind": "step", "segment": "", **{k: s[k] for k in keys}} for s in found]


def _growth(found: Envelope) -> list[dict[str, Any]]:
    """Return the line of N_opt with its band, a decade beyond the steps on either side.

    Between the steps only where it has no band: beyond them it would look sure.
    """
    low, high = (math.log10(c) for c in found.range)
    parts = {
        "below": np.linspace(low - 1, low, 20),
        "inside": np.linspace(low, high, 30),
        "above": np.linspace(high, high + 1, 20),
    }
    if math.isnan(found.exponent_n.low):
        parts = {"inside": parts["inside"]}
    out = []
    for segment, decades in parts.items():
        for decade, n in zip(decades.tolist(), found.n_opt(10.0**decades), strict=True):
            per_n = 10**decade / FLOPS_PER_PARAM_TOKEN
            tokens = Estimate(value=per_n / n.value, low=per_n / n.high, high=per_n / n.low)
            out.append({"kind": "line", "segment": segment, "flops": 10**decade,
                        **_ends("n_params", n), **_ends("n_tokens", tokens)})  # fmt: skip
    return out
