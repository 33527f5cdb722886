"""A law fitted to each family of runs: what every analyzer that fits one starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.errors import FitError, UnitError
from isoflop.estimation import FitResult, Rollout, fit_law
from isoflop.results import LeftOut
from isoflop_plugins.analyzers.by_family.hold_out import by_compute, predict_held_out
from isoflop_plugins.analyzers.by_family.scouted_fits import Resampling, scouted_fit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isoflop.estimate import Estimate
    from isoflop.hookspecs import AnalysisContext
    from isoflop.laws import Law
    from isoflop.tables import RunTable

REFITTED_LAW = "chinchilla"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FamilyFit:
    """What came of one family.

    Parameters
    ----------
    family : str
        Name; ``""`` where runs have none.
    runs : RunTable
        Its runs, as they were given to the fit.
    fit : FitResult or None
        None where no fit was possible, and then `refusal` says why.
    held_out : Rollout or None
        None where too few runs are left once the largest are held out.
    refusal : str
        Why there is no fit; empty where there is one.
    left_out : tuple of LeftOut
        Runs of the family that were put aside before the fit, with reasons.
    """

    family: str
    runs: RunTable
    fit: FitResult | None
    held_out: Rollout | None = None
    refusal: str = ""
    left_out: tuple[LeftOut, ...] = ()

    @property
    def words(self) -> str:
        """What to call the family in a sentence; its name is untrusted text."""
        return family_words(self.family)


def family_words(family: str) -> str:
    """Return what to call a family in a sentence."""
    return f"Family {family!r}" if family else "The runs"


def fit_family(
    law: Law,
    family: str,
    runs: RunTable,
    settings: Mapping[str, Any],
    *,
    holdout: float = 0.0,
    left_out: tuple[LeftOut, ...] = (),
) -> FamilyFit:
    """Return the fit to one family, and how well it foretells its largest runs.

    Parameters
    ----------
    law : Law
        A law of N and D where `holdout` is not 0.
    family : str
        Its name.
    runs : RunTable
        Its runs; too few or mixed ones give a refusal and no error.
    settings : mapping
        Keywords of `isoflop.estimation.fit_law`.
    holdout : float
        Share of the runs to hold out; 0 for none. [1]
    left_out : tuple of LeftOut
        Runs put aside before.
    """
    try:
        fit = fit_law(law, runs, family=family, **settings)
    except (FitError, UnitError) as error:
        return FamilyFit(family=family, runs=runs, fit=None, refusal=str(error), left_out=left_out)
    held = None
    if holdout:
        rows = by_compute(runs, fit.rows, share=holdout, clusters=settings.get("clusters"))
        held = predict_held_out(law, runs, fit.rows, rows, settings)
    return FamilyFit(family=family, runs=runs, fit=fit, held_out=held, left_out=left_out)


def all_left_out(items: Sequence[FamilyFit]) -> list[LeftOut]:
    """Return the runs that no fit used, those of refused families included."""
    out: list[LeftOut] = []
    for item in items:
        out += item.left_out
        if item.fit is not None:
            out += item.fit.left_out
            continue
        reason = f"its family was not fitted: {item.refusal}"
        out += [LeftOut(subject=label, reason=reason) for label in item.runs.labels()]
    return out


def fit_checks(item: FamilyFit) -> list[tuple[str, bool]]:
    """Return what was checked of one family's fit: starts, warnings, held-out error."""
    fit = item.fit
    if fit is None:
        return [(f"{item.words}: {item.refusal}", False)]
    c = fit.certificate
    starts = (
        f"{item.words}: {c.n_agree} of {c.n_starts} starts agree, scaled gradient "
        f"{fit.gradient_norm:.0e}"
    )
    checks = [(starts, c.n_agree >= 2 and fit.status != "not-converged")]
    checks += [(f"{item.words}: {text}", False) for text in fit.warnings]
    if item.held_out is not None:
        checks.append(held_out_check(item.words, item.held_out, "of largest compute"))
    return checks


def held_out_check(words: str, held: Rollout, which: str) -> tuple[str, bool]:
    """Return how far off the held-out runs were, beside the forecast that nothing improves."""
    n = len(held.rows)
    error = 100 * float(np.abs(held.error).mean())
    base = 100 * float(np.abs(held.baseline_error).mean())
    text = (
        f"{words}: mean error {error:.2g} % on the {n} {'run' if n == 1 else 'runs'} {which} held "
        f"out; carrying the lowest loss seen, {base:.2g} %"
    )
    return text, held.beats_baseline


def headline_numbers(items: Sequence[FamilyFit], wanted: Sequence[str]) -> dict[str, Estimate]:
    """Return parameters and derived numbers by name, after the family where there are several."""
    fits = [item.fit for item in items if item.fit is not None]
    out: dict[str, Estimate] = {}
    for fit in fits:
        prefix = f"{fit.family}/" if len(fits) > 1 else ""
        named = {**fit.params, **fit.derived}
        out |= {f"{prefix}{name}": named[name] for name in wanted if name in named}
    return out


def refit_families(
    runs: RunTable, context: AnalysisContext, *, level: float, n_boot: int, seed: int
) -> tuple[dict[str, FitResult], dict[str, str]]:
    """Refit the two-term law to each family with enough losses.

    Returns
    -------
    (fits, reasons)
        Usable fits by family; and why a family that was tried has none.
    """
    law = context.laws.get(REFITTED_LAW)
    fits: dict[str, FitResult] = {}
    reasons: dict[str, str] = {}
    if law is None:
        return fits, reasons
    resampling = Resampling(n_boot=n_boot, seed=seed, level=level)
    for family, part in runs.by_family().items():
        known = [np.isfinite(part.numbers(c)) for c in ("n_params", "n_tokens", "loss")]
        if np.all(known, axis=0).sum() <= len(law.names):
            continue
        fit = scouted_fit(law, part, resampling, family=family)
        if isinstance(fit, FitResult) and fit.is_usable:
            fits[family] = fit
        else:
            reasons[family] = fit if isinstance(fit, str) else _unusable(fit)
    return fits, reasons


def _unusable(fit: FitResult) -> str:
    return f"{fit.status}: {'; '.join(fit.warnings[:1]) or 'no usable optimum'}"
