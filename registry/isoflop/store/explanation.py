"""Why a cell of `runs` holds what it holds: value, source, claims, reason."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from isoflop.display.card import Card, Number, ShowsCard
from isoflop.display.harmless import harmless
from isoflop.errors import UnknownNameError
from isoflop.records import Claim
from isoflop.schema import RUNS

if TYPE_CHECKING:
    from isoflop.tables import RunTable


SHORTEST_ID = 4
"""Characters of the start of an id that name a run or source. [1]"""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Explanation(ShowsCard):
    """One cell of `runs`, explained.

    Parameters
    ----------
    run : str
        Name of the run, else its id.
    column : str
        Column.
    value : object
        Value, None where it is null.
    unit : str
        Unit of the value.
    how, source : str
        How it is known and where it was read; empty where not recorded.
    claims : tuple of Claim
        Everything that was said about it, rejected claims included.
    reason : str
        Why it is null; empty where it is not.
    text : str
        All of it in words.
    """

    run: str
    column: str
    value: object
    unit: str
    how: str
    source: str
    claims: tuple[Claim, ...]
    reason: str
    text: str

    def __repr__(self) -> str:
        return harmless(self.text)

    def _card(self) -> Card:
        known = self.value is not None
        return Card(
            title=f"{self.column} of {self.run}",
            verdict=self.text.partition("\n")[0].partition(f" of {self.run}: ")[2],
            status=self.how or ("known" if known else "not known"),
            tone="neutral" if known else "caution",
            facts=[f"meaning: {RUNS.column(self.column).description}"]
            + [f"why: {self.reason}"] * bool(self.reason),
            numbers_title="what was said" if self.claims else "",
            numbers=[_said(claim) for claim in self.claims],
            source=self.source,
        )


def explain_cell(runs: RunTable, run: str, column: str) -> Explanation:
    """Return where a cell of a run comes from.

    Parameters
    ----------
    runs : RunTable
        All runs.
    run : str
        `run_uid`, the beginning of one, or a run name that only one run has.
    column : str
        Column of `runs`.

    Raises
    ------
    UnknownNameError
        There is no such column, or not exactly one such run; candidates are listed.
    """
    known = RUNS.column(column)
    at = runs.texts("run_uid").index(find_run(runs, run))
    row = runs.take([at]).to_arrow().to_pylist()[0]
    claims = tuple(c for c in _claims(row) if c.column == column)
    how, source = _provenance(row, column, claims)
    value = row.get(column)
    reason = "" if value is not None else _reason(row, column)
    label = row.get("run_name") or row["run_uid"]
    text = _words(label, known, value, how=how, source=source, claims=claims, reason=reason)
    return Explanation(
        run=label, column=column, value=value, unit=known.unit, how=how, source=source,
        claims=claims, reason=reason, text=text,
    )  # fmt: skip


def _said(claim: Claim) -> Number:
    state = f"rejected: {claim.rejected}" if claim.rejected else "usable"
    return Number(name=str(claim.value), text=state, note=f"({claim.how}, {claim.source})")


def find_run(runs: RunTable, run: str) -> str:
    """Return the id of the run that a word means: its id, the start of it, or its name.

    Raises `UnknownNameError` with the candidates where it is not exactly one run.
    """
    uids, names = [str(u) for u in runs.texts("run_uid")], runs.texts("run_name")
    for candidates in (
        [uid for uid in uids if uid == run],
        [uid for uid in uids if len(run) >= SHORTEST_ID and uid.startswith(run)],
        [uid for uid, name in zip(uids, names, strict=True) if name == run],
    ):
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            named = dict(zip(uids, names, strict=True))
            shown = [f"{uid[:8]} ({named[uid] or 'no name'})" for uid in candidates]
            hint = f"{len(candidates)} runs match {run!r}: give the start of the run_uid."
            raise UnknownNameError("single run", run, shown, hint=hint)
    shown = [n or uid for n, uid in zip(names, uids, strict=True)]
    raise UnknownNameError("run", run, set(shown), hint="`isoflop ls` lists them.")


def _claims(row: Mapping[str, Any]) -> list[Claim]:
    told = json.loads(row.get("claims") or "[]")
    return [
        Claim(
            column=c["column"],
            value=c.get("value"),
            how=c.get("how", ""),
            source=c.get("source", ""),
            rejected=c.get("rejected", ""),
        )
        for c in told
    ]


def _provenance(row: Mapping[str, Any], column: str, claims: tuple[Claim, ...]) -> tuple[str, str]:
    """Return how a column is known and from where: its own columns, its group's, or its claim."""
    if row.get(column) is None:
        return "", ""
    hardware = RUNS.column(column).group == "Hardware"
    for quantity in (column, *(("hardware",) if hardware else ())):
        if row.get(f"{quantity}_how"):
            return str(row[f"{quantity}_how"]), str(row.get(f"{quantity}_source") or "")
    chosen = next((c for c in claims if not c.rejected), None)
    return (chosen.how, chosen.source) if chosen else ("", "")


def _reason(row: Mapping[str, Any], column: str) -> str:
    reasons = json.loads(row.get("null_reasons") or "{}")
    return str(reasons.get(column) or "the source said nothing about it")


def _words(
    label: str, column: Any, value: object, *, how: str, source: str,
    claims: tuple[Claim, ...], reason: str,
) -> str:  # fmt: skip
    unit = f" [{column.unit}]" if column.unit not in ("", "1") else ""
    shown = "not known" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
    if isinstance(value, float):
        shown = f"{value:.6g}"
    lines = [f"{column.name} of {label}: {shown}{unit if value is not None else ''}"]
    lines.append(f"  meaning: {column.description}")
    if reason:
        lines.append(f"  why: {reason}")
    if how or source:
        lines.append(f"  how: {how or 'not recorded'}{f', from {source}' if source else ''}")
    for claim in claims:
        state = f"rejected: {claim.rejected}" if claim.rejected else "usable"
        lines.append(f"  claim: {claim.value} ({claim.how}, {claim.source}) {state}")
    return "\n".join(lines)
