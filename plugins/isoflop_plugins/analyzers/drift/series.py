"""Kept fits in series of one law each, and whether the newest lies in the interval before it."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import numpy as np

from isoflop.estimate import Estimate
from isoflop.estimation.identifiability import USABLE
from isoflop.results import LeftOut
from isoflop.tables import FIT_SERIES

if TYPE_CHECKING:
    from isoflop.tables import FitTable

_SAME = 1e-9
"""Relative difference under which two values are one; the solver is no more exact. [1]"""

Trend = Literal["", "rising", "falling", "steady", "mixed"]
DriftVerdict = Literal["inside", "outside", "not-judged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFit:
    """One fit of a series.

    Parameters
    ----------
    fit_id : str
        Its id in the table `fits`.
    created_at : datetime
        When it was made, UTC.
    status : str
        As in `isoflop.estimation.FitResult`.
    n_runs, n_boot : int
        Runs used, bootstrap replicates; 0 where the record does not say.
    data : str
        Digest of the numbers that were fitted; empty where the record does not say.
    params : mapping of str to Estimate
        Parameters and what follows from them, in their own units.
    unidentified : frozenset of str
        Parameters that the runs do not identify.
    """

    fit_id: str
    created_at: datetime
    status: str
    n_runs: int
    n_boot: int
    data: str
    params: Mapping[str, Estimate]
    unidentified: frozenset[str] = frozenset()

    def identifies(self, parameter: str) -> bool:
        """Return whether it says something of a parameter."""
        known = parameter in self.params and math.isfinite(self.params[parameter].value)
        return known and parameter not in self.unidentified


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """Fits of one law that can be compared, oldest first, one a date.

    Parameters
    ----------
    law, family, loss_dataset, objective, variant : str
        What they share; empty where not known.
    fits : tuple of KeptFit
        At least one.
    words : str
        What to call it: no more than tells it from the others. The family is untrusted text.
    """

    law: str
    family: str
    loss_dataset: str
    objective: str
    variant: str
    fits: tuple[KeptFit, ...]
    words: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judgement:
    """One parameter of the newest fit of a series against the last interval before it.

    Parameters
    ----------
    series : Series
        Which.
    parameter : str
        Name.
    verdict : str
        ``inside``, ``outside`` or ``not-judged``, and then `reason` says why.
    now, before : Estimate or None
        Newest estimate, and the last one before it that has an interval.
    before_fit : KeptFit or None
        Where `before` stands.
    n_values : int
        Dates with a value.
    trend : str
        ``rising``, ``falling``, ``steady`` or ``mixed`` over these values; empty under three.
    reason : str
        Empty where judged.
    """

    series: Series
    parameter: str
    verdict: DriftVerdict
    now: Estimate | None
    before: Estimate | None
    before_fit: KeptFit | None
    n_values: int
    trend: Trend
    reason: str = ""


def series_of(table: FitTable) -> tuple[list[Series], list[LeftOut]]:
    """Return the series in order of name, and the fits that stand in none, with reasons."""
    kept: dict[tuple[str, ...], list[KeptFit]] = {}
    left_out = []
    keys = zip(*([text or "" for text in table.texts(c)] for c in FIT_SERIES), strict=True)
    for key, fit, reason in zip(keys, *_fits(table), strict=True):
        if fit is None:
            left_out.append(LeftOut(subject=f"{key[0]}, {reason[0]}", reason=reason[1]))
        else:
            kept.setdefault(key, []).append(fit)
    series = []
    names = _words(sorted(kept))
    for key, fits in sorted(kept.items()):
        one_a_date, others = _one_a_date(fits)
        shared = dict(zip(FIT_SERIES, key, strict=True))
        series.append(Series(**shared, fits=one_a_date, words=names[key]))
        left_out += [
            LeftOut(
                subject=f"{key[0]}, fit {other.fit_id[:8]}",
                reason="another fit of this law has the same date and as many runs or more",
            )
            for other in others
        ]
    return series, left_out


def _words(keys: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """Return what to call each series; losses and objective where another differs in them alone."""
    alike = Counter((law, family, variant) for law, family, _, _, variant in keys)
    names = {}
    for key in keys:
        law, family, losses, objective, variant = key
        told = [f"family {family!r}"] if family else []
        if alike[law, family, variant] > 1:
            told += [f"loss on {losses!r}"] if losses else []
            told += [objective] if objective else []
        told += [variant] if variant else []
        names[key] = f"{law} ({', '.join(told)})" if told else law
    return names


def _fits(table: FitTable) -> tuple[list[KeptFit | None], list[tuple[str, str]]]:
    """Return the fit of each row, None where it cannot be used, and then its name and why."""
    moments = table.to_arrow().column("created_at").to_pylist()
    ids, states, data = (table.texts(c) for c in ("fit_id", "status", "data_digest"))
    runs, boots = (np.nan_to_num(table.numbers(c)).astype(int) for c in ("n_runs", "n_boot"))
    unidentified = table.objects("unidentified")
    fits: list[KeptFit | None] = []
    reasons = []
    for i, params in enumerate(table.params()):
        status = states[i] or ""
        name = f"fit {(ids[i] or '')[:8]}"
        why = ""
        if moments[i] is None:
            why = "it has no date"
        elif status not in USABLE:
            why = f"it is {status or 'without a status'}, so its parameters mean nothing"
        reasons.append((name, why))
        fits.append(None if why else KeptFit(
            fit_id=ids[i] or "", created_at=moments[i], status=status,
            n_runs=int(runs[i]), n_boot=int(boots[i]), data=data[i] or "", params=params,
            unidentified=frozenset(unidentified[i] or ()),
        ))  # fmt: skip
    return fits, reasons


def _one_a_date(fits: Iterable[KeptFit]) -> tuple[tuple[KeptFit, ...], list[KeptFit]]:
    """Return the fits oldest first, of one date that with most runs, and the others.

    Several analyzers of one report fit the same numbers, with more or fewer replicates; the fit
    with most counts, and the rest are not others.
    """
    best: dict[datetime, KeptFit] = {}
    others = []
    for fit in sorted(fits, key=lambda f: (f.created_at, -f.n_runs, -f.n_boot, f.fit_id)):
        chosen = best.setdefault(fit.created_at, fit)
        if fit is not chosen and not (fit.data and fit.data == chosen.data):
            others.append(fit)
    return tuple(best.values()), others


def judged(series: Series) -> list[Judgement]:
    """Return a judgement of each parameter of the newest fit."""
    return [_judged(series, name) for name in series.fits[-1].params]


def _judged(series: Series, parameter: str) -> Judgement:
    *earlier, newest = series.fits
    told = [f.params[parameter].value for f in series.fits if f.identifies(parameter)]
    before_fit = next((f for f in reversed(earlier) if _has_interval(f, parameter)), None)
    before = before_fit.params[parameter] if before_fit else None
    now = newest.params[parameter]
    verdict: DriftVerdict = "not-judged"
    reason = ""
    if not newest.identifies(parameter):
        reason = "the newest fit does not identify it"
    elif not earlier:
        reason = "it was fitted on one date only"
    elif before is None:
        reason = "no fit before has an interval for it"
    else:
        verdict = "outside" if _is_outside(now.value, before) else "inside"
    return Judgement(
        series=series, parameter=parameter, verdict=verdict, now=now, before=before,
        before_fit=before_fit, n_values=len(told), trend=trend(told), reason=reason,
    )  # fmt: skip


def _has_interval(fit: KeptFit, parameter: str) -> bool:
    if not fit.identifies(parameter):
        return False
    estimate = fit.params[parameter]
    return not (math.isnan(estimate.low) or math.isnan(estimate.high))


def _is_outside(value: float, before: Estimate) -> bool:
    slack = _SAME * abs(value)
    return value < before.low - slack or value > before.high + slack


def trend(values: Sequence[float]) -> Trend:
    """Return the direction of values in order; empty for fewer than three.

    Examples
    --------
    >>> trend([0.30, 0.31, 0.33]), trend([1.0, 1.0, 1.0]), trend([1.0, 2.0])
    ('rising', 'steady', '')
    """
    if len(values) < 3:
        return ""
    pairs = itertools.pairwise(values)
    moves = [b - a for a, b in pairs if abs(b - a) > _SAME * max(abs(a), abs(b))]
    if not moves:
        return "steady"
    if all(m > 0 for m in moves):
        return "rising"
    return "falling" if all(m < 0 for m in moves) else "mixed"
