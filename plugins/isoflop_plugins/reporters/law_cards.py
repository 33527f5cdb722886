"""The laws of the user's runs on the first screen: exponents, status, runs, and drift in words."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from isoflop.estimate import Estimate
from isoflop.reporting.report import Report, Section
from isoflop.results import AnalysisResult
from isoflop.words import plural

_Kind = TypeVar("_Kind", dict[str, Any], list[Any])
_GROWTH = "exponent_n"
_CARDS, _NUMBERS = 4, 6
_DRIFT = {"law", "family", "parameter", "verdict", "n_dates"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LawCard:
    """One law, fitted to one family of the user's runs.

    Parameters
    ----------
    title, anchor : str
        Of the section that says more.
    law, family, equation : str
        Of the fit.
    rule : str
        How the best size grows with compute, with its interval; empty where the law does not say.
    status : str
        How the fit ended, in words, with the parameters that the runs do not identify.
    is_sound : bool
        True where it converged and every parameter is identified.
    n_runs : int
        Runs used.
    numbers : mapping of str to Estimate
        Parameters and what follows from them.
    drift : str
        What became of its parameters since earlier dates, in words.
    level : str
        Level of the intervals, as a percentage.
    """

    title: str
    anchor: str
    law: str
    family: str
    equation: str
    rule: str
    status: str
    is_sound: bool
    n_runs: int
    numbers: Mapping[str, Estimate]
    drift: str
    level: str


def law_cards(report: Report) -> tuple[LawCard, ...]:
    """Return cards, in order of position, of the laws that say how the best size grows.

    Where none says so, those of the first laws with numbers; nothing where nothing was fitted. A
    fit that several analyzers show has one card.
    """
    cards = list(_cards(report))
    growing = [card for card in cards if card.rule]
    return tuple((growing or cards)[:_CARDS])


def _cards(report: Report) -> Iterator[LawCard]:
    seen: set[str] = set()
    for section in report.yours:
        for fit in section.result.fits if section.result else ():
            key = str(fit.get("fit_id"))
            numbers = _numbers_of(fit, section.result) if section.result else {}
            if numbers and key not in seen:
                seen.add(key)
                yield _card(report, section, fit, numbers)


def _numbers_of(fit: Mapping[str, Any], result: AnalysisResult) -> dict[str, Estimate]:
    """Return the numbers of a result that are about this fit, without the family before them.

    A result may hold fits of several laws and numbers of one: they are about the fit whose
    parameters are among them, value for value.
    """
    prefix = f"{fit.get('family')}/"
    own = {n.removeprefix(prefix): v for n, v in result.numbers.items() if n.startswith(prefix)}
    own = own or {n: v for n, v in result.numbers.items() if "/" not in n}
    params = _json(fit.get("params"), dict)
    known = (name for name, v in own.items() if _first(params.get(name)) == v.value)
    return own if any(True for _ in known) else {}


def _first(kept: Any) -> Any:
    """Return the value of an estimate as a row keeps it: three numbers, or the estimate itself."""
    if isinstance(kept, Estimate):
        return kept.value
    return kept[0] if isinstance(kept, list | tuple) and kept else None


def _card(
    report: Report, section: Section, fit: Mapping[str, Any], numbers: Mapping[str, Estimate]
) -> LawCard:
    law, family = (str(fit.get(name) or "") for name in ("law", "family"))
    status = str(fit.get("status") or "").replace("-", " ")
    loose = [str(name) for name in _json(fit.get("unidentified"), list)]
    growth = numbers.get(_GROWTH)
    return LawCard(
        title=section.title,
        anchor=section.anchor,
        law=law,
        family=family,
        equation=str(fit.get("equation") or ""),
        rule="" if growth is None else f"N_opt ~ C^{growth!r}",
        status=f"{status}: the runs do not tell {', '.join(loose)}" if loose else status,
        is_sound=status == "converged" and not loose,
        n_runs=int(fit.get("n_runs") or 0),
        numbers={n: v for n, v in list(numbers.items())[:_NUMBERS] if n != _GROWTH},
        drift=_drift(report, law, family),
        level=f"{100 * next(iter(numbers.values())).level:.4g} %",
    )


def _json(said: Any, kind: type[_Kind]) -> _Kind:
    """Return what a fit's row keeps, as JSON or as it is; an empty one for anything else."""
    if isinstance(said, kind):
        return said
    try:
        kept = json.loads(said or "null")
    except (TypeError, ValueError):
        kept = None
    return kept if isinstance(kept, kind) else kind()


def _drift(report: Report, law: str, family: str) -> str:
    """Return what tables that follow parameters over dates say of this law."""
    rows = [row for row in _followed(report) if (row["law"], row["family"]) == (law, family)]
    judged = Counter(str(row["verdict"]) for row in rows)
    inside, outside = judged["inside"], judged["outside"]
    if not inside + outside:
        return "no earlier fit to compare with"
    dates = max(int(row["n_dates"]) for row in rows)
    out = sorted({str(row["parameter"]) for row in rows if row["verdict"] == "outside"})
    said = f"left its last interval: {', '.join(out)}" if out else "inside the last intervals"
    counted = f"{outside or inside} of {plural(inside + outside, 'parameter')} "
    return f"{counted}{said}, over {plural(dates, 'date')}"


def _followed(report: Report) -> Iterator[Mapping[Any, Any]]:
    for section in report.yours:
        for frame in section.result.tables.values() if section.result else ():
            if set(frame.columns) >= _DRIFT:
                yield from frame[sorted(_DRIFT)].to_dict("records")
