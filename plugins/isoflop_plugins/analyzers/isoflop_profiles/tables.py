"""Tables of IsoFLOP profiles: optima, exponents, runs, bias, and the lines of the figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.estimation.isoflop_profiles.analysis import IsoflopProfiles
from isoflop.estimation.isoflop_profiles.parabolas import Profile
from isoflop_plugins.analyzers.isoflop_profiles.families import FamilyProfiles

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimate import Estimate

_GRID = 40
_AHEAD = 1.0  # decades of compute that the power laws are drawn beyond the budgets

_UNITS = {
    "flops": "FLOP", "budget": "FLOP", "flops_spread": "1", "n_params": "1", "n_tokens": "token",
    "tokens_per_param": "token", "loss": "nat/token", "akima_n_params": "1",
    "akima_n_tokens": "token", "smallest_over": "1", "largest_over": "1", "curvature_z": "1",
    "exponent_n": "1", "exponent_d": "1", "scatter": "1", "residual": "1",
    "extrapolation_decades": "decade", "expected_bias": "1", "difference": "1",
}  # fmt: skip


def _ranged(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}{end}" for name in names for end in ("", "_low", "_high"))


_COLUMNS: dict[str, tuple[str, ...]] = {
    "optima": (
        "family", "flops", "flops_spread", "n_runs", "n_sizes",
        *_ranged("n_params", "n_tokens"), "tokens_per_param", *_ranged("loss"),
        *_ranged("akima_n_params", "akima_n_tokens"), "smallest_over", "largest_over",
        "curvature_z", "used", "flags",
    ),
    "exponents": (
        "family", "method", "n_budgets", *_ranged("exponent_n", "exponent_d"), "flops",
        *_ranged("n_params", "n_tokens", "tokens_per_param"), "scatter",
    ),
    "profiles": (
        "family", "budget", "run", "flops", "n_params", "n_tokens", "loss", "residual", "used",
        "reason",
    ),
    "bias": (
        "family", "quantity", "flops", "extrapolation_decades", *_ranged("approach_2"),
        *_ranged("approach_3"), "difference", "expected_bias",
    ),
    "parabolas": ("family", "budget", "n_params", "loss"),
    "growth": (
        "family", "segment", "flops", *_ranged("n_params", "n_tokens"),
    ),
}  # fmt: skip


def tables(found: Sequence[FamilyProfiles]) -> dict[str, pd.DataFrame]:
    """Return all tables by name, empty ones with their columns."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _COLUMNS}
    for item in found:
        if item.profiles is None:
            continue
        made = {
            "optima": [_optimum(p) for p in item.profiles.profiles],
            "exponents": [*_methods(item.profiles), *_approach_3(item)],
            "profiles": list(_runs(item, item.profiles)),
            "bias": list(_bias(item)),
            "parabolas": [row for p in item.profiles.optima for row in _parabola(p, item)],
            "growth": list(_growth(item)),
        }
        for name, more in made.items():
            rows[name] += [{"family": item.family, **row} for row in more]
    return {name: _frame(name, got) for name, got in rows.items()}


