"""Charts of the inference-aware optimum: savings and tokens per parameter along demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.drawing.end_labels import LINE_HEIGHT, kept_apart
from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop.drawing.palette import COLORS, dashed_outside

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_WIDTH, _HEIGHT = 560, 320

_DEMAND = "Inference tokens over the model's life [token]"


def saved_share(curve: pd.DataFrame) -> alt.LayerChart:
    """Return the share of compute saved against demand, with its band.

    Parameters
    ----------
    curve : DataFrame
        Table ``curve`` of the analyzer.
    """
    import altair as alt

    scale = alt.Scale(domain=[0, 1], nice=False)
    axis = alt.Axis(title="Compute saved, training and inference [1]", format=".0%")
    return _lines(curve, "saved_share", scale, axis)


def tokens_per_param(curve: pd.DataFrame) -> alt.LayerChart:
    """Return tokens per parameter of the cheapest model against demand, with its band.

    Parameters
    ----------
    curve : DataFrame
        Table ``curve`` of the analyzer.
    """
    ends = ["tokens_per_param", "tokens_per_param_low", "tokens_per_param_high"]
    values = curve[ends].to_numpy(dtype=np.float64)
    axis = decade_axis(values, title="Tokens per parameter, D/N [token]")
    return _lines(curve, "tokens_per_param", log_scale(values), axis)


def _lines(curve: pd.DataFrame, name: str, scale: Any, axis: Any) -> alt.LayerChart:
    import altair as alt

    demand = curve["inference_tokens"]
    x = alt.X(
        "inference_tokens:Q", scale=log_scale(demand), axis=decade_axis(demand, title=_DEMAND)
    )
    y = alt.Y(f"{name}:Q", scale=scale, axis=axis)
    names = list(dict.fromkeys(curve["quality"]))
    color = alt.Color("quality:N", scale=alt.Scale(domain=names, range=list(COLORS)), legend=None)
    dash = dashed_outside()
    line = (
        alt.Chart(curve)
        .mark_line(strokeWidth=2, clip=True)
        .encode(
            x=x, y=y, color=color, strokeDash=dash, detail="part:N",
            tooltip=["quality:N", "law:N", "inference_tokens:Q", f"{name}:Q"],
        )
    )  # fmt: skip
    ends = _ends(curve, name, is_log=name == "tokens_per_param")
    label = (
        alt.Chart(ends)
        .mark_text(align="left", dx=5, limit=220)
        .encode(x=x, y=alt.Y("place:Q", scale=scale), color=color, text="quality:N")
    )
    layers: list[Any] = [line, label]
    if curve[f"{name}_low"].notna().any():
        band = (
            alt.Chart(curve)
            .mark_area(opacity=0.16, clip=True)
            .encode(
                x=x, y=alt.Y(f"{name}_low:Q", scale=scale), y2=f"{name}_high:Q", color=color,
                detail="part:N",
            )
        )  # fmt: skip
        layers.insert(0, band)
    return alt.layer(*layers).properties(width=_WIDTH, height=_HEIGHT)


def _ends(curve: pd.DataFrame, name: str, *, is_log: bool) -> pd.DataFrame:
    """Return where each line ends, and where its label goes so that none covers another."""
    ends = curve.groupby("quality", sort=False).tail(1)
    if not is_log:
        return ends.assign(place=kept_apart(ends[name], gap=LINE_HEIGHT / _HEIGHT))
    span = np.log10(curve[f"{name}_high"].fillna(curve[name]).max() / curve[name].min())
    gap = float(span) * LINE_HEIGHT / _HEIGHT
    return ends.assign(place=10 ** kept_apart(np.log10(ends[name]), gap=gap))
