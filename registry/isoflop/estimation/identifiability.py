"""Whether the runs can tell a law's parameters apart, and what to say where they cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isoflop.estimation.solver.likelihood import OpenEnds, open_ends, standard_errors
from isoflop.estimation.solver.power_sum import PowerSumProblem
from isoflop.estimation.solver.problem import Floats, Problem
from isoflop.estimation.solver.solving import Solution
from isoflop.laws import Law

FitStatus = Literal[
    "converged", "partly-identified", "at-bound", "not-identifiable", "not-converged"
]

USABLE: tuple[FitStatus, ...] = ("converged", "partly-identified")
"""Statuses of fits that may be predicted and planned from."""

LEAST_SPREAD = 0.02
"""Runs closer to one line in the plane of log N and log D than this are on it. [decade]"""

WIDEST_OPTIMUM = 1.0
"""A 95 % interval of the optimal D wider than this says nothing. [decade]"""

WORST_CONDITION = 1e8
"""Condition number of the scaled Hessian beyond which rounding decides."""

FLATTEST = 1e-6
"""Largest scaled gradient at which a fit counts as converged."""

PERFECT = 1e-7
"""Residuals below this share of the response's spread are rounding. [1]"""

_FEW_DRAWS = 100
_MOST_FOR_LINES = 120
_OFTEN = 0.025


class Judgement(NamedTuple):
    """What can be said of a fit.

    Parameters
    ----------
    status : FitStatus
        One word.
    warnings : tuple of str
        Problems in plain words; the first explains the status where it is not converged.
    open_ends : mapping of str to (bool, bool)
        Parameters that the data do not hold from below, from above; see `isoflop.estimation.
        profiles.open_ends`.
    """

    status: FitStatus
    warnings: tuple[str, ...]
    open_ends: Mapping[str, OpenEnds]


def judge(
    law: Law,
    problem: Problem,
    solution: Solution,
    draws: Floats,
    log10_optimum: Callable[[Floats], Floats] | None,
) -> Judgement:
    """Return status and warnings of a fit.

    Parameters
    ----------
    law, problem, solution
        What was fitted, to what, and where it ended.
    draws : NDArray, shape (n_boot, p)
        Bootstrap draws in the solver's scale; may be empty.
    log10_optimum : callable or None
        log10 of the optimal D at the largest compute seen, for theta of shape (r, p); None for a
        law without an allocation.
    """
    unknown = [
        *_geometry(law, problem),
        *_vanished(law, problem, solution),
        *_curvature(solution),
        *_optimum_spread(problem, solution, draws, log10_optimum),
    ]
    if unknown:
        unknown = [*_on_two_lines(law, problem), *unknown]
    bound = _at_bound(law, problem, solution)
    open_end = _not_converged(problem, solution)
    ends = {_names(law, problem)[j]: end for j, end in open_ends(problem, solution, draws).items()}
    partly = [_open_words(name, *end) for name, end in ends.items()]
    found: tuple[tuple[FitStatus, list[str]], ...] = (
        ("not-identifiable", unknown),
        ("at-bound", bound),
        ("not-converged", open_end),
        ("partly-identified", partly),
    )
    status: FitStatus = next((s for s, reasons in found if reasons), "converged")
    warnings = (*unknown, *bound, *open_end, *partly, *_copies(problem), *_lonely(solution))
    return Judgement(status, warnings, ends)


def _names(law: Law, problem: Problem) -> tuple[str, ...]:
    """Return the name of each entry of theta; a constant that the law lacks has none."""
    return ("",) * (problem.n_parameters - len(law.names)) + law.names


def _geometry(law: Law, problem: Problem) -> list[str]:
    """Say where the runs lie on a line (or a point) of the plane of the variables."""
    if np.ptp(problem.y) == 0:
        return [f"{law.response} is the same in all runs, so nothing can be fitted to it"]
    settings = problem.settings()
    distinct = np.unique(np.round(settings, 9), axis=1).shape[1]
    if distinct < len(law.names):
        return [
            f"only {distinct} distinct settings of the variables for {len(law.names)} "
            "parameters; add runs at other settings"
        ]
    if isinstance(problem, PowerSumProblem):
        return _on_a_line(problem.x, [t.variable for t in problem.form.terms])
    rows = dict(zip(law.variables, settings, strict=True))
    still = [name for name, row in rows.items() if np.ptp(row) == 0]
    if still or law.two_term is None:
        return [f"{name} has one value in all runs, so its effect is unknown" for name in still]
    x = np.log(settings)
    return _on_a_line(x - x.mean(axis=1, keepdims=True), list(rows))


def _on_a_line(x: Floats, names: list[str]) -> list[str]:
    """Say where centered logarithms, shape (k, n), lie on one line or hardly vary."""
    spread = float(np.linalg.svd(x, compute_uv=False)[-1] / np.sqrt(x.shape[1]) / np.log(10.0))
    if spread >= LEAST_SPREAD:
        return []
    words = " and ".join(names)
    if len(names) == 1:
        return [f"{words} hardly varies over the runs (standard deviation {spread:.2g} decades)"]
    return [
        f"the runs lie on one line of {words} (spread across it {spread:.2g} decades, at least "
        f"{LEAST_SPREAD} needed), so their effects cannot be told apart; add runs off the line, "
        "for example the same size with more and with fewer tokens"
    ]


