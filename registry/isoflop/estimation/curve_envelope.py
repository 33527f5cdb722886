"""Approach 1: which size has the lowest loss at each compute, and how it grows.

The best size over compute is a staircase, for there are only so many sizes. A regression of its
log N on log C, as in Hoffmann et al. 2022, is pulled towards 0 by the stairs: k equal ones give
1 - 1/k^2 of the slope. The steps are not pulled: where two neighbor sizes have equal loss, the best
N lies between them. So the exponent here is that of the line through the steps; both are returned.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isoflop.errors import TooFewRunsError
from isoflop.estimate import Estimate, Estimates
from isoflop.estimation.curve_smoothing import STEP, Floats, RunCurves
from isoflop.estimation.intervals import interval, intervals
from isoflop.words import plural

Flags = NDArray[np.bool_]

FEWEST_STEPS = 2
"""Steps without which there is no slope."""

_AHEAD = 5
"""Points of the grid by which each of two sizes must be ahead before and after their step: 0.05
decades, under which it may be the noise of one bin."""

_CELLS_AT_ONCE = 2_000_000
_LONGER = 0.1
"""How much later a longer run of a size must end. [decade]"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stairs:
    """The staircase of best sizes, for one or more sets of runs.

    Sizes without a run in a set stand behind the others, so that neighbors are neighbors in it.

    Parameters
    ----------
    log_n : NDArray, shape (b, s)
        log10 of N of each size, ascending.
    best : NDArray of int, shape (b, g)
        Place in `log_n` of the size with the lowest loss; -1 where no run reaches.
    is_inside : NDArray of bool, shape (b, g)
        The next smaller and the next larger size reach this compute too, and lose.
    step : NDArray, shape (b, s - 1)
        log10 of the compute from which on a size loses to its larger neighbor; NaN where the two
        are not seen to change places.
    """

    log_n: Floats
    best: NDArray[np.intp]
    is_inside: Flags
    step: Floats

    @property
    def between(self) -> Floats:
        """log10 of the geometric mean of N of the two sizes of each step, shape (b, s - 1)."""
        return (self.log_n[:, 1:] + self.log_n[:, :-1]) / 2

    @property
    def n_steps(self) -> NDArray[np.intp]:
        """Steps that were found, shape (b,)."""
        return np.asarray(np.isfinite(self.step).sum(axis=1))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Growth:
    """How the best size grows: N_opt = 10**log_n (C / 10**log_flops)**exponent.

    Parameters
    ----------
    exponent, log_n, log_flops : NDArray, shape (b,)
        Of the line through the steps; NaN where there are fewer than two.
    direct : NDArray, shape (b,)
        Exponent by regression of log N on log C at every compute inside, as in the paper.
    """

    exponent: Floats
    log_n: Floats
    log_flops: Floats
    direct: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Envelope:
    """The lowest loss over compute and how its size grows, with intervals over runs.

    Parameters
    ----------
    curves : RunCurves
        What it is the envelope of.
    log_loss : NDArray, shape (s, g)
        log of the lowest loss of each size; infinite where none of its runs reaches.
    stairs, growth : Stairs, Growth
        Of all runs, b = 1.
    draws : Growth
        Of runs drawn with replacement, b = n_boot.
    level : float
        Level of the intervals. [1]
    """

    curves: RunCurves
    log_loss: Floats
    stairs: Stairs
    growth: Growth
    draws: Growth
    level: float

    @property
    def exponent_n(self) -> Estimate:
        """Exponent a of N_opt ~ C^a."""
        return interval(float(self.growth.exponent[0]), self.draws.exponent, self.level)

    @property
    def exponent_d(self) -> Estimate:
        """Exponent b of D_opt ~ C^b; 1 - a, as D = C / (6 N)."""
        return interval(float(1 - self.growth.exponent[0]), 1 - self.draws.exponent, self.level)

    @property
    def direct_exponent_n(self) -> Estimate:
        """Exponent a by regression of log N on log C, as in the paper; pulled towards 0."""
        return interval(float(self.growth.direct[0]), self.draws.direct, self.level)

    @property
    def range(self) -> tuple[float, float]:
        """Compute of the first and of the last step: between them sizes inside are best [FLOP]."""
        step = self.stairs.step[0]
        return float(10 ** np.nanmin(step)), float(10 ** np.nanmax(step))

    @property
    def lost(self) -> float:
        """Share of the draws with fewer than two steps [1]."""
        bad = np.isnan(self.draws.exponent)
        return float(bad.mean()) if bad.size else 0.0

    def n_opt(self, flops: ArrayLike) -> Estimates:
        """Return the best N at each compute, with its band [1]."""
        x = np.log10(np.asarray(flops, dtype=np.float64)).reshape(-1)
        value = _line(self.growth, x)[0]
        return intervals(value, _line(self.draws, x), self.level)


