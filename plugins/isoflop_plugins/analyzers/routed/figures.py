"""Charts of routed networks: loss on the dense line, gain along size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop.drawing.palette import GRAY, by_name, dashed_outside, viridis

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_WIDTH, _HEIGHT = 600, 320


def loss_by_effective_params(runs: pd.DataFrame, dense: pd.DataFrame) -> alt.LayerChart:
    """Return runs against their effective size, with the line of dense models.

    Parameters
    ----------
    runs, dense : DataFrame
        Tables of these names of the analyzer.
    """
    import altair as alt

    ends = [f"n_params_effective{end}" for end in ("", "_low", "_high")]
    sizes = runs[ends].to_numpy(float).ravel()
    sizes = sizes[np.isfinite(sizes)]
    axis = decade_axis(sizes, title="Effective parameters [1]")
    x = alt.X("n_params_effective:Q", scale=log_scale(sizes), axis=axis)
    y_scale = alt.Scale(type="log", zero=False, nice=False, padding=10)
    y = alt.Y("loss:Q", scale=y_scale, axis=_loss_axis(runs["loss"]))
    _, shape = by_name("family", runs["family"], title="Family")
    bars = (
        alt.Chart(runs)
        .mark_rule(opacity=0.4)
        .encode(x="n_params_effective_low:Q", x2="n_params_effective_high:Q", y=y)
    )
    points = (
        alt.Chart(runs)
        .mark_point(filled=True, size=40, opacity=0.85)
        .encode(
            x=x, y=y, color=_by_experts(runs, "Experts"), shape=shape,
            tooltip=["run:N", "family:N", "n_params:Q", "n_experts:Q", "n_params_effective:Q",
                     "loss:Q"],
        )
    )  # fmt: skip
    line = (
        alt.Chart(dense)
        .mark_line(strokeWidth=1.5, color=GRAY)
        .encode(x=x, y=y, strokeDash=dashed_outside(), detail=["family:N", "segment:N"])
    )
    return alt.layer(line, bars, points).properties(width=_WIDTH, height=_HEIGHT)


def gain_by_size(gain: pd.DataFrame) -> alt.LayerChart:
    """Return effective over actual parameters along size, a line for each number of experts.

    Parameters
    ----------
    gain : DataFrame
        Table ``gain`` of the analyzer; the first family of it is drawn.
    """
    import altair as alt

    one = gain[gain["family"] == gain["family"].iloc[0]]
    x_axis = decade_axis(one["n_params"], title="Parameters a token passes through, N [1]")
    x = alt.X("n_params:Q", scale=log_scale(one["n_params"]), axis=x_axis)
    values = one["gain"]
    y_axis = decade_axis(values, title="Effective over actual parameters [1]")
    y = alt.Y("gain:Q", scale=log_scale(values), axis=y_axis)
    color = _by_experts(one, "Experts")
    line = (
        alt.Chart(one)
        .mark_line(strokeWidth=2)
        .encode(
            x=x, y=y, color=color, strokeDash=dashed_outside(), detail="segment:N",
            tooltip=["n_experts:Q", "n_params:Q", "gain:Q", "gain_low:Q", "gain_high:Q"],
        )
    )  # fmt: skip
    band = (
        alt.Chart(one)
        .mark_area(opacity=0.12, clip=True)
        .encode(
            x=x, y=alt.Y("gain_low:Q", scale=log_scale(values)), y2="gain_high:Q", color=color,
            detail="segment:N",
        )
    )  # fmt: skip
    even = alt.Chart(alt.Data(values=[{"y": 1}])).mark_rule(color=GRAY).encode(y="y:Q")
    return alt.layer(even, band, line).properties(width=_WIDTH, height=_HEIGHT)


def _by_experts(table: pd.DataFrame, title: str) -> Any:
    """Return color by number of experts: an even ramp, one step each."""
    import altair as alt

    numbers = sorted(table["n_experts"].unique())
    return alt.Color(
        "n_experts:O",
        scale=alt.Scale(domain=numbers, scheme=viridis()),
        legend=alt.Legend(title=title, symbolOpacity=1),
    )


def _loss_axis(values: pd.Series[Any]) -> Any:
    import altair as alt

    low, high = float(values.min()), float(values.max())
    step = 10.0 ** np.floor(np.log10(max(high - low, 1e-6)))
    while (high - low) / step < 4:
        step /= 2
    ticks = (np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step).round(6).tolist()
    return alt.Axis(title="Loss [nat/token]", values=ticks, format=".3~g")
