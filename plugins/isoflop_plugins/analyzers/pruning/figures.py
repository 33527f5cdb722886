"""Charts of pruned data: error against data kept, the best fraction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop.drawing.palette import by_name, dashed_outside, viridis

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_WIDTH, _HEIGHT = 600, 320
_KEPT = "Data kept [examples or tokens]"


def error_by_kept(runs: pd.DataFrame, lines: pd.DataFrame, response: str) -> alt.LayerChart:
    """Return runs and drawn fits against the data kept, of the first family and score.

    Parameters
    ----------
    runs, lines : DataFrame
        Tables of these names of the analyzer.
    response : str
        Name of the column on the vertical axis.
    """
    import altair as alt

    lines = _first(lines, lines)
    runs = _first(runs, lines)
    scale = log_scale(lines["x"])
    axis = decade_axis(lines["x"], title=_KEPT)
    y_scale = log_scale([*lines["y"], *runs["response"]])
    title = f"{response.capitalize()} [{'nat/token' if response == 'loss' else '1'}]"
    y_axis = decade_axis([*lines["y"], *runs["response"]], title=title)
    color = _by_fraction(lines)
    detail = ["kept_fraction:N", "part:N"]
    dash = dashed_outside()
    x = alt.X("x:Q", scale=scale, axis=axis)
    base = alt.Chart(lines)
    band = base.mark_area(opacity=0.15, clip=True).encode(
        x=x, y=alt.Y("y_low:Q", scale=y_scale), y2="y_high:Q", color=color, detail=detail
    )
    line = base.mark_line(strokeWidth=2).encode(
        x=x, y=alt.Y("y:Q", scale=y_scale, axis=y_axis), color=color, strokeDash=dash, detail=detail
    )
    points = (
        alt.Chart(runs)
        .mark_point(filled=True, size=36, opacity=0.85)
        .encode(
            x=alt.X("n_kept:Q", scale=scale, axis=axis),
            y=alt.Y("response:Q", scale=y_scale, axis=y_axis),
            color=color,
            tooltip=["run:N", "kept_fraction:Q", "n_kept:Q", "response:Q"],
        )
    )
    return alt.layer(band, line, points).properties(width=_WIDTH, height=_HEIGHT)


def best_fraction(frontier: pd.DataFrame) -> alt.LayerChart:
    """Return the best fraction against the data kept, a line for each family and score.

    Parameters
    ----------
    frontier : DataFrame
        Table of this name of the analyzer.
    """
    import altair as alt

    named = frontier.assign(
        curve=[
            ", ".join(x for x in pair if x)
            for pair in zip(frontier.family, frontier.score, strict=True)
        ]
    )
    x = alt.X(
        "n_kept:Q", scale=log_scale(named["n_kept"]), axis=decade_axis(named["n_kept"], title=_KEPT)
    )
    y = alt.Y(
        "best_fraction:Q",
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(title="Best fraction to keep [1]", format=".0%"),
    )
    color, shape = by_name("curve", named["curve"], title="Score")
    line = (
        alt.Chart(named)
        .mark_line(interpolate="step", strokeWidth=1.5)
        .encode(x=x, y=y, color=color)
    )
    points = (
        alt.Chart(named)
        .mark_point(filled=True)
        .encode(
            x=x, y=y, color=color, shape=shape,
            size=alt.Size("share:Q", scale=alt.Scale(domain=[0, 1], range=[4, 80]), legend=None),
            tooltip=["curve:N", "n_kept:Q", "best_fraction:Q", "share:Q", "n_before:Q"],
        )
    )  # fmt: skip
    return alt.layer(line, points).properties(width=_WIDTH, height=_HEIGHT * 2 // 3)


def _first(table: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the first family and score among the lines."""
    family, score = lines[["family", "score"]].iloc[0]
    own: pd.DataFrame = table[(table["family"] == family) & (table["score"] == score)]
    return own


def _by_fraction(lines: pd.DataFrame) -> Any:
    """Return color by kept fraction: an even ramp, one step each."""
    import altair as alt

    values = sorted(lines["kept_fraction"].unique())
    return alt.Color(
        "kept_fraction:O",
        scale=alt.Scale(domain=values, scheme=viridis()),
        legend=alt.Legend(title="Fraction kept", format=".0%", symbolOpacity=1),
    )
