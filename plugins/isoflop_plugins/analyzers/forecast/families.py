"""What came of the runs of one family: a law, its forecast, and how well it foretold before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from isoflop.estimation import FitResult
from isoflop.estimation.foretelling.expanding import Step

if TYPE_CHECKING:
    from isoflop.tables import RunTable


_ONE_IN_TWENTY = 1.645
"""Standard deviations below which a normal variable lies in one case of twenty. [1]"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FamilyForecast:
    """What came of one family.

    Parameters
    ----------
    family : str
        Name; ``""`` where runs have none.
    runs : RunTable
        Its runs.
    fit : FitResult or None
        The law fitted to all of them; None where that is impossible, and then `refusal` says why.
    steps : sequence of Step
        Validation by model size, then by compute.
    refusals : sequence of str
        Steps that could not be made.
    tokens_per_param : float
        D / N along which is forecast. [token]
    flops : (float, float)
        Smallest and largest compute of the runs. [FLOP]
    decades : float
        How far beyond the largest run. [decade]
    """

    family: str
    runs: RunTable
    fit: FitResult | None
    steps: Sequence[Step] = ()
    refusals: Sequence[str] = ()
    tokens_per_param: float = math.nan
    flops: tuple[float, float] = (math.nan, math.nan)
    decades: float = 1.0
    refusal: str = ""

    def following(self, by: str) -> list[Step]:
        """Return the steps that were ordered by a column."""
        return [step for step in self.steps if step.by == by]

    @property
    def judged(self) -> list[Step]:
        """Steps that it is judged by: those by model size, by compute where there are none."""
        return self.following("n_params") or self.following("flops")

    @property
    def wins(self) -> int:
        """Judged steps in which the law beat carrying the lowest value."""
        return sum(step.beats_carrying for step in self.judged)

    @property
    def top(self) -> float:
        """Largest compute of the forecast [FLOP]."""
        return float(self.flops[1] * 10.0**self.decades)

    @property
    def name(self) -> str:
        """What to call it in a sentence."""
        return f"Family {self.family!r}" if self.family else "The runs"

    @property
    def is_told(self) -> bool:
        """True where a forecast may be read: it won the last step, and most of all steps.

        Where there is no step, the fit alone has to be usable.
        """
        if not self.judged:
            return self.fit is not None and self.fit.is_usable
        return self.judged[-1].beats_carrying and 2 * self.wins > len(self.judged)

    @property
    def errors(self) -> tuple[float, float]:
        """Mean absolute error of the law and of carrying over the judged steps [1]."""
        return mean_errors(self.judged)

    @property
    def is_good(self) -> bool:
        """True where it won every judged step, with under half the error of carrying."""
        own, carried = self.errors
        return self.wins == len(self.judged) and own < carried / 2


def mean_errors(steps: Sequence[Step]) -> tuple[float, float]:
    """Return the mean absolute error on the next size, of the law and of carrying [1].

    NaN for no steps.
    """
    if not steps:
        return math.nan, math.nan
    own = np.concatenate([s.error[s.ahead == 1] for s in steps])
    carried = np.concatenate([s.carried_error[s.ahead == 1] for s in steps])
    return float(np.abs(own).mean()), float(np.abs(carried).mean())


def coverage(steps: Sequence[Step], level: float) -> tuple[int, int, bool]:
    """Return how many next runs lie in their band, of how many, and whether that is enough.

    Of a right band, fewer come by chance in one case of twenty.
    """
    inside = np.concatenate([s.holds(s.predicted.run)[s.ahead == 1] for s in steps])
    slack = _ONE_IN_TWENTY * math.sqrt(level * (1 - level) / inside.size) + 0.5 / inside.size
    return int(inside.sum()), int(inside.size), bool(inside.mean() >= level - slack)
