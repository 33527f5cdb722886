"""Fit a law to runs: choose rows, solve, resample, judge."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import SchemaError
from isoflop.estimation.allocation import log10_optimal_tokens, two_term_of
from isoflop.estimation.certificate import Certificate, SeenRun
from isoflop.estimation.frontier import FLOPS_PER_PARAM_TOKEN
from isoflop.estimation.identifiability import judge
from isoflop.estimation.result import FitResult
from isoflop.estimation.selection import Selection, select_runs
from isoflop.estimation.settings import FitSettings
from isoflop.estimation.solver.bootstrap import Refits, refit
from isoflop.estimation.solver.formula import formula_problem
from isoflop.estimation.solver.objectives import Objective, objective_of
from isoflop.estimation.solver.power_sum import power_sum_problem
from isoflop.estimation.solver.problem import Floats, Problem
from isoflop.estimation.solver.solving import ROUNDEST, Solution, solve
from isoflop.estimation.variables import fitted_values, group_codes
from isoflop.estimation.variants import constrained, opened
from isoflop.laws import Law, PowerSum
from isoflop.tables import RunTable


def fit_law(
    law: Law,
    runs: RunTable,
    *,
    objective: str | None = None,
    delta: float = 1e-3,
    quantile: float | None = None,
    n_boot: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    family: str | None = None,
    fixed: Mapping[str, float] | None = None,
    tied: Sequence[str] = (),
    using: Mapping[str, str] | None = None,
    weights: str | None = None,
    clusters: str | None = None,
) -> FitResult:
    """Fit a law to runs.

    Parameters
    ----------
    law : Law
        What to fit.
    runs : RunTable
        Needs the columns in `law.needs`; a row that lacks one is left out with a reason.
    objective : str or None
        What is minimized, a key of `isoflop.estimation.solver.objectives.OBJECTIVES`; None for
        the law's own.
    delta : float
        Huber threshold on the residual; ``inf`` for least squares. [unit of the residual]
    quantile : float or None
        For the quantile objectives: share of the runs below the fit. [1]
    n_boot : int
        Bootstrap replicates over runs; 0 for none, and then every interval is NaN.
    seed : int
        Seed of the resampling.
    level : float
        Level of the intervals. [1]
    family : str or None
        Family to fit where the table holds several.
    fixed : mapping of str to float, or None
        Parameters to hold at a value, in their own unit.
    tied : sequence of str
        Parameters to hold equal to the first of them.
    using : mapping of str to str, or None
        Column that stands for a variable or for the response: another count of N, another loss.
    weights : str or None
        Column with the weight of each row. [1]
    clusters : str or None
        Column with what is resampled together, for rows that are checkpoints of runs.

    Returns
    -------
    FitResult
        A poor fit is a result with a status; only an impossible one raises. The point estimate
        does not depend on the order of the runs; resampling follows it.

    Raises
    ------
    UnknownNameError
        Objective, family, parameter or column not known.
    SchemaError
        `delta`, `n_boot`, `level`, `seed`, a weight or a fixed parameter out of range.
    UnitError
        The usable runs mix families, loss data sets, tokenizers or FLOP conventions.
    TooFewRunsError
        Fewer usable runs than the law has parameters plus one.
    """
    check_resampling(n_boot=n_boot, level=level, seed=seed)
    minimized = objective_of(objective or law.objective, delta=delta, quantile=quantile)
    settings = FitSettings(
        objective=minimized.name, delta=float(delta), quantile=quantile, n_boot=n_boot, seed=seed,
        level=level, family=family, fixed=dict(fixed or {}), tied=tuple(tied),
        using=dict(using or {}), weights=weights, clusters=clusters,
    )  # fmt: skip
    law = constrained(law, fixed=fixed, tied=tied)
    chosen = select_runs(
        law, runs, family=family, using=using, log_response=minimized.space == "log"
    )
    rows = _rows(runs, chosen, weights=weights, clusters=clusters)
    problem = make_problem(law, chosen, minimized, weights=rows.weights, order=rows.order)
    solution = solve(problem, absolute=minimized.is_absolute)
    refits = refit(
        problem, solution.theta, n_boot=n_boot, seed=seed, order=rows.order, clusters=rows.clusters
    )
    return _result(law, chosen, problem, solution, refits, rows, settings, minimized)


class _Rows(NamedTuple):
    """How the rows of the problem stand: in what order, with what weights, in what clusters."""

    order: NDArray[np.int64]
    weights: Floats | None
    clusters: NDArray[np.int64] | None


def _rows(runs: RunTable, chosen: Selection, *, weights: str | None, clusters: str | None) -> _Rows:
    order = np.lexsort((chosen.response, *list(chosen.variables.values())[::-1]))
    codes = None
    if clusters is not None:
        codes = np.unique(group_codes(runs, clusters)[chosen.rows], return_inverse=True)[1]
    if weights is None:
        return _Rows(order, None, codes)
    given = fitted_values(runs, weights)[chosen.rows]
    if not ((given >= 0) & np.isfinite(given)).all() or not (given > 0).any():
        raise SchemaError(
            f"Column {weights!r} cannot be weights: each run that is fitted needs a finite number, "
            "0 or more, and one above 0."
        )
    return _Rows(order, given * (given.size / given.sum()), codes)


def make_problem(
    law: Law,
    chosen: Selection,
    objective: Objective,
    *,
    weights: Floats | None,
    order: NDArray[np.int64],
) -> Problem:
    """Return the solver's problem, rows in `order`: exact Newton for a sum of powers, else jets."""
    response = chosen.response[order]
    given = None if weights is None else weights[order]
    if isinstance(law.form, PowerSum) and objective.space == "log":
        columns = np.stack([chosen.variables[t.variable][order] for t in law.form.terms])
        return power_sum_problem(
            law, columns, response, delta=objective.delta, quantile=objective.quantile,
            weights=given,
        )  # fmt: skip
    return formula_problem(
        opened(law),
        {name: values[order] for name, values in chosen.variables.items()},
        response,
        space=objective.space,
        delta=objective.delta,
        quantile=objective.quantile,
        weights=given,
    )


