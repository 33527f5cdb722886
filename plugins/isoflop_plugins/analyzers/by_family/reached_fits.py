"""Laws of one variable: fitted to the lowest losses reached, checked on the largest runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.errors import FitError, UnitError
from isoflop.estimation import FitResult, fit_law
from isoflop.estimation.selection import select_runs
from isoflop.results import LeftOut

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from isoflop.laws import Law
    from isoflop.tables import RunTable


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Mean absolute relative errors on the largest runs, which the fit did not see.

    Parameters
    ----------
    n_runs : int
        Runs held out.
    error, baseline : float
        Of the law, and of carrying the lowest loss among the smaller runs; NaN where too few are
        left to fit. [1]
    reason : str
        Why there is none; empty where there is.
    """

    n_runs: int = 0
    error: float = float("nan")
    baseline: float = float("nan")
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LawFit:
    """What came of one law on one family.

    Parameters
    ----------
    family, domain : str
        Which runs; empty for none.
    law : Law
        What was to be fitted.
    runs : RunTable
        Runs the fit was given.
    fit : FitResult or None
        None where there is none, and then `refusal` says why.
    held_out : HeldOut
        How the law predicts the largest runs.
    left_out : tuple of LeftOut
        Runs that were not fitted, with reasons.
    beaten : RunTable or None
        Usable runs that were passed over, as one of as little reached a lower loss.
    using : mapping of str to str
        Column that stood for a variable.
    """

    family: str
    law: Law
    runs: RunTable
    fit: FitResult | None
    held_out: HeldOut
    domain: str = ""
    refusal: str = ""
    left_out: tuple[LeftOut, ...] = ()
    beaten: RunTable | None = None
    using: Mapping[str, str] = field(default_factory=dict)


def lowest_reached(x: ArrayLike, loss: ArrayLike) -> NDArray[np.bool_]:
    """Return which runs no run of as little x, or less, beats or equals. Shape (n_runs,).

    Parameters
    ----------
    x, loss : array_like, shape (n_runs,)
        Size, tokens or compute, and the loss; a NaN is never reached.
    """
    size, reached = np.asarray(x, dtype=np.float64), np.asarray(loss, dtype=np.float64)
    order = np.lexsort((reached, size))
    known = np.where(np.isnan(size) | np.isnan(reached), np.inf, reached)[order]
    before = np.concatenate([[np.inf], np.minimum.accumulate(known)[:-1]])
    out = np.zeros(size.shape, dtype=bool)
    out[order] = known < before
    return out


def fit_reached(
    law: Law,
    runs: RunTable,
    *,
    family: str,
    settings: Mapping[str, Any],
    holdout: float,
    using: Mapping[str, str] | None = None,
    domain: str = "",
) -> LawFit:
    """Return a law of one variable fitted to the runs that no smaller or equal one beats.

    The law holds where nothing but its variable limits the loss, which these runs come closest to.
    """
    using = dict(using or {})
    try:
        chosen = select_runs(law, runs, using=using)
    except (FitError, UnitError) as error:
        return _refused(law, runs, error, family=family, using=using, domain=domain)
    (variable,) = law.variables
    reached = lowest_reached(chosen.variables[variable], chosen.response)
    words = f"another run of as little {using.get(variable, variable)} has a lower loss"
    beaten = tuple(
        LeftOut(subject=label, reason=words)
        for label, keep in zip(chosen.labels, reached, strict=True)
        if not keep
    )
    item = fit_all(
        law, runs.take(chosen.rows[reached]), family=family, settings=settings, holdout=holdout,
        using=using, domain=domain,
    )  # fmt: skip
    return replace(
        item,
        left_out=(*chosen.left_out, *beaten),
        beaten=runs.take(chosen.rows[~reached]),
    )


def fit_all(
    law: Law,
    runs: RunTable,
    *,
    family: str,
    settings: Mapping[str, Any],
    holdout: float,
    using: Mapping[str, str] | None = None,
    domain: str = "",
) -> LawFit:
    """Return a law fitted to all usable runs, with its error on the largest."""
    using = dict(using or {})
    try:
        fit = fit_law(law, runs, using=using, **settings)
    except (FitError, UnitError) as error:
        return _refused(law, runs, error, family=family, using=using, domain=domain)
    return LawFit(
        family=family,
        domain=domain,
        law=law,
        runs=runs,
        fit=fit,
        held_out=hold_out(law, runs, using=using, settings=settings, holdout=holdout),
        left_out=fit.left_out,
        using=using,
    )


def hold_out(
    law: Law,
    runs: RunTable,
    *,
    using: Mapping[str, str],
    settings: Mapping[str, Any],
    holdout: float,
) -> HeldOut:
    """Return the error on the largest runs, by the product of the law's variables.

    Runs without enough left to fit give NaN and the reason.
    """
    chosen = select_runs(law, runs, using=using)
    size = np.sum([np.log(v) for v in chosen.variables.values()], axis=0)
    order = np.lexsort((chosen.response, size))
    n = max(1, round(holdout * order.size))
    small, large = np.sort(order[:-n]), order[-n:]
    try:
        fit = fit_law(law, runs.take(chosen.rows[small]), using=using, **{**settings, "n_boot": 0})
    except FitError as error:
        return HeldOut(n_runs=n, reason=str(error))
    predicted = fit.predict_at({k: v[large] for k, v in chosen.variables.items()}).value
    measured, lowest = chosen.response[large], chosen.response[small].min()
    return HeldOut(
        n_runs=n,
        error=float(np.abs(predicted / measured - 1.0).mean()),
        baseline=float(np.abs(lowest / measured - 1.0).mean()),
    )


def _refused(
    law: Law,
    runs: RunTable,
    error: Exception,
    *,
    family: str,
    using: Mapping[str, str],
    domain: str,
) -> LawFit:
    return LawFit(
        family=family, domain=domain, law=law, runs=runs, fit=None, held_out=HeldOut(),
        refusal=str(error), using=using,
    )  # fmt: skip
