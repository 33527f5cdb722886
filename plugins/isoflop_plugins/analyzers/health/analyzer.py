"""Is this table right? Nulls with reasons, claims that disagree, numbers that cannot be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.drawing.palette import BLUE, ORANGE
from isoflop.estimate import Estimate
from isoflop.hookspecs import AnalysisContext, Analyzer
from isoflop.results import AnalysisResult, Figure, Figures, Finding
from isoflop.tables import RunTable
from isoflop.words import plural
from isoflop_plugins.analyzers.health.checks import Problem
from isoflop_plugins.analyzers.health.evidence import (
    DISAGREE,
    ESSENTIAL,
    REJECTED,
    SETTLED,
    conflicts,
    nulls_table,
)
from isoflop_plugins.analyzers.health.families import FAMILY_CHECKS, STAGE_CHECK
from isoflop_plugins.analyzers.health.shape import SHAPE
from isoflop_plugins.analyzers.health.table import LIMITS

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

CHECKS = (*(limit.check() for limit in LIMITS), SHAPE, *FAMILY_CHECKS)
"""Every check, in the order of findings."""

_SOURCE = (
    "Bounds: C/(6ND) as spread by FLOP conventions (embeddings, attention); loss of even "
    "guessing, ln(vocabulary); MFU by definition in (0, 1]; each finding names its own."
)
_STATUS_TODO = {
    "failed": "left out of fits by its missing end; find the cause in its source",
    "killed": "resume it or leave it",
    "stale": "silent for long: mark it failed in its source if it is dead",
    "diverged": "its loss ended non-finite: no fit uses it",
    "running": "its numbers still move",
    "unknown": "the source does not say how it ended",
}
_KINDS = dict.fromkeys((DISAGREE, REJECTED, SETTLED), "conflict")
_FIGURE_COLUMNS = 25


def health(runs: RunTable, context: AnalysisContext, /) -> AnalysisResult:
    """Check a run table.

    Parameters
    ----------
    runs : RunTable, n_runs rows
        No column is required: a missing one counts as null everywhere.
    context : AnalysisContext
        Not used.

    Returns
    -------
    AnalysisResult
        Tables ``nulls``, ``conflicts``, ``checks``, ``limits`` (every check, how many runs it
        could judge, its source), ``status``; a finding for each conflict and each failed check.
        An empty table gives a verdict that says so.
    """
    del context
    found = {check.name: list(check.find(runs)) for check in CHECKS}
    told = _not_said_by(found, list(conflicts(runs)))
    found = {name: _not_told_in(told, listed) for name, listed in found.items()}
    problems = [p for listed in found.values() for p in listed]
    told += STAGE_CHECK.find(runs)
    nulls = nulls_table(runs)
    judged = {check.name: check.judged(runs) for check in CHECKS}
    checks = [
        (f"{c.statement}{_count(found[c.name])}", not found[c.name])
        for c in CHECKS
        if judged[c.name]
    ]
    disagree = [p for p in told if p.severity != "info"]
    checks.append((f"claims about one column agree{_count(disagree)}", not disagree))
    return AnalysisResult(
        name="health",
        title="Table health",
        verdict=_verdict(runs, problems, disagree),
        checks=checks if len(runs) else [],
        findings=[_finding(p) for p in (*problems, *told)],
        tables={
            "nulls": nulls,
            "conflicts": _problem_table(told),
            "checks": _problem_table(problems),
            "limits": _limit_table(judged, found),
            "status": _status_table(runs),
        },
        figures=_figures(nulls, len(runs)),
        source=_SOURCE + (f" Data: {runs.source}." if runs.source else ""),
    )


def _not_said_by(found: Mapping[str, Sequence[Problem]], told: Sequence[Problem]) -> list[Problem]:
    """Return what sources say without a refused MFU that the check of MFU says better."""
    fast = {p.subject for p in found["mfu"]}
    return [
        p for p in told if not (p.severity == "info" and p.column == "mfu" and p.subject in fast)
    ]


def _not_told_in(told: Sequence[Problem], problems: Sequence[Problem]) -> list[Problem]:
    """Return the problems without those that a disagreement of sources tells, or told, already."""
    disagree = {(p.subject, p.column) for p in told if p.check in (DISAGREE, SETTLED)}
    return [p for p in problems if not p.column or (p.subject, p.column) not in disagree]


def _count(problems: Sequence[Problem]) -> str:
    return f" ({plural(len(problems), 'exception')})" if problems else ""


def _verdict(runs: RunTable, problems: Sequence[Problem], disagree: Sequence[Problem]) -> str:
    if not len(runs):
        return "No runs, so nothing to check: collect some first."
    complete = np.isfinite([runs.numbers(c) for c in ("n_params", "n_tokens", "loss")]).all(axis=0)
    n_complete = int(complete.sum())
    has = f"{n_complete:,} of {plural(len(runs), 'run')} have N, D and a loss"
    if not problems and not disagree:
        if n_complete == len(runs):
            return f"The table looks right: {has}, and no check failed."
        return f"What is there looks right: {has}, and no check failed. {_missing(runs)}"
    kinds = Counter(p.check for p in (*problems, *disagree))
    listed = ", ".join(f"{name} {n}" for name, n in kinds.most_common(4))
    gravest = min(
        (*problems, *disagree), key=lambda p: ("severe", "clear", "mild").index(p.severity)
    )
    return (
        f"Look before you trust it: {plural(len(problems) + len(disagree), 'problem')} "
        f"({listed}); {has}. First: {gravest.subject_name}, {gravest.value}. {gravest.todo}"
    )


def _missing(runs: RunTable) -> str:
    lacks = {c: int(np.isnan(runs.numbers(c)).sum()) for c in ("n_params", "n_tokens", "loss")}
    name, n = max(lacks.items(), key=lambda item: item[1])
    return (
        f"Most often missing: {name} ({plural(n, 'run')}); the reasons are in the table of nulls."
    )


def _finding(problem: Problem) -> Finding:
    number = problem.number
    nan = float("nan")
    return Finding(
        kind=_KINDS.get(problem.check, "inconsistent"),
        subject=problem.subject,
        subject_name=problem.subject_name,
        severity=problem.severity,
        law=problem.check,
        message=f"{problem.subject_name}: {problem.value}; expected {problem.expected}.",
        value=Estimate(value=number, low=nan, high=nan) if np.isfinite(number) else None,
        family=problem.family,
        evidence={"todo": problem.todo} | ({"limit": problem.source} if problem.source else {}),
    )


def _problem_table(problems: Sequence[Problem]) -> pd.DataFrame:
    import pandas as pd

    rows = [
        (p.subject_name, p.check, p.value, p.expected, p.severity, p.family, p.todo, p.source)
        for p in problems
    ]
    names = ["run", "check", "value", "expected", "severity", "family", "what_to_do", "source"]
    return pd.DataFrame(rows, columns=names)


def _limit_table(judged: Mapping[str, int], found: Mapping[str, Sequence[Problem]]) -> pd.DataFrame:
    import pandas as pd

    rows = [(c.name, c.statement, judged[c.name], len(found[c.name]), c.source) for c in CHECKS]
    names = ["check", "statement", "runs_judged", "exceptions", "source"]
    return pd.DataFrame(rows, columns=names)


def _status_table(runs: RunTable) -> pd.DataFrame:
    import pandas as pd

    counts = Counter(status or "unknown" for status in runs.texts("status"))
    rows = [(s, n, _STATUS_TODO.get(s, "")) for s, n in counts.most_common()]
    return pd.DataFrame(rows, columns=["status", "n_runs", "what_to_do"])


def _figures(nulls: pd.DataFrame, n_runs: int) -> Figures:
    if nulls.empty or not n_runs:
        return Figures(())
    caption = (
        f"Share of {plural(n_runs, 'run')} in which a column is null, the columns that analyses "
        "stand on first; with a recorded reason or without."
    )
    return Figures(
        (Figure(name="nulls", caption=caption, table="nulls", build=lambda: nulls_chart(nulls)),)
    )


def nulls_chart(nulls: pd.DataFrame) -> alt.Chart:
    """Return bars of the share of runs in which a column is null, reasons told apart."""
    import altair as alt

    essential = nulls["column"].isin(ESSENTIAL)
    rest = nulls[~essential].sort_values("runs_null", ascending=False, kind="stable")
    shown = rest.head(_FIGURE_COLUMNS - int(essential.sum()))
    order = [*nulls[essential]["column"], *shown["column"]]
    chosen = nulls[nulls["column"].isin(order)]
    rows = chosen.assign(
        explained=chosen["runs_with_reason"] / chosen["runs"],
        unexplained=(chosen["runs_null"] - chosen["runs_with_reason"]) / chosen["runs"],
    ).melt(id_vars="column", value_vars=["explained", "unexplained"], var_name="reason_is")
    words = {"explained": "reason recorded", "unexplained": "the source did not say it"}
    rows = rows.assign(reason_is=rows["reason_is"].map(words))
    colors = alt.Scale(domain=list(words.values()), range=[BLUE, ORANGE])
    return (
        alt.Chart(rows)
        .mark_bar()
        .encode(
            x=alt.X("value:Q", title="Share of runs [1]", scale=alt.Scale(domain=[0, 1])),
            y=alt.Y("column:N", title=None, sort=order),
            color=alt.Color("reason_is:N", title=None, scale=colors,
                            legend=alt.Legend(orient="top")),
        )
        .properties(width=480, height={"step": 18})
    )  # fmt: skip


def _run(table: Any, context: AnalysisContext, /, **options: Any) -> AnalysisResult:
    return health(table, context, **options)


HEALTH = Analyzer(
    name="health",
    summary="Is this table right? Nulls by reason, conflicts, duplicates, impossible numbers.",
    source=_SOURCE,
    table="runs",
    requires=(),
    run=_run,
    position=400,
)
