"""Charts of the envelope of training curves: the curves, and how the best size grows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop.drawing.log_legends import log_color
from isoflop.drawing.palette import VERMILION, by_name, dashed_outside
from isoflop.figures.runs_and_lines import COMPUTE

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_WIDTH, _HEIGHT = 640, 380
_HALF = 290


def curves(table: pd.DataFrame) -> alt.LayerChart:
    """Return training curves colored by size, and the lowest loss over them.

    The envelope is solid where the best size lies between others and dashed elsewhere.

    Parameters
    ----------
    table : DataFrame
        Table ``curves`` of the analyzer: rows of kind ``run`` and ``envelope``.
    """
    import altair as alt

    runs, lowest = table[table["kind"] == "run"], table[table["kind"] == "envelope"]
    # The first steps are far above all else and would press the rest into a stripe.
    top = float(runs.groupby("run")["loss"].median().max()) * 1.1
    shown = table[table["loss"] <= top]
    x = alt.X(
        "flops:Q", scale=log_scale(shown["flops"]), axis=decade_axis(shown["flops"], title=COMPUTE)
    )
    y = alt.Y(
        "loss:Q",
        scale=log_scale(shown["loss"]),
        axis=alt.Axis(title="Loss [nat/token]", format=".2~f", tickCount=6),
    )
    color = log_color("n_params", runs["n_params"], title="Parameters N [1]", number_format=".2~s")
    thin = (
        alt.Chart(runs)
        .mark_line(strokeWidth=1, opacity=0.6, clip=True)
        .encode(x=x, y=y, color=color, detail="run:N", tooltip=["run:N", "n_params:Q"])
    )
    line = (
        alt.Chart(lowest.assign(where=lowest["segment"].str.split(" ").str[0]))
        .mark_line(strokeWidth=2.5, color=VERMILION, clip=True)
        .encode(x=x, y=y, strokeDash=dashed_outside("where"), detail=["family:N", "segment:N"])
    )
    return alt.layer(thin, line).properties(width=_WIDTH, height=_HEIGHT)


def growth(table: pd.DataFrame) -> alt.HConcatChart:
    """Return the best N and the best D against compute: steps as points, line with its band.

    Parameters
    ----------
    table : DataFrame
        Table ``growth`` of the analyzer: rows of kind ``step`` and ``line``.
    """
    import altair as alt

    left = _growth_of(table, "n_params", "Best parameters N [1]")
    right = _growth_of(table, "n_tokens", "Best tokens D [token]")
    return alt.hconcat(left, right)


def _growth_of(table: pd.DataFrame, name: str, title: str) -> alt.LayerChart:
    import altair as alt

    steps, line = table[table["kind"] == "step"], table[table["kind"] == "line"]
    values = table[[name]].to_numpy().ravel()
    x = alt.X(
        "flops:Q", scale=log_scale(table["flops"]), axis=decade_axis(table["flops"], title=COMPUTE)
    )
    scale = log_scale(values)
    y = alt.Y(f"{name}:Q", scale=scale, axis=decade_axis(values, title=title))
    color, shape = by_name("family", table["family"], title="Family")
    layers: list[Any] = []
    band = line.dropna(subset=[f"{name}_low", f"{name}_high"])
    if len(band):
        layers.append(
            alt.Chart(band)
            .mark_area(opacity=0.18, clip=True)
            .encode(x=x, y=alt.Y(f"{name}_low:Q", scale=scale), y2=f"{name}_high:Q", color=color)
        )
    layers.append(
        alt.Chart(line)
        .mark_line(strokeWidth=2, clip=True)
        .encode(x=x, y=y, color=color, strokeDash=dashed_outside(), detail=["segment:N"])
    )
    layers.append(
        alt.Chart(steps)
        .mark_point(filled=True, size=50)
        .encode(
            x=x,
            y=y,
            color=color,
            shape=shape,
            tooltip=["family:N", "flops:Q", "n_params:Q", "n_tokens:Q"],
        )
    )
    return alt.layer(*layers).properties(width=_HALF, height=_HALF)
