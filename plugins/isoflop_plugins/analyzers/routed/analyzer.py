"""What experts bring: the law of routed networks refitted to each family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.estimate import Estimate
from isoflop.estimation import FitResult, check_resampling
from isoflop.estimation.intervals import interval
from isoflop.hookspecs import AnalysisContext, Analyzer, Option
from isoflop.results import AnalysisResult, Figure, Figures
from isoflop.words import count, number, percent, plural
from isoflop_plugins.analyzers.by_family.fits import (
    FamilyFit,
    all_left_out,
    fit_checks,
    fit_family,
    headline_numbers,
)
from isoflop_plugins.analyzers.routed import figures as routed_figures
from isoflop_plugins.analyzers.routed import tables as routed_tables
from isoflop_plugins.laws.routed import cutoff_params

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.laws import Law
    from isoflop.tables import RunTable

_SOURCE = "Clark et al. 2022, arXiv 2202.01169"
_EVEN = 0.25
"""Spread of log10 of the training tokens from which the runs are of different lengths. [decade]"""

_LEAST_COUNTS = 4
"""Different numbers of experts that b, E_start and E_max need: one more than there are. [1]"""


def analyze_routing(
    table: RunTable,
    context: AnalysisContext,
    /,
    *,
    n_boot: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> AnalysisResult:
    """Return the dense size that each routed run is worth, and where experts stop helping.

    Parameters
    ----------
    table : RunTable
        Needs ``n_experts`` and ``loss``, and of N the parameters a token passes through:
        ``n_params_active`` for mixtures of experts, ``n_params`` for dense runs. A dense run counts
        as one expert.
    n_boot, seed, level : int, int, float
        Draws behind the intervals, their seed, level of the intervals.

    Returns
    -------
    AnalysisResult
        A family without routed runs, or with too few, gets a sentence and no number; an empty
        table a result that says so.
    """
    check_resampling(n_boot=n_boot, level=level, seed=seed)
    settings = {"n_boot": n_boot, "seed": seed, "level": level}
    law = context.laws["routed"]
    items = [
        _family(law, family, with_dense(runs), settings)
        for family, runs in table.by_family().items()
    ]
    tables = routed_tables.tables(items)
    return AnalysisResult(
        name=ROUTED_ANALYZER.name,
        title="What experts bring",
        verdict=_verdict(items, tables["runs"]),
        checks=[check for item in items for check in _checks(item)],
        tables=tables,
        figures=_figures(items, tables, level),
        left_out=all_left_out(items),
        source=f"{_SOURCE}; runs: {table.source or 'given table'}",
        numbers=headline_numbers(items, ("c", "E_max")) | _cutoffs(items),
        is_answer=any(item.fit is not None for item in items),
        fits=[item.fit.to_row() for item in items if item.fit is not None],
    )


def with_dense(runs: RunTable) -> RunTable:
    """Return the runs with one expert where a dense run does not say how many."""
    import pyarrow as pa

    experts = runs.numbers("n_experts")
    dense = np.array([a == "dense" for a in runs.texts("architecture")], dtype=bool)
    whole = np.isfinite(runs.numbers("n_params")) & ~runs.is_mixture()
    filled = np.where(np.isnan(experts) & (dense | whole), 1.0, experts)
    column = pa.array(filled, pa.float64(), from_pandas=True)
    arrow = runs.to_arrow()
    if "n_experts" in arrow.column_names:
        arrow = arrow.drop_columns(["n_experts"])
    return type(runs).from_arrow(arrow.append_column("n_experts", column), source=runs.source)


def _family(law: Law, family: str, runs: RunTable, settings: Mapping[str, Any]) -> FamilyFit:
    experts, n = runs.numbers("n_experts"), plural(len(runs), "run")
    counts = np.unique(experts[experts >= 1])
    loss = runs.numbers("loss")
    varies = np.unique(loss[np.isfinite(loss)]).size != 1
    if counts.size >= _LEAST_COUNTS and varies:
        return fit_family(law, family, runs, settings)
    if np.isnan(experts).all():
        reason = f"n_experts is null in all of {n}; fill it in, 1 for dense runs"
    elif not varies:
        reason = f"all of {n} have one and the same loss"
    elif counts.max(initial=0.0) <= 1:
        reason = f"none of {n} says that it has more than one expert; fill in n_experts"
    else:
        shown = " and ".join(number(c) for c in counts)
        reason = (
            f"the runs have {shown} experts alone, and the law's three numbers of experts need "
            f"{_LEAST_COUNTS} different counts, dense runs included; add runs with other counts"
        )
    return FamilyFit(family=family, runs=runs, fit=None, refusal=reason)


def cutoff(fit: FitResult) -> Estimate:
    """Return N at which experts stop helping, with its interval; infinite where they never do."""
    params = {name: fit.draws[:, i] for i, name in enumerate(fit.law.names)}
    point = {name: fit.estimate[i] for i, name in enumerate(fit.law.names)}
    return interval(float(cutoff_params(point)), np.asarray(cutoff_params(params)), fit.level)


def _cutoffs(items: Sequence[FamilyFit]) -> dict[str, Estimate]:
    fits = [item.fit for item in items if item.fit is not None]
    return {
        f"{fit.family}/cutoff_params" if len(fits) > 1 else "cutoff_params": cutoff(fit)
        for fit in fits
        if fit.is_usable
    }


def _verdict(items: Sequence[FamilyFit], runs: pd.DataFrame) -> str:
    if not items:
        return "There are no runs."
    fitted = [item for item in items if item.fit is not None]
    if not fitted:
        more = f" The same goes for {len(items) - 1} more." if len(items) > 1 else ""
        why = items[0].refusal.rstrip(".")
        return f"Nothing can be said of routing. {items[0].words}: {why}.{more}"
    sentences = [_sentence(item, runs) for item in fitted[:4]]
    rest = len(items) - len(fitted[:4])
    if rest:
        sentences.append(f"{plural(rest, 'more family', 'more families')}: see the tables.")
    return " ".join(sentences)


def _sentence(item: FamilyFit, runs: pd.DataFrame) -> str:
    fit = item.fit
    assert fit is not None
    where = f"{item.words} ({plural(fit.n_runs, 'run')})"
    if not fit.is_usable:
        return f"{where}: {fit.status.replace('-', ' ')}, {fit.warnings[0]}."
    own = runs[runs["family"] == item.family]
    best = own.iloc[int(own["gain"].argmax())]
    said = (
        f"{where}: {best['run']!r}, {count(best['n_params'])} a token and "
        f"{number(best['n_experts'])} experts, is worth a dense model of "
        f"{count(best['n_params_effective'])} parameters "
        f"({count(best['n_params_effective_low'])} to {count(best['n_params_effective_high'])})"
    )
    return f"{said}; {_where_it_stops(fit)}."


def _where_it_stops(fit: FitResult) -> str:
    found = cutoff(fit)
    largest = fit.ranges["n_params"][1]
    if not np.isfinite(found.low):
        return "where experts stop helping is not known: no interval"
    if np.isinf(found.value):
        return "experts help the more the larger the model, so the law has no size where they stop"
    end = f"to {count(found.high)}" if np.isfinite(found.high) else "or at no size"
    beyond = np.log10(found.value / largest)
    far = f", {beyond:.1f} decades beyond the largest run" if beyond > 0 else ""
    return (
        f"experts stop helping at {count(found.value)} parameters a token ({count(found.low)} "
        f"{end}){far}"
    )


def _checks(item: FamilyFit) -> list[tuple[str, bool]]:
    out = fit_checks(item)
    if item.fit is None:
        return out
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.nanstd(np.log10(item.runs.numbers("n_tokens")[item.fit.rows]), where=True)
    if np.isfinite(spread):
        text = (
            f"{item.words}: tokens of the runs spread over {10**spread:.2g} times (a standard "
            "deviation); the law is of one training length"
        )
        out.append((text, bool(spread < _EVEN)))
    return out


def _figures(
    items: Sequence[FamilyFit], tables: Mapping[str, pd.DataFrame], level: float
) -> Figures:
    fits = [item.fit for item in items if item.fit is not None and item.fit.is_usable]
    if not fits:
        return Figures(())
    n = sum(f.n_runs for f in fits)
    losses = sorted({f.loss_dataset for f in fits if f.loss_dataset})
    where = f"{plural(n, 'run')}{', loss on ' + ', '.join(losses) if losses else ''}"
    return Figures(
        (
            Figure(
                name="loss_by_effective_params",
                caption=f"Loss against effective parameters, {where}: all runs on the one line of "
                f"dense models, log10 L = (a + c log10 E_start) log10 N + const; bars hold the "
                f"effective parameters at {percent(level)}. {_SOURCE}.",
                table="runs",
                build=lambda: routed_figures.loss_by_effective_params(
                    tables["runs"], tables["dense"]
                ),
            ),
            Figure(
                name="gain_by_size",
                caption="How many times its size a routed model is worth, by size and experts, "
                f"{where}; dashed beyond the sizes of the runs, bands at {percent(level)}. Experts "
                f"stop helping where a line falls to 1. {_SOURCE}.",
                table="gain",
                build=lambda: routed_figures.gain_by_size(tables["gain"]),
            ),
        )
    )


def _run(table: Any, context: AnalysisContext, /, **options: Any) -> AnalysisResult:
    return analyze_routing(table, context, **options)


ROUTED_ANALYZER = Analyzer(
    name="routed",
    summary="Says which dense size each mixture of experts is worth, and where experts stop.",
    source=_SOURCE,
    table="runs",
    requires=("n_params", "n_experts", "loss"),
    run=_run,
    options={
        "n_boot": Option(default=1000, description="draws behind the intervals"),
        "seed": Option(default=0, description="seed of the draws"),
        "level": Option(default=0.95, description="level of the intervals"),
    },
    position=255,
)

__all__ = ["ROUTED_ANALYZER", "analyze_routing", "cutoff", "with_dense"]
