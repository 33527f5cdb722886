"""Two records of one fit: which parameters differ, and what else is not as it was."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from isoflop import __version__
from isoflop.estimate import Estimate
from isoflop.tables import fit_params


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One parameter as the record has it and as it came out now.

    Parameters
    ----------
    name : str
        Parameter, or what follows from parameters.
    recorded, now : Estimate
        In the parameter's own unit; NaN where one of the two fits lacks it.
    """

    name: str
    recorded: Estimate
    now: Estimate

    @property
    def of_value(self) -> float:
        """Relative difference of the values, without unit."""
        return _gap(self.recorded.value, self.now.value)

    @property
    def of_interval(self) -> float:
        """Larger relative difference of the two ends, without unit."""
        ends = ("low", "high")
        return max(_gap(getattr(self.recorded, e), getattr(self.now, e)) for e in ends)


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return both records' parameters side by side, rows of the table `fits` as they are.

    A parameter that one of the two lacks is NaN there.
    """
    before, after = fit_params(then), fit_params(now)
    none = Estimate(value=math.nan, low=math.nan, high=math.nan, level=math.nan)
    names = dict.fromkeys([*before, *after])
    return tuple(
        Difference(name=n, recorded=before.get(n, none), now=after.get(n, none)) for n in names
    )


def notes(then: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what is not as it was, in sentences, what explains most first."""
    told = []
    if then["data_digest"] and then["data_digest"] != now["data_digest"]:
        told.append(
            f"The runs changed: version {then['runs_version']} of the table runs gives other "
            "numbers than were fitted, so rows were chosen or made in another way."
        )
    if then["equation"] and then["equation"] != now["equation"]:
        told.append(f"The law was {then['equation']} and is {now['equation']}.")
    if then["n_runs"] != now["n_runs"]:
        told.append(f"It was fitted to {then['n_runs']} runs, now to {now['n_runs']}.")
    if then["status"] != now["status"]:
        told.append(f"Its status was {then['status']} and is {now['status']}.")
    if then["writer_version"] != __version__:
        told.append(f"isoflop {then['writer_version']} made it; this is {__version__}.")
    return tuple(told)


def _gap(before: float, after: float) -> float:
    """Return the relative difference; 0 where both are NaN, infinite where one is."""
    if before == after or (math.isnan(before) and math.isnan(after)):
        return 0.0
    if not (math.isfinite(before) and math.isfinite(after)):
        return math.inf
    return abs(before - after) / max(abs(before), abs(after))
