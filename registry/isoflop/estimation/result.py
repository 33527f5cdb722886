"""What a fit says: parameters with intervals, certificate, predictions, optimum."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isoflop.display.card import Card, ShowsCard
from isoflop.errors import ConvergenceError, NotIdentifiableError, SchemaError, UnitError
from isoflop.estimate import Estimate, Estimates
from isoflop.estimation.allocation import (
    Allocation,
    check_flops,
    decades_outside,
    exponent_n,
    law_frontier,
    two_term_of,
)
from isoflop.estimation.certificate import Certificate, SeenRun
from isoflop.estimation.frontier import TwoTermFrontier, optimal_tokens_per_param
from isoflop.estimation.identifiability import USABLE, FitStatus
from isoflop.estimation.intervals import interval, intervals
from isoflop.estimation.settings import FitSettings
from isoflop.estimation.solver.likelihood import OpenEnds, Profile, profile
from isoflop.estimation.solver.problem import Floats, Problem
from isoflop.estimation.solver.solving import Solution
from isoflop.laws import Law
from isoflop.results import LeftOut

_POINTS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class FitResult(ShowsCard):
    """A law fitted to runs.

    Parameters
    ----------
    law : Law
        What was fitted.
    estimate : NDArray, shape (p,)
        Parameters in the order of `law.names`, in their own units.
    draws : NDArray, shape (n_boot, p)
        Bootstrap refits, same order and units.
    objective : float
        Minimum, summed over runs.
    gradient_norm : float
        See `Certificate`.
    status : str
        ``converged``; ``partly-identified``: predictions hold, but not every parameter does;
        ``at-bound``, ``not-identifiable`` or ``not-converged``.
    warnings : tuple of str
        Problems in plain words; the first explains the status.
    open_ends : mapping of str to OpenEnds
        Parameters that the data do not identify, and toward where.
    certificate : Certificate
        Evidence.
    n_runs : int
        Runs used.
    left_out : tuple of LeftOut
        Rows not used, with reasons.
    rows : NDArray of int, shape (n_runs,)
        Rows of the table that were used.
    run_uids : tuple of str, length n_runs
        Ids of those runs in their registry; empty where the table has none.
    residuals : NDArray, shape (n_runs,)
        Log predicted minus log measured loss of those rows. [1]
    settings : FitSettings
        What was asked for; enough to run the fit again.
    family, loss_dataset : str
        What the runs share; empty where unknown.
    ranges : mapping of str to (float, float)
        Smallest and largest value over the runs of each variable, of ``flops`` and the response.
    largest_run : SeenRun
        The run with the most compute.
    data_digest : str
        Digest of the data, whatever the order of the runs.
    problem, solution : Problem, Solution
        Data in the solver's scale, and where it ended; for profiles.
    """

    law: Law
    estimate: Floats
    draws: Floats
    objective: float
    gradient_norm: float
    status: FitStatus
    warnings: tuple[str, ...]
    open_ends: Mapping[str, OpenEnds]
    certificate: Certificate
    n_runs: int
    left_out: tuple[LeftOut, ...]
    rows: NDArray[np.int64]
    run_uids: tuple[str, ...]
    residuals: Floats
    settings: FitSettings
    family: str
    loss_dataset: str
    ranges: Mapping[str, tuple[float, float]]
    largest_run: SeenRun
    data_digest: str
    problem: Problem
    solution: Solution

    @property
    def level(self) -> float:
        """Level of the intervals. [1]."""
        return self.settings.level

    @property
    def seed(self) -> int:
        """Seed of the bootstrap."""
        return self.settings.seed

    @property
    def objective_name(self) -> str:
        """What was minimized."""
        return str(self.settings.objective)

    @property
    def delta(self) -> float:
        """Huber threshold on the residual."""
        return self.settings.delta

    @property
    def is_usable(self) -> bool:
        """True where the fit may be predicted and planned from."""
        return self.status in USABLE

    @property
    def unidentified(self) -> tuple[str, ...]:
        """Names of the parameters that the data do not identify."""
        return tuple(self.open_ends)

    @property
    def source(self) -> str:
        """Where the law comes from."""
        return self.law.source

    @property
    def params(self) -> Mapping[str, Estimate]:
        """Parameters with percentile bootstrap intervals, in their own units.

        The interval of one that is not identified is open to that side: it ends at zero or at
        infinity, whatever the bootstrap says.
        """
        return {
            name: self._opened(name, interval(self.estimate[i], self.draws[:, i], self.level))
            for i, name in enumerate(self.law.names)
        }

    def _opened(self, name: str, found: Estimate) -> Estimate:
        if name not in self.open_ends:
            return found
        low, high, _ = self.open_ends[name]
        bottom = 0.0 if self.law.parameter(name).low >= 0 else -math.inf
        return dataclasses.replace(
            found, low=bottom if low else found.low, high=math.inf if high else found.high
        )

    def profile(self, name: str) -> Profile:
        """Return the profile likelihood of a parameter: its interval when the others follow.

        Raises `UnknownNameError` where the law has no such parameter.
        """
        self.law.parameter(name)
        place = self.law.names.index(name)
        j = place + self.problem.n_parameters - len(self.law.names)
        return profile(self.problem, self.solution, j, place=place, level=self.level)

    @property
    def derived(self) -> Mapping[str, Estimate]:
        """What follows for allocation: exponents of N_opt and D_opt, and D / N at the optimum.

        Empty for a law that is not of N and D. ``tokens_per_param`` is at the largest compute seen
        and left out where the optimum cannot be placed.
        """
        if two_term_of(self.law) is None:
            return {}
        point, draws = self.frontier, self.frontier_draws
        a, a_draws = exponent_n(point), exponent_n(draws)
        pairs = {"exponent_n": (a, a_draws), "exponent_d": (1.0 - a, 1.0 - a_draws)}
        if self.is_usable:
            top = self.largest_run.flops
            pairs["tokens_per_param"] = (
                optimal_tokens_per_param(point, top),
                optimal_tokens_per_param(draws, top),
            )
        return {
            name: interval(float(value), spread, self.level)
            for name, (value, spread) in pairs.items()
        }

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of each parameter and derived number."""
        own = {"exponent_n": "1", "exponent_d": "1", "tokens_per_param": "token"}
        return {**self.law.units, **own}

    @property
    def n_boot(self) -> int:
        """Bootstrap replicates."""
        return int(self.draws.shape[0])

    @property
    def residual_scale(self) -> float:
        """Typical distance of a run from the law: 1.4826 x median |residual|.

        Relative, where the residuals are of logarithms.

        Bands of `predict` are for the law; a single run scatters around it by about this much.
        """
        return float(1.4826 * np.median(np.abs(self.residuals)))

    @property
    def frontier(self) -> TwoTermFrontier:
        """Frontier at the point estimate; raises `UnitError` for a law that is not of N and D."""
        return law_frontier(self.law, self.estimate)

    @property
    def frontier_draws(self) -> TwoTermFrontier:
        """Frontier of every bootstrap draw, parameters of shape (n_boot,)."""
        return law_frontier(self.law, self.draws)

    def predict(self, n_params: ArrayLike, n_tokens: ArrayLike) -> Estimates:
        """Return the loss the law gives, with the band of the law [nat/token].

        Parameters
        ----------
        n_params, n_tokens : array_like, broadcast together
            N [1] and D [token]; NaN gives NaN.

        Raises
        ------
        UnitError
            The law is not one of N and D.
        """
        if set(self.law.variables) != {"n_params", "n_tokens"}:
            raise UnitError(
                f"Law {self.law.name!r} is of {list(self.law.variables)}, not of n_params and "
                "n_tokens; use predict_at."
            )
        return self.predict_at({"n_params": n_params, "n_tokens": n_tokens})

    def predict_at(self, variables: Mapping[str, ArrayLike]) -> Estimates:
        """Return the response at values of the law's variables, by name, broadcast together."""
        missing = [name for name in self.law.variables if name not in variables]
        if missing:
            raise SchemaError(f"Law {self.law.name!r} needs {missing}, got {sorted(variables)}.")
        columns = [np.asarray(variables[name], dtype=np.float64) for name in self.law.variables]
        shape = np.broadcast_shapes(*(c.shape for c in columns))
        flat = np.stack([np.broadcast_to(c, shape).reshape(-1) for c in columns])
        value = _evaluate(self.law, self.estimate[None], flat)[0]
        low, high = np.empty_like(value), np.empty_like(value)
        for begin in range(0, value.size, _POINTS_AT_ONCE):
            part = slice(begin, begin + _POINTS_AT_ONCE)
            band = intervals(
                value[part], _evaluate(self.law, self.draws, flat[:, part]), self.level
            )
            low[part], high[part] = band.low, band.high
        return Estimates(
            value=value.reshape(shape),
            low=low.reshape(shape),
            high=high.reshape(shape),
            level=self.level,
        )

    def optimal(self, flops: float) -> Allocation:
        """Return the compute-optimal N, D and loss for a budget.

        Parameters
        ----------
        flops : float
            Training compute, 6 N D. [FLOP]

        Raises
        ------
        UnitError
            `flops` is not positive and finite, or the law is not of N and D.
        NotIdentifiableError
            The runs cannot place the optimum; the message says why.
        ConvergenceError
            The fit is not at a minimum.
        """
        budget = check_flops(flops)
        self._require_optimum()
        point, draws = self.frontier, self.frontier_draws
        n, d = point.n_opt(budget), point.d_opt(budget)
        loss = _evaluate(self.law, self.estimate[None], self._stacked(n, d))[0, 0]
        return Allocation(
            flops=budget,
            n_params=self._at(n, draws.n_opt(budget)),
            n_tokens=self._at(d, draws.d_opt(budget)),
            loss=self._at(loss, self._best_losses(budget)),
            extrapolation_decades=decades_outside(budget, self.ranges["flops"]),
        )

    def _stacked(self, n: Floats, d: Floats) -> Floats:
        by_name = {"n_params": n, "n_tokens": d}
        return np.stack([np.atleast_1d(by_name[name]) for name in self.law.variables])

    def _best_losses(self, budget: float) -> Floats:
        """Return the loss of every draw at its own best N and D, shape (n_boot,)."""
        draws = self.frontier_draws
        points = self._stacked(draws.n_opt(budget), draws.d_opt(budget))
        parameters = {name: self.draws[:, i] for i, name in enumerate(self.law.names)}
        variables = dict(zip(self.law.variables, points, strict=True))
        with np.errstate(all="ignore"):
            return np.asarray(self.law.form(parameters, variables))

    def _at(self, value: Floats, draws: Floats) -> Estimate:
        return interval(float(value), draws, self.level)

    def _require_optimum(self) -> None:
        if self.is_usable:
            return
        why = self.warnings[0] if self.warnings else self.status
        text = f"The fit of {self.law.name!r} to {self.n_runs} runs has no usable optimum: {why}."
        if self.status == "not-converged":
            raise ConvergenceError(text)
        raise NotIdentifiableError(f"{text} predict() still works inside the data.")

    def to_row(
        self, *, created_at: datetime | None = None, runs_version: int | None = None
    ) -> dict[str, Any]:
        """Return the row of this fit for the registry's table `fits`.

        Parameters
        ----------
        created_at : datetime or None
            When it was fitted, UTC; null for the writer to fill.
        runs_version : int or None
            Version of the table `runs` that was read.
        """
        from isoflop.estimation.fit_row import fit_row

        return fit_row(self, created_at=created_at, runs_version=runs_version)

    def _card(self) -> Card:
        from isoflop.estimation.summary import fit_card

        return fit_card(self)


def _evaluate(law: Law, params: Floats, variables: Floats) -> Floats:
    """Return the response, shape (r, m), for natural params (r, p) and variables (k, m)."""
    parameters = {name: params[:, i : i + 1] for i, name in enumerate(law.names)}
    with np.errstate(all="ignore"):
        value = law.form(parameters, dict(zip(law.variables, variables, strict=True)))
    return np.broadcast_to(np.asarray(value), (params.shape[0], variables.shape[1]))
