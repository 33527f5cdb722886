"""Numbers that must lie within limits: what a check is, and how it finds the runs outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoflop.results import Severity
from isoflop.tables import RunTable
from isoflop_plugins.analyzers.health.checks import Check, Problem, handle, identity
from isoflop_plugins.devices import match_device

Floats = NDArray[np.float64]


class Measured:
    """The numbers of a run table by column, each of shape (n_runs,), NaN where null.

    Parameters
    ----------
    runs : RunTable
        No column is required.
    """

    def __init__(self, runs: RunTable) -> None:
        self.runs = runs
        self._read: dict[str, Floats] = {}

    def __getitem__(self, column: str) -> Floats:
        if column not in self._read:
            self._read[column] = self.runs.numbers(column)
        return self._read[column]

    def params_per_token(self) -> Floats:
        """Return N as 6 N D counts it: of experts the active ones. [1]."""
        return self.runs.params_per_token()

    def said_flops(self) -> Floats:
        """Return C as the source said it, else the chosen C, which is mostly 6 N D. [FLOP]."""
        reported = self["flops_reported"]
        return np.where(np.isfinite(reported), reported, self["flops"])

    def device_seconds(self) -> Floats:
        """Return devices x wall time, else what the device hours say. [s]."""
        product = self["device_count"] * self["wall_time_s"]
        return np.where(product > 0, product, 3600 * self["device_hours"])

    def peak(self) -> Floats:
        """Return the peak of one device; where null, that of the device table. [FLOP/s]."""
        names = np.array([n or "" for n in self.runs.texts("device_type")], dtype=object)
        table = np.full(len(names), np.nan)
        for name in set(names.tolist()) - {""}:
            device = match_device(name)
            if device is not None:
                table[names == name] = device.peak_flops_per_s
        return np.where(np.isfinite(self["peak_flops_per_s"]), self["peak_flops_per_s"], table)

    def where(self, column: str, *values: str) -> NDArray[np.bool_]:
        """Return which runs have one of these texts in a column."""
        return np.array([text in values for text in self.runs.texts(column)], dtype=bool)


Numbers = Callable[[Measured], Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A number of every run with the limits it must keep; NaN keeps them.

    Parameters
    ----------
    name : str
        Name of the check.
    statement : str
        What holds of a right table.
    words : str
        The number in a finding, for example ``C/(6ND)``.
    number : callable
        The number of each run from the columns.
    low, high : float or callable
        Limits, both allowed.
    source : str
        Where the limits come from.
    todo : str
        What to do; ``{run}`` stands for the run in a command.
    unit : str
        Unit of the number; empty for 1.
    grave : float
        Factor beyond a limit from which the finding is clear and not mild.
    column : str
        Column whose sources disagree for the same cause: then this check stays silent.
    hint : callable or None
        From the number and the limit it broke to a likely cause in words.
    """

    name: str
    statement: str
    words: str
    number: Numbers
    source: str
    todo: str
    low: float | Numbers = -np.inf
    high: float | Numbers = np.inf
    unit: str = ""
    grave: float = 1.0
    column: str = ""
    hint: Callable[[float, float], str] | None = None

    def check(self) -> Check:
        """Return the limit as a check of a run table."""
        return Check(
            name=self.name, statement=self.statement, find=self.find, judged=self.judged,
            source=self.source,
        )  # fmt: skip

    def judged(self, runs: RunTable) -> int:
        """Return how many runs have the number."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return int(np.isfinite(self.number(Measured(runs))).sum())

    def find(self, runs: RunTable) -> Iterator[Problem]:
        """Yield each run outside the limits; a run where the number is not known is inside."""
        measured = Measured(runs)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            number = self.number(measured)
            low, high = (
                np.broadcast_to(end(measured) if callable(end) else end, number.shape)
                for end in (self.low, self.high)
            )
            outside = np.flatnonzero(np.isfinite(number) & ((number < low) | (number > high)))
        for row in outside.tolist():
            yield self._problem(runs, row, float(number[row]), float(low[row]), float(high[row]))

    def _problem(self, runs: RunTable, row: int, number: float, low: float, high: float) -> Problem:
        label, uid, family = identity(runs, row)
        broken = low if number < low else high
        unit = f" {self.unit}" if self.unit else ""
        hint = self.hint(number, broken) if self.hint else ""
        return Problem(
            check=self.name, subject=uid, subject_name=label, family=family, number=number,
            value=f"{self.words} = {number:.4g}{unit}{f': {hint}' if hint else ''}",
            expected=f"{_range(low, high)}{unit}", severity=self._severity(number, broken),
            todo=self.todo.replace("{run}", handle(uid, label)), column=self.column,
            source=self.source,
        )  # fmt: skip

    def _severity(self, number: float, broken: float) -> Severity:
        if number < 0:
            return "severe"
        if number == 0 or broken <= 0:
            return "clear"
        beyond = max(number / broken, broken / number)
        return "clear" if beyond >= self.grave else "mild"


def _range(low: float, high: float) -> str:
    if np.isneginf(low):
        return f"at most {high:.4g}"
    if np.isposinf(high):
        return f"{low:.4g} or more"
    return f"{low:.4g} to {high:.4g}"
