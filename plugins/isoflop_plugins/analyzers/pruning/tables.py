"""Tables of pruned data: forms by curve, fits, runs, lines, the best fraction at each size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop_plugins.analyzers.by_family import tables as rows_of
from isoflop_plugins.analyzers.by_family.log_linear import partial_lines
from isoflop_plugins.analyzers.pruning.curves import KEPT

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from isoflop_plugins.analyzers.pruning.curves import Curve

_UNITS = {"kept_fraction": "1", "x": "kept", "n_kept": "kept", "n_before": "kept", "share": "1"}
_WHERE = ("family", "score", "kept_fraction")
_COLUMNS = {
    "forms": (
        *_WHERE, "n_runs", "form", "share_exponential", "error_power", "error_exponential",
        "error_last_value", "n_held", "objective_power", "objective_exponential", "reason",
    ),
    "params": (*_WHERE, "form", *rows_of.PARAMS[1:]),
    "frontier": (
        "family", "score", "n_kept", "best_fraction", "share", "n_before", "response",
        "response_low", "response_high", "n_fractions",
    ),
    "runs": (*_WHERE, "run", "n_kept", "response"),
    "lines": (*_WHERE, "form", "segment", "part", "x", "y", "y_low", "y_high"),
}  # fmt: skip
_SIZES = 25


def tables(curves: Sequence[Curve], level: float) -> dict[str, pd.DataFrame]:
    """Return all tables by name, empty ones with their columns; the level is in ``attrs``."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _COLUMNS}
    for curve in curves:
        if not curve.fits:
            continue
        where = {"family": curve.family, "score": curve.score, "kept_fraction": curve.fraction}
        rows["forms"].append({**where, **_form(curve)})
        for form, fit in curve.fits.items():
            rows["params"] += [{**r, **where, "form": form} for r in rows_of.param_rows(fit)]
        kept, response = _fitted(curve)
        labels = curve.runs.take(curve.drawn.rows).labels()
        rows["runs"] += [
            {**where, "run": label, "n_kept": kept[i], "response": response[i]}
            for i, label in enumerate(labels)
        ]
        form = curve.drawn.law.name.removeprefix("pruning-")
        rows["lines"] += [
            {**where, "form": form, **row}
            for row in partial_lines(curve.drawn, kept, lambda x: {KEPT: x})
        ]
    told = [c for c in curves if c.fits]
    for _, own in groupby(told, key=lambda c: (c.family, c.score)):
        rows["frontier"] += list(_frontier(list(own)))
    made = {name: rows_of.frame(_COLUMNS[name], found, _UNITS) for name, found in rows.items()}
    made["forms"].attrs["level"] = level
    return made


def _form(curve: Curve) -> dict[str, Any]:
    return {
        "n_runs": curve.drawn.n_runs,
        "form": curve.form or "cannot tell",
        "share_exponential": curve.share_exponential,
        "error_last_value": curve.last_error,
        "n_held": curve.n_held,
        **{f"error_{form}": error for form, error in curve.errors.items()},
        **{f"objective_{form}": fit.objective for form, fit in curve.fits.items()},
        "reason": "; ".join(f"{n}: {f.warnings[0]}" for n, f in curve.fits.items() if f.warnings),
    }


def _fitted(curve: Curve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    used = curve.runs.take(curve.drawn.rows)
    column = curve.drawn.settings.using.get("error", "error")
    return used.numbers(KEPT), used.numbers(column)


def _frontier(curves: Sequence[Curve]) -> Iterator[dict[str, Any]]:
    """Yield the fraction of lowest error at sizes that at least two fractions were trained at.

    Fractions are resampled apart, so draws of one are independent of another's.
    """
    ranges = np.array([c.drawn.ranges[KEPT] for c in curves])
    if len(curves) < 2:
        return
    low, high = np.sort(ranges[:, 0])[1], np.sort(ranges[:, 1])[-2]
    if high <= low:
        return
    for size in np.geomspace(low, high, _SIZES):
        inside = [c for c, (a, b) in zip(curves, ranges, strict=True)
                  if a * (1 - 1e-9) <= size <= b * (1 + 1e-9)]  # fmt: skip
        if len(inside) < 2:
            continue
        found = [c.drawn.predict_at({KEPT: size})[0] for c in inside]
        best = int(np.argmin([e.value for e in found]))
        draws = np.stack([_draws(c, size) for c in inside])
        share = float((draws.argmin(axis=0) == best).mean()) if draws.size else float("nan")
        yield {
            "family": curves[0].family, "score": curves[0].score, "n_kept": size,
            "best_fraction": inside[best].fraction, "share": share,
            "n_before": size / inside[best].fraction,
            **rows_of.spread("response", found[best]), "n_fractions": len(inside),
        }  # fmt: skip


def _draws(curve: Curve, size: float) -> NDArray[np.float64]:
    """Return what every draw of the curve's fit gives at a size, shape (n_boot,)."""
    fit = curve.drawn
    params = {name: fit.draws[:, i] for i, name in enumerate(fit.law.names)}
    with np.errstate(all="ignore"):
        value = np.asarray(fit.law.form(params, {KEPT: size}))
    return np.asarray(np.nan_to_num(value, nan=np.inf))
