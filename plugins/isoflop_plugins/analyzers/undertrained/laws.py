"""Laws to judge by: published ones and the refit of each family, one shape for both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from isoflop.errors import UnknownNameError
from isoflop.estimation import FitResult
from isoflop.estimation.frontier import (
    FLOPS_PER_PARAM_TOKEN,
    AllocationFrontier,
    TwoTermFrontier,
    frontier_draws,
    frontier_of,
    has_frontier,
)
from isoflop_plugins.analyzers.undertrained.rules import FAR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isoflop.laws import PublishedLaw
    from isoflop_plugins.analyzers.undertrained.inputs import Inputs

DEFAULT_LAW = "besiroglu-2024"
"""Used where there is no refit: the original's digits call Chinchilla itself undertrained."""

_RUNS_AT_ONCE = 2048


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judge:
    """A law as the analyzer uses it.

    Parameters
    ----------
    name : str
        Name in tables and findings.
    point, draws : frontier
        At the point estimate; and of draws, None where there is no covariance.
    n_range, d_range : (float, float)
        Runs behind the law; outside it is an extrapolation. [1], [token]
    nonembedding : bool
        True where the law counts N without embeddings.
    source : str
        Paper, or the fit.
    """

    name: str
    point: TwoTermFrontier | AllocationFrontier
    draws: TwoTermFrontier | None
    n_range: tuple[float, float]
    d_range: tuple[float, float]
    nonembedding: bool
    source: str

    @property
    def has_loss(self) -> bool:
        """False for an allocation, which knows neither excess loss nor waste."""
        return isinstance(self.point, TwoTermFrontier)

    def counted(self, inputs: Inputs) -> NDArray[np.float64]:
        """Return N of each run as the law counts it; all of N where that is unknown."""
        if not self.nonembedding:
            return inputs.n_used
        return np.where(np.isfinite(inputs.n_nonembedding), inputs.n_nonembedding, inputs.n_used)

    def is_far(self, inputs: Inputs) -> NDArray[np.bool_]:
        """Return which runs lie more than `FAR` times outside the data behind the law."""
        pairs = ((self.counted(inputs), self.n_range), (inputs.d_seen, self.d_range))
        beyond = [(x * FAR < low) | (x > high * FAR) for x, (low, high) in pairs]
        return beyond[0] | beyond[1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measures:
    """Numbers of each run under one law; arrays of shape (n_runs, 3): value, low, high.

    Excess loss and waste are NaN where `is_far`, shape (n_runs,): so far outside the data behind
    the law they are numbers of no loss that a run can have.
    """

    token_ratio: NDArray[np.float64]
    excess_loss: NDArray[np.float64]
    compute_waste: NDArray[np.float64]
    d_opt: NDArray[np.float64]
    is_far: NDArray[np.bool_]


def published_judge(law: PublishedLaw, *, n_boot: int, seed: int) -> Judge:
    """Return a published law as a judge."""
    return Judge(
        name=law.name,
        point=frontier_of(law),
        draws=frontier_draws(law, n_draws=n_boot, seed=seed),
        n_range=law.n_params_range,
        d_range=law.n_tokens_range,
        nonembedding=law.counts == "n_params_nonembedding",
        source=law.source,
    )


def published_judges(
    published: Mapping[str, PublishedLaw], *, law: str | FitResult, n_boot: int, seed: int
) -> dict[str, Judge]:
    """Return the published laws that place N and D, by name.

    Raises
    ------
    UnitError
        `law` is the name of one that does not; the others are passed over.
    """
    return {
        name: published_judge(record, n_boot=n_boot, seed=seed)
        for name, record in published.items()
        if has_frontier(record) or name == law
    }


def fitted_judge(fit: FitResult) -> Judge:
    """Return a fit as a judge; raise `UnknownNameError` or `UnitError` where it is no N-D law."""
    where = f" of {fit.family}" if fit.family else ""
    return Judge(
        name=f"{fit.law.name} refit{where}",
        point=fit.frontier,
        draws=fit.frontier_draws if fit.n_boot else None,
        n_range=fit.ranges["n_params"],
        d_range=fit.ranges["n_tokens"],
        nonembedding=False,
        source=f"{fit.law.source}; refitted to {fit.n_runs} runs{where}",
    )


def chosen_judges(
    law: str | FitResult,
    families: list[str],
    refits: Mapping[str, Judge],
    published: Mapping[str, Judge],
) -> list[Judge]:
    """Return the law each run is judged by.

    Raises
    ------
    UnknownNameError
        `law` is neither ``"auto"`` nor a published law.
    """
    if isinstance(law, FitResult):
        return [fitted_judge(law)] * len(families)
    if law == "auto":
        if DEFAULT_LAW not in published and not all(f in refits for f in families):
            raise UnknownNameError("published law", DEFAULT_LAW, published)
        return [refits[f] if f in refits else published[DEFAULT_LAW] for f in families]
    if law not in published:
        raise UnknownNameError(
            "published law", str(law), [*published, "auto"], hint="Or give an `isoflop.fit` result."
        )
    return [published[law]] * len(families)


def measure(judge: Judge, inputs: Inputs, *, level: float) -> Measures:
    """Return token ratio, excess loss and waste of every run under one law.

    Excess loss and waste charge all tokens seen (6 N D) and credit the worth of repeated ones.
    """
    n = judge.counted(inputs)
    parts = [
        _measure_part(judge, n[i : i + _RUNS_AT_ONCE], inputs, i, level)
        for i in range(0, max(n.size, 1), _RUNS_AT_ONCE)
    ]
    joined = [np.concatenate(columns) for columns in zip(*parts, strict=True)]
    far = judge.is_far(inputs)
    excess, waste = (np.where(far[:, None], np.nan, cost) for cost in joined[1:3])
    return Measures(
        token_ratio=joined[0], excess_loss=excess, compute_waste=waste, d_opt=joined[3], is_far=far
    )


def _measure_part(
    judge: Judge, n: NDArray[np.float64], inputs: Inputs, start: int, level: float
) -> tuple[NDArray[np.float64], ...]:
    seen = inputs.d_seen[start : start + n.size]
    worth = inputs.d_effective[start : start + n.size]
    point = _quantities(judge.point, n, seen, worth)
    if judge.draws is None:
        nothing = np.full_like(n, np.nan)
        spread = [(nothing, nothing)] * 3
    else:
        tail = 100 * (1 - level) / 2
        spread = [
            tuple(np.percentile(q, [tail, 100 - tail], axis=-1))
            for q in _quantities(judge.draws, n, seen, worth)
        ]
    columns = [np.stack([p, *s], axis=-1) for p, s in zip(point, spread, strict=True)]
    return (*columns, judge.point.d_opt_for_n(n))


def _quantities(
    frontier: TwoTermFrontier | AllocationFrontier,
    n: NDArray[np.float64],
    seen: NDArray[np.float64],
    worth: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    ratio = frontier.token_ratio(n, worth)
    if isinstance(frontier, AllocationFrontier):
        nothing = np.full_like(n, np.nan)
        return ratio, nothing, nothing
    flops = FLOPS_PER_PARAM_TOKEN * n * seen
    excess = np.maximum(frontier.loss(n, worth) - frontier.optimal_loss(flops), 0.0)
    charge = (seen / worth).reshape(n.shape + (1,) * (ratio.ndim - n.ndim))
    return ratio, excess, frontier.compute_waste(n, worth) * charge
