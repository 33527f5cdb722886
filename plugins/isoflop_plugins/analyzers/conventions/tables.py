"""Table of the exponents under each convention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimate import Estimate
    from isoflop_plugins.analyzers.conventions.refits import Refit

_ESTIMATES = ("alpha", "beta", "exponent_n", "shift")
_ENDS = ("", "_low", "_high")
_COLUMNS = (
    "family", "loss_dataset", "tokenizer", "convention", "n_column", "flops_column", "n_runs",
    "status", *(f"{name}{end}" for name in _ESTIMATES for end in _ENDS), "flops_elasticity",
    "reason",
)  # fmt: skip


def exponents_table(found: Sequence[Refit], across: Mapping[int, Estimate]) -> pd.DataFrame:
    """Return one row for each refit; no refits give the columns alone.

    Parameters
    ----------
    found : sequence of Refit
        Of all groups.
    across : mapping of int to Estimate
        Shift of the base of a group against that of its family's largest, by place in `found`.
    """
    import pandas as pd

    rows = [_row(refit, across.get(i, refit.shift)) for i, refit in enumerate(found)]
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    numbers = [c for c in _COLUMNS if c.removesuffix("_low").removesuffix("_high") in _ESTIMATES]
    frame[numbers] = frame[numbers].astype("float64")
    frame.attrs["units"] = dict.fromkeys([*numbers, "flops_elasticity"], "1")
    return frame


def _row(refit: Refit, shift: Estimate | None) -> dict[str, Any]:
    fit = refit.fit
    row: dict[str, Any] = {
        "family": refit.group.family,
        "loss_dataset": refit.group.loss_dataset,
        "tokenizer": refit.group.tokenizer,
        "convention": f"N: {refit.n_column}, C: {refit.flops_column}",
        "n_column": refit.n_column,
        "flops_column": refit.flops_column,
        "n_runs": fit.n_runs if fit else 0,
        "status": fit.status if fit else "not-fitted",
        "flops_elasticity": refit.elasticity if fit else float("nan"),
        "reason": refit.reason,
    }
    known = {"exponent_n": refit.exponent_n, "shift": shift}
    if fit is not None:
        known |= {"alpha": fit.params["alpha"], "beta": fit.params["beta"]}
    for name, estimate in known.items():
        if estimate is not None:
            row |= {
                name: estimate.value,
                f"{name}_low": estimate.low,
                f"{name}_high": estimate.high,
            }
    return row
