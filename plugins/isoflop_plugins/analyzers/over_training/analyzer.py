"""What training past the compute-optimal number of tokens costs, and whether it can be foretold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.drawing.family_panels import shown_words
from isoflop.hookspecs import AnalysisContext, Analyzer, Option
from isoflop.results import AnalysisResult, Figure, Figures
from isoflop.words import number, plural
from isoflop_plugins.analyzers.by_family.fits import (
    all_left_out,
    fit_checks,
    fit_family,
    headline_numbers,
    held_out_check,
)
from isoflop_plugins.analyzers.by_family.hold_out import by_tokens_per_param, predict_held_out
from isoflop_plugins.analyzers.by_family.option_amounts import positive_numbers
from isoflop_plugins.analyzers.over_training import figures as over_training_figures
from isoflop_plugins.analyzers.over_training import tables as over_training_tables
from isoflop_plugins.analyzers.over_training.tables import (
    FamilyOverTraining,
    compute_factors,
    multiplier_ladder,
    seen_multipliers,
    size_factors,
)

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimation import FitResult
    from isoflop.laws import Law
    from isoflop.tables import RunTable

_SOURCE = "Gadre et al. 2024, arXiv 2403.08540"
OBJECTIVE = "log-huber"
"""The authors minimize squares over five runs each. On all 104 runs of theirs squares miss the runs
of largest compute by 1.8 to 3.7 %, log-Huber by 0.8 to 1.7 %."""

_MOST_SENTENCES = 6
_HEADLINE = ("E", "eta", "tokens_per_param")


def analyze_over_training(
    table: RunTable,
    context: AnalysisContext,
    /,
    *,
    multipliers: float | Sequence[float] | None = None,
    objective: str = OBJECTIVE,
    delta: float = 1e-3,
    n_boot: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    holdout: float = 0.2,
) -> AnalysisResult:
    """Return what each family's loss is at more tokens per parameter than the best.

    A family with too few runs, with mixed losses, or with one ratio of tokens to parameters gets a
    sentence and no numbers; an empty table gives an empty result that says so.
    """
    law = context.laws["over-training"]
    settings = {
        "objective": objective, "delta": delta, "n_boot": n_boot, "seed": seed, "level": level,
    }  # fmt: skip
    asked = None if multipliers is None else positive_numbers("multipliers", multipliers)
    found = [_family(law, f, runs, settings, holdout, asked) for f, runs in
             table.by_family().items()]  # fmt: skip
    items = [one.item for one in found]
    tables = over_training_tables.tables(found)
    done = [item.fit for item in items if item.fit is not None]
    return AnalysisResult(
        name=OVER_TRAINING_ANALYZER.name,
        title="Over-training",
        verdict=_verdict(found),
        checks=[check for one in found for check in _checks(one)],
        tables=tables,
        figures=_figures(tables, done),
        left_out=all_left_out(items),
        source=f"{_SOURCE}; runs: {table.source or 'given table'}",
        numbers=headline_numbers(items, _HEADLINE),
        fits=[fit.to_row() for fit in done],
    )


def _family(
    law: Law,
    family: str,
    runs: RunTable,
    settings: Mapping[str, Any],
    holdout: float,
    asked: Sequence[float] | None,
) -> FamilyOverTraining:
    item = fit_family(law, family, runs, settings, holdout=holdout)
    if item.fit is None:
        return FamilyOverTraining(item=item, most_tokens=None, multipliers=np.zeros(0))
    held = by_tokens_per_param(runs, item.fit.rows, share=holdout)
    return FamilyOverTraining(
        item=item,
        most_tokens=predict_held_out(law, runs, item.fit.rows, held, settings),
        multipliers=multiplier_ladder(item) if asked is None else np.asarray(asked),
    )


def _verdict(found: Sequence[FamilyOverTraining]) -> str:
    if not found:
        return "There are no runs."
    fitted = [one for one in found if one.item.fit is not None]
    if not fitted:
        first = found[0].item
        more = f" The same goes for {len(found) - 1} more families." if len(found) > 1 else ""
        return f"No over-training law could be fitted. {first.words}: {first.refusal}{more}"
    sentences = [_sentence(one, one.item.fit) for one in fitted if one.item.fit is not None]
    if len(fitted) < len(found):
        few = plural(len(found) - len(fitted), "family", "families")
        sentences.append(f"{few} had too few or mixed runs.")
    hidden = len(sentences) - _MOST_SENTENCES
    return " ".join(sentences[:_MOST_SENTENCES]) + (
        f" And {hidden} more, see the table." if hidden > 0 else ""
    )


def _sentence(one: FamilyOverTraining, fit: FitResult) -> str:
    where = f"{one.item.words} ({plural(fit.n_runs, 'run')}, {fit.settings.objective_words})"
    if not fit.is_usable:
        return f"{where}: {fit.status.replace('-', ' ')}, {fit.warnings[0]}."
    best = fit.derived["tokens_per_param"]
    most = seen_multipliers(one.item)[1]
    begin = f"{where}: {best!r} tokens per parameter are best at every compute"
    if most <= best.value:
        return f"{begin}, and no run has more than {number(most, digits=3)}: none is over-trained."
    m = np.array([most])
    factor = compute_factors(fit, m)
    size = float(size_factors(fit, m, factor.value)[0])
    return (
        f"{begin}; at {number(most, digits=3)}, the most seen, a loss costs {factor[0]!r} times "
        f"the least compute for it, in a model {number(size, digits=2)} times the size."
    )


def _checks(one: FamilyOverTraining) -> list[tuple[str, bool]]:
    checks = fit_checks(one.item)
    if one.most_tokens is not None:
        checks.append(
            held_out_check(one.item.words, one.most_tokens, "of most tokens per parameter")
        )
    return checks


def _figures(tables: Mapping[str, pd.DataFrame], fits: Sequence[FitResult]) -> Figures:
    if not any(fit.is_usable for fit in fits):
        return Figures(())
    n = sum(fit.n_runs for fit in fits)
    losses = sorted({f.loss_dataset for f in fits if f.loss_dataset})
    where = f"{plural(n, 'run')}{', loss on ' + ', '.join(losses) if losses else ''}"
    form = "L = E + (a M^eta + b M^-eta) C^-eta with M = D/N"
    how = fits[0].settings.objective_words
    panels = shown_words(len(fits))
    said = {
        "loss_vs_compute": f"Loss against training compute, {where}. Points are runs, lines the "
        f"law {form} at some M, solid where runs of about that M are, dashed outside.{panels}",
        "cost": f"What over-training costs, {where}: compute over the least for the same loss "
        f"under {form}; the band holds it at {100 * fits[0].level:g} %, dashed beyond the most "
        "tokens per parameter of any run.",
    }
    return Figures(tuple(_figure(name, f"{text} Minimized: {how}. {_SOURCE}.", tables) for
                         name, text in said.items()))  # fmt: skip


def _figure(name: str, caption: str, tables: Mapping[str, pd.DataFrame]) -> Figure:
    draw = getattr(over_training_figures, name)
    return Figure(name=name, caption=caption, table=name, build=lambda: draw(tables[name]))


def _run(table: Any, context: AnalysisContext, /, **options: Any) -> AnalysisResult:
    return analyze_over_training(table, context, **options)


OVER_TRAINING_ANALYZER = Analyzer(
    name="over-training",
    summary="What more tokens per parameter than the best cost in loss and in compute.",
    source=_SOURCE,
    table="runs",
    requires=("n_params", "n_tokens", "loss"),
    run=_run,
    options={
        "multipliers": Option(
            default=None,
            description="Tokens per parameter to tell of; doublings of 20 up to the most seen.",
        ),
        "objective": Option(default=OBJECTIVE, description="What is minimized."),
        "delta": Option(default=1e-3, description="Huber threshold on the residual."),
        "n_boot": Option(default=1000, description="Bootstrap replicates over runs."),
        "seed": Option(default=0, description="Seed of the bootstrap."),
        "level": Option(default=0.95, description="Level of the intervals [1]."),
        "holdout": Option(default=0.2, description="Share of runs held out for validation [1]."),
    },
    position=220,
)
