"""One IsoFLOP profile: its optimum by parabola and by spline, with draws, and what is odd in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoflop.estimate import Estimate
from isoflop.estimation.intervals import interval
from isoflop.estimation.isoflop_profiles.budgets import count_sizes
from isoflop.estimation.isoflop_profiles.optimum import (
    Parabolas,
    akima_minima,
    fit_parabolas,
    vertex_sd,
)
from isoflop.estimation.isoflop_profiles.runs import Noise, merged
from isoflop.estimation.solver.problem import Floats

TOO_FEW = "too_few_points"
NEGATIVE_CURVATURE = "negative_curvature"
EDGE = "edge_minimum"
WEAK_CURVATURE = "weak_curvature"
OFF_CENTER = "off_center"
WIDE = "wide_grid"

NO_OPTIMUM = (TOO_FEW, NEGATIVE_CURVATURE, EDGE)
"""Flags of a profile that has no optimum to speak of."""

FAR_ARM = 2.5
"""Sizes further from the optimum than so many times the shorter arm are off-center.

Czech 2026, arXiv 2603.22339, `OFF_CENTER_MARGIN` of its data pipeline (1.5 beyond the arm).
"""

WIDE_ARM = 8.0
"""Half-width of a grid, as a factor, above which it is wide.

Czech 2026, arXiv 2603.22339: centered grids of this width put D* off by 2.9 % where alpha / beta is
1.21, and by 13.9 % where it is 3.
"""

_CURVATURE_LEVEL = 0.95
"""Level at which the curvature must differ from 0: `CURVATURE_CI` of the same pipeline."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Profile:
    """The runs of one budget and where their loss is lowest.

    Parameters
    ----------
    flops : float
        Nominal budget: median compute of its runs. [FLOP]
    spread : float
        Largest over smallest compute of its runs, less 1. [1]
    rows : NDArray of int, shape (m,)
        Runs behind the optimum.
    n_sizes : int
        Model sizes among them that differ by more than 1 %.
    flags : tuple of str
        What is odd; see `NO_OPTIMUM` for those that leave no optimum.
    n_params, n_tokens, loss : Estimate
        Vertex of the parabola in log N, of the one in log D, and the loss at the former; NaN
        where there is none.
    akima_n_params, akima_n_tokens : Estimate
        The same by Akima spline.
    arms : (float, float)
        Optimal over smallest, and largest over optimal size; NaN without an optimum. [1]
    curvature_z : float
        Curvature over its standard error. [1]
    parabola : Parabolas or None
        Loss over log N.
    points, sd : NDArray, shape (4,)
        Natural logs of N and D by parabola and of N and D by spline, and their standard errors.
    draws : NDArray, shape (4, n_boot)
        The same of each draw; NaN where a draw has no minimum among the sizes of the profile.
    """

    flops: float
    spread: float
    rows: NDArray[np.int64]
    n_sizes: int
    flags: tuple[str, ...]
    n_params: Estimate
    n_tokens: Estimate
    loss: Estimate
    akima_n_params: Estimate
    akima_n_tokens: Estimate
    arms: tuple[float, float]
    curvature_z: float
    parabola: Parabolas | None
    points: Floats
    sd: Floats
    draws: Floats

    @property
    def has_optimum(self) -> bool:
        """Whether the runs bracket a minimum."""
        return not set(self.flags) & set(NO_OPTIMUM)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Points:
    """The runs of one budget.

    Parameters
    ----------
    flops, spread : float
        See `Profile`.
    rows : NDArray of int, shape (m,)
        Their places among all runs.
    log_n, log_d, loss : NDArray, shape (m,)
        Natural logs of N and D, and the loss.
    """

    flops: float
    spread: float
    rows: NDArray[np.int64]
    log_n: Floats
    log_d: Floats
    loss: Floats

    @property
    def n_sizes(self) -> int:
        """Model sizes that differ by more than 1 %."""
        return count_sizes(np.exp(self.log_n))


def residuals(points: Points) -> Floats:
    """Return relative distances of the runs from their parabola, shape (m,)."""
    return points.loss / fit_parabolas(points.log_n, points.loss).at(points.log_n) - 1


