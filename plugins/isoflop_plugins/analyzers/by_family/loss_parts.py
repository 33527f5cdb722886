"""The two parts of a loss: what more scale can remove, and the floor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from isoflop.estimate import Estimate, Estimates
from isoflop.estimation.intervals import intervals

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from isoflop.estimation import FitResult

FLOOR = "L_inf"
"""Name of the constant in the laws that have one."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LossParts:
    """What a law with a constant says of the loss at some points.

    Parameters
    ----------
    total, reducible : Estimates, shape (x,)
        The loss, and what is above the floor: the divergence of the model from the data, where the
        floor is their entropy. [nat/token]
    floor : Estimate
        The irreducible loss; open to 0, or to the lowest loss, where the runs do not hold it.
    is_known : bool
        False where the runs do not identify the floor, and so neither part.
    """

    total: Estimates
    reducible: Estimates
    floor: Estimate
    is_known: bool


def loss_parts(fit: FitResult, at: Mapping[str, ArrayLike]) -> LossParts:
    """Return the parts of the loss at values of the law's variables.

    Parameters
    ----------
    fit : FitResult
        Of a law with the constant `FLOOR`.
    at : mapping of str to array_like, shape (x,)
        Values of the law's variables.
    """
    points = {name: np.atleast_1d(np.asarray(v, dtype=np.float64)) for name, v in at.items()}
    total = fit.predict_at(points)
    place = fit.law.names.index(FLOOR)
    below = fit.estimate[place]
    spread = _losses(fit, points) - fit.draws[:, place : place + 1]
    above = intervals(np.maximum(total.value - below, 0.0), np.maximum(spread, 0.0), fit.level)
    floor, known = _floor(fit, place)
    if not known:
        low, high = floor.low, floor.high
        above = Estimates(
            value=above.value,
            low=np.minimum(above.low, np.maximum(total.low - high, 0.0)),
            high=np.maximum(above.high, total.high - low),
            level=fit.level,
        )
    return LossParts(total=total, reducible=above, floor=floor, is_known=known)


def _floor(fit: FitResult, place: int) -> tuple[Estimate, bool]:
    """Return the floor with its interval, and whether the runs hold it."""
    told = fit.params[FLOOR]
    lowest = fit.ranges[fit.law.response][0]
    high = min(told.high, lowest)
    if fit.is_usable and FLOOR not in fit.open_ends:
        return told, True
    low = 0.0 if not fit.is_usable else told.low
    value = float(fit.estimate[place])
    return Estimate(value=value, low=low, high=high, level=fit.level), False


def _losses(fit: FitResult, points: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the loss of every draw at every point, shape (n_boot, x)."""
    parameters = {name: fit.draws[:, i : i + 1] for i, name in enumerate(fit.law.names)}
    with np.errstate(all="ignore"):
        value = np.asarray(fit.law.form(parameters, points))
    size = next(iter(points.values())).size
    return np.broadcast_to(value, (fit.draws.shape[0], size))
