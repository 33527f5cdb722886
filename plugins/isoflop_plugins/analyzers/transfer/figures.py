"""Charts of transfer: worth of fine-tuning data by size, and the two ladders."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.drawing.log_axes import decade_axis, log_scale, power_of_ten
from isoflop.drawing.palette import GRAY, dashed_outside, viridis

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_WIDTH, _HEIGHT = 600, 320


def multiplier(runs: pd.DataFrame, lines: pd.DataFrame) -> alt.LayerChart:
    """Return effective over actual fine-tuning data by size, with the law's lines.

    Parameters
    ----------
    runs, lines : DataFrame
        Tables of these names of the analyzer; runs whose multiplier is infinite are not drawn.
    """
    import altair as alt

    shown = runs[np.isfinite(runs["multiplier"])]
    shown = shown.assign(top=shown["multiplier_high"].where(np.isfinite(shown["multiplier_high"])))
    values = np.concatenate([shown["multiplier"], lines["multiplier"]])
    x = alt.X(
        "n_params:Q",
        scale=log_scale(shown["n_params"]),
        axis=decade_axis(shown["n_params"], title="Parameters, N [1]"),
    )
    y_scale = log_scale(values)
    axis = decade_axis(values, title="Effective over actual data, D_E/D_F [1]")
    y = alt.Y("multiplier:Q", scale=y_scale, axis=axis)
    color = _by_log("n_tokens:Q", runs["n_tokens"], "Fine-tuning tokens")
    bars = (
        alt.Chart(shown.dropna(subset=["top"]))
        .mark_rule(opacity=0.5, clip=True)
        .encode(x=x, y=alt.Y("multiplier_low:Q", scale=y_scale), y2="top:Q", color=color)
    )
    points = (
        alt.Chart(shown)
        .mark_point(size=45, strokeWidth=1.5)
        .encode(
            x=x, y=y, color=color, shape=_shapes(runs),
            fill=alt.condition("datum.low_data", color, alt.value("white")),
            tooltip=["run:N", "family:N", "n_params:Q", "n_tokens:Q", "multiplier:Q", "finding:N"],
        )
    )  # fmt: skip
    line = (
        alt.Chart(lines)
        .mark_line(strokeWidth=2)
        .encode(x=x, y=y, color=color, detail=["family:N", "n_tokens:Q"])
    )
    even = alt.Chart(alt.Data(values=[{"y": 1}])).mark_rule(color=GRAY, clip=True)
    rule = even.encode(y=alt.Y("y:Q", scale=y_scale))
    return alt.layer(rule, line, bars, points).properties(width=_WIDTH, height=_HEIGHT)


def ladders(table: pd.DataFrame) -> alt.LayerChart:
    """Return loss against tokens of both ladders, with the law from scratch of a few sizes.

    Parameters
    ----------
    table : DataFrame
        Table ``ladders`` of the analyzer; the first family of it is drawn.
    """
    import altair as alt

    one = table[table["family"] == table["family"].iloc[0]]
    runs, law = one[one["kind"] != "law"], one[one["kind"] == "law"]
    losses = np.array([runs["loss"].min(), runs["loss"].max()]) * [0.97, 1.05]
    x = alt.X(
        "n_tokens:Q",
        scale=log_scale(one["n_tokens"]),
        axis=decade_axis(one["n_tokens"], title="Tokens of the target [token]"),
    )
    scale = alt.Scale(domain=losses.tolist(), nice=False)
    y = alt.Y("loss:Q", scale=scale, axis=alt.Axis(title="Loss on the target [nat/token]"))
    color = _by_log("n_params:Q", one["n_params"], "Parameters")
    kinds = ["from scratch", "fine-tuned"]
    points = (
        alt.Chart(runs)
        .mark_point(size=40, filled=True, opacity=0.85)
        .encode(
            x=x, y=y, color=color,
            shape=alt.Shape(
                "kind:N", scale=alt.Scale(domain=kinds, range=["circle", "triangle-up"]),
                legend=alt.Legend(title=None),
            ),
            tooltip=["run:N", "kind:N", "n_params:Q", "n_tokens:Q", "loss:Q"],
        )
    )  # fmt: skip
    dash = dashed_outside()
    line = (
        alt.Chart(law)
        .mark_line(strokeWidth=1.5, clip=True)
        .encode(x=x, y=y, color=color, strokeDash=dash, detail=["n_params:Q", "segment:N"])
    )
    return alt.layer(line, points).properties(width=_WIDTH, height=_HEIGHT)


def _by_log(field: str, values: pd.Series[Any], title: str) -> Any:
    """Return color on an even ramp over the logarithm, its light end left out."""
    import altair as alt

    ends = [float(values.min()), float(values.max())]
    decades = range(math.ceil(math.log10(ends[0])), math.floor(math.log10(ends[1])) + 1)
    legend = alt.Legend(
        title=title,
        values=[10.0**k for k in decades] or ends,
        labelExpr=power_of_ten("datum.value") if decades else "format(datum.value, '.2~s')",
        symbolOpacity=1,
    )
    return alt.Color(
        field, scale=alt.Scale(type="log", domain=ends, scheme=viridis()), legend=legend
    )


def _shapes(table: pd.DataFrame) -> Any:
    import altair as alt

    names = sorted(table["family"].unique())
    legend = None if len(names) < 2 else alt.Legend(title="Family", labelLimit=240)
    return alt.Shape("family:N", scale=alt.Scale(domain=names), legend=legend)
