"""Do the parameters of a law hold as runs come in: each kept fit against the one before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from isoflop.hookspecs import AnalysisContext, Analyzer
from isoflop.results import AnalysisResult, Figure, Figures, Finding
from isoflop.words import moment, plural
from isoflop_plugins.analyzers.drift import figures as drift_figures
from isoflop_plugins.analyzers.drift import tables as drift_tables
from isoflop_plugins.analyzers.drift.series import Judgement, Series, judged, series_of

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.tables import FitTable

_RULE = "percentile intervals: Efron and Tibshirani 1993, chapter 13 (from memory of the book)"
_LONG_TREND = 4  # dates from which a parameter that only rises or falls is worth a sentence


def compare_dates(table: FitTable, context: AnalysisContext, /) -> AnalysisResult:
    """Return how each parameter of each law moved between the dates on which it was fitted.

    Fits are compared within one law, family, data set of the losses, objective and variant. A fit
    whose parameters mean nothing (not identifiable, at a bound, not converged), a parameter that
    is not identified, and a fit without a date are left out with the reason. An empty table, and
    one with a single date, give a result that says so.

    Notes
    -----
    A fit has one date: where runs come and go until the numbers are those of an earlier fit, it is
    that fit, and the one between stays the newest. Fits share runs, so they are not independent:
    a trend is counted and not tested, and by chance alone a fit leaves the interval of one whose
    runs it holds less often than the level says.
    """
    series, left_out = series_of(table)
    judgements = [j for s in series for j in judged(s)]
    tables = drift_tables.tables(series, judgements, context.laws)
    return AnalysisResult(
        name=DRIFT.name,
        title="Drift of fitted laws",
        verdict=_verdict(table, series, judgements),
        checks=_checks(series, judgements),
        findings=[_finding(j) for j in judgements if j.verdict == "outside"],
        tables=tables,
        figures=_figures(series, tables["params"]),
        left_out=left_out,
        source=f"{_RULE}; fits: {table.source or 'given table'}",
    )


def _verdict(table: FitTable, series: Sequence[Series], judgements: Sequence[Judgement]) -> str:
    if not len(table):
        return (
            "No fits are kept yet, so nothing can have drifted. `isoflop fit LAW` and "
            "`isoflop report` keep them."
        )
    seen = [j for j in judgements if j.verdict != "not-judged"]
    if not seen:
        return _too_early(table, series)
    out = [j for j in seen if j.verdict == "outside"]
    return f"{_outside(out, seen) if out else _inside(seen)}{_trends(seen)}"


def _outside(out: Sequence[Judgement], seen: Sequence[Judgement]) -> str:
    first = [j for j in out if j.series is out[0].series]
    told = "; ".join(_moved(j) for j in first[:3])
    more = len(out) - len(first[:3])
    return (
        f"{len(out)} of {plural(len(seen), 'parameter')} left the interval of the fit before. "
        f"{out[0].series.words}: {told}{f'; and {more} more, see the table' if more else ''}."
    )


def _inside(seen: Sequence[Judgement]) -> str:
    dates = sorted({len(j.series.fits) for j in seen})
    span = f"{dates[0]}" if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    return (
        f"No parameter left the interval of the fit before: {plural(len(seen), 'parameter')} "
        f"over {span} dates."
    )


def _too_early(table: FitTable, series: Sequence[Series]) -> str:
    once = sum(len(s.fits) == 1 for s in series)
    if series and once == len(series):
        laws = ", ".join(s.words for s in series[:3])
        more = f" and {once - 3} more" if once > 3 else ""
        return (
            f"Drift needs two dates, and each of {plural(once, 'law')} was fitted on one so far: "
            f"{laws}{more}. Fit again when runs were added: `isoflop report` does."
        )
    return (
        f"None of {plural(len(table), 'kept fit')} can be compared with one before it: see what "
        "was left out and why."
    )


def _moved(j: Judgement) -> str:
    return f"{j.parameter} is {j.now!r} and was {j.before!r}"


def _trends(seen: Sequence[Judgement]) -> str:
    """Return a sentence on parameters that only rose or only fell, where dates are many."""
    long = [j for j in seen if j.n_values >= _LONG_TREND and j.trend in ("rising", "falling")]
    if not long:
        return ""
    told = [f"{j.parameter} of {j.series.words} ({j.trend}, {j.n_values} dates)" for j in long[:3]]
    more = f" and {len(long) - 3} more" if len(long) > 3 else ""
    return f" In one direction at every date: {', '.join(told)}{more}."


def _checks(series: Sequence[Series], judgements: Sequence[Judgement]) -> list[tuple[str, bool]]:
    checks = []
    for one in series:
        seen = [j for j in judgements if j.series is one and j.verdict != "not-judged"]
        if seen:
            inside = sum(j.verdict == "inside" for j in seen)
            words = (
                f"{one.words}: {inside} of {plural(len(seen), 'parameter')} inside the interval "
                f"of the fit before, {plural(len(one.fits), 'date')}"
            )
            checks.append((words, inside == len(seen)))
    return checks


def _finding(j: Judgement) -> Finding:
    assert j.now is not None
    assert j.before is not None
    assert j.before_fit is not None
    one = j.series
    apart = j.now.low > j.before.high or j.now.high < j.before.low
    return Finding(
        kind="drift",
        subject="/".join(filter(None, (one.loss_dataset, one.objective, one.variant, j.parameter))),
        subject_name=f"{j.parameter} of {one.law}",
        severity="clear" if apart else "mild",
        law=one.law,
        family=one.family,
        message=f"{one.words}: {_moved(j)} on {moment(j.before_fit.created_at)}: outside that "
        f"interval{', and the two intervals are apart' if apart else ''}.",
        value=j.now,
        evidence={
            "before": j.before,
            "before_at": j.before_fit.created_at,
            "before_fit": j.before_fit.fit_id,
            "before_runs": j.before_fit.n_runs,
            "fit": one.fits[-1].fit_id,
            "runs": one.fits[-1].n_runs,
            "trend": j.trend,
        },
    )


def _figures(series: Sequence[Series], params: pd.DataFrame) -> Figures:
    laws = dict.fromkeys(s.law for s in series if len(s.fits) > 1)
    return Figures([_figure(law, [s for s in series if s.law == law], params) for law in laws])


def _figure(law: str, series: Sequence[Series], params: pd.DataFrame) -> Figure:
    rows = params[params["law"] == law]
    fits = [f for s in series for f in s.fits]
    losses = sorted({s.loss_dataset for s in series if s.loss_dataset})
    where = f", loss on {', '.join(losses)}" if losses else ""
    low, high = min(f.n_runs for f in fits), max(f.n_runs for f in fits)
    runs = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    return Figure(
        name=f"drift_{law}",
        caption=f"Parameters of {law} by date of the fit: {plural(len(fits), 'fit')} to {runs} "
        f"runs{where}. Bands and bars are the intervals of each fit; hollow points are not "
        "identified, and an end that is open is not drawn. Fits share runs, so they are not "
        "independent. Source: the registry's table fits.",
        table="params",
        build=lambda: drift_figures.drift(rows),
    )


def _run(table: Any, context: AnalysisContext, /, **options: Any) -> AnalysisResult:
    return compare_dates(table, context, **options)


DRIFT = Analyzer(
    name="drift",
    summary="Compares each kept fit with the one before: which parameters left their interval.",
    source=_RULE,
    table="fits",
    requires=("fit_id", "created_at", "law", "params"),
    run=_run,
    position=270,
)
