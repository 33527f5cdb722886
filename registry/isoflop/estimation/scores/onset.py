"""Does a score leave its floor? Absent in smaller models, present in larger ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isoflop.estimation.scores.score_noise import ScoreNoise

MIN_LEADING = 3
"""Sizes that must sit at the floor before the rise."""
MIN_GAIN = 0.10
"""Distance of the largest model from the floor. [fraction]"""
MIN_BAND = 0.05
"""Least half-height of the floor band; two standard errors where those are larger. [fraction]"""
ALPHA = 1e-3
"""Level of the largest model's test, divided by the number of points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Onset:
    """Outcome of the onset test.

    Parameters
    ----------
    leaves_floor : bool
        True where the first 3 or more sizes sit at the floor and the largest is above it by 0.10 or
        more; the p-value is not part of it.
    index : int
        First point from which every larger size is above the floor band; -1 where there is none.
    n_leading : int
        Sizes at the floor before the first one above it.
    band_top : float
        Upper end of the floor band at the first point. [unit of the score]
    p_value : float
        Chance of the largest model's score, or a better one, at the floor, times the number of
        points. [1]
    """

    leaves_floor: bool
    index: int
    n_leading: int
    band_top: float
    p_value: float


def detect_onset(score: NDArray[np.float64], *, floor: float, noise: ScoreNoise) -> Onset:
    """Test whether a score is at its floor for small scales and above it for the largest.

    Parameters
    ----------
    score : NDArray, shape (n_points,)
        Finite scores, smallest scale first; not empty.
    floor : float
        Score of guessing, or of the best constant answer where that is higher.
    noise : ScoreNoise
        Error of each score.

    Notes
    -----
    After J. Wei et al. 2022, arXiv 2206.07682 (absent in smaller, present in larger models). The
    numbers (3 sizes, 0.05 or two standard errors, 0.10, 0.001) flag none of 57 MMLU subjects for
    OPT and for Pythia zero-shot, where every subject stays at chance.
    """
    variance = noise.variance(np.full(score.shape, floor))
    band = floor + np.maximum(MIN_BAND, 2 * np.sqrt(variance))
    above = score > band
    n_leading = int(above.argmax()) if above.any() else score.size
    below = np.flatnonzero(~above)
    index = int(below[-1]) + 1 if below.size else 0
    leaves = n_leading >= MIN_LEADING and index < score.size and score[-1] >= floor + MIN_GAIN
    return Onset(
        leaves_floor=bool(leaves),
        index=index if index < score.size else -1,
        n_leading=n_leading,
        band_top=float(band[0]),
        p_value=min(1.0, score.size * _tail(score, floor, noise, math.sqrt(variance[-1]))),
    )


def _tail(score: NDArray[np.float64], floor: float, noise: ScoreNoise, deviation: float) -> float:
    """Return the chance of the last score or a better one if the model were at the floor."""
    from scipy.special import bdtrc, ndtr

    m = noise.n_examples[-1]
    if np.isnan(m):
        return float(ndtr(-(score[-1] - floor) / deviation))
    correct = round(float(score[-1] * m))
    if correct <= 0:
        return 1.0
    return float(bdtrc(correct - 1, round(float(m)), min(max(floor, 0.0), 1.0)))
