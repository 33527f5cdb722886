"""Points of training curves for drawing: thinned, and smoothed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isoflop.errors import SchemaError
from isoflop.figures.horizontal import TITLES, of_curves
from isoflop.figures.thinning import MOST_CURVES, even_sample, log_spaced, points_a_curve
from isoflop.tables import CurveTable
from isoflop.words import plural

if TYPE_CHECKING:
    import pandas as pd

_MEMORY = 0.02
"""Share of a curve that the moving average remembers where nobody says. [1]"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CurvePoints:
    """Training curves to draw.

    Parameters
    ----------
    table : DataFrame
        Columns ``run``, ``curve`` (its number), ``n_params``, ``x``, ``loss`` as logged and
        ``smoothed``, one row a point that is drawn, ascending in x within a curve.
    notes : tuple of str
        What is not drawn.
    """

    table: pd.DataFrame
    notes: tuple[str, ...]


def moving_average(values: ArrayLike, weight: float) -> NDArray[np.float64]:
    """Return the exponential moving average of a series, without the pull of its start.

    Parameters
    ----------
    values : array_like, shape (n,)
        Finite, in order; none gives none.
    weight : float
        Of what went before: 0 for no smoothing, below 1. [1]

    Notes
    -----
    m_t = w m_(t-1) + (1 - w) v_t with m_0 = 0, over 1 - w^t: the correction of Kingma and Ba 2015,
    section 3, arXiv 1412.6980.

    Examples
    --------
    >>> moving_average([4.0, 2.0], 0.5).round(4).tolist()
    [4.0, 2.6667]
    """
    from scipy.signal import lfilter

    series = np.asarray(values, dtype=np.float64)
    if not 0.0 <= weight < 1.0:
        raise SchemaError(f"The smoothing weight must be at least 0 and below 1, got {weight!r}.")
    if series.size == 0 or weight == 0.0:
        return series
    raw = lfilter([1.0 - weight], [1.0, -weight], series)
    return np.asarray(raw / (1.0 - weight ** np.arange(1, series.size + 1)))


def curve_points(
    curves: CurveTable, x: str, *, split: str = "train", weight: float | None = 0.0
) -> CurvePoints:
    """Return the points to draw of each run, with what was left out.

    Points without a finite loss or a positive place on the axis are dropped; a run that keeps
    fewer than two is not drawn. At most 240 curves and 4,800 points are.

    Parameters
    ----------
    curves : CurveTable
        Points; a row without a split counts as training.
    x : str
        Axis.
    split : str
        Which losses: ``"train"`` or ``"eval"``, alone or with a data set.
    weight : float or None
        Of the moving average over the points as logged; None for one that remembers a fiftieth of
        each curve. [1]
    """
    frame = _frame(curves, x, split)
    n_runs = frame["run_uid"].nunique()
    frame = frame[np.isfinite(frame["loss"]) & (frame["x"] > 0) & np.isfinite(frame["x"])]
    # A client that sends points in batches gives them one time: together they are one point.
    places = ["run_uid", "run", "n_params", "x"]
    frame = frame.groupby(places, dropna=False, sort=True, as_index=False)["loss"].mean()
    groups = [g for _, g in frame.groupby("run_uid", sort=False) if len(g) > 1]
    notes = []
    if n_runs > len(groups):
        lacking = TITLES[x].split(" [")[0].lower()
        notes.append(
            f"{plural(n_runs - len(groups), 'run')} without two points of {split} loss and "
            f"{lacking} have no curve."
        )
    groups, note = _fewer(groups)
    thin = points_a_curve(len(groups))
    if any(len(g) > thin for g in groups):
        note += f" Of each curve up to {thin} points are drawn, even in the logarithm."
    return CurvePoints(table=_thin(groups, thin, weight), notes=(*notes, note.strip()))


def only_seen(table: pd.DataFrame, low: float, high: float) -> pd.DataFrame:
    """Return the points whose losses a picture shows; lines break where a loss leaves it.

    Cutting lines in the picture instead makes a PNG ten times slower.
    """
    shown = table.copy()
    for name in ("loss", "smoothed"):
        shown[name] = shown[name].where(shown[name].between(low, high))
    return shown[shown[["loss", "smoothed"]].notna().any(axis=1)]


def _weight(n: int, weight: float | None) -> float:
    return 1.0 - 1.0 / (1.0 + _MEMORY * n) if weight is None else weight


def _frame(curves: CurveTable, x: str, split: str) -> pd.DataFrame:
    import pandas as pd

    if not isinstance(curves, CurveTable):
        raise SchemaError(
            f"curves must be a CurveTable, got {type(curves).__name__}: give `reg.curves()`."
        )
    uids, names = curves.texts("run_uid"), curves.texts("run_name")
    frame = pd.DataFrame(
        {
            "run_uid": [u or "" for u in uids],
            "run": [n or u or "" for n, u in zip(names, uids, strict=True)],
            "split": [s or "train" for s in curves.texts("split")],
            "n_params": curves.params_per_token(),
            "x": of_curves(curves, x),
            "loss": curves.numbers("loss"),
        }
    )
    mine = [s == split or s.startswith(f"{split}/") for s in frame["split"]]
    return frame.loc[np.array(mine, dtype=bool)]


def _fewer(groups: list[pd.DataFrame]) -> tuple[list[pd.DataFrame], str]:
    """Return at most 240 curves, evenly by size, and the sentence that says so."""
    if len(groups) <= MOST_CURVES:
        return groups, ""
    sizes = [float(np.nan_to_num(g["n_params"].iloc[0])) for g in groups]
    kept = even_sample(sizes, MOST_CURVES)
    words = f"{MOST_CURVES} of {len(groups):,} curves are drawn, evenly by size."
    return [groups[i] for i in kept], words


def _thin(groups: list[pd.DataFrame], thin: int, weight: float | None) -> pd.DataFrame:
    import pandas as pd

    columns = ["run", "curve", "n_params", "x", "loss", "smoothed"]
    parts = [
        g.assign(curve=i, smoothed=moving_average(g["loss"], _weight(len(g), weight))).iloc[
            log_spaced(g["x"], thin)
        ][columns]
        for i, g in enumerate(groups)
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
