"""Every number an emergence verdict stands on, for one curve or for many together."""

from __future__ import annotations

import math
import zlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isoflop.estimation.scores.breakthroughness import breakthroughness, linearity
from isoflop.estimation.scores.multiple_testing import benjamini_hochberg, conservative_q_values
from isoflop.estimation.scores.onset import Onset, detect_onset
from isoflop.estimation.scores.score_noise import ScoreNoise
from isoflop.estimation.scores.score_trend import Trend, describe_trend
from isoflop.estimation.scores.width_test import WidthTest, run_width_test
from isoflop_plugins.analyzers.emergence.curves import ScoreCurve, scatter_between_models

MIN_POINTS = 5
"""Sizes below which nothing is judged: a sigmoid has four parameters, so that four sizes would fit
whatever they are (three of the 47 families of open models have exactly four, and would look
abrupt)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergenceOptions:
    """Options of the analyzer, as the descriptor documents them."""

    x: str
    alpha: float
    min_amplitude: float
    null_width_decades: float
    n_boot: int
    seed: int
    level: float
    tau: float
    constant_levels: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measures:
    """Numbers of one curve.

    Parameters
    ----------
    floor : float
        Score of guessing or of the best constant answer, whichever is higher; NaN where there is no
        point. [fraction]
    floor_how : str
        Where the floor is from.
    width, onset, trend : WidthTest, Onset, Trend or None
        Tests; None where the curve has too few points.
    width_q, onset_q, trend_q : float
        q-values within family and metric; NaN where there is no test.
    """

    curve: ScoreCurve
    noise: ScoreNoise
    floor: float
    floor_how: str
    breakthroughness: float
    linearity: float
    width: WidthTest | None = None
    onset: Onset | None = None
    trend: Trend | None = None
    width_q: float = math.nan
    onset_q: float = math.nan
    trend_q: float = math.nan


def measure(curves: Sequence[ScoreCurve], options: EmergenceOptions) -> list[Measures]:
    """Return the numbers of each curve, tests corrected within family and metric."""
    groups: dict[tuple[str, str], list[ScoreCurve]] = defaultdict(list)
    for curve in curves:
        groups[curve.key.family, curve.key.metric].append(curve)
    by_key = {}
    for members in groups.values():
        tau = scatter_between_models(members, default=options.tau)
        for measures in _corrected([_measure_one(c, tau, options) for c in members]):
            by_key[measures.curve.key] = measures
    return [by_key[curve.key] for curve in curves]


def _measure_one(curve: ScoreCurve, tau: float, options: EmergenceOptions) -> Measures:
    noise = ScoreNoise(
        n_examples=curve.n_examples, stderr=curve.stderr, tau=tau / np.sqrt(curve.n_repeats)
    )
    floor, how = _floor(curve, options.constant_levels.get(curve.key.task, math.nan))
    measures = Measures(
        curve=curve,
        noise=noise,
        floor=floor,
        floor_how=how,
        breakthroughness=breakthroughness(curve.score),
        linearity=linearity(curve.score),
    )
    if curve.problem or curve.score.size < MIN_POINTS or np.ptp(curve.score) == 0:
        return measures
    return replace(
        measures,
        width=run_width_test(
            curve.decades,
            curve.score,
            noise=noise,
            rng=np.random.default_rng([options.seed, zlib.crc32(curve.key.text().encode())]),
            null_width=options.null_width_decades,
            n_boot=options.n_boot,
            level=options.level,
        ),
        onset=detect_onset(curve.score, floor=floor, noise=noise),
        trend=describe_trend(curve.decades, curve.score, noise.variance(curve.score)),
    )


def _floor(curve: ScoreCurve, constant_level: float) -> tuple[float, str]:
    known = [
        (level, how)
        for level, how in (
            (curve.chance, "chance"),
            (constant_level, "the best constant answer"),
        )
        if math.isfinite(level)
    ]
    if known:
        return max(known)
    if not curve.score.size:
        return math.nan, "unknown"
    return float(curve.score[:3].mean()), "the mean of the three smallest models (chance unknown)"


def _corrected(group: Sequence[Measures]) -> list[Measures]:
    def q_values(
        correct: Callable[[NDArray[np.float64]], NDArray[np.float64]], name: str
    ) -> NDArray[np.float64]:
        tests = (getattr(m, name) for m in group)
        return correct(np.array([t.p_value if t else math.nan for t in tests], dtype=np.float64))

    width_q = q_values(conservative_q_values, "width")
    onset_q = q_values(benjamini_hochberg, "onset")
    trend_q = q_values(benjamini_hochberg, "trend")
    return [
        replace(m, width_q=float(w), onset_q=float(o), trend_q=float(t))
        for m, w, o, t in zip(group, width_q, onset_q, trend_q, strict=True)
    ]
