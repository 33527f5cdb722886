"""Approach 2: the optimum of each compute budget, and how the optima grow with compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoflop.estimation.frontier import FLOPS_PER_PARAM_TOKEN
from isoflop.estimation.isoflop_profiles.budgets import Budgets, find_budgets, size_codes
from isoflop.estimation.isoflop_profiles.exponents import (
    AKIMA,
    EQUAL,
    PARABOLA,
    TRIMMED,
    Exponents,
    exponents_of,
)
from isoflop.estimation.isoflop_profiles.parabolas import (
    OFF_CENTER,
    WEAK_CURVATURE,
    Points,
    Profile,
    far_from,
    fit_profile,
    residuals,
)
from isoflop.estimation.isoflop_profiles.runs import (
    NEAR_DUPLICATE,
    OUTLIER,
    Noise,
    near_duplicates,
    noise_of_repeats,
    outliers,
    repeated,
)
from isoflop.estimation.solver.problem import Floats

NO_BUDGET = "no_budget"
MIN_SIZES = 5
"""Model sizes that a budget needs: three make a parabola, two more show its noise."""

_FEWEST_REPEATS = 3  # degrees of freedom from which the scatter of repeats is preferred


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IsoflopProfiles:
    """What the IsoFLOP profiles of some runs say.

    Parameters
    ----------
    budgets : Budgets
        Which runs share compute; none where it is a continuum.
    profiles : tuple of Profile
        One a budget, ascending.
    reasons : tuple of str, length n_runs
        Why a run is not behind an optimum: ``no_budget``, ``exact_duplicate``,
        ``not_best_of_sweep``, ``spline_outlier`` or the flag of its profile; empty where it is.
    notes : tuple of str, length n_runs
        What is odd about a run that was used: ``near_duplicate_params``, ``off_center``.
    noise, misfit : Noise
        How much the loss of a run varies, and how far the runs are from their parabolas: the same
        where nothing was repeated.
    exponents : mapping of str to Exponents
        By method; empty with under three optima.
    """

    budgets: Budgets
    profiles: tuple[Profile, ...]
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    noise: Noise
    misfit: Noise
    exponents: Mapping[str, Exponents]

    @property
    def optima(self) -> tuple[Profile, ...]:
        """Profiles that have an optimum."""
        return tuple(p for p in self.profiles if p.has_optimum)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Task:
    """Runs, sorted so that draws do not depend on the order of the table, and what to do."""

    n_params: Floats
    n_tokens: Floats
    loss: Floats
    budgets: Budgets
    min_sizes: int
    scale: Floats
    level: float
    rng: np.random.Generator

    def points(self, used: NDArray[np.bool_]) -> list[Points]:
        """Return the used runs of each budget."""
        chosen = [
            np.flatnonzero(used & (self.budgets.index == k)) for k in range(len(self.budgets))
        ]
        return [
            Points(
                flops=float(self.budgets.flops[k]),
                spread=float(self.budgets.spread[k]),
                rows=rows,
                log_n=np.log(self.n_params[rows]),
                log_d=np.log(self.n_tokens[rows]),
                loss=self.loss[rows],
            )
            for k, rows in enumerate(chosen)
        ]

    def fit(self, used: NDArray[np.bool_], noise: Noise) -> list[Profile]:
        """Return the profile of each budget."""
        return [
            fit_profile(
                points,
                noise,
                min_sizes=self.min_sizes,
                scale=self.scale,
                rng=self.rng,
                level=self.level,
            )
            for points in self.points(used)
        ]


def isoflop_profiles(
    n_params: Floats,
    n_tokens: Floats,
    loss: Floats,
    *,
    flops: Floats | None = None,
    setting: NDArray[np.int64] | None = None,
    min_sizes: int = MIN_SIZES,
    n_boot: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> IsoflopProfiles:
    """Return the optimum of each budget that the runs share, and the exponents of the optima.

    Parameters
    ----------
    n_params, n_tokens, loss : NDArray, shape (n_runs,)
        N [1], D [token], L [nat/token]; positive and finite. No runs give no budgets.
    flops : NDArray, shape (n_runs,), or None
        Compute under one convention; None for 6 N D. [FLOP]
    setting : NDArray of int, shape (n_runs,), or None
        Code of what a sweep varies at equal N and D (learning rate, batch); the setting with the
        lowest mean loss is kept. None: runs with equal N and D differ by their seed alone.
    min_sizes : int
        Model sizes that a budget needs.
    n_boot, seed, level : int, int, float
        Draws of the noise, their seed, and the level of the intervals.

    Notes
    -----
    The loss of a budget is a parabola in log N (Hoffmann et al. 2022, section 3.2, arXiv
    2203.15556), and another in log D. Noise is the scatter of runs with equal N and D where there
    are three or more degrees of freedom of it, else that of all runs about their parabolas; it is
    relative to the loss, and each draw adds it to every loss. Its own size varies in the draws as
    its degrees of freedom say, so few runs give wide intervals.
    """
    flops = FLOPS_PER_PARAM_TOKEN * n_params * n_tokens if flops is None else flops
    order = np.lexsort((loss, n_tokens, n_params, flops))
    n, d, y, c = (a[order] for a in (n_params, n_tokens, loss, flops))
    kinds = np.zeros(n.size, dtype=np.int64) if setting is None else setting[order]
    budgets = find_budgets(c, n, min_sizes=min_sizes)
    reasons = _unused(n, d, y, kinds, budgets)
    used = reasons == ""
    rng = np.random.default_rng(seed)
    task = _Task(
        n_params=n, n_tokens=d, loss=y, budgets=budgets, min_sizes=max(min_sizes, 3),
        scale=np.empty(0), level=level, rng=rng,
    )  # fmt: skip
    repeats, misfit = noise_of_repeats(n[used], d[used], y[used]), _misfit(task, used)
    noise = repeats if repeats.degrees >= _FEWEST_REPEATS else misfit
    task = replace(task, scale=_scale(noise, n_boot, rng))
    profiles = task.fit(used, noise)
    notes = _notes(task, used, profiles)
    trimmed = [p for p in task.fit(used & (notes == ""), noise) if WEAK_CURVATURE not in p.flags]
    for p in profiles:
        reasons[p.rows] = "" if p.has_optimum else p.flags[0]
    return IsoflopProfiles(
        budgets=replace(budgets, index=_unsorted(budgets.index, order)),
        profiles=tuple(replace(p, rows=np.sort(order[p.rows])) for p in profiles),
        reasons=tuple(_unsorted(reasons, order).tolist()),
        notes=tuple(_unsorted(np.where(reasons == "", notes, ""), order).tolist()),
        noise=noise,
        misfit=misfit,
        exponents=_every_method(profiles, trimmed, level, rng),
    )


def _unused(
    n: Floats, d: Floats, loss: Floats, setting: NDArray[np.int64], budgets: Budgets
) -> NDArray[Any]:
    """Return why each run is in no profile, empty where it is."""
    reasons = np.array(repeated(n, d, loss, setting), dtype=object)
    index = np.where(reasons == "", budgets.index, -1)
    reasons[(reasons == "") & (index < 0)] = NO_BUDGET
    reasons[outliers(np.log(n), np.log(loss), index)] = OUTLIER
    return reasons


def _misfit(task: _Task, used: NDArray[np.bool_]) -> Noise:
    """Return the pooled relative scatter about the parabolas."""
    fitted = [p for p in task.points(used) if p.n_sizes >= task.min_sizes]
    degrees = sum(p.loss.size - 3 for p in fitted)
    if degrees == 0:
        return Noise(float("nan"), 0, "residuals")
    total = sum(float((residuals(p) ** 2).sum()) for p in fitted)
    return Noise(float(np.sqrt(total / degrees)), degrees, "residuals")


def _scale(noise: Noise, n_boot: int, rng: np.random.Generator) -> Floats:
    """Return the noise of each draw; its own uncertainty is that of a variance."""
    if noise.degrees == 0:
        return np.empty(0)
    return np.asarray(
        noise.relative * np.sqrt(noise.degrees / rng.chisquare(noise.degrees, n_boot))
    )


def _notes(task: _Task, used: NDArray[np.bool_], profiles: Sequence[Profile]) -> NDArray[Any]:
    """Return what is odd about used runs, empty where nothing is.

    Of near duplicates, the one closest to the nominal budget is none (of equally close ones the
    lowest loss).
    """
    notes = np.full(used.size, "", dtype=object)
    for p in profiles:
        n, d = task.n_params[p.rows], task.n_tokens[p.rows]
        notes[p.rows[far_from(p, np.log(n))]] = OFF_CENTER
        off = np.round(np.abs(np.log(FLOPS_PER_PARAM_TOKEN * n * d / p.flops)), 3)
        codes = size_codes(np.log(n))
        doubled = near_duplicates(n, d)
        order = np.lexsort((task.loss[p.rows], off, codes))
        _, first = np.unique(codes[order], return_index=True)
        doubled[order[first]] = False
        notes[p.rows[doubled]] = NEAR_DUPLICATE
    return notes


def _every_method(
    profiles: Sequence[Profile], trimmed: Sequence[Profile], level: float, rng: np.random.Generator
) -> dict[str, Exponents]:
    sources = {PARABOLA: profiles, EQUAL: profiles, TRIMMED: trimmed, AKIMA: profiles}
    found = {m: exponents_of(m, some, level=level, rng=rng) for m, some in sources.items()}
    return {m: e for m, e in found.items() if e is not None}


def _unsorted(values: NDArray[Any], order: NDArray[np.intp]) -> NDArray[Any]:
    out = np.empty_like(values)
    out[order] = values
    return out
