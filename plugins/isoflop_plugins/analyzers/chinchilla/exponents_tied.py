"""The two-term law with one exponent for N and D beside the free one: which the data prefer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.errors import FitError, UnitError
from isoflop.estimate import Estimate
from isoflop.estimation import FitResult, Rollout, fit_law
from isoflop.estimation.intervals import interval
from isoflop_plugins.analyzers.by_family.hold_out import by_compute, predict_held_out

if TYPE_CHECKING:
    from isoflop.laws import Law
    from isoflop_plugins.analyzers.by_family.fits import FamilyFit

TIED = ("alpha", "beta")
FREE, ONE = "free", "alpha = beta"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Variant:
    """The law of one family under one constraint.

    Parameters
    ----------
    name : str
        The constraint in words: ``"free"``, ``"alpha = beta"``, ``"alpha = 0.5"``.
    fit : FitResult
        The fit under it.
    held_out : Rollout or None
        Its prediction of the largest runs; None where it is not to be predicted from.
    """

    name: str
    fit: FitResult
    held_out: Rollout | None

    @property
    def held_out_error(self) -> float:
        """Mean absolute relative error on the held-out runs; NaN without them. [1]."""
        return float(np.abs(self.held_out.error).mean()) if self.held_out else float("nan")


def variants(
    law: Law, item: FamilyFit, settings: Mapping[str, Any], *, holdout: float
) -> list[Variant]:
    """Return the family's fit, the free one and the tied one, each once; none without a fit.

    Parameters
    ----------
    law : Law
        The two-term law.
    item : FamilyFit
        The family with the fit that was asked for.
    settings : mapping
        Keywords of that fit.
    holdout : float
        Share of the runs held out. [1]
    """
    if item.fit is None:
        return []
    own = Variant(name=_constraint(settings), fit=item.fit, held_out=item.held_out)
    out = {own.name: own}
    for name, tied in ((FREE, ()), (ONE, TIED)):
        if name in out:
            continue
        asked = {**settings, "fixed": {}, "tied": tied}
        try:
            fit = fit_law(law, item.runs, family=item.family, **asked)
        except (FitError, UnitError):
            continue
        held = None
        if fit.is_usable:
            rows = by_compute(item.runs, fit.rows, share=holdout, clusters=settings.get("clusters"))
            held = predict_held_out(law, item.runs, fit.rows, rows, asked)
        out[name] = Variant(name=name, fit=fit, held_out=held)
    return sorted(out.values(), key=lambda v: (v.name != FREE, v.name != ONE, v.name))


def difference(free: FitResult) -> Estimate:
    """Return alpha - beta of a free fit, with its bootstrap interval [1]."""
    a, b = (free.law.names.index(name) for name in TIED)
    return interval(
        float(free.estimate[a] - free.estimate[b]), free.draws[:, a] - free.draws[:, b], free.level
    )


def preference(found: list[Variant]) -> str:
    """Return which of one exponent and two the data prefer, in words; empty where not compared.

    Two, where the interval of their difference leaves zero out; else they cannot be told apart,
    and one exponent is the simpler law.
    """
    by_name = {v.name: v for v in found}
    if FREE not in by_name or ONE not in by_name:
        return ""
    free, one = by_name[FREE], by_name[ONE]
    if not free.fit.is_usable:
        return f"alpha and beta cannot be told apart: the free fit is {free.fit.status}"
    gap = difference(free.fit)
    if not (np.isfinite(gap.low) and np.isfinite(gap.high)):
        return ""
    if gap.low <= 0 <= gap.high:
        said = f"alpha - beta is {gap!r}: the runs do not tell them apart, one exponent will do"
    else:
        said = f"alpha - beta is {gap!r}: the runs want two exponents"
    if one.fit.is_usable and np.isfinite(one.held_out_error) and np.isfinite(free.held_out_error):
        said += (
            f" (held-out error {100 * one.held_out_error:.2g} % tied, "
            f"{100 * free.held_out_error:.2g} % free)"
        )
    return said


def _constraint(settings: Mapping[str, Any]) -> str:
    said = [f"{name} = {value:g}" for name, value in sorted(dict(settings["fixed"]).items())]
    said += [" = ".join(sorted(settings["tied"]))] if settings["tied"] else []
    return ", ".join(said) or FREE
