"""What a figure of losses can have on its horizontal axis."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import UnknownNameError
from isoflop.estimation.frontier import FLOPS_PER_PARAM_TOKEN
from isoflop.tables import CurveTable

Horizontal = Literal["flops", "tokens", "steps", "hours"]

TITLES: dict[str, str] = {
    "flops": "Training compute C = 6ND [FLOP]",
    "tokens": "Training tokens D [token]",
    "steps": "Optimizer steps [1]",
    "hours": "Wall time of training [h]",
}
WORDS = {
    "flops": "N or D", "tokens": "D", "steps": "a number of steps", "hours": "a wall time",
}  # fmt: skip
"""What a run lacks that has no place on the axis."""

COLUMNS = {"flops": "flops", "tokens": "n_tokens", "steps": "n_steps", "hours": "hours"}
"""Column of `isoflop.figures.fitted_runs.run_frame` that is on the axis."""

SECONDS_AN_HOUR = 3600.0


def check_axis(x: str) -> None:
    """Raise `UnknownNameError` where there is no such axis."""
    if x not in TITLES:
        raise UnknownNameError("axis", str(x), TITLES)


def of_curves(curves: CurveTable, x: str) -> NDArray[np.float64]:
    """Return where each point stands on the axis, NaN where that is not known. Shape (n_rows,).

    Hours are since the first point of the run.
    """
    if x == "hours":
        return _hours(curves)
    if x == "steps":
        return curves.numbers("step")
    if x == "tokens":
        return curves.numbers("n_tokens")
    return np.asarray(
        FLOPS_PER_PARAM_TOKEN * curves.params_per_token() * curves.numbers("n_tokens")
    )


def _hours(curves: CurveTable) -> NDArray[np.float64]:
    import pandas as pd

    if "logged_at" not in curves.columns:
        return np.full(len(curves), np.nan)
    moments = curves.to_arrow().column("logged_at").to_pandas()
    runs = pd.Series(curves.texts("run_uid"), index=moments.index).fillna("")
    since = (moments - moments.groupby(runs).transform("min")).dt.total_seconds()
    return np.asarray(since, dtype=np.float64) / SECONDS_AN_HOUR
