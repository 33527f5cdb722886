"""One curve from the runs of a family, and the laws that carry it on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import FitError, SchemaError, UnitError
from isoflop.estimation import FitResult, fit_law
from isoflop.estimation.foretelling.extrapolating import Extrapolation, extrapolate
from isoflop.estimation.selection import select_runs
from isoflop.estimation.variables import fitted_values
from isoflop.results import LeftOut
from isoflop.words import parameters, plural

if TYPE_CHECKING:
    from isoflop.estimate import Estimate
    from isoflop.laws import Law
    from isoflop.tables import RunTable

_SAME_SIZE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Axes:
    """What is drawn against what.

    Parameters
    ----------
    x, y : str
        Columns of the runs; `isoflop.estimation.variables` has those that are derived.
    n_params : float or None
        Keep runs of this size alone, within 5 %. [1]
    same : float
        Runs whose x differ by less are one point, the lowest of them. [decade]
    """

    x: str
    y: str
    n_params: float | None
    same: float

    def using(self, law: Law) -> dict[str, str]:
        """Return which columns stand for the variable and the response of a law."""
        pairs = {law.variables[0]: self.x, law.response: self.y}
        return {name: column for name, column in pairs.items() if name != column}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """The curve of one family, and what carries it on.

    Parameters
    ----------
    family : str
        Name; ``""`` where runs have none.
    runs : RunTable
        The points, by growing x.
    x, y : NDArray, shape (n,)
        Their places and values, in the units of the columns.
    judged : Extrapolation
        Laws on the held-out end.
    fit : FitResult
        The best law, fitted to the whole curve.
    left_out : tuple of LeftOut
        Runs that are not on the curve, and laws that were not tried.
    """

    family: str
    runs: RunTable
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    judged: Extrapolation
    fit: FitResult
    left_out: tuple[LeftOut, ...]

    def ahead(self, decades: float) -> Estimate:
        """Return what the best law says so many decades beyond the runs."""
        return self.fit.predict_at({self.fit.law.variables[0]: [self.place(decades)]})[0]

    def place(self, decades: float) -> float:
        """Return x so many decades beyond the runs."""
        return float(self.x[-1] * 10.0**decades)

    @property
    def tested_decades(self) -> float:
        """How far the held-out end reaches beyond the points before it. [decade]."""
        before = self.x[: self.judged.fitted_rows.size]
        return float(np.log10(self.x[-1] / before[-1]))

    @property
    def share_rising(self) -> float:
        """Share of the steps along x at which y rises. [1]."""
        return float((np.diff(self.y) > 0).mean())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NoCurve:
    """A family without a curve to judge, and why."""

    family: str
    runs: RunTable
    refusal: str


def family_curve(
    family: str,
    runs: RunTable,
    laws: Sequence[Law],
    axes: Axes,
    *,
    holdout: float,
    settings: Mapping[str, Any],
) -> Curve | NoCurve:
    """Return the curve of one family with every law judged on its end.

    Parameters
    ----------
    family, runs
        The family and its runs.
    laws : sequence of Law
        Laws of one variable.
    axes : Axes
        What to draw.
    holdout : float
        Share of the points to hold out. [1]
    settings : mapping
        Keywords of `isoflop.estimation.fit_law`.
    """
    try:
        points, dropped = _points(runs, laws, axes)
        tried, untried = _affordable(laws, points, holdout)
        using, once = axes.using(laws[0]), {**settings, "n_boot": 0}
        judged = extrapolate(tried, points, holdout=holdout, using=using, **once)
        if judged.best.fit is None:
            return NoCurve(family=family, runs=runs, refusal=judged.best.refusal)
        law = judged.best.law
        fit = fit_law(law, points, using=using, **settings)
    except (FitError, UnitError) as error:
        return NoCurve(family=family, runs=runs, refusal=str(error))
    return Curve(
        family=family,
        runs=points,
        x=fitted_values(points, axes.x),
        y=fitted_values(points, axes.y),
        judged=judged,
        fit=fit,
        left_out=(*dropped, *untried),
    )


def check_axes(axes: Axes) -> None:
    """Raise `SchemaError` where a number of the axes makes no sense."""
    if not (np.isfinite(axes.same) and axes.same >= 0):
        raise SchemaError(f"same must be 0 or more decades, got {axes.same!r}; 0.01 is usual.")
    if axes.n_params is not None and not axes.n_params > 0:
        raise SchemaError(f"n_params must be positive or None, got {axes.n_params!r}.")


def _points(runs: RunTable, laws: Sequence[Law], axes: Axes) -> tuple[RunTable, list[LeftOut]]:
    """Return the best run at each x, by growing x, and why the others are not on the curve."""
    labels = runs.labels()
    left_out: list[LeftOut] = []
    if axes.n_params is not None:
        size = fitted_values(runs, "n_params")
        with np.errstate(invalid="ignore"):
            of_size = np.abs(size / axes.n_params - 1.0) <= _SAME_SIZE
        reason = f"n_params is not {parameters(axes.n_params)}"
        left_out += [
            LeftOut(subject=labels[i], reason=reason) for i in np.flatnonzero(~of_size).tolist()
        ]
        runs = runs.take(of_size)
    law = min(laws, key=lambda one: len(one.names))
    chosen = select_runs(law, runs, using=axes.using(law))
    x, y = chosen.variables[law.variables[0]], chosen.response
    order = np.lexsort((y, x))
    groups = _groups(np.log10(x[order]), axes.same)
    lowest = [order[groups == g][y[order[groups == g]].argmin()] for g in range(groups.max() + 1)]
    above = np.setdiff1d(order, lowest)
    reason = f"another run at the same {axes.x} has a lower {axes.y}"
    left_out += [LeftOut(subject=chosen.labels[i], reason=reason) for i in above.tolist()]
    return runs.take(chosen.rows[lowest]), [*left_out, *chosen.left_out]


def _groups(x: NDArray[np.float64], same: float) -> NDArray[np.int64]:
    """Return the group of each x in order; one holds what lies within `same` of its first."""
    out = np.zeros(x.size, dtype=np.int64)
    first = x[0]
    for i in range(1, x.size):
        out[i] = out[i - 1] + (x[i] - first > same)
        first = x[i] if out[i] > out[i - 1] else first
    return out


def _affordable(
    laws: Sequence[Law], points: RunTable, holdout: float
) -> tuple[list[Law], list[LeftOut]]:
    """Return the laws with few enough parameters for the points that are fitted, and the others.

    With p parameters 2 (p - 1) points, so that a flexible law cannot just thread them.
    """
    n = len(points) - max(1, round(holdout * len(points)))
    left_out, tried = [], []
    for law in laws:
        needed = 2 * (len(law.names) - 1)
        if n >= needed or law is laws[0]:
            tried.append(law)
            continue
        reason = f"not tried: it needs {needed} points to fit, and {plural(n, 'point')} are left"
        left_out.append(LeftOut(subject=f"law {law.name}", reason=reason))
    return tried, left_out