def _frame(name: str, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(list(rows), columns=list(_COLUMNS[name]))
    stems = {c: c.removesuffix("_low").removesuffix("_high") for c in frame.columns}
    frame.attrs["units"] = {c: _UNITS[s] for c, s in stems.items() if s in _UNITS}
    return frame


def _spread(name: str, e: Estimate) -> dict[str, float]:
    return {name: e.value, f"{name}_low": e.low, f"{name}_high": e.high}


def _optimum(p: Profile) -> dict[str, Any]:
    return {
        "flops": p.flops,
        "flops_spread": p.spread,
        "n_runs": p.rows.size,
        "n_sizes": p.n_sizes,
        **_spread("n_params", p.n_params),
        **_spread("n_tokens", p.n_tokens),
        "tokens_per_param": p.n_tokens.value / p.n_params.value,
        **_spread("loss", p.loss),
        **_spread("akima_n_params", p.akima_n_params),
        **_spread("akima_n_tokens", p.akima_n_tokens),
        "smallest_over": p.arms[0],
        "largest_over": p.arms[1],
        "curvature_z": p.curvature_z,
        "used": p.has_optimum,
        "flags": ", ".join(p.flags),
    }


def _methods(result: IsoflopProfiles) -> Iterator[dict[str, Any]]:
    for method, fit in result.exponents.items():
        top = float(fit.flops[-1])
        best = fit.optimum(top)
        yield {
            "method": method,
            "n_budgets": len(fit.flops),
            **_spread("exponent_n", fit.exponent_n),
            **_spread("exponent_d", fit.exponent_d),
            "flops": top,
            **{k: v for name, e in best.items() for k, v in _spread(name, e).items()},
            "scatter": fit.n_params.scatter,
        }


def _approach_3(item: FamilyProfiles) -> Iterator[dict[str, Any]]:
    if item.surface is None or item.bias is None or item.fit is None:
        return
    best = item.surface.optimal(float(item.bias.flops_6nd[0]))
    yield {
        "method": "approach 3",
        "n_budgets": len(item.fit.flops),
        **_spread("exponent_n", item.surface.derived["exponent_n"]),
        **_spread("exponent_d", item.surface.derived["exponent_d"]),
        "flops": float(item.bias.flops[0]),
        **_spread("n_params", best.n_params),
        **_spread("n_tokens", best.n_tokens),
        "tokens_per_param": best.n_tokens.value / best.n_params.value,
    }


def _runs(item: FamilyProfiles, result: IsoflopProfiles) -> Iterator[dict[str, Any]]:
    labels = item.runs.labels()
    for i, row in enumerate(item.rows.tolist()):
        k = int(result.budgets.index[i])
        parabola = result.profiles[k].parabola if k >= 0 else None
        at = None if parabola is None else parabola.at(np.log(item.n_params[i : i + 1]))[0]
        yield {
            "budget": result.budgets.flops[k] if k >= 0 else np.nan,
            "run": labels[row],
            "flops": item.flops[i],
            "n_params": item.n_params[i],
            "n_tokens": item.n_tokens[i],
            "loss": item.loss[i],
            "residual": np.nan if at is None else item.loss[i] / at - 1,
            "used": not result.reasons[i],
            "reason": result.reasons[i] or result.notes[i],
        }


def _bias(item: FamilyProfiles) -> Iterator[dict[str, Any]]:
    fit, bias, surface = item.fit, item.bias, item.surface
    if fit is None or bias is None or surface is None:
        return
    for name, expected in (("exponent_n", bias.exponent_n), ("exponent_d", bias.exponent_d)):
        two = fit.exponent_n if name == "exponent_n" else fit.exponent_d
        three = surface.derived[name]
        yield {
            "quantity": name,
            **_spread("approach_2", two),
            **_spread("approach_3", three),
            "difference": two.value - three.value,
            "expected_bias": expected,
        }
    for i, flops in enumerate(bias.flops.tolist()):
        best = surface.optimal(float(bias.flops_6nd[i]))
        own = fit.optimum(flops)
        both = (
            ("n_params", best.n_params, bias.n_params),
            ("n_tokens", best.n_tokens, bias.n_tokens),
        )
        for name, three, error in both:
            yield {
                "quantity": name,
                "flops": flops,
                "extrapolation_decades": float(np.log10(flops / fit.flops[-1])),
                **_spread("approach_2", own[name]),
                **_spread("approach_3", three),
                "difference": own[name].value / three.value - 1,
                "expected_bias": error[i],
            }


def _parabola(p: Profile, item: FamilyProfiles) -> Iterator[dict[str, Any]]:
    assert p.parabola is not None
    sizes = item.n_params[p.rows]
    grid = np.linspace(np.log(sizes.min()), np.log(sizes.max()), _GRID)
    for x, loss in zip(grid.tolist(), p.parabola.at(grid).tolist(), strict=True):
        yield {"budget": p.flops, "n_params": float(np.exp(x)), "loss": loss}


def _growth(item: FamilyProfiles) -> Iterator[dict[str, Any]]:
    """Yield points of the power laws; segments share their ends so that the line has no gap."""
    if item.fit is None:
        return
    low, high = np.log10(item.fit.flops[0]), np.log10(item.fit.flops[-1])
    inside, above = np.linspace(low, high, _GRID), np.linspace(high, high + _AHEAD, _GRID // 3)
    for segment, decades in (("inside", inside), ("above", above)):
        for flops in (10**decades).tolist():
            best = item.fit.optimum(flops)
            yield {
                "segment": segment,
                "flops": flops,
                **_spread("n_params", best["n_params"]),
                **_spread("n_tokens", best["n_tokens"]),
            }
