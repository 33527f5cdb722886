"""Which runs of IsoFLOP profiles say the same, belong to a sweep, or stand apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isoflop.estimation.isoflop_profiles.budgets import size_codes
from isoflop.estimation.solver.problem import Floats

EXACT_DUPLICATE = "exact_duplicate"
NOT_BEST = "not_best_of_sweep"
NEAR_DUPLICATE = "near_duplicate_params"
OUTLIER = "spline_outlier"

_OUTLYING = 6.0
"""Robust z above which a run is an outlier.

Czech 2026, arXiv 2603.22339, `LOO_ZSCORE_THRESHOLD` of its data pipeline.
"""

_LEAST_INSIDE = 0.005  # of log loss: below this no run is an outlier, however smooth the rest
_LEAST_AT_EDGE = 0.1  # the same where the spline must extrapolate, which it does badly
_REACH = 8  # sizes up and down that an outlier can make look bad
_FEWEST = 5  # sizes of a profile in which an outlier can be told


class Noise(NamedTuple):
    """How much a run varies that is trained again.

    Parameters
    ----------
    relative : float
        Standard deviation of the loss over the loss. [1]
    degrees : int
        Degrees of freedom behind it; 0 where it is not known, and then `relative` is NaN.
    source : str
        ``"repeats"``: runs with equal N and D; ``"residuals"``: distance from the parabolas.
    """

    relative: float
    degrees: int
    source: str


def repeated(
    n_params: Floats, n_tokens: Floats, loss: Floats, setting: NDArray[np.int64]
) -> list[str]:
    """Return why a run with the N and D of another is not used; empty where it is.

    Of runs with equal N and D that differ in setting (learning rate, batch), the setting with the
    lowest mean loss is kept, with all its seeds; rows equal in all are one.

    Parameters
    ----------
    setting : NDArray of int, shape (n_runs,)
        Code of each run's settings; equal codes are repeats.
    """
    reasons = [""] * loss.size
    for rows in _groups(same_point(n_params, n_tokens)):
        for i, row in enumerate(rows):
            earlier = rows[:i]
            equal = (loss[earlier] == loss[row]) & (setting[earlier] == setting[row])
            reasons[row] = EXACT_DUPLICATE if equal.any() else ""
        kinds = np.unique(setting[rows])
        means = [loss[rows[setting[rows] == kind]].mean() for kind in kinds]
        best = kinds[int(np.argmin(means))]
        for row in rows[setting[rows] != best]:
            reasons[row] = NOT_BEST
    return reasons


def same_point(n_params: Floats, n_tokens: Floats) -> NDArray[np.int64]:
    """Return a code for each (N, D), equal where both agree to a millionth; shape (n_runs,)."""
    keys = np.round(np.log(np.stack([n_params, n_tokens], axis=1)) * 1e6)
    return np.asarray(np.unique(keys, axis=0, return_inverse=True)[1], dtype=np.int64).reshape(-1)


def merged(log_n: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return sizes and means of y over sizes within 1 % of the smallest of them, ascending.

    A spline through two values at nearly one size would swing between them.

    Parameters
    ----------
    log_n : NDArray, shape (m,)
    y : NDArray, shape (m,) or (n_draws, m)
    """
    order = np.argsort(log_n, kind="stable")
    code = size_codes(log_n)[order]
    counts = np.bincount(code)
    sizes = np.bincount(code, log_n[order]) / counts
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return sizes, np.add.reduceat(y[..., order], first, axis=-1) / counts


def near_duplicates(n_params: Floats, n_tokens: Floats) -> NDArray[np.bool_]:
    """Return which runs of one budget share a size within 1 % with one of another D; shape (m,)."""
    codes = size_codes(np.log(n_params))
    points = same_point(n_params, n_tokens)
    several = [
        np.unique(points[codes == k]).size > 1 for k in range(int(codes.max(initial=-1)) + 1)
    ]
    return np.array([several[k] for k in codes], dtype=bool)