def envelope(
    curves: RunCurves,
    *,
    finals_only: bool = False,
    n_boot: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Envelope:
    """Return the envelope of training curves and how the best size grows along it.

    Parameters
    ----------
    curves : RunCurves
        Smoothed curves.
    finals_only : bool
        True to draw the curve of each size through the ends of its runs: every point then has a
        decayed learning rate, where every run ran to the end of its schedule.
    n_boot, seed : int
        Resamples over runs, and their seed.
    level : float
        Level of the intervals. [1]

    Raises
    ------
    TooFewRunsError
        Fewer than two pairs of neighbor sizes change places: there is no slope.

    Notes
    -----
    A resample loses the best run of a size more often than a new set of runs would, so the
    intervals are wide: on ladders of 3 runs a size with 0.2 % between them, 98 to 100 of 100
    intervals of 90 % held the exponent. Steps that lie near the end of the smaller size's curves
    are seen only where noise moves them down, which lifts the exponent a little (0.467 for 0.452
    where the best D / N is half of what the runs reach).

    References
    ----------
    Hoffmann et al. 2022, section 3.1, arXiv 2203.15556.
    """
    if not curves.run.size:
        raise TooFewRunsError("There are no curves to take the envelope of.")
    lowest = _through_ends if finals_only else _lowest
    everything = np.ones((1, curves.run.size), dtype=bool)
    log_loss = lowest(curves, everything)
    stairs = find_stairs(log_loss, curves)
    if stairs.n_steps[0] < FEWEST_STEPS:
        raise TooFewRunsError(_too_few(curves, stairs))
    parts = [
        growth_of(find_stairs(lowest(curves, drawn), curves), curves.log_flops)
        for drawn in _resamples(curves, n_boot=n_boot, seed=seed)
    ]
    return Envelope(
        curves=curves,
        log_loss=log_loss[0],
        stairs=stairs,
        growth=growth_of(stairs, curves.log_flops),
        draws=_joined(parts),
        level=level,
    )


def find_stairs(log_loss: Floats, curves: RunCurves) -> Stairs:
    """Return the best size at each compute and the steps from each size to the next.

    Parameters
    ----------
    log_loss : NDArray, shape (b, s, g)
        log of the lowest loss of each size; infinite where none of its runs reaches.
    """
    reaches = np.isfinite(log_loss)
    order = np.argsort(~reaches.any(axis=2), axis=1, kind="stable")
    log_loss = np.take_along_axis(log_loss, order[:, :, None], axis=1)
    reaches = np.isfinite(log_loss)
    best = np.where(reaches.any(axis=1), log_loss.argmin(axis=1), -1)
    inside = np.zeros_like(reaches)
    inside[:, 1:-1] = reaches[:, :-2] & reaches[:, 2:]
    won = np.take_along_axis(inside, np.maximum(best, 0)[:, None], axis=1)[:, 0]
    return Stairs(
        log_n=np.log10(curves.sizes)[order],
        best=best,
        is_inside=won & (best >= 0),
        step=_steps(log_loss, curves.log_flops),
    )


def growth_of(stairs: Stairs, log_flops: Floats) -> Growth:
    """Return the line through the steps, and the slope over every compute inside.

    Notes
    -----
    The error is in C, so log C is regressed on log N. The closer two sizes, the more their step
    moves with the noise: a step counts with the square of their distance.
    """
    known = np.isfinite(stairs.step)
    weight = np.where(known, np.diff(stairs.log_n, axis=1) ** 2, 0.0)
    step, between = np.where(known, stairs.step, 0.0), stairs.between
    with np.errstate(invalid="ignore", divide="ignore"):
        total = weight.sum(axis=1)
        n_mean = (weight * between).sum(axis=1) / total
        c_mean = (weight * step).sum(axis=1) / total
        along = between - n_mean[:, None]
        slope = (weight * along**2).sum(axis=1) / (weight * along * step).sum(axis=1)
    enough = stairs.n_steps >= FEWEST_STEPS
    return Growth(
        exponent=np.where(enough & np.isfinite(slope), slope, np.nan),
        log_n=np.where(enough, n_mean, np.nan),
        log_flops=np.where(enough, c_mean, np.nan),
        direct=np.where(enough, _regressed(stairs, log_flops), np.nan),
    )


def decay_gap(curves: RunCurves) -> Floats:
    """Return how far longer runs of a size stand above a shorter one at its end, for each pair.

    Shape (n_pairs,), as a share of the loss [1]; empty where no two runs of a size differ in
    length. A learning rate that has not decayed yet is the usual reason.
    """
    same = curves.size[:, None] == curves.size
    longer = curves.end > curves.end[:, None] + _LONGER
    column = np.searchsorted(curves.log_flops, curves.end, side="right") - 1
    then = curves.log_loss[:, column].T
    gap = then - curves.end_log_loss[:, None]
    return np.asarray(np.expm1(gap[same & longer & np.isfinite(gap)]))


def _lowest(curves: RunCurves, drawn: Flags) -> Floats:
    """Return the lowest loss over the runs of each size, shape (b, s, g)."""
    known = np.where(np.isnan(curves.log_loss), np.inf, curves.log_loss)
    masked = np.where(drawn[:, :, None], known, np.inf)
    begin = np.searchsorted(curves.size, np.arange(curves.sizes.size))
    return np.asarray(np.minimum.reduceat(masked, begin, axis=1))


def _through_ends(curves: RunCurves, drawn: Flags) -> Floats:
    """Return the loss of each size on lines through the ends of its runs, shape (b, s, g)."""
    grid = curves.log_flops
    out = np.full((drawn.shape[0], curves.sizes.size, grid.size), np.inf)
    for s in range(curves.sizes.size):
        mine = np.flatnonzero(curves.size == s)
        # Of runs that end together the last counts, so the lowest has to come last.
        mine = mine[np.lexsort((-curves.end_log_loss[mine], curves.end[mine]))]
        end, loss = curves.end[mine], curves.end_log_loss[mine]
        place = np.arange(mine.size)
        before = np.maximum.accumulate(np.where(drawn[:, mine], place, -1), axis=1)
        after = np.where(drawn[:, mine], place, mine.size)[:, ::-1]
        after = np.minimum.accumulate(after, axis=1)[:, ::-1]
        at = np.searchsorted(end, grid, side="right")
        left = np.where(at > 0, before[:, np.maximum(at - 1, 0)], -1)
        right = np.where(at < mine.size, after[:, np.minimum(at, mine.size - 1)], mine.size)
        ok = (left >= 0) & (right < mine.size)
        lo, hi = np.where(ok, left, 0), np.where(ok, right, 0)
        span = np.where(ok, end[hi] - end[lo], 1.0)
        line = loss[lo] + (grid - end[lo]) / span * (loss[hi] - loss[lo])
        out[:, s] = np.where(ok, line, np.inf)
    return out


def _steps(log_loss: Floats, log_flops: Floats) -> Floats:
    """Return where each size begins to lose to the next, shape (b, s - 1).

    The step is where most points lie on the right side of it: the smaller size ahead before, the
    larger one after.
    """
    smaller, larger = log_loss[:, :-1], log_loss[:, 1:]
    both = np.isfinite(smaller) & np.isfinite(larger)
    lead = np.cumsum(np.where(both, np.where(smaller < larger, 1, -1), 0), axis=2)
    if not lead.size:
        return np.full(lead.shape[:2], np.nan)
    most = lead.max(axis=2)
    at = lead == most[:, :, None]
    first, last = at.argmax(axis=2), lead.shape[2] - 1 - at[:, :, ::-1].argmax(axis=2)
    sure = (most >= _AHEAD) & (most - lead[:, :, -1] >= _AHEAD)
    return np.where(sure, (log_flops[first] + log_flops[last] + STEP) / 2, np.nan)


def _regressed(stairs: Stairs, log_flops: Floats) -> Floats:
    """Return the slope of log N on log C over the points inside, shape (b,)."""
    n = np.take_along_axis(stairs.log_n, np.maximum(stairs.best, 0), axis=1)
    weight = stairs.is_inside.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        along = log_flops - ((weight * log_flops).sum(axis=1) / weight.sum(axis=1))[:, None]
        return np.asarray((weight * along * n).sum(axis=1) / (weight * along**2).sum(axis=1))


def _resamples(curves: RunCurves, *, n_boot: int, seed: int) -> Iterator[Flags]:
    """Yield which runs are drawn, in chunks of shape (b, r); how often does not matter here."""
    n_runs = curves.run.size
    at_once = max(1, _CELLS_AT_ONCE // max(1, n_runs * curves.log_flops.size))
    rng = np.random.default_rng(seed)
    for begin in range(0, n_boot, at_once):
        drawn = np.zeros((min(at_once, n_boot - begin), n_runs), dtype=bool)
        chosen = rng.integers(0, n_runs, size=drawn.shape)
        np.put_along_axis(drawn, chosen, True, axis=1)
        yield drawn


def _joined(parts: list[Growth]) -> Growth:
    names = ("exponent", "log_n", "log_flops", "direct")
    return Growth(
        **{n: np.concatenate([np.zeros(0), *(getattr(p, n) for p in parts)]) for n in names}
    )


def _line(growth: Growth, log_flops: Floats) -> Floats:
    """Return N_opt of each draw at each compute, shape (b, x)."""
    along = log_flops - growth.log_flops[:, None]
    return np.asarray(10.0 ** (growth.log_n[:, None] + growth.exponent[:, None] * along))


def _too_few(curves: RunCurves, stairs: Stairs) -> str:
    return (
        f"{plural(curves.run.size, 'curve')} of {plural(curves.sizes.size, 'size')} show "
        f"{plural(int(stairs.n_steps[0]), 'step')} from one size to the next, and a slope needs "
        f"{FEWEST_STEPS}. Train sizes between those at hand, or run the small ones longer."
    )
