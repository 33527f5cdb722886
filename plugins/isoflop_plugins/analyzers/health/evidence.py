"""What the evidence columns say: why a value is null, and which claims disagree."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.linking import BY_HAND
from isoflop.results import Severity
from isoflop.schema import ESTIMATED, RUNS
from isoflop.tables import RunTable
from isoflop_plugins.analyzers.health.checks import Problem, handle, identity

if TYPE_CHECKING:
    import pandas as pd

DISAGREE, REJECTED, SETTLED = "claims-agree", "rejected-claim", "settled-by-hand"
"""Checks of claims: sources disagree, one was refused, and a person has said which is right."""
CONFLICT = 0.01
"""Relative difference from which two numbers for one column are a conflict."""
GRAVE = 0.1
"""Relative difference from which a conflict about N, D, C or the loss changes an answer."""
SLACK = {"wall_time_s": (0.1, 120.0), "n_steps": (CONFLICT, 1.0)}
"""Column to the relative and absolute difference that is none: trackers start their clocks before
or after the libraries load (40 s in data/stacks), and count steps from 0 or 1. [1], [unit]"""
_SAMPLED = frozenset({"loss_last", "loss_smoothed", "loss_min"})
"""Read off curves that sources log at other steps, so they differ without a conflict."""
_NO_OPINION = {"family": "experiment", "flops": "6nd"}
"""Column to how a claim is known that says nothing against another: a project's name is no family,
and C / (6 N D) has its own check."""
ESSENTIAL = ("n_params", "n_tokens", "flops", "loss", "family")
_GROUPS = ("Parameters (N)", "Tokens (D)", "Compute (C)", "Loss", "Hardware", "Schedule", "Shape")
SET = "isoflop set"
"""Source of a value that a person said of a run after looking: their last word."""
NO_REASON = "the source did not say it"


def nulls_table(runs: RunTable) -> pd.DataFrame:
    """Return one row a column with nulls: how many, and the most frequent reasons."""
    import pandas as pd

    reasons = _reasons(runs)
    rows = []
    for name in _columns():
        missing = _nulls(runs, name)
        if missing:
            said = reasons.get(name, Counter())
            rows.append(_null_row(name, missing, len(runs), said))
    names = ["column", "runs_null", "runs", "fraction_null", "reason", "runs_with_reason"]
    frame = pd.DataFrame(rows, columns=[*names, "reasons"])
    frame.attrs["units"] = {"runs_null": "1", "runs": "1", "fraction_null": "1"}
    return frame


def conflicts(runs: RunTable) -> Iterator[Problem]:
    """Yield a problem for each column of a run whose claims disagree or were rejected.

    What a person settled with `isoflop set` is told as info.
    """
    for row, claims in _parsed(runs, "claims", list):
        by_column: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for claim in claims:
            if isinstance(claim, dict) and "column" in claim:
                by_column[str(claim["column"])].append(claim)
        who: tuple[str, str, str] | None = None
        for column, said in by_column.items():
            disagree = _disagreement(column, said)
            told = disagree or _rejection(said)
            if told:
                who = who or identity(runs, row)
                problem = _conflict(who, column, *told)
                yield _settled(problem, who) if disagree and _is_set(said) else problem


def _conflict(
    who: tuple[str, str, str], column: str, value: str, severity: Severity, spread: float
) -> Problem:
    label, uid, family = who
    rejected = severity == "info"
    return Problem(
        check=REJECTED if rejected else DISAGREE,
        subject=uid,
        subject_name=label,
        family=family,
        value=f"{column}: {value}",
        expected="a usable value" if rejected else "equal within 1 %",
        severity=severity,
        number=spread,
        todo=f"See `isoflop explain {handle(uid, label)} {column}`; "
        f"{_what_decides(handle(uid, label), column)} decides.",
        column=column,
    )


def _what_decides(run: str, column: str) -> str:
    by_hand = f"`isoflop set {run} {column}=VALUE`"
    return by_hand if column in BY_HAND else f"the tag `isoflop.{column}`"


def _is_set(claims: Sequence[Mapping[str, Any]]) -> bool:
    return any(c.get("chosen") and c.get("source") == SET for c in claims)


def _settled(problem: Problem, who: tuple[str, str, str]) -> Problem:
    label, uid, _ = who
    return replace(
        problem,
        check=SETTLED,
        severity="info",
        value=f"{problem.value}; settled by hand",
        todo=f"Nothing; `isoflop set {handle(uid, label)} {problem.column}=` takes it back.",
    )


def _disagreement(
    column: str, claims: Sequence[Mapping[str, Any]]
) -> tuple[str, Severity, float] | None:
    usable = _comparable(column, claims)
    numbers = [c for c in usable if _is_number(c["value"])]
    if numbers and len(numbers) == len(usable):
        values = [float(c["value"]) for c in numbers]
        spread = max(values) - min(values)
        relative = spread / max(abs(v) for v in values) if spread else 0.0
        share, amount = SLACK.get(column, (CONFLICT, 0.0))
        if relative <= share or spread <= amount:
            return None
        grave = column in ESTIMATED and relative > GRAVE
    else:
        if len({str(c["value"]) for c in usable}) < 2:
            return None
        relative, grave = float("nan"), False
    words = " / ".join(f"{_shown(c['value'])} ({c.get('source') or c.get('how')})" for c in usable)
    return words, "clear" if grave else "mild", relative


def _comparable(column: str, claims: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the usable claims that mean one thing; of losses those known as the chosen one is."""
    usable = [c for c in claims if not c.get("rejected") and c.get("value") is not None]
    if column in _SAMPLED:
        return []
    if column == "loss" and usable:
        return [c for c in usable if c.get("how") == usable[0].get("how")]
    return [c for c in usable if c.get("how") is None or c.get("how") != _NO_OPINION.get(column)]


