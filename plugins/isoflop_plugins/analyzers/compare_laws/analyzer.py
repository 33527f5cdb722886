"""What the laws of the field make of compute, beside what the runs say themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.estimation import FitResult, check_resampling
from isoflop.hookspecs import AnalysisContext, Analyzer, Option
from isoflop.results import AnalysisResult, Figure, Figures, LeftOut
from isoflop.words import percent, plural
from isoflop_plugins.analyzers.by_family.option_amounts import positive_numbers
from isoflop_plugins.analyzers.by_family.scouted_fits import Resampling, scouted_fit
from isoflop_plugins.analyzers.compare_laws import figures as compare_laws_figures
from isoflop_plugins.analyzers.compare_laws.allocations import (
    MAIN,
    Split,
    allocating,
    published_splits,
    split_of_fit,
    split_of_profiles,
)
from isoflop_plugins.analyzers.compare_laws.tables import TIMES, compute_of, tables
from isoflop_plugins.analyzers.compare_laws.verdict import (
    checks,
    family_name,
    numbers,
    verdict,
    why,
)

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.tables import RunTable

_SOURCE = (
    "Kaplan et al. 2020, arXiv 2001.08361; Hoffmann et al. 2022, arXiv 2203.15556; Besiroglu et "
    "al. 2024, arXiv 2404.10102; Jeon and Van Roy 2022, arXiv 2212.01365"
)
CHINCHILLA_FLOPS = 5.76e23
"""Budget at which laws are compared: Hoffmann et al. 2022, table 3, row of 67 B. [FLOP]"""

_OTHERS = 200
"""Draws behind laws other than the main one: theirs are for a rough interval beside it."""

_AHEAD = 2  # decades of compute beyond the runs


def compare_laws(
    table: RunTable,
    context: AnalysisContext,
    /,
    *,
    flops: float | Sequence[float] | None = None,
    level: float = 0.95,
    n_boot: int = 1000,
    seed: int = 0,
) -> AnalysisResult:
    """Return how each published law and each refit splits compute, and which agree.

    Parameters
    ----------
    table : RunTable
        Needs ``n_params`` and ``n_tokens``; with ``loss`` the laws are refitted to each family.
    flops : float, sequence of float, or None
        Budgets to compare at; None for the largest compute of the runs, the decades up to two
        beyond, and Chinchilla's 5.76e23. [FLOP]
    level, n_boot, seed : float, int, int
        Level of the intervals; draws behind them; their seed.

    Returns
    -------
    AnalysisResult
        ``tables["growth"]``: factors of N and D for ten times the compute;
        ``tables["budgets"]``: N, D and D / N at each budget; ``tables["agreement"]``: which
        published laws lie inside the interval of the runs; ``tables["fits"]``: what was refitted.
        An empty table, and runs without loss, compare the published laws alone and say so.

    Raises
    ------
    SchemaError
        An option is out of range.
    """
    check_resampling(n_boot=n_boot, level=level, seed=seed)
    resampling = Resampling(n_boot=n_boot, seed=seed, level=level)
    families = table.by_family()
    fits, own, left_out = _own(families, context, resampling)
    published = published_splits(context.published.values(), resampling)
    largest = {f: float(np.nanmax(c)) for f, c in _compute(families).items()}
    budgets = _budgets(largest) if flops is None else positive_numbers("flops", flops)
    made = tables(
        published=published, own=own, fits=fits, families=families, budgets=budgets,
        largest=largest,
    )  # fmt: skip
    done = [fit for fit in fits.values() if isinstance(fit, FitResult)]
    return AnalysisResult(
        name=COMPARE_LAWS.name,
        title="Laws side by side",
        verdict=verdict(made, own, fits, largest),
        checks=checks(made, own),
        tables=made,
        figures=_figures(made, done, level),
        left_out=left_out,
        source=f"{_SOURCE}; runs: {table.source or 'given table'}",
        numbers=numbers(own, largest),
        fits=[fit.to_row() for fit in done],
    )


def _own(
    families: Mapping[str, RunTable], context: AnalysisContext, resampling: Resampling
) -> tuple[dict[tuple[str, str], FitResult | str], list[Split], list[LeftOut]]:
    """Return the fits by family and law, the splits of those that place N and D, what has none."""
    fits: dict[tuple[str, str], FitResult | str] = {}
    found: dict[tuple[str, str], Split | str] = {}
    for family, runs in families.items():
        for name, fit in _fits(family, runs, context, resampling).items():
            fits[family, name] = fit
            if isinstance(fit, str) or not fit.is_usable:
                found[f"{name} refit", family] = why(fit)
            else:
                found[f"{name} refit", family] = split_of_fit(fit)
        if MAIN in context.laws:
            split = split_of_profiles(context, runs, resampling, family=family)
            found["IsoFLOP profiles", family] = split
    own = [split for split in found.values() if isinstance(split, Split)]
    left = [
        LeftOut(subject=f"{name} of {family_name(family)}", reason=split)
        for (name, family), split in found.items()
        if isinstance(split, str)
    ]
    if families:
        reason = "approach 1 reads training curves, which a table of runs does not hold"
        left.append(LeftOut(subject="envelope of training curves", reason=reason))
    return fits, own, left


def _fits(
    family: str, runs: RunTable, context: AnalysisContext, resampling: Resampling
) -> dict[str, FitResult | str]:
    """Return the fit of each law to one family, or why there is none.

    Runs that cannot place the optimum of the freest law, for example on one line of N and D, would
    place that of a stiffer one by its form alone, so then no other is fitted. All have one
    objective, or their misfits could not be compared.
    """
    laws = sorted(allocating(context.laws.values()), key=lambda law: law.name != MAIN)
    out: dict[str, FitResult | str] = {}
    for law in laws:
        few = replace(resampling, n_boot=min(resampling.n_boot, _OTHERS))
        how = resampling if law.name == MAIN else few
        fit = scouted_fit(law, runs, how, family=family, objective="log-huber")
        out[law.name] = fit
        if law.name == MAIN and (isinstance(fit, str) or not fit.is_usable):
            break
    return out


def _compute(families: Mapping[str, RunTable]) -> dict[str, Any]:
    """Return 6 N D of the runs of each family that has any."""
    spent = {family: compute_of(runs)[2] for family, runs in families.items()}
    return {family: c for family, c in spent.items() if np.isfinite(c).any()}


def _budgets(largest: Mapping[str, float]) -> list[float]:
    """Return the largest compute of the runs, the decades beyond it, and Chinchilla's budget."""
    if not largest:
        return [CHINCHILLA_FLOPS]
    most = max(largest.values())
    first = math.ceil(math.log10(most))
    decades = [10.0**k for k in range(first, first + _AHEAD + 1)]
    return sorted({most, *decades, CHINCHILLA_FLOPS})


