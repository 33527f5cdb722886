"""Runs as points and laws as lines with bands over a log axis: what most figures of losses are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.drawing.family_panels import HEIGHT, WIDTH, shown_families
from isoflop.drawing.family_panels import in_panels as one_a_family
from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop.drawing.palette import dashed_outside

if TYPE_CHECKING:
    from collections.abc import Sequence

    import altair as alt
    import pandas as pd

COMPUTE = "Training compute C = 6ND [FLOP]"
LOSS = "Loss [nat/token]"
_HEADROOM = 0.06
_CROWD = 200
"""Runs above which points are pale, so that a line of their color is seen among them."""
_RUN = "datum.kind === 'run'"
_LINE = "datum.kind !== 'run'"


def runs_and_lines(
    table: pd.DataFrame,
    *,
    x: str,
    x_title: str,
    color: Any,
    shape: Any = None,
    lines_by: Sequence[str] = (),
    point_color: str = "",
    tooltip: Sequence[str] = (),
    in_panels: bool = True,
    height: int = HEIGHT,
) -> alt.LayerChart | alt.FacetChart:
    """Return points and lines of loss with their bands; one panel a family, at most four.

    Lines are solid in the segment ``inside`` and dashed in the others. What is seen is decided by
    points and lines: a band of a few runs goes anywhere, and is cut.

    Parameters
    ----------
    table : DataFrame
        Columns ``family``, ``kind`` (``run`` for points; every other kind is lines), ``segment``,
        ``loss``, `x`, the columns of `color` and `lines_by`, and where there are bands
        ``loss_low`` and ``loss_high``.
    x, x_title : str
        Column of the horizontal axis, and its title.
    color, shape : altair channel
        Of points and lines, of points.
    lines_by : sequence of str
        Columns that tell lines apart beside family and segment.
    point_color : str
        One color for all points in place of `color`.
    tooltip : sequence of str
        Of points.
    in_panels : bool
        False for all families in one plot.
    height : int
        Of the plot. [pixel]
    """
    import altair as alt

    table = shown_families(table) if in_panels else table
    across = alt.X(f"{x}:Q", scale=log_scale(table[x]), axis=decade_axis(table[x], title=x_title))
    scale = loss_scale(table["loss"])
    up = alt.Y("loss:Q", scale=scale, axis=alt.Axis(title=LOSS))
    base = alt.Chart(table)
    detail = [*(f"{c}:N" for c in lines_by), "segment:N"]
    lines = base.transform_filter(_LINE)
    layers = []
    if "loss_low" in table and table["loss_low"].notna().any():
        low = alt.Y("loss_low:Q", scale=scale)
        layers.append(
            lines.mark_area(opacity=0.16, clip=True).encode(
                x=across, y=low, y2="loss_high:Q", color=color, detail=detail
            )
        )
    points = base.transform_filter(_RUN).encode(x=across, y=up, tooltip=list(tooltip))
    channels = {"shape": shape} if shape is not None else {}
    if point_color:
        dots = points.mark_point(filled=True, size=26, opacity=0.5, color=point_color)
    else:
        channels["color"] = color
        opacity = opacity_of(int((table["kind"] == "run").sum()))
        dots = points.mark_point(
            filled=True, size=40, opacity=opacity, stroke="white", strokeWidth=0.4
        )
    line = lines.mark_line(strokeWidth=2, clip=True).encode(
        x=across, y=up, color=color, strokeDash=dashed_outside(), detail=detail
    )
    layered = alt.layer(*layers, dots.encode(**channels), line)
    if not in_panels:
        return layered.properties(width=WIDTH, height=height)
    return one_a_family(layered, table, height=height)


def opacity_of(n_runs: int) -> float:
    """Return the opacity of the points of runs: pale where there are many."""
    return 0.35 if n_runs > _CROWD else 0.85


def loss_scale(losses: pd.Series[float]) -> alt.Scale:
    """Return a linear scale that hugs the losses; infinite ones count as none."""
    import altair as alt

    known = np.asarray(losses, dtype=np.float64)
    known = known[np.isfinite(known)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    margin = _HEADROOM * (high - low) or 0.02 * abs(high) or 1.0
    return alt.Scale(domain=[low - margin, high + margin], nice=False)
