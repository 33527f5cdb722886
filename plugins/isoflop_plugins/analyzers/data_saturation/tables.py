"""Tables of the data-saturation fits: one row a size, and points of the lines."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isoflop.estimation import FitResult
from isoflop.estimation.intervals import interval
from isoflop_plugins.analyzers.by_family.tables import fit_row, frame, spread, used_rows

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimate import Estimate
    from isoflop_plugins.analyzers.by_family.fits import FamilyFit

Floats = NDArray[np.float64]

WIDEST = 2.0
"""Decades that the tokens to the floor may range over; a wider interval says nothing of where more
tokens stop to pay. Twice what the optimal tokens of an allocation may. [decade]"""

_GRID = 40
_AHEAD = 10.0  # times the most tokens seen that the line is drawn to
_UNITS = {
    "n_tokens_min": "token", "n_tokens_max": "token", "floor": "nat/token", "beta": "1",
    "loss_per_token": "nat/token per token", "gain_of_doubling": "nat/token",
    "tokens_to_floor": "token", "times_seen": "1", "within": "nat/token",
}  # fmt: skip
_COLUMNS: dict[str, tuple[str, ...]] = {
    "sizes": (
        "family", "n_params", "status", "n_runs", "n_tokens_min", "n_tokens_max", "loss",
        "floor", "floor_low", "floor_high", "is_floor_known", "beta", "beta_low", "beta_high",
        "loss_per_token", "loss_per_token_low", "loss_per_token_high", "gain_of_doubling",
        "gain_of_doubling_low", "gain_of_doubling_high", "within", "tokens_to_floor",
        "tokens_to_floor_low", "tokens_to_floor_high", "times_seen", "reason",
    ),
    "loss_vs_tokens": (
        "family", "kind", "segment", "run", "n_params", "n_tokens", "loss", "loss_low",
        "loss_high",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SizeSaturation:
    """What came of the runs of one size.

    Parameters
    ----------
    item : FamilyFit
        The fit of loss against tokens.
    n_params : float
        The size. [1]
    within : float
        How close to the floor `tokens_to_floor` is about. [nat/token]
    """

    item: FamilyFit
    n_params: float
    within: float

    @property
    def is_floor_known(self) -> bool:
        """True where the runs hold the floor, and so where more tokens stop to pay."""
        fit = self.item.fit
        if fit is None or not fit.is_usable or "E_N" in fit.open_ends:
            return False
        needed = self.tokens_to_floor
        # Without resampling there is no interval to judge by, and the fit's own status decides.
        return not fit.n_boot or bool(np.log10(needed.high / needed.low) <= WIDEST)

    @property
    def loss_per_token(self) -> Estimate:
        """How much one token more lowers the loss at the most tokens seen [nat/token per token]."""
        fit, last = self._told()
        values = _columns(fit, lambda b, beta: beta * b * last ** (-beta - 1))
        return interval(values[0], values[1:], fit.level)

    @property
    def gain_of_doubling(self) -> Estimate:
        """How much twice the most tokens seen lower the loss [nat/token]."""
        fit, last = self._told()
        values = _columns(fit, lambda b, beta: b * last**-beta * -np.expm1(-beta * np.log(2.0)))
        return interval(values[0], values[1:], fit.level)

    @property
    def tokens_to_floor(self) -> Estimate:
        """Tokens that bring the loss to within `within` of its floor [token].

        Without a bound from above where a much lower floor fits as well.
        """
        fit, _ = self._told()
        values = _columns(fit, lambda b, beta: (b / self.within) ** (1 / beta))
        found = interval(values[0], values[1:], fit.level)
        is_open = "E_N" in fit.open_ends and fit.open_ends["E_N"].low
        return dataclasses.replace(found, high=float("inf")) if is_open else found

    def _told(self) -> tuple[FitResult, float]:
        assert self.item.fit is not None
        return self.item.fit, self.item.fit.ranges["n_tokens"][1]


def _columns(fit: FitResult, quantity: Any) -> Floats:
    """Return a function of B and beta at the fit, then at its draws, shape (1 + n_boot,)."""
    b, beta = (fit.law.names.index(name) for name in ("B", "beta"))
    every = np.concatenate([fit.estimate[None], fit.draws])
    with np.errstate(all="ignore"):
        return np.asarray(quantity(every[:, b], every[:, beta]))


def tables(found: Sequence[SizeSaturation]) -> dict[str, pd.DataFrame]:
    """Return all tables by name, empty ones with their columns."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _COLUMNS}
    for one in found:
        rows["sizes"].append(_size(one))
        if one.item.fit is not None:
            rows["loss_vs_tokens"] += [
                {**row, "kind": "run", "segment": ""} for row in used_rows(one.item)
            ]
            rows["loss_vs_tokens"] += _line(one, one.item.fit)
    return {name: frame(_COLUMNS[name], made, _UNITS) for name, made in rows.items()}


def _size(one: SizeSaturation) -> dict[str, Any]:
    fit = one.item.fit
    row = fit_row(one.item) | {"n_params": one.n_params, "within": one.within}
    if fit is None:
        return row | {"is_floor_known": False, "n_runs": len(one.item.runs)}
    low, high = fit.ranges["n_tokens"]
    row |= {"n_tokens_min": low, "n_tokens_max": high, "loss": fit.ranges["loss"][0],
            "is_floor_known": one.is_floor_known}  # fmt: skip
    if not fit.is_usable:
        return row
    needed = one.tokens_to_floor
    row |= spread("floor", fit.params["E_N"]) | spread("beta", fit.params["beta"])
    row |= spread("loss_per_token", one.loss_per_token)
    row |= spread("gain_of_doubling", one.gain_of_doubling)
    return row | spread("tokens_to_floor", needed) | {"times_seen": needed.value / high}


def _line(one: SizeSaturation, fit: FitResult) -> list[dict[str, Any]]:
    if not fit.is_usable:
        return []
    low, high = fit.ranges["n_tokens"]
    rows: list[dict[str, Any]] = []
    for segment, ends in (("inside", (low, high)), ("outside", (high, _AHEAD * high))):
        d = np.geomspace(ends[0], ends[1], _GRID)
        loss = fit.predict_at({"n_tokens": d})
        rows += [
            {"family": one.item.family, "kind": "line", "segment": segment, "run": "",
             "n_params": one.n_params, "n_tokens": d[i], **spread("loss", loss[i])}
            for i in range(_GRID)
        ]  # fmt: skip
    return rows
