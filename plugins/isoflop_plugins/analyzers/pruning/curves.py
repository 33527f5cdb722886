"""Curves of error against data kept: one for each family, pruning score and kept fraction."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.errors import FitError, UnitError
from isoflop.estimation import FitResult, fit_law
from isoflop.estimation.foretelling.extrapolating import Extrapolation, extrapolate
from isoflop.results import LeftOut
from isoflop.words import percent
from isoflop_plugins.analyzers.by_family.fits import family_words
from isoflop_plugins.analyzers.by_family.needed_columns import lacking, values_or_nan, with_values

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isoflop.laws import Law
    from isoflop.tables import RunTable

FRACTION, KEPT, SCORE = "kept_fraction", "n_kept", "pruning_score"
_FORMS = ("power", "exponential")
_DRAWS = 200
_STANDS_FOR_KEPT = (KEPT, "n_tokens_unique", "n_tokens")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """Runs of one kept fraction, and what came of both forms.

    Parameters
    ----------
    family, score : str
        Untrusted text; empty where there is none.
    fraction : float
        Share of the data that was kept. [1]
    runs : RunTable
        Its runs.
    fits : mapping of str to FitResult
        ``power`` and ``exponential``, fitted to all runs; empty where `refusal` says why.
    errors : mapping of str to float
        Root mean squared log error of each on the held-out largest sets. [1]
    share_exponential : float
        Share of resamples in which the exponential predicts these better. [1]
    form : str
        The form that both the held-out error and the objective name, sure at the level; empty
        where they do not.
    """

    family: str
    score: str
    fraction: float
    runs: RunTable
    fits: Mapping[str, FitResult] = field(default_factory=dict)
    errors: Mapping[str, float] = field(default_factory=dict)
    share_exponential: float = float("nan")
    last_error: float = float("nan")
    n_held: int = 0
    form: str = ""
    refusal: str = ""
    left_out: tuple[LeftOut, ...] = ()

    @property
    def key(self) -> str:
        """Name of the curve among others."""
        return "/".join(x for x in (self.family, self.score, f"kept-{self.fraction:g}") if x)

    @property
    def words(self) -> str:
        """What to call the curve in a sentence."""
        score = f", score {self.score!r}" if self.score else ""
        return f"{family_words(self.family)}{score}, {percent(self.fraction)} kept"

    @property
    def drawn(self) -> FitResult:
        """The fit to draw: of the form that is named, else of the lower objective."""
        form = self.form or min(self.fits, key=lambda name: self.fits[name].objective)
        return self.fits[form]


def refusal_of(runs: RunTable, response: str) -> str:
    """Return which columns the runs lack; empty where they lack none."""
    missing = list(lacking(runs, [FRACTION, response]))
    if len(lacking(runs, _STANDS_FOR_KEPT)) == len(_STANDS_FOR_KEPT):
        missing.append(KEPT)
    if not missing:
        return ""
    told = {
        FRACTION: f"{FRACTION} (share of the data kept, above 0 and at most 1)",
        KEPT: f"{KEPT} (examples or tokens after pruning)",
        response: f"{response} (or name another column with response=...)",
    }
    return f"no run has {', '.join(told[name] for name in missing)}; add such columns to the runs"


def prepared(runs: RunTable) -> tuple[RunTable, list[LeftOut]]:
    """Return the runs with `n_kept` filled, and those that have no kept fraction."""
    kept = next(c for c in _STANDS_FOR_KEPT if not lacking(runs, [c]))
    runs = with_values(runs, KEPT, values_or_nan(runs, kept))
    fraction = values_or_nan(runs, FRACTION)
    usable = (fraction > 0) & (fraction <= 1)
    reason = f"{FRACTION} is null or not above 0 and at most 1"
    labels = runs.labels()
    gone = [LeftOut(subject=labels[i], reason=reason) for i in np.flatnonzero(~usable)]
    return runs.take(usable), gone


def curves_of(
    laws: Sequence[Law],
    family: str,
    runs: RunTable,
    settings: Mapping[str, Any],
    *,
    response: str,
    holdout: float,
) -> list[Curve]:
    """Return a curve for each pruning score and kept fraction of one family."""
    named: list[Any] = [None] * len(runs)
    if SCORE in runs.columns:
        named = runs.to_arrow().column(SCORE).to_pylist()
    scores = np.array(["" if s is None else str(s) for s in named], dtype=object)
    fractions = values_or_nan(runs, FRACTION)
    out = []
    for score in sorted(set(scores.tolist())):
        for fraction in np.unique(fractions[scores == score]):
            part = runs.take((scores == score) & (fractions == fraction))
            bare = Curve(family=family, score=score, fraction=float(fraction), runs=part)
            out.append(_fitted(bare, laws, settings, response=response, holdout=holdout))
    return out


def _fitted(
    bare: Curve, laws: Sequence[Law], settings: Mapping[str, Any], *, response: str, holdout: float
) -> Curve:
    using = {} if response == "error" else {"error": response}
    try:
        fits = {
            form: fit_law(law, bare.runs, using=using, **settings)
            for form, law in zip(_FORMS, laws, strict=True)
        }
        few = {**settings, "n_boot": min(settings["n_boot"], _DRAWS)}
        held = extrapolate(laws, bare.runs, holdout=holdout, using=using, **few)
    except (FitError, UnitError) as error:
        return _refused(bare, str(error))
    if any(c.fit is None for c in held.contenders):
        why = next(c.refusal for c in held.contenders if c.fit is None)
        return _refused(bare, f"without the sets held out: {why}")
    share = _share_better(held)
    errors = {form: c.error for form, c in zip(_FORMS, held.contenders, strict=True)}
    return dataclasses.replace(
        bare, fits=fits, errors=errors, share_exponential=share, last_error=held.last_error,
        n_held=len(held.held_rows), left_out=fits["power"].left_out,
        form=_form(fits, errors, held.last_error, share),
    )  # fmt: skip


def _refused(bare: Curve, why: str) -> Curve:
    gone = tuple(LeftOut(subject=label, reason=why) for label in bare.runs.labels())
    return dataclasses.replace(bare, refusal=why, left_out=gone)


def _share_better(held: Extrapolation) -> float:
    """Return the share of resamples whose exponential errs less than their power law.

    Both forms were refitted to the same resamples, so their draws belong together.
    """
    errors = []
    for contender in held.contenders:
        fit = contender.fit
        assert fit is not None
        draws = {name: fit.draws[:, i : i + 1] for i, name in enumerate(fit.law.names)}
        with np.errstate(all="ignore"):
            value = np.asarray(fit.law.form(draws, {fit.law.variables[0]: held.x}))
            missed = np.abs(np.log(value / held.measured))
        errors.append(np.nan_to_num((missed**2).mean(axis=1), nan=np.inf))
    power, exponential = errors
    if not power.size:
        return float("nan")
    ties: NDArray[np.bool_] = exponential == power
    return float(((exponential < power) + 0.5 * ties).mean())


def _form(
    fits: Mapping[str, FitResult], errors: Mapping[str, float], last_error: float, share: float
) -> str:
    """Return the form that wins by held-out error, surely, and by the objective; else nothing.

    A form that errs as much as the last value carried on has shown nothing.
    """
    lower = min(fits, key=lambda name: fits[name].objective)
    better = min(errors, key=lambda name: errors[name])
    sure = share if better == "exponential" else 1.0 - share
    wins = lower == better and errors[better] < last_error and sure >= fits[better].level
    return better if wins else ""
