"""Memorization: what ten times the size, the repetitions or the context adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.estimate import Estimate
from isoflop.estimation import FitResult, check_resampling
from isoflop.hookspecs import AnalysisContext, Analyzer, Option
from isoflop.results import AnalysisResult, Figure, Figures
from isoflop.words import count, percent, plural
from isoflop_plugins.analyzers.by_family.fits import FamilyFit, all_left_out, fit_checks, fit_family
from isoflop_plugins.analyzers.by_family.needed_columns import values_or_nan
from isoflop_plugins.analyzers.memorization import figures as memorization_figures
from isoflop_plugins.analyzers.memorization import tables as memorization_tables
from isoflop_plugins.laws.memorization import CARLINI, SLOPES, memorization_law

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.tables import RunTable

_SOURCE = "Carlini et al. 2022, arXiv 2202.07646"
_FRACTION = "fraction_extractable"
_MOSTLY = 0.5
FACTORS = {"n_params": "model size", "repetitions": "repetitions", "context": "context"}
"""What the variables are called in a sentence."""


def analyze_memorization(
    table: RunTable,
    context: AnalysisContext,
    /,
    *,
    n_boot: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> AnalysisResult:
    """Return what ten times the model size, the repetitions and the context add.

    Parameters
    ----------
    table : RunTable
        One measurement a row: ``fraction_extractable`` between 0 and 1, and of ``n_params``,
        ``repetitions`` and ``context`` [token] those that vary. All but the size are no columns of
        the registry.
    n_boot, seed, level : int, int, float
        Draws behind the intervals, their seed, level of the intervals.

    Returns
    -------
    AnalysisResult
        Where columns are missing or none varies, the verdict says what to add; an empty table
        gives a result that says so.
    """
    check_resampling(n_boot=n_boot, level=level, seed=seed)
    settings = {"n_boot": n_boot, "seed": seed, "level": level}
    items = [_family(context, family, runs, settings) for family, runs in table.by_family().items()]
    tables = memorization_tables.tables(items, level)
    told = [i for i in items if i.fit is not None and i.fit.is_usable]
    return AnalysisResult(
        name=MEMORIZATION_ANALYZER.name,
        title="Memorization",
        verdict=_verdict(items),
        checks=[check for item in items for check in _checks(item)],
        tables=tables,
        figures=_figures(told, tables, level),
        left_out=all_left_out(items),
        source=f"{_SOURCE}; runs: {table.source or 'given table'}",
        numbers=_numbers(told),
        fits=[item.fit.to_row() for item in items if item.fit is not None],
    )


def _family(
    context: AnalysisContext, family: str, runs: RunTable, settings: Mapping[str, Any]
) -> FamilyFit:
    refusal = _refusal(runs)
    if refusal:
        return FamilyFit(family=family, runs=runs, fit=None, refusal=refusal)
    fraction = values_or_nan(runs, _FRACTION)
    usable = ~((fraction < 0) | (fraction > 1))
    kept, labels = runs.take(usable), runs.labels()
    gone = memorization_tables.outside([labels[i] for i in np.flatnonzero(~usable)])
    wanted = memorization_law(_varying(runs)).name
    return fit_family(context.laws[wanted], family, kept, settings, left_out=gone)


def _refusal(runs: RunTable) -> str:
    fraction = values_or_nan(runs, _FRACTION)
    known = fraction[np.isfinite(fraction)]
    if not known.size:
        return (
            f"no run has {_FRACTION} (share of the sequences tried that the model completes word "
            "for word, 0 to 1); add that column, and repetitions and context [token] beside it"
        )
    if (known > 1).mean() > _MOSTLY:
        return f"{_FRACTION} is above 1 in most runs; give it as a fraction, not in percent"
    if known.size > 1 and np.ptp(known) == 0:
        return f"{_FRACTION} is {known[0]:g} in all {known.size} runs, so nothing moves it"
    if not _varying(runs):
        return (
            f"none of {', '.join(FACTORS)} takes two values; add measurements of other sizes, "
            "repetitions or lengths of context"
        )
    return ""


def _varying(runs: RunTable) -> tuple[str, ...]:
    """Return the variables of two values or more among runs with a fraction."""
    measured = np.isfinite(values_or_nan(runs, _FRACTION))
    out = []
    for name in FACTORS:
        values = values_or_nan(runs, name)[measured]
        if np.unique(values[values > 0]).size > 1:
            out.append(name)
    return tuple(out)


def _numbers(told: Sequence[FamilyFit]) -> dict[str, Estimate]:
    out: dict[str, Estimate] = {}
    for item in told:
        assert item.fit is not None
        prefix = f"{item.family}/" if len(told) > 1 else ""
        out |= {
            f"{prefix}per_decade_{v}": item.fit.params[SLOPES[v]] for v in item.fit.law.variables
        }
    return out


def _verdict(items: Sequence[FamilyFit]) -> str:
    if not items:
        return "There are no runs."
    fitted = [item for item in items if item.fit is not None]
    if not fitted:
        more = f" The same goes for {len(items) - 1} more." if len(items) > 1 else ""
        refusal = items[0].refusal.rstrip(".")
        return f"Nothing can be said of memorization. {items[0].words}: {refusal}.{more}"
    sentences = [_sentence(item) for item in fitted[:3]]
    rest = len(items) - len(fitted[:3])
    if rest:
        sentences.append(f"{plural(rest, 'more family', 'more families')}: see the tables.")
    return " ".join(sentences)


def _sentence(item: FamilyFit) -> str:
    fit = item.fit
    assert fit is not None
    where = f"{item.words} ({plural(fit.n_runs, 'measurement')})"
    if not fit.is_usable:
        return f"{where}: {fit.status.replace('-', ' ')}, {fit.warnings[0]}."
    parts = [_effect(fit, name) for name in fit.law.variables]
    said = f"{where}: {'; '.join(parts)}"
    beyond = leaves_at(fit)
    return f"{said}. {beyond}" if beyond else f"{said}."


def _effect(fit: FitResult, name: str) -> str:
    slope = fit.params[SLOPES[name]]
    points = Estimate(
        value=100 * slope.value, low=100 * slope.low, high=100 * slope.high, level=slope.level
    )
    if slope.low <= 0 <= slope.high:
        return f"no effect of {FACTORS[name]} can be told ({points!r} percentage points per decade)"
    said = f"ten times the {FACTORS[name]} makes {points!r} percentage points more extractable"
    paper = CARLINI.get(name)
    return f"{said} (GPT-Neo: {100 * paper:.0f})" if paper else said


def leaves_at(fit: FitResult) -> str:
    """Say where predictions leave 0 to 1 as models grow; empty for a law without size.

    At the most repetitions and the longest context measured.
    """
    if "n_params" not in fit.law.variables:
        return ""
    others = {name: fit.ranges[name][1] for name in fit.law.variables}
    most = fit.predict_at(others)[0].value
    slope = fit.params["a"]
    if slope.low <= 0:
        return ""
    decades = (1.0 - most) / slope.value
    size = others["n_params"] * 10.0 ** min(decades, 30.0)
    rest = [FACTORS[n] for n in fit.law.variables if n != "n_params"]
    at = f" at the most {' and '.join(rest)} measured" if rest else ""
    if decades <= 0:
        return (
            f"The line passes 100 % inside the data{at}, at {count(size)} parameters: it is too "
            "simple there."
        )
    return f"The line passes 100 % at {count(size)} parameters{at}: no forecast from there on."


def _checks(item: FamilyFit) -> list[tuple[str, bool]]:
    out = fit_checks(item)
    fit = item.fit
    if fit is None:
        return out
    used = item.runs.take(fit.rows)
    measured = used.numbers(_FRACTION)
    predicted = measured + fit.residuals
    outside = int(((predicted < 0) | (predicted > 1)).sum())
    out.append(
        (f"{item.words}: {outside} of {fit.n_runs} predictions lie outside 0 to 1", outside == 0)
    )
    ends = int(((measured <= 0) | (measured >= 1)).sum())
    out.append(
        (f"{item.words}: {ends} of {fit.n_runs} measurements are exactly 0 or 1, where a line "
         "cannot hold", ends == 0)
    )  # fmt: skip
    if "n_params" in fit.law.variables:
        sizes = np.unique(used.params_per_token()).size
        text = f"{item.words}: {plural(sizes, 'model size')}; intervals resample measurements"
        out.append((f"{text}, and a family of few sizes varies more", sizes >= 4))
    return out


def _figures(
    told: Sequence[FamilyFit], tables: Mapping[str, pd.DataFrame], level: float
) -> Figures:
    if not told:
        return Figures(())
    n = plural(sum(item.fit.n_runs for item in told if item.fit is not None), "measurement")
    return Figures(
        (
            Figure(
                name="fraction_by_factor",
                caption=f"Extractable fraction along each factor, {n}, the other factors moved "
                f"along the law to their middle. Line: the law, dashed beyond the data, band at "
                f"{percent(level)}. {_SOURCE}.",
                table="partial",
                build=lambda: memorization_figures.by_factor(tables["partial"], tables["lines"]),
            ),
        )
    )


def _run(table: Any, context: AnalysisContext, /, **options: Any) -> AnalysisResult:
    return analyze_memorization(table, context, **options)


MEMORIZATION_ANALYZER = Analyzer(
    name="memorization",
    summary="Says what size, repetitions and context each add to the extractable fraction.",
    source=_SOURCE,
    table="runs",
    requires=(),
    run=_run,
    options={
        "n_boot": Option(default=1000, description="draws behind the intervals"),
        "seed": Option(default=0, description="seed of the draws"),
        "level": Option(default=0.95, description="level of the intervals"),
    },
    position=300,
)

__all__ = ["FACTORS", "MEMORIZATION_ANALYZER", "analyze_memorization", "leaves_at"]