def outliers(log_n: Floats, log_loss: Floats, budget: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return the runs that are far from the spline through the other runs of their budget.

    Beside a bad run good ones look bad too, so the one without which the rest of its budget is
    smoothest is taken away, and the rest judged anew until none is left. Far is a robust z above 6
    over all budgets, and at least 0.5 % of the loss (10 % for the smallest and the largest size,
    where the spline extrapolates).

    Parameters
    ----------
    log_n, log_loss : NDArray, shape (n_runs,)
        Natural logs.
    budget : NDArray of int, shape (n_runs,)
        -1 for a run in none, which is never an outlier.
    """
    out = np.zeros(log_n.size, dtype=bool)
    misfit, edge = np.full(log_n.size, np.nan), np.zeros(log_n.size, dtype=bool)
    for k in range(int(budget.max(initial=-1)) + 1):
        rows = np.flatnonzero(budget == k)
        misfit[rows], edge[rows] = _left_out_misfit(log_n[rows], log_loss[rows])
    score = _score(misfit, edge)
    while (score > _OUTLYING).any():
        worst = int(np.argmax(score))
        among = (budget == budget[worst]) & ~out
        near = _near(log_n, worst, among, _REACH)
        gone = int(near[_culprit(log_n[near], log_loss[near], score[near] > _OUTLYING)])
        out[gone], misfit[gone] = True, np.nan
        window = _near(log_n, gone, among, _REACH)
        window = window[window != gone]
        again, at_end = _left_out_misfit(log_n[window], log_loss[window])
        # Beyond half the reach the ends of the window would pass for those of the profile.
        fresh = np.isin(window, _near(log_n, gone, among, _REACH // 2))
        misfit[window[fresh]], edge[window[fresh]] = again[fresh], at_end[fresh]
        score = _score(misfit, edge)
    return out


def _near(log_n: Floats, run: int, among: NDArray[np.bool_], reach: int) -> NDArray[np.int64]:
    """Return the runs whose size is at most so many sizes from that of a run."""
    rows = np.flatnonzero(among)
    codes = size_codes(log_n[rows])
    own = codes[np.flatnonzero(rows == run)[0]]
    return np.asarray(rows[np.abs(codes - own) <= reach], dtype=np.int64)


def _culprit(log_n: Floats, log_loss: Floats, suspects: NDArray[np.bool_]) -> int:
    """Return the suspect without which the spline is closest to the other runs."""
    left = np.full(log_n.size, np.inf)
    for i in np.flatnonzero(suspects):
        rest = np.arange(log_n.size) != i
        misfit, edge = _left_out_misfit(log_n[rest], log_loss[rest])
        left[i] = np.abs(np.where(edge, 0.0, misfit)).sum()
    return int(np.nanargmin(left)) if np.isfinite(left).any() else int(np.argmax(suspects))


def _score(misfit: Floats, edge: NDArray[np.bool_]) -> Floats:
    """Return robust z, 0 where a misfit is too small to matter or not known."""
    known = misfit[np.isfinite(misfit)]
    if known.size == 0:
        return np.zeros_like(misfit)
    middle = np.median(known)
    scale = max(1.4826 * float(np.median(np.abs(known - middle))), 1e-12)
    distance = np.abs(np.nan_to_num(misfit, nan=middle) - middle)
    matters = distance > np.where(edge, _LEAST_AT_EDGE, _LEAST_INSIDE)
    return np.where(matters, distance / scale, 0.0)


def _left_out_misfit(log_n: Floats, log_loss: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return log loss less the spline through the other sizes, and which runs are at an end."""
    from scipy.interpolate import Akima1DInterpolator

    codes = size_codes(log_n)
    top = int(codes.max(initial=-1))
    edge = (codes == 0) | (codes == top)
    misfit = np.full(log_n.size, np.nan)
    if top + 1 < _FEWEST:
        return misfit, edge
    sizes, losses = merged(log_n, log_loss)
    for k in range(top + 1):
        others = np.arange(top + 1) != k
        spline = Akima1DInterpolator(sizes[others], losses[others])
        rows = codes == k
        misfit[rows] = log_loss[rows] - spline(log_n[rows], extrapolate=True)
    return misfit, edge


def noise_of_repeats(n_params: Floats, n_tokens: Floats, loss: Floats) -> Noise:
    """Return the pooled relative scatter of runs with equal N and D."""
    total, degrees = 0.0, 0
    for rows in _groups(same_point(n_params, n_tokens)):
        total += float(((loss[rows] / loss[rows].mean() - 1) ** 2).sum())
        degrees += rows.size - 1
    relative = float(np.sqrt(total / degrees)) if degrees else float("nan")
    return Noise(relative, degrees, "repeats")


def _groups(codes: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of each code that is there twice or more."""
    order = np.argsort(codes, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        if rows.size > 1:
            yield rows