def _on_two_lines(law: Law, problem: Problem) -> list[str]:
    """Say where the runs lie on two lines of the plane of log N and log D, which is a weak design.

    Two lines can do (fixed ratios far apart); so this explains a refusal and is none by itself.
    """
    if set(law.variables) != {"n_params", "n_tokens"} or problem.n_runs > _MOST_FOR_LINES:
        return []
    x = problem.settings() if isinstance(problem, PowerSumProblem) else np.log(problem.settings())
    first = _largest_line(x)
    rest = x[:, ~first]
    if not rest.shape[1] or not _largest_line(rest).all():
        return []
    return [
        f"the {problem.n_runs} runs lie on two lines of n_params and n_tokens ({first.sum()} and "
        f"{rest.shape[1]} runs), which hardly tells their effects apart; add runs off both lines"
    ]


def _largest_line(x: Floats) -> NDArray[np.bool_]:
    """Return which points, shape (2, n), lie on the line through two of them that holds most."""
    across = x[:, :, None] - x[:, None, :]
    length = np.hypot(*across)
    unit = across / np.where(length > 0, length, np.inf)
    # Distance of point k from the line through i and j.
    distance = np.abs(np.einsum("ijk->kij", unit[0][:, :, None] * across[1][:, None, :]
                                - unit[1][:, :, None] * across[0][:, None, :]))  # fmt: skip
    on_line = distance <= LEAST_SPREAD * np.log(10.0)
    count = np.where(length > 0, on_line.sum(axis=0), 0)
    i, j = np.unravel_index(int(count.argmax()), count.shape)
    return np.asarray(on_line[:, i, j] if count.max() else np.ones(x.shape[1], dtype=bool))


def _vanished(law: Law, problem: Problem, solution: Solution) -> list[str]:
    """Say which of constant and coefficients went to zero."""
    zero = solution.held & problem.free & problem.may_vanish & (solution.theta < problem.high)
    gone = [n for n, held in zip(_names(law, problem), zero, strict=True) if held]
    if not gone:
        return []
    return [
        f"{' and '.join(gone)} ended at zero: the runs do not bend enough to separate "
        f"{'it' if len(gone) == 1 else 'them'} from the rest; add runs with more compute"
    ]


def _curvature(solution: Solution) -> list[str]:
    if solution.condition_number <= WORST_CONDITION:
        return []
    return [
        f"the objective is flat along some direction (condition number "
        f"{solution.condition_number:.1e}, at most {WORST_CONDITION:.0e} is sound)"
    ]


def _optimum_spread(
    problem: Problem,
    solution: Solution,
    draws: Floats,
    log10_optimum: Callable[[Floats], Floats] | None,
) -> list[str]:
    """Say where the optimum could lie anywhere within more than a decade."""
    if log10_optimum is None:
        return []
    if draws.shape[0] >= _FEW_DRAWS:
        values = log10_optimum(draws)
        low, high = np.quantile(np.nan_to_num(values, nan=np.inf), [0.025, 0.975])
        how = "bootstrap"
    else:
        middle = log10_optimum(solution.theta[None])[0]
        half = 1.96 * standard_errors(problem, solution, log10_optimum)
        low, high = (middle - half, middle + half) if np.isfinite(middle) else (-np.inf, np.inf)
        how = "curvature"
    known = np.isfinite(low) and np.isfinite(high)
    if known and high - low <= WIDEST_OPTIMUM:
        return []
    width = f"range over {high - low:.2f} decades" if known else "could be anywhere"
    return [
        f"the optimal tokens at the largest compute seen {width} (95 % by {how}, at most "
        f"{WIDEST_OPTIMUM:g} says anything); add runs farther from the frontier on both sides"
    ]


def _at_bound(law: Law, problem: Problem, solution: Solution) -> list[str]:
    out = []
    stuck = solution.held & problem.free & ~problem.may_vanish
    for j, name in enumerate(_names(law, problem)):
        if stuck[j]:
            low, high = problem.box(j)
            value = low if solution.theta[j] <= problem.low[j] + 1e-9 else high
            out.append(
                f"{name} ended at its bound {value:g} (sought in {low:g} to {high:g}), so it is "
                "not an estimate"
            )
    return out


def _not_converged(problem: Problem, solution: Solution) -> list[str]:
    # A perfect fit has only rounding left, which need not be flat.
    perfect = problem.n_runs * (PERFECT * float(np.std(problem.y))) ** 2
    settled = solution.gradient_norm <= FLATTEST and solution.n_agree > 0
    if settled or solution.value <= perfect:
        return []
    if solution.gradient_norm <= FLATTEST:
        return [
            f"none of {solution.n_starts} starts reached the lowest point found, so a lower one is "
            "likely; fit a law with fewer parameters, or give it more runs"
        ]
    return [
        f"the solver stopped with a scaled gradient of {solution.gradient_norm:.1e}, at most "
        f"{FLATTEST:.0e} is a minimum; try a larger delta"
    ]


def _open_words(name: str, low: bool, high: bool, how: str) -> str:
    """Say that a parameter is not identified, and toward where."""
    toward = (
        "any value" if low and high else ("much smaller values" if low else "much larger values")
    )
    return (
        f"{name} is not identified: {toward} fit as well ({how}); read predictions inside the "
        "data, not this parameter"
    )


def _copies(problem: Problem) -> list[str]:
    """Say where rows are exact copies of one another, which makes intervals too narrow."""
    rows = np.concatenate([problem.settings(), problem.y[None]])
    copies = problem.n_runs - np.unique(rows, axis=1).shape[1]
    if not copies:
        return []
    return [
        f"{copies} of {problem.n_runs} rows are exact copies of another one; if they are the same "
        "runs, drop them: intervals are too narrow with them"
    ]


def _lonely(solution: Solution) -> list[str]:
    if solution.n_agree != 1:
        return []
    return [f"only 1 of {solution.n_starts} starts reached this minimum; another one may be lower"]
