"""Charts of a forecast: the path ahead with its bands, and the errors of the validation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop.drawing.palette import BLUE, DOTTED, GRAY, by_name, dashed_outside
from isoflop.figures.runs_and_lines import COMPUTE, opacity_of
from isoflop_plugins.analyzers.forecast.tables import unit_of

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_WIDTH, _HEIGHT = 640, 360

_OWN, _CARRIED = "law", "carry the lowest"


def forecast(table: pd.DataFrame, column: str) -> alt.LayerChart:
    """Return runs as points and the law with two bands, solid inside the runs, dashed beyond.

    Parameters
    ----------
    table : DataFrame
        Table ``forecast`` of the analyzer: rows of kind ``run`` and ``law``.
    column : str
        What is forecast.
    """
    import altair as alt

    runs, law = table[table["kind"] == "run"], table[table["kind"] == "law"]
    x = alt.X(
        "flops:Q", scale=log_scale(table["flops"]), axis=decade_axis(table["flops"], title=COMPUTE)
    )
    scale = alt.Scale(zero=False, nice=False, padding=8)
    unit = unit_of(column)
    title = f"{column.capitalize().replace('_', ' ')}{f' [{unit}]' if unit else ''}"
    y = alt.Y("value:Q", scale=scale, axis=alt.Axis(title=title))
    color, shape = by_name("family", table["family"], title="Family")
    points = (
        alt.Chart(runs)
        .mark_point(filled=True, size=36, opacity=opacity_of(len(runs)))
        .encode(
            x=x, y=y, color=color, shape=shape,
            tooltip=["run:N", "family:N", "flops:Q", "n_params:Q", "n_tokens:Q", "value:Q"],
        )
    )  # fmt: skip
    dash = dashed_outside()
    line = (
        alt.Chart(law)
        .mark_line(strokeWidth=2)
        .encode(x=x, y=y, color=color, strokeDash=dash, detail="segment:N")
    )
    carried = (
        alt.Chart(law.dropna(subset=["carried"]))
        .mark_line(strokeWidth=1.5, color=GRAY, strokeDash=DOTTED)
        .encode(x=x, y=alt.Y("carried:Q", scale=scale), detail="family:N")
    )
    bands = [_band(law, x, scale, color, f"{who}_low", f"{who}_high", alpha)
             for who, alpha in (("run", 0.12), ("value", 0.22))]  # fmt: skip
    return alt.layer(*bands, carried, points, line).properties(width=_WIDTH, height=_HEIGHT)


def rollout(table: pd.DataFrame) -> alt.HConcatChart:
    """Return the mean error on the next size of each step, of the law and of carrying.

    Parameters
    ----------
    table : DataFrame
        Table ``steps`` of the analyzer.
    """
    import altair as alt

    titles = {"n_params": "Predicted model size N [1]", "flops": "Predicted compute C = 6ND [FLOP]"}
    panels = [
        _errors(table[table["by"] == by], title)
        for by, title in titles.items()
        if (table["by"] == by).any()
    ]
    return alt.hconcat(*panels)


def _errors(table: pd.DataFrame, title: str) -> alt.LayerChart:
    import altair as alt

    long = table.melt(
        id_vars=["family", "predicts", "fitted_to"],
        value_vars=["mean_error", "mean_carried_error"],
        var_name="who",
        value_name="error",
    )
    long["who"] = long["who"].map({"mean_error": _OWN, "mean_carried_error": _CARRIED})
    kinds = [_OWN, _CARRIED]
    legend = alt.Legend(title="Forecast by", orient="top")
    base = alt.Chart(long).encode(
        x=alt.X(
            "predicts:Q",
            scale=log_scale(long["predicts"]),
            axis=decade_axis(long["predicts"], title=title),
        ),
        y=alt.Y(
            "error:Q",
            scale=alt.Scale(zero=True, nice=False, padding=8),
            axis=alt.Axis(title="Mean error [1]", format=".1%"),
        ),
        color=alt.Color("who:N", scale=alt.Scale(domain=kinds, range=[BLUE, GRAY]), legend=legend),
        detail="family:N",
    )
    dash = alt.StrokeDash(
        "who:N", scale=alt.Scale(domain=kinds, range=[[1, 0], DOTTED]), legend=None
    )
    shape = alt.Shape(
        "who:N", scale=alt.Scale(domain=kinds, range=["circle", "square"]), legend=legend
    )
    lines = base.mark_line(strokeWidth=1.5).encode(strokeDash=dash)
    points = base.mark_point(filled=True, size=45).encode(
        shape=shape, tooltip=["family:N", "fitted_to:Q", "predicts:Q", "who:N", "error:Q"]
    )
    return alt.layer(lines, points).properties(width=290, height=240)


def _band(
    law: pd.DataFrame, x: Any, scale: Any, color: Any, low: str, high: str, opacity: float
) -> alt.Chart:
    import altair as alt

    chart: alt.Chart = (
        alt.Chart(law.dropna(subset=[low, high]))
        .mark_area(opacity=opacity)
        .encode(x=x, y=alt.Y(f"{low}:Q", scale=scale), y2=f"{high}:Q", color=color)
    )
    return chart
