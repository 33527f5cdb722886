"""Pruned data: a power law or an exponential in what is kept, and the best fraction to keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from isoflop.estimate import Estimate
from isoflop.estimation import check_resampling
from isoflop.hookspecs import AnalysisContext, Analyzer, Option
from isoflop.results import AnalysisResult, Figure, Figures, LeftOut
from isoflop.words import count, percent, plural
from isoflop_plugins.analyzers.by_family.fits import family_words
from isoflop_plugins.analyzers.pruning import figures as pruning_figures
from isoflop_plugins.analyzers.pruning import tables as pruning_tables
from isoflop_plugins.analyzers.pruning.curves import (
    Curve,
    curves_of,
    prepared,
    refusal_of,
)

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.tables import RunTable

_SOURCE = "Sorscher et al. 2022, arXiv 2206.14486"
_WORDS = {"exponential": "exponentially", "power": "as a power"}


def analyze_pruning(
    table: RunTable,
    context: AnalysisContext,
    /,
    *,
    response: str = "error",
    holdout: float = 0.25,
    n_boot: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> AnalysisResult:
    """Return which form error takes in the data kept, and how much to keep at each size.

    Parameters
    ----------
    table : RunTable
        Needs three columns that are none of the registry's: ``kept_fraction``, above 0 and at most
        1; ``n_kept``, examples or tokens after pruning, else ``n_tokens_unique`` or ``n_tokens``;
        and the response. ``pruning_score``, the name of what ranked the data, parts the runs where
        it is there.
    response : str
        Column to predict, less is better: ``"error"``, ``"loss"``.
    holdout : float
        Share of the runs of each curve, of most data, that the forms are judged on. [1]
    n_boot, seed, level : int, int, float
        Draws behind the intervals, their seed, level of the intervals.

    Returns
    -------
    AnalysisResult
        Where columns are missing, or every curve is too short, the verdict says what to add; an
        empty table gives a result that says so.

    Raises
    ------
    SchemaError
        `holdout` is not between 0 and 1.
    """
    check_resampling(n_boot=n_boot, level=level, seed=seed)
    settings = {"n_boot": n_boot, "seed": seed, "level": level}
    laws = (context.laws["pruning-power"], context.laws["pruning-exponential"])
    curves: list[Curve] = []
    refusals: dict[str, str] = {}
    left_out: list[LeftOut] = []
    for family, runs in table.by_family().items():
        refusal = refusal_of(runs, response)
        if refusal:
            refusals[family] = refusal
            left_out += [LeftOut(subject=label, reason=refusal) for label in runs.labels()]
            continue
        usable, gone = prepared(runs)
        left_out += gone
        curves += curves_of(laws, family, usable, settings, response=response, holdout=holdout)
    tables = pruning_tables.tables(curves, level)
    return AnalysisResult(
        name=PRUNING_ANALYZER.name,
        title="Pruned data",
        verdict=_verdict(curves, refusals, tables["frontier"], level),
        checks=[check for curve in curves for check in _checks(curve)],
        tables=tables,
        figures=_figures(curves, tables, response, level),
        left_out=[*left_out, *(item for curve in curves for item in curve.left_out)],
        source=f"{_SOURCE}; runs: {table.source or 'given table'}",
        numbers=_numbers(curves),
        fits=[fit.to_row() for curve in curves for fit in curve.fits.values()],
    )


def _numbers(curves: Sequence[Curve]) -> dict[str, Estimate]:
    """Return the scale of the exponential where it is the form, else the exponent, by curve."""
    out = {}
    for curve in curves:
        best = curve.fits.get(curve.form)
        if best is not None and best.is_usable:
            name = {"exponential": "s", "power": "p"}[curve.form]
            out[f"{curve.key}/{name}"] = best.params[name]
    return out


def _verdict(
    curves: Sequence[Curve], refusals: Mapping[str, str], frontier: pd.DataFrame, level: float
) -> str:
    if not curves and not refusals:
        return "There are no runs."
    told = [c for c in curves if c.fits]
    if not told:
        where, why = (
            next(iter((family_words(f), r) for f, r in refusals.items()))
            if refusals
            else (curves[0].words, curves[0].refusal)
        )
        return f"Nothing can be said of pruning. {where}: {why.rstrip('.')}."
    sentences = [_forms(told, level), *_best(frontier, level)]
    short = len(curves) - len(told)
    if short:
        sentences.append(f"{plural(short, 'more curve')} cannot be fitted: see the checks.")
    if refusals:
        sentences.append(f"{plural(len(refusals), 'family has', 'families have')} no pruned data.")
    return " ".join(sentences)


def _forms(told: Sequence[Curve], level: float) -> str:
    """Say how many curves fall how, and the surest of each."""
    parts = []
    for form, words in _WORDS.items():
        of = [c for c in told if c.form == form]
        if not of:
            continue
        best = min(of, key=lambda c: min(c.share_exponential, 1 - c.share_exponential))
        share = best.share_exponential if form == "exponential" else 1 - best.share_exponential
        parts.append(
            f"{words} in {len(of)} (kept {percent(best.fraction)}: {percent(share)} of resamples "
            f"foretell the largest sets better so, error {percent(best.errors[form])} against "
            f"{percent(max(best.errors.values()))})"
        )
    open_ = sum(not c.form for c in told)
    if open_:
        parts.append(f"in a form that cannot be told in {open_}")
    curves = plural(
        len(told), "curve of error against data kept", "curves of error against data kept"
    )
    return f"Of {curves}, error falls {', '.join(parts)}, at {percent(level)} sure."


def _best(frontier: pd.DataFrame, level: float) -> list[str]:
    """Say which fraction is best at the least and at the most data, for each score."""
    out = []
    for (family, score), own in frontier.groupby(["family", "score"], sort=False):
        first, last = own.iloc[0], own.iloc[-1]
        where = ", ".join(f"{x!r}" for x in (family, score) if x)
        lead = f"{where}: the" if where else "The"
        said = (
            f"{lead} best fraction to keep is {percent(first['best_fraction'])} for "
            f"{count(first['n_kept'])} kept ({percent(first['share'])} of resamples) and "
            f"{percent(last['best_fraction'])} for {count(last['n_kept'])} "
            f"({percent(last['share'])})"
        )
        out.append(f"{said}: {_change(first, last, level)}.")
    return out[:3]


def _change(first: pd.Series[Any], last: pd.Series[Any], level: float) -> str:
    if min(first["share"], last["share"]) < level:
        return "the resamples do not agree on one of the two"
    if last["best_fraction"] < first["best_fraction"]:
        return "prune harder as data grows"
    return "no reason to prune harder as data grows"


def _checks(curve: Curve) -> list[tuple[str, bool]]:
    if not curve.fits:
        return [(f"{curve.words}: {curve.refusal}", False)]
    out = []
    for form, fit in curve.fits.items():
        text = f"{curve.words}, {form}: status {fit.status}"
        text += f", {fit.warnings[0]}" if fit.warnings else ""
        out.append((text, fit.is_usable))
    best = min(curve.errors.values())
    text = (
        f"{curve.words}: error {percent(best)} on the {plural(curve.n_held, 'run')} of most data "
        f"held out; carrying the last value, {percent(curve.last_error)}"
    )
    return [*out, (text, bool(best < curve.last_error))]


def _figures(
    curves: Sequence[Curve], tables: Mapping[str, pd.DataFrame], response: str, level: float
) -> Figures:
    if tables["lines"].empty:
        return Figures(())
    n = plural(len(tables["runs"]), "run")
    first = tables["lines"][["family", "score"]].iloc[0]
    where = ", ".join(repr(x) for x in first if x)
    drawn = f" of {where}" if where and len({(c.family, c.score) for c in curves}) > 1 else ""
    out = [
        Figure(
            name="error_by_data_kept",
            caption=f"{response.capitalize()} against data kept{drawn}, {n} in all, by kept "
            "fraction. Lines: the form that is named, else the closer one, dashed beyond the runs; "
            f"bands at {percent(level)}. {_SOURCE}.",
            table="lines",
            build=lambda: pruning_figures.error_by_kept(tables["runs"], tables["lines"], response),
        )
    ]
    if not tables["frontier"].empty:
        out.append(
            Figure(
                name="best_fraction",
                caption="Fraction with the lowest error at each amount of data kept, inside "
                f"the sizes of the runs ({n}); large where most resamples agree. {_SOURCE}.",
                table="frontier",
                build=lambda: pruning_figures.best_fraction(tables["frontier"]),
            )
        )
    return Figures(out)


def _run(table: Any, context: AnalysisContext, /, **options: Any) -> AnalysisResult:
    return analyze_pruning(table, context, **options)


PRUNING_ANALYZER = Analyzer(
    name="pruning",
    summary="Says whether pruned data beats the power law, and which fraction to keep.",
    source=_SOURCE,
    table="runs",
    requires=(),
    run=_run,
    options={
        "response": Option(default="error", description="column to predict, less is better"),
        "holdout": Option(default=0.25, description="share of each curve to judge the forms on"),
        "n_boot": Option(default=1000, description="draws behind the intervals"),
        "seed": Option(default=0, description="seed of the draws"),
        "level": Option(default=0.95, description="level of the intervals"),
    },
    position=295,
)

__all__ = ["PRUNING_ANALYZER", "analyze_pruning"]
