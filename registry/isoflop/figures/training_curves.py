"""Training curves: the smoothed line over what was logged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from isoflop.drawing.family_panels import HEIGHT, WIDTH
from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop.drawing.log_legends import log_color
from isoflop.figures.curve_points import curve_points, only_seen
from isoflop.figures.horizontal import TITLES, Horizontal, check_axis
from isoflop.figures.notes import noted, says
from isoflop.figures.runs_and_lines import LOSS

if TYPE_CHECKING:
    import altair as alt

    from isoflop.tables import CurveTable

_SHOWN = (0.0, 0.98)
"""Quantiles of the drawn losses that are seen: the first steps tower over all else. [1]"""


def loss_curves(
    curves: CurveTable,
    *,
    x: Horizontal = "steps",
    smoothing: float | None = None,
    split: str = "train",
) -> alt.LayerChart | alt.Chart:
    """Return training curves colored by size, a moving average over the losses as logged.

    Parameters
    ----------
    curves : CurveTable
        Points; empty, or without two points a run, gives a chart that says so. NaN is skipped.
    x : {"steps", "tokens", "flops", "hours"}
        Horizontal axis; hours are since the first point of the run. [h]
    smoothing : float or None
        Weight of what went before in the average over logged points, 0 for none. [1] None for one
        that remembers a fiftieth of the curve, so that it lags no more than that. The pull of the
        start is corrected, see `isoflop.figures.curve_points.moving_average`.
    split : str
        ``"train"``, or ``"eval"`` alone or with a data set.

    Raises
    ------
    UnknownNameError
        `x` is no axis.
    SchemaError
        `smoothing` is not in [0, 1), or `curves` is no CurveTable.
    """
    import altair as alt

    check_axis(x)
    found = curve_points(curves, x, split=split, weight=smoothing)
    table = found.table
    if table.empty:
        return says(" ".join(["There is no curve to draw.", *(n for n in found.notes if n)]))
    positive = table["loss"][table["loss"] > 0]
    if positive.empty:
        return says("There is no curve to draw: no loss is positive.")
    seen = np.quantile(positive, _SHOWN)
    table = only_seen(table, *seen)
    places = table["x"]
    across = alt.X("x:Q", scale=log_scale(places), axis=decade_axis(places, title=TITLES[x]))
    scale, axis = log_scale(seen), decade_axis(seen, title=LOSS)
    sizes = table["n_params"][np.isfinite(table["n_params"])]
    title, form = "Parameters N [1]", ".2~s"
    color = log_color("n_params", sizes, title=title, number_format=form) if len(sizes) else None
    channels = {} if color is None else {"color": color}
    base = alt.Chart(table.drop(columns="run"))
    layers = [
        base.mark_line(strokeWidth=width, opacity=opacity).encode(
            x=across, y=alt.Y(f"{column}:Q", scale=scale, axis=axis), detail="curve:N", **channels
        )
        for column, width, opacity in _lines(smoothing)
    ]
    notes = list(found.notes)
    if smoothing != 0.0:
        how = "over a fiftieth of the curve" if smoothing is None else f"of weight {smoothing:g}"
        notes.append(f"Thick: moving average {how}; pale: as logged.")
    chart = alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)
    return noted(chart, [" ".join(n for n in notes if n)])


def _lines(smoothing: float | None) -> list[tuple[str, float, float]]:
    if smoothing == 0.0:
        return [("loss", 1.3, 0.9)]
    return [("loss", 0.8, 0.3), ("smoothed", 1.6, 0.95)]
