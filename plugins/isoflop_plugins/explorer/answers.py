"""What a refit answers, as plain JSON for the browser: status, numbers, flags, frontier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.display.harmless import one_line
from isoflop.errors import IsoflopError
from isoflop.estimation import FitResult, fit_law
from isoflop.estimation.allocation import two_term_of
from isoflop.words import number, plural
from isoflop_plugins.analyzers.undertrained.inputs import read_inputs
from isoflop_plugins.analyzers.undertrained.laws import fitted_judge, measure
from isoflop_plugins.analyzers.undertrained.rules import verdicts
from isoflop_plugins.explorer.points import LONGEST_NAME, axes_of, plain

if TYPE_CHECKING:
    from isoflop.estimate import Estimate
    from isoflop.laws import Law
    from isoflop.tables import RunTable
    from isoflop_plugins.analyzers.by_family.scouted_fits import Resampling
    from isoflop_plugins.explorer.points import RunSet

_GRID_POINTS = 40
_LONGEST_LIST = 50
_SCOUTED_ABOVE = 100
"""Runs up to which a bootstrap is quick even of a law that is not identified (0.9 s). [1]"""

_MEANINGS = {
    "exponent_n": "N_opt ~ C^exponent_n",
    "exponent_d": "D_opt ~ C^exponent_d",
    "tokens_per_param": "tokens, at the optimum of the largest compute",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """What came of one choice of runs.

    Parameters
    ----------
    n_runs : int
        Runs that were chosen, those that cannot be fitted included.
    fit : FitResult or None
        None where there is none, and then `refusal` says why.
    refusal : str
        Why there is no fit, in words.
    flags : mapping of str to str
        Verdict of every run of the family under the fit, by id.
    frontier : mapping of str to list, or None
        N, D, C and loss along the fit's frontier.
    """

    n_runs: int = 0
    fit: FitResult | None = None
    refusal: str = ""
    flags: Mapping[str, str] = field(default_factory=dict)
    frontier: Mapping[str, list[float | None]] | None = None

    @property
    def n_undertrained(self) -> int | None:
        """How many runs are undertrained; None where nothing was judged."""
        return sum(v == "undertrained" for v in self.flags.values()) if self.flags else None


def answer(law: Law, chosen: RunSet, runs: RunTable, resampling: Resampling) -> Answer:
    """Return the fit of a law to some runs of a family, and what follows for all of them.

    Too few runs, none, and runs that cannot stand in one fit give an answer that says so.
    """
    if not len(runs):
        return Answer(refusal="No run is left to fit: put some back.")
    try:
        fit = _fit(law, runs, resampling)
    except IsoflopError as error:
        return Answer(n_runs=len(runs), refusal=str(error))
    return Answer(
        n_runs=len(runs), fit=fit, flags=flags_of(fit, chosen), frontier=frontier_along(fit, chosen)
    )


def _fit(law: Law, runs: RunTable, resampling: Resampling) -> FitResult:
    """Return the fit, without resamples where many runs do not identify the law.

    A bootstrap of what is not identified takes seconds, and says no more than the status.
    """

    def fit(n_boot: int) -> FitResult:
        return fit_law(law, runs, n_boot=n_boot, seed=resampling.seed, level=resampling.level)

    if len(runs) > _SCOUTED_ABOVE and resampling.n_boot:
        scout = fit(0)
        if not scout.is_usable:
            return scout
    return fit(resampling.n_boot)


def _warnings(fit: FitResult | None) -> list[str]:
    if fit is None:
        return []
    bare = "no intervals here: a law that is not identified is not resampled (isoflop.fit does)"
    return [*fit.warnings, *([] if fit.n_boot or fit.is_usable else [bare])]


def results(now: Answer, before: Answer, chosen: RunSet) -> dict[str, Any]:
    """Return what the browser shows of an answer beside that of all runs, as plain JSON."""
    n_runs = len(chosen.ids)
    return {
        "status": now.fit.status if now.fit else "no fit",
        "headline": headline(now, n_runs),
        "before": headline(before, n_runs) or before.refusal,
        "warnings": _warnings(now.fit),
        "numbers": numbers_of(now.fit, before.fit),
        "flags": dict(now.flags),
        "n_undertrained": now.n_undertrained,
        "n_undertrained_before": before.n_undertrained,
        "moved": moved_flags(now.flags, before.flags, chosen.names()),
        "frontier": now.frontier,
        "frontier_before": before.frontier,
    }


def numbers_of(now: FitResult | None, before: FitResult | None) -> list[dict[str, Any]]:
    """Return exponents, then parameters, each beside its value in the fit of all runs.

    A fit that is None shows nothing in its column; two of None give no rows.
    """
    here, there = _estimates(now), _estimates(before)
    shown = now or before
    if shown is None:
        return []
    return [
        {
            "name": name,
            "meaning": _MEANINGS.get(name) or _unit(shown.units.get(name, "1")),
            "now": _estimate(here.get(name)),
            "before": _estimate(there.get(name)),
            **_change(here.get(name), there.get(name)),
        }
        for name in {**here, **there}
    ]


def _unit(unit: str) -> str:
    return "" if unit == "1" else unit


def _estimates(fit: FitResult | None) -> Mapping[str, Estimate]:
    return {} if fit is None else {**fit.derived, **fit.params}


def _estimate(found: Estimate | None) -> dict[str, Any] | None:
    if found is None:
        return None
    ends = {"value": plain(found.value), "low": plain(found.low), "high": plain(found.high)}
    return {**ends, "text": repr(found)}


def _change(now: Estimate | None, before: Estimate | None) -> dict[str, Any]:
    """Return the change in words, and whether it leaves the interval of all runs."""
    if now is None or before is None or not np.isfinite(now.value - before.value):
        return {"change": "", "is_outside": False}
    moved = now.value - before.value
    outside = bool(now.value < before.low or now.value > before.high)
    sign = "+" if moved > 0 else ""
    return {"change": "0" if moved == 0 else sign + number(moved, digits=2), "is_outside": outside}


def headline(answered: Answer, n_runs: int) -> str:
    """Return the law, the number of runs and of those that are not used; "" without a fit."""
    fit = answered.fit
    if fit is None:
        return ""
    out, skipped = n_runs - answered.n_runs, answered.n_runs - fit.n_runs
    parts = [f"{fit.law.name} fitted to {fit.n_runs:,} of {plural(n_runs, 'run')}"]
    parts += [f"{out:,} taken out by hand"] if out else []
    parts += [f"{skipped:,} cannot be fitted"] if skipped else []
    return "; ".join(parts)


def flags_of(fit: FitResult, chosen: RunSet) -> dict[str, str]:
    """Return the verdict of every run under a fit, by id; none where it has no frontier.

    Runs that were taken out are judged too: whether a run is undertrained is asked of the law.
    """
    if two_term_of(fit.law) is None or not fit.is_usable:
        return {}
    measures = measure(fitted_judge(fit), read_inputs(chosen.runs), level=fit.level)
    return dict(zip(chosen.ids, (str(v) for v in verdicts(measures)), strict=True))


def moved_flags(
    now: Mapping[str, str], before: Mapping[str, str], names: Mapping[str, str]
) -> dict[str, Any]:
    """Return the runs whose verdict moved between two fits: how many, and the first by name."""
    if not now or not before:
        return {"count": 0, "first": []}
    moved = [i for i in now if now[i] != before.get(i)]
    first = [
        {
            "id": i,
            "name": one_line(names[i], LONGEST_NAME),
            "before": before.get(i, ""),
            "now": now[i],
        }
        for i in moved[:_LONGEST_LIST]
    ]
    return {"count": len(moved), "first": first}


def frontier_along(fit: FitResult, chosen: RunSet) -> dict[str, list[float | None]] | None:
    """Return N, D, C and loss along the frontier over the runs' compute; None where it has none."""
    if two_term_of(fit.law) is None or not fit.is_usable:
        return None
    flops = axes_of(chosen.runs)["flops"]
    known = flops[np.isfinite(flops) & (flops > 0)]
    if not known.size:
        return None
    grid = np.geomspace(known.min(), known.max(), _GRID_POINTS)
    law = fit.frontier
    columns = {
        "n_params": law.n_opt(grid), "n_tokens": law.d_opt(grid), "flops": grid,
        "loss": law.optimal_loss(grid),
    }  # fmt: skip
    return {name: [plain(x) for x in values] for name, values in columns.items()}