def _figures(made: Mapping[str, pd.DataFrame], fits: Sequence[FitResult], level: float) -> Figures:
    if made["growth"].empty:
        return Figures(())
    lines = made["tokens_per_param"]
    n = int((lines["kind"] == "run").sum())
    losses = sorted({fit.loss_dataset for fit in fits if fit.loss_dataset})
    data = f"{plural(n, 'run')}{', loss on ' + ', '.join(losses) if losses else ''}"
    return Figures(
        (
            Figure(
                name="tokens_per_param",
                caption=f"Compute-optimal tokens per parameter against compute; {data} as points. "
                "Gray: published laws; color: refits to the runs, six at most, with "
                f"{percent(level)} bands; dashed outside the runs behind each, and where those "
                f"are not known. {_SOURCE}.",
                table="tokens_per_param",
                build=lambda: compare_laws_figures.tokens_per_param(lines),
            ),
            Figure(
                name="growth",
                caption=f"Factor of N and of D for {TIMES:.0f} times the compute under each law, "
                f"and refitted to {data}; rules: {percent(level)} intervals. {_SOURCE}.",
                table="growth",
                build=lambda: compare_laws_figures.growth(made["growth"]),
            ),
        )
    )


def _run(table: Any, context: AnalysisContext, /, **options: Any) -> AnalysisResult:
    return compare_laws(table, context, **options)


COMPARE_LAWS = Analyzer(
    name="compare-laws",
    summary="Sets Kaplan's, Chinchilla's and other splits of compute beside those of your runs.",
    source=_SOURCE,
    table="runs",
    requires=("n_params", "n_tokens"),
    run=_run,
    options={
        "flops": Option(
            default=None,
            description="budgets to compare at, one or a list; by default the largest compute of "
            "the runs, the decades up to two beyond, and 5.76e23",
        ),
        "level": Option(default=0.95, description="level of the intervals"),
        "n_boot": Option(default=1000, description="draws behind the intervals"),
        "seed": Option(default=0, description="seed of the draws"),
    },
    position=240,
)

__all__ = ["COMPARE_LAWS", "compare_laws"]