def check_resampling(*, n_boot: int, level: float, seed: int) -> None:
    """Raise `SchemaError` where the settings of a bootstrap are out of range."""
    if not (isinstance(n_boot, Integral) and n_boot >= 0):
        raise SchemaError(f"n_boot must be 0 or more, got {n_boot!r}; 0 gives no intervals.")
    if not (isinstance(level, Real) and 0 < level < 1):
        raise SchemaError(f"level must lie between 0 and 1, got {level!r}; 0.95 is usual.")
    if not (isinstance(seed, Integral) and 0 <= seed < 2**32):
        raise SchemaError(f"seed must be a whole number from 0 to 2^32 - 1, got {seed!r}.")


def _result(
    law: Law,
    chosen: Selection,
    problem: Problem,
    solution: Solution,
    refits: Refits,
    rows: _Rows,
    settings: FitSettings,
    minimized: Objective,
) -> FitResult:
    flops = _flops(chosen)
    largest = int(np.argmax(flops)) if np.isfinite(flops).all() else int(np.argmin(chosen.response))
    optimum = _optimum(law, problem, float(flops[largest]))
    judgement = judge(law, *_rounded(problem, solution, minimized), refits.theta, optimum)
    misfit = np.empty(problem.n_runs)
    misfit[rows.order] = problem.residuals(solution.theta[None])[0]
    ranges = {name: _range(values) for name, values in chosen.variables.items()}
    ranges |= {"flops": _range(flops)} if "flops" not in ranges else {}
    return FitResult(
        law=law,
        estimate=problem.natural(solution.theta),
        draws=problem.natural(refits.theta),
        objective=solution.value / minimized.unit,
        gradient_norm=solution.gradient_norm,
        status=judgement.status,
        warnings=judgement.warnings,
        open_ends=judgement.open_ends,
        certificate=_certificate(solution, refits),
        n_runs=problem.n_runs,
        left_out=chosen.left_out,
        rows=chosen.rows,
        run_uids=chosen.run_uids,
        residuals=misfit,
        settings=dataclasses.replace(settings, delta=_told_delta(settings, minimized)),
        family=chosen.family,
        loss_dataset=chosen.loss_dataset,
        ranges=ranges | {law.response: _range(chosen.response)},
        largest_run=_seen(chosen, law, flops, largest),
        data_digest=_digest(problem, chosen, rows.order),
        problem=problem,
        solution=solution,
    )


def _rounded(
    problem: Problem, solution: Solution, minimized: Objective
) -> tuple[Problem, Solution]:
    """Return what curvature can be judged by: a polyhedron has none, a rounder objective does."""
    if not minimized.is_absolute:
        return problem, solution
    rounder = dataclasses.replace(problem, delta=ROUNDEST)
    value = float(rounder.objective(solution.theta[None])[0])
    return rounder, dataclasses.replace(solution, value=value)


def _told_delta(settings: FitSettings, minimized: Objective) -> float:
    return settings.delta if np.isinf(minimized.delta) else minimized.delta


def _optimum(law: Law, problem: Problem, top: float) -> Callable[[Floats], Floats] | None:
    """Return the function from theta (r, p) to log10 of the best D at `top`; None without one."""
    if two_term_of(law) is None:
        return None
    return lambda theta: log10_optimal_tokens(law, problem.natural(theta), top)


def _certificate(solution: Solution, refits: Refits) -> Certificate:
    return Certificate(
        n_starts=solution.n_starts,
        n_agree=solution.n_agree,
        gradient_norm=solution.gradient_norm,
        condition_number=solution.condition_number,
        refits_improved=refits.improved,
        refits_unconverged=refits.unconverged,
    )


def _flops(chosen: Selection) -> Floats:
    """Return 6 N D, or the C that the law reads; NaN for a law without either."""
    v = chosen.variables
    if "n_params" in v and "n_tokens" in v:
        product: Floats = FLOPS_PER_PARAM_TOKEN * v["n_params"] * v["n_tokens"]
        return product
    return v.get("flops", np.full(chosen.response.size, np.nan))


def _range(values: Floats) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _seen(chosen: Selection, law: Law, flops: Floats, index: int) -> SeenRun:
    def value(name: str) -> float:
        return float(chosen.variables[name][index]) if name in chosen.variables else float("nan")

    return SeenRun(
        name=chosen.labels[index],
        n_params=value("n_params"),
        n_tokens=value("n_tokens"),
        flops=float(flops[index]),
        loss=float(chosen.response[index]) if law.response == "loss" else float("nan"),
    )


def _digest(problem: Problem, chosen: Selection, order: NDArray[np.int64]) -> str:
    """Return a digest of the data that does not depend on the order of the runs."""
    parts = [values[order].tobytes() for values in chosen.variables.values()]
    parts.append(chosen.response[order].tobytes())
    if problem.weights is not None:
        parts.append(problem.weights.tobytes())
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]
