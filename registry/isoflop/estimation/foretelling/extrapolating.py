"""Which law carries a curve on: each is fitted to its first part and judged on the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import FitError, SchemaError, TooFewRunsError
from isoflop.estimate import Estimates
from isoflop.estimation.fitting import fit_law
from isoflop.estimation.result import FitResult
from isoflop.estimation.selection import Selection, select_runs
from isoflop.estimation.solver.problem import Floats
from isoflop.laws import Law
from isoflop.results import LeftOut
from isoflop.tables import RunTable

_FEWEST = 3
SLACK = 1.1
"""A law with fewer parameters is taken where its held-out error is below this many times the
smallest: a few held-out points do not tell such laws apart, and the simpler one strays less. [1]"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contender:
    """How one law did.

    Parameters
    ----------
    law : Law
        What was fitted to the first part.
    fit : FitResult or None
        None where no fit was possible, and then `refusal` says why.
    predicted : Estimates, shape (m,), or None
        The held-out part as the fit predicts it, in the unit of the response.
    error : float
        Root mean squared error of the logarithm over the held-out part; infinite without a fit, or
        where the prediction is not positive. [1]
    """

    law: Law
    fit: FitResult | None
    predicted: Estimates | None
    error: float
    refusal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Extrapolation:
    """Laws side by side on the held-out end of one curve.

    Parameters
    ----------
    contenders : tuple of Contender
        In the order the laws were given.
    fitted_rows, held_rows : NDArray of int, shape (k,) and (m,)
        Rows of the table, by growing x.
    x, measured : NDArray, shape (m,)
        Where the held-out rows lie, and what they measured.
    last_value : float
        Response at the largest x of the first part: the forecast that nothing changes.
    last_error : float
        Its error, as in `Contender`. [1]
    left_out : tuple of LeftOut
        Rows that no law could use.
    """

    contenders: tuple[Contender, ...]
    fitted_rows: NDArray[np.int64]
    held_rows: NDArray[np.int64]
    x: Floats
    measured: Floats
    last_value: float
    last_error: float
    left_out: tuple[LeftOut, ...]

    @property
    def best(self) -> Contender:
        """The law to carry on with: the fewest parameters within `SLACK` of the smallest error."""
        limit = SLACK * min(c.error for c in self.contenders)
        near = [c for c in self.contenders if c.error <= limit]
        return min(near, key=lambda c: (len(c.law.names), c.error))

    @property
    def beats_last_value(self) -> bool:
        """True where the best law predicts better than the last value carried on."""
        return self.best.error < self.last_error


def log_error(predicted: Floats, measured: Floats) -> float:
    """Return the root mean squared error of the logarithm. [1].

    Infinite where a prediction is missing or not positive; NaN without any.

    References
    ----------
    Alabdulmohsin et al. 2022, arXiv 2209.06640 (the extrapolation loss, as in their notebook).

    Examples
    --------
    >>> round(log_error(np.array([1.1, 2.2]), np.array([1.0, 2.0])), 4)
    0.0953
    """
    if not measured.size:
        return math.nan
    if not (np.isfinite(predicted) & (predicted > 0)).all():
        return math.inf
    return float(np.sqrt(np.mean(np.log(predicted / measured) ** 2)))


def extrapolate(
    laws: Sequence[Law],
    runs: RunTable,
    *,
    holdout: float = 0.2,
    using: Mapping[str, str] | None = None,
    family: str | None = None,
    **settings: Any,
) -> Extrapolation:
    """Fit each law to the first part of a curve and judge it on the rest.

    Parameters
    ----------
    laws : sequence of Law
        Laws of one and the same variable and response, at least one.
    runs : RunTable
        The points of one curve, in any order.
    holdout : float
        Share of the points to hold out at the end of large x, at least one. Points of equal x are
        never parted, so that it may be more. [1]
    using : mapping of str to str, or None
        Columns that stand for the variable or the response.
    family : str or None
        As for `fit_law`.
    **settings
        Further settings of `fit_law`: ``n_boot``, ``seed``, ``level``, ``objective``, ``delta``.

    Returns
    -------
    Extrapolation
        With every law, those that could not be fitted included.

    Raises
    ------
    SchemaError
        `holdout` is not between 0 and 1, or the laws are not of one variable and response.
    TooFewRunsError
        Fewer than three usable points, or none of larger x than the rest.
    """
    if not 0 < holdout < 1:
        raise SchemaError(f"holdout must lie between 0 and 1, got {holdout!r}; 0.2 is usual.")
    variable = _variable(laws)
    smallest = min(laws, key=lambda law: len(law.names))
    chosen = select_runs(smallest, runs, family=family, using=using)
    x, order, first = _cut(chosen, variable, holdout)
    rows = chosen.rows[order]
    measured = chosen.response[order]
    before, held_x, held_y = runs.take(rows[:first]), x[first:], measured[first:]
    last = float(measured[:first][x[:first] == x[first - 1]].mean())
    return Extrapolation(
        contenders=tuple(
            _contend(law, before, held_x, held_y, using=using, **settings) for law in laws
        ),
        fitted_rows=rows[:first],
        held_rows=rows[first:],
        x=held_x,
        measured=held_y,
        last_value=last,
        last_error=log_error(np.full(held_y.size, last), held_y),
        left_out=chosen.left_out,
    )


def _variable(laws: Sequence[Law]) -> str:
    """Return the one variable of the laws; raise `SchemaError` where they are not of one."""
    kinds = {(law.variables, law.response) for law in laws}
    if len(kinds) != 1 or len(laws[0].variables) != 1:
        shown = sorted(f"{response} of {', '.join(names)}" for names, response in kinds)
        raise SchemaError(
            f"Laws to choose among must be of one variable and one response, got {shown}; give "
            "laws of the same curve."
        )
    return laws[0].variables[0]


def _cut(chosen: Selection, variable: str, holdout: float) -> tuple[Floats, NDArray[np.intp], int]:
    """Return x in order, that order, and how many points come before the held-out ones."""
    values = chosen.variables[variable]
    order = np.lexsort((chosen.response, values))
    x = values[order]
    first = x.size - max(1, round(holdout * x.size))
    first = int(np.searchsorted(x, x[first], side="left"))
    if x.size < _FEWEST or first < 1:
        raise TooFewRunsError(
            f"A curve needs at least {_FEWEST} usable points at different {variable}, the last of "
            f"them to be held out; got {x.size} at {np.unique(x).size} places. Add runs."
        )
    return x, order, first


def _contend(
    law: Law,
    runs: RunTable,
    x: Floats,
    measured: Floats,
    *,
    using: Mapping[str, str] | None,
    **settings: Any,
) -> Contender:
    try:
        fit = fit_law(law, runs, using=using, **settings)
    except FitError as error:
        return Contender(law=law, fit=None, predicted=None, error=math.inf, refusal=str(error))
    predicted = fit.predict_at({law.variables[0]: x})
    return Contender(
        law=law, fit=fit, predicted=predicted, error=log_error(predicted.value, measured)
    )
