"""What a fit minimizes, by name."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Literal

from isoflop.errors import SchemaError, UnknownNameError

OBJECTIVES = {
    "log-huber": "sum of Huber_delta(log predicted - log measured)",
    "huber": "sum of Huber_delta(predicted - measured)",
    "log-squares": "half the sum of squares of log predicted - log measured",
    "squares": "half the sum of squares of predicted - measured",
    "log-absolute": "sum of |log predicted - log measured| (least absolute deviations)",
    "absolute": "sum of |predicted - measured| (least absolute deviations)",
    "log-quantile": "Huber_delta of the logs, tilted: `quantile` of the rows lie below the fit",
    "quantile": "Huber_delta, tilted: `quantile` of the rows lie below the fit",
}

NEARLY_ABSOLUTE = 1e-8
"""Huber threshold that stands for none; see `isoflop.estimation.solver.solving.solve`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What is minimized.

    Parameters
    ----------
    name : str
        A key of `OBJECTIVES`.
    space : str
        ``"log"`` or ``"raw"`` residuals.
    delta : float
        Huber threshold; infinite for squares. [unit of the residual]
    quantile : float
        Share of the rows below the fit; a half for all but the quantile objectives. [1]
    """

    name: str
    space: Literal["log", "raw"]
    delta: float
    quantile: float

    @property
    def is_absolute(self) -> bool:
        """True for least absolute deviations."""
        return self.name.endswith("absolute")

    @property
    def unit(self) -> float:
        """What the minimum of the Huber function is divided by to be the sum that is named."""
        return self.delta if self.is_absolute else 1.0


def objective_of(name: str, *, delta: float, quantile: float | None) -> Objective:
    """Return the objective of a name and its numbers.

    Raises
    ------
    UnknownNameError
        No such objective.
    SchemaError
        `delta` is not positive; a quantile is missing, out of range, or given to an objective
        without one.
    """
    if name not in OBJECTIVES:
        raise UnknownNameError("objective", name, OBJECTIVES)
    if not (isinstance(delta, Real) and delta > 0):
        raise SchemaError(f"delta must be positive, got {delta!r}; 1e-3 is usual on log losses.")
    tilted = name.endswith("quantile")
    if tilted and not (isinstance(quantile, Real) and 0 < quantile < 1):
        raise SchemaError(
            f"Objective {name!r} needs a quantile between 0 and 1, got {quantile!r}; 0.1 fits the "
            "best achievable, a tenth of the runs below it."
        )
    if quantile is not None and not tilted:
        raise SchemaError(f"Objective {name!r} takes no quantile; use 'log-quantile'.")
    if name.endswith("squares"):
        delta = float("inf")
    elif name.endswith("absolute"):
        delta = NEARLY_ABSOLUTE
    return Objective(
        name=name,
        space="log" if name.startswith("log-") else "raw",
        delta=float(delta),
        quantile=0.5 if quantile is None else float(quantile),
    )
