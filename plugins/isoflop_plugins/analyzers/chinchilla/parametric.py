"""Approach 3: the two-term law refitted to each family of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from isoflop.drawing.family_panels import shown_words
from isoflop.estimation import FitResult
from isoflop.hookspecs import AnalysisContext, Analyzer, Option
from isoflop.results import AnalysisResult, Figure, Figures
from isoflop.words import flops as flops_words
from isoflop.words import plural
from isoflop_plugins.analyzers.by_family.fits import (
    FamilyFit,
    all_left_out,
    fit_checks,
    headline_numbers,
)
from isoflop_plugins.analyzers.chinchilla import figures as chinchilla_figures
from isoflop_plugins.analyzers.chinchilla import tables as chinchilla_tables
from isoflop_plugins.analyzers.chinchilla.exponents_tied import preference
from isoflop_plugins.analyzers.chinchilla.families import Variation, answer
from isoflop_plugins.analyzers.chinchilla.outliers import OUTLIER_LIMIT, outliers_words
from isoflop_plugins.analyzers.chinchilla.tables import FamilyAnswer

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.tables import RunTable

_SOURCE = "Hoffmann et al. 2022, section 3.3, arXiv 2203.15556; Besiroglu et al. 2024, 2404.10102"
_MOST_SENTENCES = 6
_HEADLINE = ("E", "alpha", "beta", "exponent_n", "tokens_per_param")


def fit_two_term(
    table: RunTable,
    context: AnalysisContext,
    /,
    *,
    objective: str = "log-huber",
    delta: float = 1e-3,
    n_boot: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    **variation: Any,
) -> AnalysisResult:
    """Return the two-term law of each family, with held-out errors and allocations.

    A family with too few runs, or with mixed losses, gets a sentence and not a fit; an empty table
    gives an empty result that says so. `variation` are the fields of
    `isoflop_plugins.analyzers.chinchilla.families.Variation`.
    """
    law = context.laws["chinchilla"]
    settings = {
        "objective": objective, "delta": delta, "n_boot": n_boot, "seed": seed, "level": level,
    }  # fmt: skip
    how = Variation(**variation)
    answers = [answer(law, f, runs, settings, how) for f, runs in table.by_family().items()]
    items = [a.item for a in answers]
    done = [item.fit for item in items if item.fit is not None]
    tables = chinchilla_tables.tables(answers)
    return AnalysisResult(
        name=CHINCHILLA_PARAMETRIC.name,
        title="Scaling law of your runs",
        verdict=_verdict(items),
        checks=[check for a in answers for check in _checks(a)],
        tables=tables,
        figures=_figures(tables, done),
        left_out=all_left_out(items),
        source=f"{_SOURCE}; runs: {table.source or 'given table'}",
        numbers=headline_numbers(items, _HEADLINE),
        fits=[f.to_row() for f in done],
    )


def _verdict(items: Sequence[FamilyFit]) -> str:
    if not items:
        return "There are no runs."
    if not any(item.fit for item in items):
        first = items[0]
        more = f" The same goes for {len(items) - 1} more families." if len(items) > 1 else ""
        return f"No law could be fitted. {first.words}: {first.refusal}{more}"
    sentences = [_sentence(item, item.fit) for item in items if item.fit is not None]
    without = sum(item.fit is None for item in items)
    if without:
        sentences.append(f"{plural(without, 'family', 'families')} had too few or mixed runs.")
    more_words = f" And {len(sentences) - _MOST_SENTENCES} more, see the table."
    return " ".join(sentences[:_MOST_SENTENCES]) + (
        more_words if len(sentences) > _MOST_SENTENCES else ""
    )


def _sentence(item: FamilyFit, fit: FitResult) -> str:
    where = f"{item.words} ({plural(fit.n_runs, 'run')})"
    if not fit.is_usable:
        return f"{where}: {fit.status.replace('-', ' ')}, {fit.warnings[0]}."
    a, ratio = fit.derived["exponent_n"], fit.derived["tokens_per_param"]
    return (
        f"{where}: the best N grows as C^{a!r}, with {ratio!r} tokens per parameter at "
        f"{flops_words(fit.largest_run.flops)} ({_how(fit)})."
    )


def _how(fit: FitResult) -> str:
    """Return what was minimized, and what sets the fit apart from a plain one."""
    return ", ".join(x for x in (fit.settings.objective_words, fit.settings.variant) if x)


def _checks(found: FamilyAnswer) -> list[tuple[str, bool]]:
    checks = fit_checks(found.item)
    words = found.item.words
    if found.outliers:
        kept = "left out" if found.dropped else "kept in the fit"
        checks.append((f"{words}: {outliers_words(found.outliers)} ({kept})", False))
    said = preference(found.variants)
    if said:
        checks.append((f"{words}: {said}", "cannot be told" not in said))
    return checks


def _figures(tables: Mapping[str, pd.DataFrame], fits: Sequence[FitResult]) -> Figures:
    if not fits:
        return Figures(())
    n = sum(f.n_runs for f in fits)
    losses = sorted({f.loss_dataset for f in fits if f.loss_dataset})
    where = f"{plural(n, 'run')}{', loss on ' + ', '.join(losses) if losses else ''}"
    level, form = f"{100 * fits[0].level:g} %", "L(N, D) = E + A/N^alpha + B/D^beta"
    said = {
        "loss_vs_compute": f"Loss against training compute, {where}. Points are runs; the line is "
        f"the efficient frontier of {form}, dashed outside the compute of the runs; the band holds "
        f"it at {level}.",
        "contours": f"Contours of {form}, {where}. Thin lines join N and D of equal loss, which "
        "their label says [nat/token]; the thick one is the efficient frontier, dashed outside the "
        "compute of the runs. Points are runs, colored by tokens per parameter."
        f"{shown_words(len(fits))}",
        "residuals": f"How far the law is from each run, {where}. A trend with compute means that "
        "the law does not fit.",
        "parameter_draws": f"Exponents of the bootstrap refits, {where}; the cross is the fit to "
        "all runs.",
    }
    return Figures(tuple(_figure(name, text, tables, _how(fits[0])) for name, text in said.items()))


def _figure(name: str, text: str, tables: Mapping[str, pd.DataFrame], how: str) -> Figure:
    return Figure(
        name=name,
        caption=f"{text} Minimized: {how}. {_SOURCE}.",
        table=name,
        build=lambda: getattr(chinchilla_figures, name)(tables[name]),
    )


def _run(table: Any, context: AnalysisContext, /, **options: Any) -> AnalysisResult:
    return fit_two_term(table, context, **options)


CHINCHILLA_PARAMETRIC = Analyzer(
    name="chinchilla-parametric",
    summary="Refits L(N, D) = E + A/N^alpha + B/D^beta to each family, with intervals.",
    source=_SOURCE,
    table="runs",
    requires=("n_params", "n_tokens", "loss"),
    run=_run,
    options={
        "objective": Option(default="log-huber", description="What is minimized."),
        "delta": Option(default=1e-3, description="Huber threshold on the log residual [1]."),
        "n_boot": Option(default=1000, description="Bootstrap replicates over runs."),
        "seed": Option(default=0, description="Seed of the bootstrap."),
        "level": Option(default=0.95, description="Level of the intervals [1]."),
        "holdout": Option(default=0.2, description="Share of runs held out for validation [1]."),
        "fixed": Option(default={}, description="Parameters to hold: {'alpha': 0.5}."),
        "tied": Option(default=(), description="Parameters to hold equal: ('alpha', 'beta')."),
        "clusters": Option(
            default="",
            description="Column that tells which rows are checkpoints of one run: 'run_name'. They "
            "are resampled and held out together.",
        ),
        "best_of_sweep": Option(
            default=False, description="Keep the lowest loss of each N and D alone."
        ),
        "outlier_limit": Option(
            default=OUTLIER_LIMIT,
            description="Typical distances from the law beyond which a run is an outlier [1].",
        ),
        "drop_outliers": Option(
            default=False,
            description="Leave out exact copies and runs far from the law, and fit again.",
        ),
    },
    position=200,
)
