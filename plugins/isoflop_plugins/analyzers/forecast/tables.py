"""Tables of a forecast: the path ahead, every held-out run, every step of the validation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.estimation.allocation import decades_outside
from isoflop.estimation.foretelling.expanding import known_flops
from isoflop.estimation.foretelling.forecasting import RunBand, path, run_band
from isoflop.estimation.frontier import FLOPS_PER_PARAM_TOKEN
from isoflop.estimation.variables import fitted_values
from isoflop.schema import RUNS

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimation.foretelling.expanding import Step
    from isoflop_plugins.analyzers.forecast.families import FamilyForecast

_INSIDE, _AHEAD = 25, 16

UNITS = {
    "flops": "FLOP", "n_params": "1", "n_tokens": "token", "tokens_per_param": "token",
    "extrapolation_decades": "decade", "error": "1", "carried_error": "1", "mean_error": "1",
    "mean_carried_error": "1", "share_in_run_band": "1", "share_in_law_band": "1",
    "sizes_ahead": "1",
}  # fmt: skip
_OF_RESPONSE = ("value", "predicted", "run", "carried", "measured")

_COLUMNS: dict[str, tuple[str, ...]] = {
    "forecast": (
        "family", "kind", "segment", "run", "flops", "n_params", "n_tokens", "tokens_per_param",
        "value", "value_low", "value_high", "run_low", "run_high", "carried",
        "extrapolation_decades",
    ),
    "steps": (
        "family", "by", "fitted_to", "predicts", "n_runs", "n_held_out", "mean_error",
        "mean_carried_error", "beats_carrying", "share_in_run_band", "share_in_law_band",
        "extrapolation_decades", "status", "unidentified", "objective",
    ),
    "held_out": (
        "family", "by", "fitted_to", "sizes_ahead", "run", "flops", "n_params", "n_tokens",
        "measured", "predicted", "predicted_low", "predicted_high", "run_low", "run_high",
        "carried", "error", "carried_error", "extrapolation_decades",
    ),
    "params": ("family", "parameter", "value", "low", "high", "unit", "is_identified"),
}  # fmt: skip


def tables(items: Sequence[FamilyForecast], column: str) -> dict[str, pd.DataFrame]:
    """Return all tables by name, empty ones with their columns."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _COLUMNS}
    for item in items:
        if item.fit is None:
            continue
        made = {
            "forecast": [*_runs(item, column), *(_path(item) if item.is_told else [])],
            "steps": [_step(step) for step in item.steps],
            "held_out": [row for step in item.steps for row in _held_out(step)],
            "params": _params(item),
        }
        for name, more in made.items():
            rows[name] += [{"family": item.family, **row} for row in more]
    return {name: _frame(name, found, column) for name, found in rows.items()}


def at_end(item: FamilyForecast) -> RunBand:
    """Return the forecast at the largest compute, shape (1,)."""
    assert item.fit is not None
    top = path(item.fit.law, np.array([item.top]), tokens_per_param=item.tokens_per_param)
    return run_band(item.fit, top)


def unit_of(column: str) -> str:
    """Return the unit of a column of runs; empty where it is none of the schema's."""
    return RUNS.column(column).unit if column in RUNS.names else ""


def _frame(name: str, rows: Sequence[dict[str, Any]], column: str) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(_COLUMNS[name]))
    units = UNITS | (dict.fromkeys(_OF_RESPONSE, unit_of(column)) if name != "params" else {})
    stems = {c: c.removesuffix("_low").removesuffix("_high") for c in frame.columns if c != "run"}
    frame.attrs["units"] = {c: units[s] for c, s in stems.items() if units.get(s)}
    return frame


def _runs(item: FamilyForecast, column: str) -> list[dict[str, Any]]:
    fit = item.fit
    assert fit is not None
    used = item.runs.take(fit.rows)
    n, d = fitted_values(used, "n_params"), fitted_values(used, "n_tokens")
    flops = known_flops(used)
    values, labels = fitted_values(used, column), used.labels()
    return [
        {"kind": "run", "segment": "", "run": labels[i], "flops": flops[i], "n_params": n[i],
         "n_tokens": d[i], "tokens_per_param": d[i] / n[i], "value": values[i],
         "extrapolation_decades": 0.0}
        for i in range(n.size)
    ]  # fmt: skip


def _path(item: FamilyForecast) -> list[dict[str, Any]]:
    """Return the law along the path; segments share their end so that the line has no gap."""
    fit = item.fit
    assert fit is not None
    low, high = (math.log10(c) for c in item.flops)
    parts = {
        "inside": np.linspace(low, high, _INSIDE),
        "above": np.linspace(high, high + item.decades, _AHEAD),
    }
    lowest = float(fit.ranges[fit.law.response][0])
    out = []
    for segment, decades in parts.items():
        flops = 10.0**decades
        band = run_band(fit, path(fit.law, flops, tokens_per_param=item.tokens_per_param))
        n = np.sqrt(flops / (FLOPS_PER_PARAM_TOKEN * item.tokens_per_param))
        for i, c in enumerate(flops.tolist()):
            out.append(
                {"kind": "law", "segment": segment, "run": "", "flops": c, "n_params": n[i],
                 "n_tokens": item.tokens_per_param * n[i],
                 "tokens_per_param": item.tokens_per_param,
                 "value": band.law.value[i], "value_low": band.law.low[i],
                 "value_high": band.law.high[i], "run_low": band.run.low[i],
                 "run_high": band.run.high[i],
                 "carried": lowest if segment == "above" else math.nan,
                 "extrapolation_decades": decades_outside(c, item.flops)}
            )  # fmt: skip
    return out


def _step(step: Step) -> dict[str, Any]:
    following = step.ahead == 1
    return {
        "by": step.by,
        "fitted_to": step.fitted_to,
        "predicts": step.predicts,
        "n_runs": step.fit.n_runs,
        "n_held_out": int(following.sum()),
        "mean_error": float(np.abs(step.error[following]).mean()),
        "mean_carried_error": float(np.abs(step.carried_error[following]).mean()),
        "beats_carrying": step.beats_carrying,
        "share_in_run_band": float(step.holds(step.predicted.run)[following].mean()),
        "share_in_law_band": float(step.holds(step.predicted.law)[following].mean()),
        "extrapolation_decades": float(step.decades[following].max()),
        "status": step.fit.status,
        "unidentified": ", ".join(step.fit.unidentified),
        "objective": step.fit.objective,
    }


def _held_out(step: Step) -> list[dict[str, Any]]:
    law, run = step.predicted.law, step.predicted.run
    return [
        {"by": step.by, "fitted_to": step.fitted_to, "sizes_ahead": int(step.ahead[i]),
         "run": step.labels[i], "flops": step.flops[i], "n_params": step.n_params[i],
         "n_tokens": step.n_tokens[i], "measured": step.measured[i], "predicted": law.value[i],
         "predicted_low": law.low[i], "predicted_high": law.high[i], "run_low": run.low[i],
         "run_high": run.high[i], "carried": step.carried, "error": step.error[i],
         "carried_error": step.carried_error[i], "extrapolation_decades": step.decades[i]}
        for i in range(len(step.labels))
    ]  # fmt: skip


def _params(item: FamilyForecast) -> list[dict[str, Any]]:
    fit = item.fit
    assert fit is not None
    return [
        {"parameter": name, "value": e.value, "low": e.low, "high": e.high,
         "unit": fit.units[name], "is_identified": name not in fit.unidentified}
        for name, e in fit.params.items()
    ]  # fmt: skip