def _rejection(claims: Sequence[Mapping[str, Any]]) -> tuple[str, Severity, float] | None:
    rejected = [c for c in claims if c.get("rejected")]
    if not rejected:
        return None
    words = "; ".join(f"{c.get('source') or c.get('how')}: {c['rejected']}" for c in rejected[:3])
    return words, "info", float("nan")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _shown(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _columns() -> list[str]:
    chosen = [
        c.name
        for c in RUNS.columns
        if c.group in _GROUPS and not c.name.endswith(("_how", "_source")) and not c.bookkeeping
    ]
    first = list(ESSENTIAL)
    return first + [name for name in chosen if name not in first]


def _nulls(runs: RunTable, name: str) -> int:
    if name not in runs.columns:
        return len(runs)
    column = runs.to_arrow().column(name)
    if RUNS.column(name).type in ("float64", "float32"):
        return int(np.isnan(runs.numbers(name)).sum())
    return int(column.null_count)


def _reasons(runs: RunTable) -> dict[str, Counter[str]]:
    """Return how often each reason is given, by column."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for _, reasons in _parsed(runs, "null_reasons", dict):
        for column, reason in reasons.items():
            found[column][str(reason)] += 1
    return found


def _null_row(name: str, missing: int, n_runs: int, said: Counter[str]) -> dict[str, Any]:
    unexplained = missing - sum(said.values())
    words = [f"{reason} ({n})" for reason, n in said.most_common(3)]
    if unexplained > 0:
        words.append(f"{NO_REASON} ({unexplained})")
    return {
        "column": name,
        "runs_null": missing,
        "runs": n_runs,
        "fraction_null": missing / n_runs,
        "reason": said.most_common(1)[0][0] if said else NO_REASON,
        "runs_with_reason": min(missing, sum(said.values())),
        "reasons": "; ".join(words),
    }


def _parsed(runs: RunTable, name: str, kind: type) -> Iterator[tuple[int, Any]]:
    """Yield row and content of a JSON column, where there is any of the right kind."""
    for row, text in enumerate(runs.texts(name)):
        if text and len(text) > 2:
            try:
                content = json.loads(text)
            except ValueError:
                continue
            if isinstance(content, kind):
                yield row, content
