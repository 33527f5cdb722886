"""Kaplan's laws on one's own runs: loss against size, data, compute and steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from isoflop.hookspecs import AnalysisContext, Analyzer, Option
from isoflop.results import AnalysisResult, Figure, Figures, LeftOut
from isoflop.words import percent, plural
from isoflop_plugins.analyzers.kaplan_laws import figures as kaplan_laws_figures
from isoflop_plugins.analyzers.kaplan_laws import tables as kaplan_laws_tables
from isoflop_plugins.analyzers.kaplan_laws.columns import SIZE
from isoflop_plugins.analyzers.kaplan_laws.families import (
    SHORT,
    STEEPEST,
    KaplanFamily,
    family_growth,
    fit_family,
    growth_holds,
    path_slope,
    published_of,
)
from isoflop_plugins.laws.kaplan_batch import PRINTED_GROWTH

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimate import Estimate
    from isoflop.tables import RunTable
    from isoflop_plugins.analyzers.by_family.reached_fits import LawFit

_SOURCE = (
    "Kaplan et al. 2020, equations 1.1 to 1.8, arXiv 2001.08361; constants as in Henighan et al. "
    "2020, arXiv 2010.14701"
)
_EXPONENTS = {"kaplan-n": "alpha_N", "kaplan-d": "alpha_D", "kaplan-c": "alpha_C"}
_FEW_RUNS = 10


def kaplan_laws(
    table: RunTable,
    context: AnalysisContext,
    /,
    *,
    n_boot: int = 200,
    seed: int = 0,
    level: float = 0.95,
    holdout: float = 0.2,
) -> AnalysisResult:
    """Return Kaplan's laws for each family, beside his constants and beside a law with a floor.

    L(N), L(D) and L(C) are fitted to the lowest losses reached, L(N, D) and L(N, S) to all runs. A
    family without the columns of a law, or with too few runs for it, gets a sentence and no fit;
    an empty table gives an empty result that says so.
    """
    settings = {"n_boot": n_boot, "seed": seed, "level": level}
    families = [
        fit_family(family, runs, context, settings=settings, holdout=holdout)
        for family, runs in table.by_family().items()
    ]
    published = published_of(context)
    made = kaplan_laws_tables.tables(families, published)
    return AnalysisResult(
        name=KAPLAN_LAWS.name,
        title="Kaplan's laws on your runs",
        verdict=_verdict(families, published, made["held_out"]),
        checks=[check for item in families for check in _checks(item)],
        tables=made,
        figures=_figures(made),
        left_out=_left_out(families),
        source=f"{_SOURCE}; runs: {table.source or 'given table'}",
        numbers=_numbers(families),
        fits=[fit.fit.to_row() for item in families for fit in _fitted(item) if fit.fit],
    )


def _fitted(item: KaplanFamily) -> list[LawFit]:
    """Return every fit of a family, with and without a constant."""
    both = [f for pair in item.pairs.values() for f in (pair.plain, pair.floor)]
    return [f for f in both if f is not None and f.fit is not None]


def _verdict(
    families: Sequence[KaplanFamily],
    published: Mapping[str, Mapping[str, float]],
    held_out: pd.DataFrame,
) -> str:
    if not families:
        return "There are no runs."
    told = [item for item in families if any(p.plain.fit for p in item.pairs.values())]
    if not told:
        first = families[0].pairs["kaplan-d"].plain.refusal
        return f"None of Kaplan's laws could be fitted. {_name(families[0].family)}: {first}"
    sentences = [_sentence(item, published) for item in told[:4]]
    if len(told) > 4:
        sentences.append(f"And {len(told) - 4} more, see the tables.")
    if len(told) < len(families):
        few = plural(len(families) - len(told), "family", "families")
        sentences.append(f"{few} had too few or mixed runs.")
    return " ".join([*sentences, *_floor_words(held_out)])


def _sentence(item: KaplanFamily, published: Mapping[str, Mapping[str, float]]) -> str:
    falls = []
    for law, exponent in _EXPONENTS.items():
        fit = item.pairs[law].plain.fit
        if fit is None or not fit.is_usable:
            continue
        said = published[law].get(exponent)
        beside = f" (Kaplan {said:g})" if said is not None else ""
        falls.append(f"{SHORT[law][2]}^-{fit.params[exponent]!r}{beside}")
    words = f"the lowest loss falls as {', '.join(falls)}" if falls else "no law of one cause holds"
    grown = family_growth(item).get("N")
    if grown is not None and growth_holds(item):
        words += f"; by L(N, S) the best N grows as C^{grown!r} (Kaplan {PRINTED_GROWTH['N']:g})"
    elif grown is not None:
        words += "; L(N, S) misses a floor, so it says nothing sound of how N should grow"
    return f"{_name(item.family)} ({plural(len(item.columns.runs), 'run')}): {words}."


def _floor_words(held_out: pd.DataFrame) -> list[str]:
    """Say whether a constant predicts the runs held out better."""
    both = held_out.dropna(subset=["error", "error_with_constant"])
    if both.empty:
        return []
    better = int((both["error_with_constant"] < both["error"]).sum())
    middle = [percent(float(both[c].median())) for c in ("error", "error_with_constant")]
    says = (
        "so part of the loss is a floor that the pure powers miss"
        if better > 0.75 * len(both)
        else "so the runs do not settle whether there is a floor"
    )
    return [
        f"A constant predicts the largest runs better in {better} of {len(both)} fits (median "
        f"error {middle[1]} with it, {middle[0]} without), {says}."
    ]


def _name(family: str) -> str:
    return f"Family {family!r}" if family else "The runs"


def _checks(item: KaplanFamily) -> list[tuple[str, bool]]:
    name = _name(item.family)
    told = [p.plain.fit is not None for p in item.pairs.values()]
    if not any(told):
        return [(f"{name}: {item.pairs['kaplan-d'].plain.refusal}", False)]
    counted = item.columns.size == SIZE
    checks = [
        (
            f"{name}: N is {'without' if counted else 'with'} embeddings"
            f"{'' if counted else ', so exponents are not comparable with the paper'}",
            counted,
        )
    ]
    for law, pair in item.pairs.items():
        checks += [(f"{name}, {SHORT[law]}: {text}", ok) for text, ok in _law_checks(pair.plain)]
    if item.pairs["kaplan-ns"].plain.fit is not None and not item.critical_is_own:
        checks.append(
            (
                f"{name}: steps and compute are counted as at the best batch with Kaplan's "
                "critical batch, not with one measured here (column critical_batch_tokens)",
                False,
            )
        )
    return checks


def _law_checks(item: LawFit) -> list[tuple[str, bool]]:
    fit = item.fit
    if fit is None:
        return []
    out = [(text, False) for text in fit.warnings]
    few = len(fit.law.variables) == 1 and fit.n_runs < _FEW_RUNS
    if few:
        out.append((f"only {plural(fit.n_runs, 'run')} behind it, so intervals are rough", False))
    slope = path_slope(item)
    if math.isfinite(slope):
        other = "D" if "kaplan-n" in item.law.name else "N"
        grows = abs(slope) > STEEPEST
        so = "so the exponent is of both" if grows else "so the exponent is of one cause"
        out.append((f"along its runs {other} changes as a power {slope:.2g}, {so}", not grows))
    return out


def _left_out(families: Sequence[KaplanFamily]) -> list[LeftOut]:
    """Return each run and reason once, with the laws it was left out of."""
    laws: dict[tuple[str, str], list[str]] = {}
    for item in families:
        for law, pair in item.pairs.items():
            for left in pair.plain.left_out:
                laws.setdefault((left.subject, left.reason), []).append(SHORT[law])
            if pair.plain.fit is None:
                reason = "its family was not fitted: " + pair.plain.refusal
                for label in item.columns.runs.labels():
                    laws.setdefault((label, reason), []).append(SHORT[law])
    return [
        LeftOut(subject=subject, reason=f"{', '.join(names)}: {reason}")
        for (subject, reason), names in laws.items()
    ]


def _numbers(families: Sequence[KaplanFamily]) -> dict[str, Estimate]:
    """Return exponents, named by family where there are several."""
    out: dict[str, Estimate] = {}
    for item in families:
        prefix = f"{item.family}/" if len(families) > 1 else ""
        for law, name in _EXPONENTS.items():
            fit = item.pairs[law].plain.fit
            if fit is not None and fit.is_usable:
                out[f"{prefix}{name}"] = fit.params[name]
        grown = family_growth(item) if growth_holds(item) else {}
        out |= {f"{prefix}growth_{k}": grown[k] for k in ("N", "B", "S") if k in grown}
    return out


def _figures(made: Mapping[str, pd.DataFrame]) -> Figures:
    lines = made["lines"]
    if lines.empty:
        return Figures(())
    n = int((lines["kind"] != "line").groupby(lines["axis"]).sum().max())
    return Figures(
        (
            Figure(
                name="loss_against_scale",
                caption=f"Loss against parameters, tokens and compute, {plural(n, 'run')}. Filled "
                "points are the lowest losses reached and were fitted; hollow ones are beaten by "
                "a run of as little. Thin: Kaplan's power law; "
                f"thick: the same with a constant; dashed beyond the runs. {_SOURCE}.",
                table="lines",
                build=lambda: kaplan_laws_figures.loss_against_scale(lines),
            ),
        )
    )


def _run(table: Any, context: AnalysisContext, /, **options: Any) -> AnalysisResult:
    return kaplan_laws(table, context, **options)


KAPLAN_LAWS = Analyzer(
    name="kaplan",
    summary="Fits Kaplan's L(N), L(D), L(C), L(N, D), L(N, S), beside his constants and a floor.",
    source=_SOURCE,
    table="runs",
    requires=("loss",),
    run=_run,
    options={
        "n_boot": Option(default=200, description="Bootstrap replicates over runs."),
        "seed": Option(default=0, description="Seed of the bootstrap."),
        "level": Option(default=0.95, description="Level of the intervals [1]."),
        "holdout": Option(default=0.2, description="Share of runs held out for validation [1]."),
    },
    position=215,
)
