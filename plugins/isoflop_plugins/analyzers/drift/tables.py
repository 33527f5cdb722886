"""Tables of kept fits over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from isoflop_plugins.analyzers.drift.series import Judgement, Series

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.laws import Law

_SERIES = ("law", "family", "loss_dataset", "objective", "variant")

COLUMNS: dict[str, tuple[str, ...]] = {
    "drift": (
        *_SERIES, "parameter", "verdict", "value", "value_low", "value_high", "before",
        "before_low", "before_high", "unit", "n_runs", "n_runs_before", "n_dates", "trend",
        "reason",
    ),
    "params": (
        *_SERIES, "created_at", "fit_id", "status", "n_runs", "parameter", "value", "value_low",
        "value_high", "unit", "identified",
    ),
}  # fmt: skip

_DERIVED = {"exponent_n": "1", "exponent_d": "1", "tokens_per_param": "token"}


def tables(
    series: Sequence[Series], judgements: Sequence[Judgement], laws: Mapping[str, Law]
) -> dict[str, pd.DataFrame]:
    """Return both tables, what left its interval first; empty ones keep their columns.

    Parameters
    ----------
    series : sequence of Series
        All of them.
    judgements : sequence of Judgement
        One a parameter of the newest fit of each.
    laws : mapping of str to Law
        For the units; a law that is not registered any more gives none.
    """
    order = {"outside": 0, "inside": 1, "not-judged": 2}
    ranked = sorted(judgements, key=lambda j: order[j.verdict])
    return {
        "drift": _frame("drift", [_drift_row(j, laws) for j in ranked]),
        "params": _frame("params", [row for s in series for row in _param_rows(s, laws)]),
    }


def _frame(name: str, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(COLUMNS[name]))
    counts = ("n_runs", "n_runs_before", "n_dates")
    frame.attrs["units"] = {c: "1" for c in counts if c in frame}
    return frame


def _keys(series: Series) -> dict[str, str]:
    return {name: getattr(series, name) for name in _SERIES}


def _drift_row(j: Judgement, laws: Mapping[str, Law]) -> dict[str, Any]:
    row: dict[str, Any] = _keys(j.series) | {
        "parameter": j.parameter,
        "verdict": j.verdict,
        "unit": _unit(j.series.law, j.parameter, laws),
        "n_runs": j.series.fits[-1].n_runs,
        "n_runs_before": j.before_fit.n_runs if j.before_fit else None,
        "n_dates": len(j.series.fits),
        "trend": j.trend,
        "reason": j.reason,
    }
    for name, estimate in (("value", j.now), ("before", j.before)):
        if estimate is not None:
            row |= {
                name: estimate.value,
                f"{name}_low": estimate.low,
                f"{name}_high": estimate.high,
            }
    return row


def _param_rows(series: Series, laws: Mapping[str, Law]) -> list[dict[str, Any]]:
    return [
        _keys(series) | {
            "created_at": fit.created_at, "fit_id": fit.fit_id, "status": fit.status,
            "n_runs": fit.n_runs, "parameter": name, "value": e.value, "value_low": e.low,
            "value_high": e.high, "unit": _unit(series.law, name, laws),
            "identified": fit.identifies(name),
        }
        for fit in series.fits
        for name, e in fit.params.items()
    ]  # fmt: skip


def _unit(law: str, parameter: str, laws: Mapping[str, Law]) -> str:
    own = laws[law].units if law in laws else {}
    return own.get(parameter, _DERIVED.get(parameter, ""))
