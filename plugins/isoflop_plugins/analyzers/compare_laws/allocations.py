"""How each law and each method splits compute between N and D, in one shape to compare."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from isoflop.estimate import Estimate
from isoflop.estimation import FitResult
from isoflop.estimation.allocation import two_term_of
from isoflop.estimation.frontier import (
    AllocationFrontier,
    TwoTermFrontier,
    frontier_draws,
    frontier_of,
    has_frontier,
    optimal_tokens_per_param,
)
from isoflop.estimation.intervals import interval
from isoflop.estimation.isoflop_profiles.analysis import MIN_SIZES
from isoflop_plugins.analyzers.by_family.scouted_fits import Resampling
from isoflop_plugins.analyzers.isoflop_profiles.families import profile_family

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isoflop.hookspecs import AnalysisContext
    from isoflop.laws import Law, PublishedLaw
    from isoflop.tables import RunTable

MAIN = "chinchilla"
"""Law whose refit speaks for the runs where it was possible."""

ANY = (0.0, float("inf"))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """How one law or method splits compute.

    Parameters
    ----------
    name : str
        Law, or law and method, for people.
    kind : str
        ``"published"``, ``"refit"`` (approach 3) or ``"profiles"`` (approach 2).
    family : str
        Family behind it; empty for a published law and for runs without one.
    exponent_n : Estimate
        a of N_opt ~ C**a; D_opt ~ C**(1 - a). [1]
    optimum : callable (flops) -> mapping, or None
        ``n_params`` [1], ``n_tokens`` [token] and ``tokens_per_param`` [token] at a budget [FLOP];
        None for a law of growth alone.
    n_range, d_range, flops_range : (float, float)
        Runs behind it; outside, it is an extrapolation. [1], [token], [FLOP]
    counts : str
        Which N it means.
    source : str
        Where it comes from.
    """

    name: str
    kind: str
    family: str
    exponent_n: Estimate
    optimum: Callable[[float], Mapping[str, Estimate]] | None
    source: str
    n_range: tuple[float, float] = ANY
    d_range: tuple[float, float] = ANY
    flops_range: tuple[float, float] = ANY
    counts: str = "n_params"

    def factor_n(self, times: float) -> Estimate:
        """Return by what N grows where compute grows by `times` [1]."""
        return _power(times, self.exponent_n)

    def factor_d(self, times: float) -> Estimate:
        """Return by what D grows where compute grows by `times` [1]."""
        a = self.exponent_n
        return _power(times, Estimate(value=1 - a.value, low=1 - a.high, high=1 - a.low,
                                      level=a.level))  # fmt: skip


def _power(times: float, exponent: Estimate) -> Estimate:
    return Estimate(
        value=float(times**exponent.value),
        low=float(times**exponent.low),
        high=float(times**exponent.high),
        level=exponent.level,
    )


def published_splits(laws: Iterable[PublishedLaw], resampling: Resampling) -> list[Split]:
    """Return the splits of published laws; a law of other things than N and D is passed over."""
    out, level = [], resampling.level
    for law in laws:
        if law.form == "growth":
            a, at = _bare(law.params["n_exponent"], level), None
        elif has_frontier(law):
            point = frontier_of(law)
            draws = frontier_draws(law, n_draws=resampling.n_boot, seed=resampling.seed)
            a, at = _exponent(point, draws, level), _at(point, draws, level)
        else:
            continue
        out.append(
            Split(
                name=law.name, kind="published", family="", exponent_n=a, optimum=at,
                n_range=law.n_params_range, d_range=law.n_tokens_range, counts=law.counts,
                source=law.source,
            )
        )  # fmt: skip
    return out


def allocating(laws: Iterable[Law]) -> list[Law]:
    """Return the laws of loss by N and D whose fit splits compute; an envelope is none of them."""
    return [
        law
        for law in laws
        if set(law.variables) == {"n_params", "n_tokens"}
        and law.response == "loss"
        and not law.objective.endswith("quantile")
        and two_term_of(law) is not None
    ]


def split_of_fit(fit: FitResult) -> Split:
    """Return the split of a usable fit of a law of N and D."""
    point, draws = fit.frontier, fit.frontier_draws if fit.n_boot else None
    return Split(
        name=f"{fit.law.name} refit",
        kind="refit",
        family=fit.family,
        exponent_n=_exponent(point, draws, fit.level),
        optimum=_at(point, draws, fit.level),
        n_range=fit.ranges["n_params"],
        d_range=fit.ranges["n_tokens"],
        flops_range=fit.ranges["flops"],
        source=f"{fit.law.source}; refitted to {fit.n_runs} runs",
    )


def split_of_profiles(
    context: AnalysisContext, runs: RunTable, resampling: Resampling, *, family: str
) -> Split | str:
    """Return the split by IsoFLOP profiles (approach 2), or why there is none.

    As the analyzer ``isoflop-profiles`` finds it, at its own settings.
    """
    settings = {**asdict(resampling), "min_sizes": MIN_SIZES}
    found = profile_family(context, family, runs, compute="auto", settings=settings)
    if found.fit is None:
        return found.refusal
    return Split(
        name="IsoFLOP profiles",
        kind="profiles",
        family=family,
        exponent_n=found.fit.exponent_n,
        optimum=found.fit.optimum,
        n_range=_range(found.n_params),
        d_range=_range(found.n_tokens),
        flops_range=_range(found.flops),
        source="IsoFLOP profiles: Hoffmann et al. 2022, section 3.2, arXiv 2203.15556",
    )


def _range(values: NDArray[np.float64]) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _bare(value: float, level: float) -> Estimate:
    return interval(value, np.empty(0), level)


def _exponent(
    point: TwoTermFrontier | AllocationFrontier, draws: TwoTermFrontier | None, level: float
) -> Estimate:
    if isinstance(point, AllocationFrontier):
        return _bare(point.n_exponent, level)
    spread = np.empty(0) if draws is None else _share(draws)
    return interval(float(_share(point)), spread, level)


def _share(frontier: TwoTermFrontier) -> NDArray[np.float64]:
    return np.asarray(frontier.beta / (np.asarray(frontier.alpha) + frontier.beta))


def _at(
    point: TwoTermFrontier | AllocationFrontier, draws: TwoTermFrontier | None, level: float
) -> Callable[[float], Mapping[str, Estimate]]:
    def optimum(flops: float) -> Mapping[str, Estimate]:
        def estimate(
            of: Callable[[TwoTermFrontier | AllocationFrontier], NDArray[np.float64]],
        ) -> Estimate:
            return interval(float(of(point)), np.empty(0) if draws is None else of(draws), level)

        return {
            "n_params": estimate(lambda f: f.n_opt(flops)),
            "n_tokens": estimate(lambda f: f.d_opt(flops)),
            "tokens_per_param": estimate(lambda f: optimal_tokens_per_param(f, flops)),
        }

    return optimum
