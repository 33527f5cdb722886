"""What came of the training curves of one family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from isoflop.estimation.curve_envelope import Envelope
from isoflop.estimation.curve_smoothing import RunCurves
from isoflop.results import LeftOut


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FamilyEnvelope:
    """What came of one family.

    Parameters
    ----------
    family, split : str
        What the curves are of.
    names : sequence of str
        Runs by their number in `curves.run`; untrusted text.
    curves : RunCurves or None
        Smoothed curves; None where no point can be placed.
    found : Envelope or None
        None where there is no slope, and then `refusal` says why.
    best_run : NDArray of int, shape (g,)
        Row of `curves` with the lowest loss at each compute; -1 for none, and where the envelope
        goes between runs.
    rate : NDArray, shape (g,)
        Its learning rate there as a share of its peak; NaN where unknown. [1]
    left_out : sequence of LeftOut
        Runs and points that are not used.
    """

    family: str
    split: str
    names: Sequence[str]
    curves: RunCurves | None
    found: Envelope | None
    left_out: Sequence[LeftOut]
    best_run: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, dtype=np.intp))
    rate: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    refusal: str = ""

    @property
    def name(self) -> str:
        """What to call it in a sentence."""
        return f"Family {self.family!r}" if self.family else "The curves"

    @property
    def is_told(self) -> bool:
        """True where there is an exponent with an interval."""
        return self.found is not None and bool(np.isfinite(self.found.exponent_n.low))
