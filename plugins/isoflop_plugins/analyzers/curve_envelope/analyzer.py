"""Approach 1: the envelope of training curves, and how the best size grows along it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import FitError
from isoflop.estimate import Estimate
from isoflop.estimation.curve_envelope import Envelope, envelope
from isoflop.estimation.curve_smoothing import at_grid, smooth_curves
from isoflop.estimation.frontier import FLOPS_PER_PARAM_TOKEN
from isoflop.hookspecs import AnalysisContext, Analyzer, Option
from isoflop.results import AnalysisResult, Figure, Figures
from isoflop.words import plural
from isoflop_plugins.analyzers.curve_envelope import figures as curve_envelope_figures
from isoflop_plugins.analyzers.curve_envelope import tables as curve_envelope_tables
from isoflop_plugins.analyzers.curve_envelope.families import FamilyEnvelope
from isoflop_plugins.analyzers.curve_envelope.points import FamilyPoints, family_points
from isoflop_plugins.analyzers.curve_envelope.words import checks, verdict

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.tables import CurveTable

_SOURCE = "Hoffmann et al. 2022, section 3.1 (approach 1) and table 2, arXiv 2203.15556"


def find_envelopes(
    table: CurveTable,
    _context: AnalysisContext,
    /,
    *,
    split: str = "",
    smoothing: float = 0.05,
    finals_only: bool = False,
    n_boot: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> AnalysisResult:
    """Return how the best size grows along the envelope of each family's training curves.

    A family whose curves cannot be compared, or whose sizes do not change places, gets a sentence
    and no exponent; an empty table gives an empty result that says so.
    """
    settings = {"finals_only": finals_only, "n_boot": n_boot, "seed": seed, "level": level}
    items = [
        _family(family_points(f, t, split=split, finals_only=finals_only), smoothing, settings)
        for f, t in table.by_family().items()
    ]
    tables = curve_envelope_tables.tables(items)
    return AnalysisResult(
        name=CURVE_ENVELOPE.name,
        title="Envelope of training curves",
        verdict=verdict(items, finals_only=finals_only),
        checks=[check for item in items for check in checks(item, finals_only=finals_only)],
        tables=tables,
        figures=_figures(tables, items, level),
        left_out=[left for item in items for left in item.left_out],
        source=f"{_SOURCE}; curves: {table.source or 'given table'}",
        numbers=_numbers([item for item in items if item.is_told]),
    )


def _family(points: FamilyPoints, smoothing: float, settings: Mapping[str, Any]) -> FamilyEnvelope:
    known: dict[str, Any] = {
        "family": points.family, "split": points.split, "names": points.names,
        "left_out": points.left_out,
    }  # fmt: skip
    if points.refusal:
        return FamilyEnvelope(**known, curves=None, found=None, refusal=points.refusal)
    curves = smooth_curves(
        points.run, points.n_tokens, points.loss, points.n_params, width=smoothing
    )
    try:
        found = envelope(curves, **settings)
    except FitError as error:
        return FamilyEnvelope(**known, curves=curves, found=None, refusal=str(error))
    best_run, rate = _best_runs(points, found, settings["finals_only"])
    return FamilyEnvelope(**known, curves=curves, found=found, best_run=best_run, rate=rate)


def _best_runs(
    points: FamilyPoints, found: Envelope, finals_only: bool
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the run with the lowest loss at each compute and its learning rate over its peak."""
    curves = found.curves
    n_points = curves.log_flops.size
    if finals_only:
        return np.full(n_points, -1), np.full(n_points, np.nan)
    loss = np.where(np.isnan(curves.log_loss), np.inf, curves.log_loss)
    best = np.where(np.isfinite(loss).any(axis=0), loss.argmin(axis=0), -1)
    known = np.isfinite(points.rate)
    rate = at_grid(curves, points.run[known], points.n_tokens[known], points.rate[known])
    return best, np.where(best >= 0, rate[best, np.arange(n_points)], np.nan)


def _numbers(items: Sequence[FamilyEnvelope]) -> dict[str, Estimate]:
    """Return headline numbers, named by family where there are several."""
    out: dict[str, Estimate] = {}
    for item in items:
        found, prefix = item.found, f"{item.family}/" if len(items) > 1 else ""
        assert found is not None
        out[f"{prefix}exponent_n"] = found.exponent_n
        out[f"{prefix}exponent_d"] = found.exponent_d
        out[f"{prefix}tokens_per_param"] = _tokens_per_param(found)
    return out


def _tokens_per_param(found: Envelope) -> Estimate:
    """Return D / N on the line at the last step."""
    top = found.range[1]
    n = found.n_opt(top)[0]
    value, high, low = (top / (FLOPS_PER_PARAM_TOKEN * x**2) for x in (n.value, n.low, n.high))
    return Estimate(value=value, low=low, high=high, level=found.level)


def _figures(
    tables: Mapping[str, pd.DataFrame], items: Sequence[FamilyEnvelope], level: float
) -> Figures:
    drawn = [item for item in items if item.curves is not None]
    if not drawn:
        return Figures(())
    n = plural(sum(i.curves.run.size for i in drawn if i.curves), "run")
    where = f"{n}, {', '.join(sorted({i.split for i in drawn}))}"
    figures = [
        Figure(
            name="curves",
            caption=f"Training curves of {where}, smoothed, by compute; the color is N. The thick "
            "line is the lowest loss, dashed where the best size has no smaller or no larger one "
            f"beside it. {_SOURCE}.",
            table="curves",
            build=lambda: curve_envelope_figures.curves(tables["curves"]),
        )
    ]
    if any(item.found is not None for item in items):
        figures.append(
            Figure(
                name="growth",
                caption=f"Best N and best D by compute, {where}. Points are steps from one size to "
                "the next, at the geometric mean of the two; the line goes through them, dashed "
                f"outside; the band holds it at {100 * level:g} %. {_SOURCE}.",
                table="growth",
                build=lambda: curve_envelope_figures.growth(tables["growth"]),
            )
        )
    return Figures(figures)


def _run(table: Any, context: AnalysisContext, /, **options: Any) -> AnalysisResult:
    return find_envelopes(table, context, **options)


CURVE_ENVELOPE = Analyzer(
    name="curve-envelope",
    summary="Finds the size with the lowest loss along training curves, and how it grows with C.",
    source=_SOURCE,
    table="curves",
    requires=("loss", "n_tokens"),
    run=_run,
    options={
        "split": Option(default="", description="Split to use; empty for the most common one."),
        "smoothing": Option(default=0.05, description="Width of the bins of a curve [decade]."),
        "finals_only": Option(
            default=False, description="True to use only the ends of runs, with decayed rates."
        ),
        "n_boot": Option(default=1000, description="Resamples over runs."),
        "seed": Option(default=0, description="Seed of the resampling."),
        "level": Option(default=0.95, description="Level of the intervals [1]."),
    },
    position=205,
)
