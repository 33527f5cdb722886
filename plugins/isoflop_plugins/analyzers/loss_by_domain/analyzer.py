"""A power law plus a constant by family and data set: what scale removes, and the floor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from isoflop.hookspecs import AnalysisContext, Analyzer, Option
from isoflop.results import AnalysisResult, Figure, Figures, LeftOut
from isoflop.words import plural
from isoflop_plugins.analyzers.by_family.loss_parts import FLOOR, loss_parts
from isoflop_plugins.analyzers.by_family.reached_fits import LawFit, fit_reached
from isoflop_plugins.analyzers.kaplan_laws.columns import kaplan_columns
from isoflop_plugins.analyzers.loss_by_domain import figures as loss_by_domain_figures
from isoflop_plugins.analyzers.loss_by_domain import tables as loss_by_domain_tables
from isoflop_plugins.analyzers.loss_by_domain.domain_losses import by_domain, losses_as_runs
from isoflop_plugins.analyzers.loss_by_domain.tables import SYMBOLS
from isoflop_plugins.analyzers.loss_by_domain.words import (
    agreement,
    best_known,
    checks_of,
    largest,
    verdict,
)

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimate import Estimate
    from isoflop.tables import RunTable, ScoreTable

_SOURCE = "Henighan et al. 2020, equations 1.1 and 1.2, arXiv 2010.14701"
_WITHOUT = {"henighan-n": "kaplan-n", "henighan-d": "kaplan-d", "henighan-c": "kaplan-c"}


def loss_by_domain(
    table: RunTable,
    context: AnalysisContext,
    /,
    *,
    n_boot: int = 200,
    seed: int = 0,
    level: float = 0.95,
    holdout: float = 0.2,
) -> AnalysisResult:
    """Return L(x) = L_inf + (x_0 / x)^alpha in N, D and C for each family and data set.

    Each is fitted to the lowest losses reached. The reducible part is the divergence of the model
    from the data, L_inf their entropy, where the runs identify it; where they do not, both are open
    and said to be. A data set with too few runs gets a sentence and no fit.
    """
    settings = {"n_boot": n_boot, "seed": seed, "level": level}
    fits = [
        pair
        for family, domain, runs in by_domain(table)
        for pair in _fit_domain(
            runs, context, family=family, domain=domain, settings=settings, holdout=holdout
        )
    ]
    made = loss_by_domain_tables.tables(fits)
    return AnalysisResult(
        name=LOSS_BY_DOMAIN.name,
        title="Reducible loss by data set",
        verdict=verdict(fits, made),
        checks=[
            *(check for item, _ in fits for check in checks_of(item)),
            *agreement(made["entropy"]),
        ],
        tables=made,
        figures=_figures(made, table.source),
        left_out=_left_out(fits),
        source=f"{_SOURCE}; runs: {table.source or 'given table'}",
        numbers=_numbers(fits),
        fits=[item.fit.to_row() for item, _ in fits if item.fit is not None],
    )


def _fit_domain(
    runs: RunTable,
    context: AnalysisContext,
    *,
    family: str,
    domain: str,
    settings: Mapping[str, Any],
    holdout: float,
) -> list[tuple[LawFit, LawFit]]:
    columns = kaplan_columns(runs, {})
    out = []
    for name, without in _WITHOUT.items():
        both = [
            fit_reached(
                law, columns.runs, family=family, domain=domain, settings=told, holdout=holdout,
                using=columns.using(*law.variables),
            )
            for law, told in (
                (context.laws[name], settings),
                (context.laws[without], {**settings, "n_boot": 0}),
            )
        ]  # fmt: skip
        out.append((both[0], both[1]))
    return out


def _left_out(fits: Sequence[tuple[LawFit, LawFit]]) -> list[LeftOut]:
    """Return each run and reason once, with data set and law."""
    out: dict[tuple[str, str], None] = {}
    for item, _ in fits:
        where = f"{item.domain or 'loss'} against {SYMBOLS[item.law.name]}"
        left = list(item.left_out)
        if item.fit is None:
            left = [LeftOut(subject=s, reason=item.refusal) for s in item.runs.labels()]
        out |= {(each.subject, f"{where}: {each.reason}"): None for each in left}
    return [LeftOut(subject=subject, reason=reason) for subject, reason in out]


def _numbers(fits: Sequence[tuple[LawFit, LawFit]]) -> dict[str, Estimate]:
    """Return floor, reducible loss and exponent of each data set whose floor is identified."""
    out: dict[str, Estimate] = {}
    many = len({(item.family, item.domain) for item, _ in fits}) > 1
    for item in best_known(fits):
        assert item.fit is not None
        parts = loss_parts(item.fit, largest(item))
        prefix = f"{item.family}/{item.domain}/" if many else ""
        symbol = SYMBOLS[item.law.name]
        out[f"{prefix}{FLOOR}"] = parts.floor
        out[f"{prefix}reducible_loss"] = parts.reducible[0]
        out[f"{prefix}alpha_{symbol}"] = item.fit.params["alpha"]
    return out


def _figures(made: Mapping[str, pd.DataFrame], source: str) -> Figures:
    points = made["reducible_loss"]
    if points.empty:
        return Figures(())
    runs = points[points["kind"] == "run"]
    n = plural(runs["run"].nunique(), "run")
    sets = points.groupby(["family", "loss_dataset"]).ngroups
    most = loss_by_domain_figures.MOST_DOMAINS
    shown = f"the first {most} of {sets} data sets" if sets > most else plural(sets, "data set")
    return Figures(
        (
            Figure(
                name="reducible_loss",
                caption=f"Loss above the fitted floor against scale, {n}, {shown}, "
                f"{source or 'given table'}: the divergence of the model from the data, if the "
                "floor is their entropy. Points are the lowest losses reached; lines the law, "
                f"dashed beyond the runs; bands hold it. {_SOURCE}.",
                table="reducible_loss",
                build=lambda: loss_by_domain_figures.reducible_loss(points),
            ),
        )
    )


def _run(table: Any, context: AnalysisContext, /, **options: Any) -> AnalysisResult:
    return loss_by_domain(table, context, **options)


def _run_scores(table: Any, context: AnalysisContext, /, **options: Any) -> AnalysisResult:
    return loss_by_eval_set(table, context, **options)


def loss_by_eval_set(
    table: ScoreTable, context: AnalysisContext, /, **options: Any
) -> AnalysisResult:
    """Return the same for the evaluation losses among scores, one data set a task."""
    from dataclasses import replace

    runs = losses_as_runs(table)
    made = loss_by_domain(runs, context, **options)
    words = made.verdict
    if not len(runs):
        words = (
            "There are no evaluation losses in nat/token among the scores of final models: log "
            "one a data set to see the floor of each."
        )
    return replace(
        made, name=LOSS_BY_EVAL_SET.name, title="Reducible loss by evaluation set", verdict=words
    )


_OPTIONS = {
    "n_boot": Option(default=200, description="Bootstrap replicates over runs."),
    "seed": Option(default=0, description="Seed of the bootstrap."),
    "level": Option(default=0.95, description="Level of the intervals [1]."),
    "holdout": Option(default=0.2, description="Share of runs held out for validation [1]."),
}

LOSS_BY_DOMAIN = Analyzer(
    name="loss-by-domain",
    summary="Splits the loss on each data set into floor and reducible part: L_inf + (x_0/x)^a.",
    source=_SOURCE,
    table="runs",
    requires=("loss",),
    run=_run,
    options=_OPTIONS,
    position=265,
)

LOSS_BY_EVAL_SET = Analyzer(
    name="loss-by-eval-set",
    summary="Splits each evaluation loss among the scores into floor and reducible part.",
    source=_SOURCE,
    table="scores",
    requires=("value", "n_params"),
    run=_run_scores,
    options=_OPTIONS,
    position=266,
)
