"""Extrapolation: which law carries a curve on, judged on its end, beside the last value."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from isoflop.errors import SchemaError, UnknownNameError
from isoflop.hookspecs import AnalysisContext, Analyzer, Option
from isoflop.results import AnalysisResult, Figure, Figures, LeftOut
from isoflop.words import plural
from isoflop_plugins.analyzers.extrapolation import figures as extrapolation_figures
from isoflop_plugins.analyzers.extrapolation import tables as extrapolation_tables
from isoflop_plugins.analyzers.extrapolation.curves import (
    Axes,
    Curve,
    NoCurve,
    check_axes,
    family_curve,
)
from isoflop_plugins.analyzers.extrapolation.figures import capitalized, named
from isoflop_plugins.analyzers.extrapolation.words import checks, verdict

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimate import Estimate
    from isoflop.laws import Law
    from isoflop.tables import RunTable

_SOURCE = (
    "Alabdulmohsin et al. 2022, arXiv 2209.06640 (M1 to M4 and the extrapolation error); Caballero "
    "et al. 2023, arXiv 2210.14891 (broken neural scaling laws)"
)
LAWS = (
    "m1-power", "m2-floor", "m3-saturating", "m4-capped", "broken-1", "broken-2", "broken-3",
)  # fmt: skip


def extrapolate_families(
    table: RunTable,
    context: AnalysisContext,
    /,
    *,
    x: str = "flops_6nd",
    y: str = "loss",
    n_params: float | None = None,
    same: float = 0.01,
    laws: Sequence[str] = LAWS,
    holdout: float = 0.2,
    decades: float = 1.0,
    n_boot: int = 500,
    seed: int = 0,
    level: float = 0.95,
) -> AnalysisResult:
    """Return the law that carries the curve of each family on, with a forecast.

    Parameters
    ----------
    table : RunTable
        Runs; families are never mixed. None gives a verdict that says so.
    x, y : str
        Columns of the curve, both positive.
    n_params : float or None
        Keep runs of this size alone, within 5 %: a curve at fixed N. [1]
    same : float
        Runs closer than this in x are one point, that of the lowest y. [decade]
    laws : sequence of str
        Names of laws of one variable.
    holdout : float
        Share of the points at large x to judge by. [1]
    decades : float
        How far beyond the runs to forecast. [decade]
    n_boot, seed, level
        Resamples over runs, their seed, and the level of the bands. [1]
    """
    axes = Axes(x=x, y=y, n_params=n_params, same=same)
    check_axes(axes)
    if not (math.isfinite(decades) and decades > 0):
        raise SchemaError(f"decades must be positive, got {decades!r}; 1 is usual.")
    chosen = _named(context, laws)
    settings = {"n_boot": n_boot, "seed": seed, "level": level}
    curves = [
        family_curve(family, runs, chosen, axes, holdout=holdout, settings=settings)
        for family, runs in table.by_family().items()
    ]
    done = [c for c in curves if isinstance(c, Curve)]
    made = extrapolation_tables.tables(done, axes, decades=decades)
    return AnalysisResult(
        name=EXTRAPOLATION.name,
        title="Extrapolation of a curve",
        verdict=verdict(curves, axes, decades),
        checks=[check for c in curves for check in checks(c, axes, decades)],
        tables=made,
        figures=_figures(made, done, axes, level),
        left_out=[left for c in curves for left in _left_out(c)],
        source=f"{_SOURCE}; runs: {table.source or 'given table'}",
        numbers=_numbers(done, decades, axes),
        fits=[c.fit.to_row() for c in done],
    )


def _named(context: AnalysisContext, names: Sequence[str]) -> list[Law]:
    """Return laws by name; raise where there is none of that name, or no name."""
    if isinstance(names, str) or not names:
        raise SchemaError(f"laws must be a list of names, got {names!r}; for example {LAWS[:2]}.")
    for name in names:
        if name not in context.laws:
            raise UnknownNameError("law", name, context.laws)
    return [context.laws[name] for name in names]


def _left_out(item: Curve | NoCurve) -> list[LeftOut]:
    if isinstance(item, NoCurve):
        reason = f"its family has no curve: {item.refusal}"
        return [LeftOut(subject=label, reason=reason) for label in item.runs.labels()]
    return list(item.left_out)


def _numbers(done: Sequence[Curve], decades: float, axes: Axes) -> dict[str, Estimate]:
    """Return the forecasts of the families where a law beats the last value."""
    return {
        f"{f'{c.family}/' if len(done) > 1 else ''}{axes.y}_ahead": c.ahead(decades)
        for c in done
        if c.judged.beats_last_value
    }


def _figures(
    made: Mapping[str, pd.DataFrame], done: Sequence[Curve], axes: Axes, level: float
) -> Figures:
    if not done:
        return Figures(())
    n = sum(len(c.runs) for c in done)
    losses = sorted({c.fit.loss_dataset for c in done if c.fit.loss_dataset})
    where = f"{plural(n, 'run')}{', loss on ' + ', '.join(losses) if losses else ''}"
    return Figures(
        (
            Figure(
                name="curve",
                caption=f"{capitalized(named(axes.y))} against {named(axes.x)}, {where}. Points "
                "are runs, hollow where they were held out to choose the law; the line is the law "
                "of smallest held-out error, fitted to all, dashed beyond the runs, its band at "
                f"{100 * level:g} %; the dotted line carries the last value on. {_SOURCE}.",
                table="forecast",
                build=lambda: extrapolation_figures.curve(made["forecast"], x=axes.x, y=axes.y),
            ),
            Figure(
                name="held_out_error",
                caption=f"Error of each law on the held-out end, {where}: root mean square of the "
                "logarithm. A law left of the gray mark beats carrying the last value; the filled "
                f"point is the one taken. {_SOURCE}.",
                table="laws",
                build=lambda: extrapolation_figures.held_out_error(made["laws"]),
            ),
        )
    )


def _run(table: Any, context: AnalysisContext, /, **options: Any) -> AnalysisResult:
    return extrapolate_families(table, context, **options)


EXTRAPOLATION = Analyzer(
    name="extrapolation",
    summary="Chooses the law that carries a curve on by its error on the held-out end.",
    source=_SOURCE,
    table="runs",
    requires=("n_params", "n_tokens", "loss"),
    run=_run,
    options={
        "x": Option(default="flops_6nd", description="Column the curve runs along."),
        "y": Option(default="loss", description="Column it predicts, positive."),
        "n_params": Option(default=None, description="Keep runs of this N alone, within 5 % [1]."),
        "same": Option(default=0.01, description="Runs closer in x are one point [decade]."),
        "laws": Option(default=LAWS, description="Names of laws of one variable to try."),
        "holdout": Option(default=0.2, description="Share of the points to judge by [1]."),
        "decades": Option(default=1.0, description="How far to forecast [decade]."),
        "n_boot": Option(default=500, description="Bootstrap replicates over runs."),
        "seed": Option(default=0, description="Seed of the bootstrap."),
        "level": Option(default=0.95, description="Level of the bands [1]."),
    },
    position=235,
)
