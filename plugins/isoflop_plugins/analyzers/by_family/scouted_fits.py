"""Fits that spend their resamples only where they say something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isoflop.errors import FitError, UnitError
from isoflop.estimation import FitResult, fit_law

if TYPE_CHECKING:
    from isoflop.laws import Law
    from isoflop.tables import RunTable

_SCOUTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Resampling:
    """How to resample: replicates, seed, and level of the intervals."""

    n_boot: int
    seed: int
    level: float


def scouted_fit(
    law: Law,
    runs: RunTable,
    resampling: Resampling,
    *,
    family: str | None = None,
    using: Mapping[str, str] | None = None,
    objective: str | None = None,
) -> FitResult | str:
    """Return the fit of a law, of any status, or why there is none.

    A fit whose optimum cannot be placed keeps the few resamples that showed it: most published
    families lie on one line of N and D, and the bootstrap of a law that cannot be identified is the
    slow part.

    Parameters
    ----------
    law, runs, family, using, objective
        As for `isoflop.estimation.fit_law`.
    resampling : Resampling
        Of a fit that can be used.
    """

    def fit(n_boot: int) -> FitResult:
        return fit_law(
            law, runs, family=family, using=using, objective=objective, n_boot=n_boot,
            seed=resampling.seed, level=resampling.level,
        )  # fmt: skip

    few = min(_SCOUTS, resampling.n_boot)
    try:
        scout = fit(few)
        if not scout.is_usable or few == resampling.n_boot:
            return scout
        return fit(resampling.n_boot)
    except (FitError, UnitError) as error:
        return str(error)
