"""Kaplan's laws fitted to one family, each beside its variant with a constant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.estimation.intervals import interval
from isoflop.estimation.variables import fitted_values
from isoflop_plugins.analyzers.by_family.reached_fits import LawFit, fit_all, fit_reached
from isoflop_plugins.analyzers.kaplan_laws.columns import Columns, kaplan_columns
from isoflop_plugins.laws.kaplan_batch import growth

if TYPE_CHECKING:
    from isoflop.estimate import Estimate
    from isoflop.hookspecs import AnalysisContext
    from isoflop.tables import RunTable

CRITICAL = "kaplan-critical-batch"
SHORT = {
    "kaplan-n": "L(N)",
    "kaplan-d": "L(D)",
    "kaplan-c": "L(C)",
    "kaplan-c-min": "L(C_min)",
    "kaplan-nd": "L(N, D)",
    "kaplan-ns": "L(N, S)",
    CRITICAL: "B_crit(L)",
}
"""Laws as the paper writes them."""

_WITH_CONSTANT = {
    "kaplan-n": "henighan-n",
    "kaplan-d": "henighan-d",
    "kaplan-c": "henighan-c",
    "kaplan-c-min": "henighan-c",
    "kaplan-nd": "kaplan-nd-constant",
    "kaplan-ns": "kaplan-ns-constant",
}
_ALONG = {"kaplan-n": "n_tokens", "kaplan-d": "n_params"}
"""Laws of one cause, and the other cause that must not grow along with it."""

STEEPEST = 0.3
"""A power by which the other cause grows along, above which the exponent is the path's. [1]"""


_MUCH_WORSE = 1.1
"""Ratio of held-out errors from which a pure power is taken to miss a floor. [1]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A law of Kaplan's and the same with a constant; None where that has none."""

    plain: LawFit
    floor: LawFit | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KaplanFamily:
    """What came of one family.

    Parameters
    ----------
    family : str
        Name; ``""`` where runs have none.
    columns : Columns
        Its runs, and which columns stand for N and C.
    pairs : mapping of str to Pair
        By name of Kaplan's law.
    critical : mapping of str to float
        Critical batch that steps and compute were corrected with; empty for none.
    critical_is_own : bool
        True where it was fitted to the family.
    """

    family: str
    columns: Columns
    pairs: Mapping[str, Pair]
    critical: Mapping[str, float]
    critical_is_own: bool


def fit_family(
    family: str,
    runs: RunTable,
    context: AnalysisContext,
    *,
    settings: Mapping[str, Any],
    holdout: float,
) -> KaplanFamily:
    """Return every law of Kaplan's that the family's columns allow, with refusals for the rest."""
    batch = None
    if "critical_batch_tokens" in runs.columns:
        batch = fit_all(
            context.laws[CRITICAL], runs, family=family, settings=settings, holdout=holdout
        )
    own = batch is not None and batch.fit is not None and batch.fit.is_usable
    critical = _published(context, CRITICAL)
    if own:
        assert batch is not None
        assert batch.fit is not None
        critical = dict(zip(batch.fit.law.names, batch.fit.estimate.tolist(), strict=True))
    columns = kaplan_columns(runs, critical)
    pairs = {
        name: _pair(name, columns, context, family=family, settings=settings, holdout=holdout)
        for name in _WITH_CONSTANT
    }
    if batch is not None:
        pairs[CRITICAL] = Pair(plain=batch, floor=None)
    return KaplanFamily(
        family=family, columns=columns, pairs=pairs, critical=critical, critical_is_own=own
    )


def _pair(
    name: str,
    columns: Columns,
    context: AnalysisContext,
    *,
    family: str,
    settings: Mapping[str, Any],
    holdout: float,
) -> Pair:
    made = []
    for law in (context.laws[name], context.laws[_WITH_CONSTANT[name]]):
        using = dict(columns.using(*law.variables))
        if name == "kaplan-c-min":
            using = {v: "flops_min" for v in law.variables if v != "flops_min"}
        fitter = fit_reached if len(law.variables) == 1 else fit_all
        made.append(
            fitter(
                law, columns.runs, family=family, settings=settings, holdout=holdout, using=using
            )
        )
    return Pair(plain=made[0], floor=made[1])


def _published(context: AnalysisContext, name: str) -> dict[str, float]:
    record = context.published.get(name.replace("kaplan-", "kaplan-2020-"))
    return dict(record.params) if record is not None else {}


def published_of(context: AnalysisContext) -> dict[str, dict[str, float]]:
    """Return Kaplan's own constants by name of the law; empty where the context has none."""
    return {name: _published(context, name) for name in SHORT}


def path_slope(item: LawFit) -> float:
    """Return the power by which the other cause grows along the runs of L(N) or L(D) [1].

    NaN for another law, and where it is not known or does not vary.
    """
    name = item.law.name
    if item.fit is None or name not in _ALONG:
        return float("nan")
    (variable,) = item.law.variables
    used = item.runs.take(item.fit.rows)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.log(fitted_values(used, item.using.get(variable, variable)))
        y = np.log(fitted_values(used, _ALONG[name]))
    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() < 2 or np.ptp(x[known]) == 0:
        return float("nan")
    x, y = x[known] - x[known].mean(), y[known]
    return float((x * y).sum() / (x * x).sum())


def family_growth(item: KaplanFamily) -> dict[str, Estimate]:
    """Return how N, B, S and D grow with the least compute, by L(N, S) at the critical batch.

    Empty where L(N, S) could not be fitted, or nothing is known of the critical batch.
    """
    fit = item.pairs["kaplan-ns"].plain.fit
    if fit is None or not fit.is_usable or not item.critical:
        return {}
    n, s = (fit.law.names.index(name) for name in ("alpha_N", "alpha_S"))
    point = growth(fit.estimate[n], fit.estimate[s], item.critical["alpha_B"])
    draws = growth(fit.draws[:, n], fit.draws[:, s], _alpha_b_draws(item, fit.n_boot))
    names = ("alpha_C_min", "N", "B", "S", "D")
    return {n: interval(float(getattr(point, n)), getattr(draws, n), fit.level) for n in names}


def growth_holds(item: KaplanFamily) -> bool:
    """Return whether L(N, S) predicts the largest runs about as well as with a constant.

    Where it does not, its exponents stand in for a floor, and the growth from them is no split to
    plan by. A constant that could not be tried does not count against it.
    """
    pair = item.pairs["kaplan-ns"]
    other = pair.floor.held_out.error if pair.floor is not None else float("nan")
    return not pair.plain.held_out.error > _MUCH_WORSE * other


def _alpha_b_draws(item: KaplanFamily, n_boot: int) -> Any:
    if not item.critical_is_own:
        return np.full(n_boot, item.critical["alpha_B"])
    fit = item.pairs[CRITICAL].plain.fit
    assert fit is not None
    return fit.draws[:, fit.law.names.index("alpha_B")]