def fit_profile(
    points: Points,
    noise: Noise,
    *,
    min_sizes: int,
    scale: Floats,
    rng: np.random.Generator,
    level: float,
) -> Profile:
    """Return the optimum of one budget with its draws.

    Parameters
    ----------
    points : Points
        Its runs.
    noise : Noise
        How much the loss of a run varies; NaN for unknown, and then there are no intervals.
    min_sizes : int
        Fewer model sizes than this give a profile without an optimum.
    scale : NDArray, shape (n_boot,)
        Relative noise of each draw. [1]
    """
    if points.n_sizes < max(min_sizes, 3):
        return _without_optimum(points, (TOO_FEW,), None, scale.size, level)
    over_n = fit_parabolas(points.log_n, points.loss)
    over_d = fit_parabolas(points.log_d, points.loss)
    flags = _missing(points, over_n, over_d)
    if flags:
        return _without_optimum(points, flags, over_n, scale.size, level)
    drawn = points.loss * (1 + scale[:, None] * rng.standard_normal((scale.size, points.loss.size)))
    spread = noise.relative * points.loss
    sd_n, sd_curvature = vertex_sd(points.log_n, over_n, spread)
    sd_d, _ = vertex_sd(points.log_d, over_d, spread)
    every, lowest = _minima(points, np.concatenate([points.loss[None], drawn]))
    best, draws = every[:, 0], every[:, 1:]
    log_n = float(best[0])
    arms = log_n - points.log_n.min(), points.log_n.max() - log_n
    z = float(over_n.curvature) / sd_curvature if sd_curvature > 0 else np.inf
    n, d, spline_n, spline_d = (_estimate(*pair, level) for pair in zip(best, draws, strict=True))
    return Profile(
        flops=points.flops,
        spread=points.spread,
        rows=points.rows,
        n_sizes=points.n_sizes,
        flags=_odd(arms, z, noise),
        n_params=n,
        n_tokens=d,
        loss=interval(float(lowest[0]), lowest[1:], level),
        akima_n_params=spline_n,
        akima_n_tokens=spline_d,
        arms=(float(np.exp(arms[0])), float(np.exp(arms[1]))),
        curvature_z=z,
        parabola=over_n,
        points=best,
        sd=np.array([sd_n, sd_d, *_robust_sd(draws[2:])]),
        draws=_bracketed(draws, points),
    )


def _minima(points: Points, losses: Floats) -> tuple[Floats, Floats]:
    """Return log N and log D by parabola and by spline, (4, r), and the lowest loss, (r,)."""
    over_n = fit_parabolas(points.log_n, losses)
    over_d = fit_parabolas(points.log_d, losses)
    splines = []
    for x in (points.log_n, points.log_d):
        sizes, log_loss = merged(x, np.log(np.maximum(losses, 1e-300)))
        splines.append(akima_minima(sizes, log_loss))
    return np.stack([over_n.vertex, over_d.vertex, *splines]), over_n.lowest


def _missing(points: Points, over_n: Parabolas, over_d: Parabolas) -> tuple[str, ...]:
    if not (over_n.curvature > 0 and over_d.curvature > 0):
        return (NEGATIVE_CURVATURE,)
    for x, parabola in ((points.log_n, over_n), (points.log_d, over_d)):
        if not x.min() < parabola.vertex < x.max():
            return (EDGE,)
    return ()


def _odd(arms: tuple[float, float], curvature_z: float, noise: Noise) -> tuple[str, ...]:
    """Return the flags of a profile that has an optimum."""
    from scipy.special import stdtrit

    flags = []
    if noise.degrees and curvature_z < stdtrit(noise.degrees, (1 + _CURVATURE_LEVEL) / 2):
        flags.append(WEAK_CURVATURE)
    if max(arms) > FAR_ARM * min(arms):
        flags.append(OFF_CENTER)
    if sum(arms) / 2 > np.log(WIDE_ARM) + 1e-9:
        flags.append(WIDE)
    return tuple(flags)


def far_from(profile: Profile, log_n: Floats) -> NDArray[np.bool_]:
    """Return which sizes lie on the far arm of an off-center profile, shape (m,)."""
    if OFF_CENTER not in profile.flags:
        return np.zeros(log_n.size, dtype=bool)
    reach = FAR_ARM * min(np.log(profile.arms))
    return np.asarray(np.abs(log_n - profile.points[0]) > reach)


def _bracketed(draws: Floats, points: Points) -> Floats:
    """Return the draws with NaN where a vertex lies outside the sizes, as it must to be used."""
    inside = [
        (x.min() < row) & (row < x.max())
        for row, x in zip(draws[:2], (points.log_n, points.log_d), strict=True)
    ]
    return np.concatenate([np.where(inside, draws[:2], np.nan), draws[2:]])


def _estimate(log_value: float, log_draws: Floats, level: float) -> Estimate:
    found = interval(log_value, log_draws, level)
    # A nearly flat parabola puts the vertex of a draw beyond any size: infinite, not an error.
    with np.errstate(over="ignore"):
        value, low, high = (float(np.exp(v)) for v in (found.value, found.low, found.high))
    return Estimate(value=value, low=low, high=high, level=level)


def _robust_sd(draws: Floats) -> Floats:
    """Return half the central 68 % of each row, NaN without draws."""
    out = np.full(draws.shape[0], np.nan)
    for i, row in enumerate(draws):
        known = row[np.isfinite(row)]
        if known.size:
            out[i] = np.diff(np.quantile(known, [0.1587, 0.8413]))[0] / 2
    return out


def _without_optimum(
    points: Points, flags: tuple[str, ...], parabola: Parabolas | None, n_boot: int, level: float
) -> Profile:
    nothing = Estimate(value=np.nan, low=np.nan, high=np.nan, level=level)
    return Profile(
        flops=points.flops,
        spread=points.spread,
        rows=points.rows,
        n_sizes=points.n_sizes,
        flags=flags,
        n_params=nothing,
        n_tokens=nothing,
        loss=nothing,
        akima_n_params=nothing,
        akima_n_tokens=nothing,
        arms=(np.nan, np.nan),
        curvature_z=np.nan,
        parabola=parabola,
        points=np.full(4, np.nan),
        sd=np.full(4, np.nan),
        draws=np.full((4, n_boot), np.nan),
    )
