"""Charts of mixed modalities: what two lose or gain by each other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from isoflop.drawing.log_axes import decade_axis, log_scale, power_of_ten
from isoflop.drawing.palette import GRAY, dashed_outside, viridis

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_WIDTH, _HEIGHT = 560, 320


def interaction(table: pd.DataFrame) -> alt.LayerChart | alt.HConcatChart:
    """Return the interaction against tokens, a panel a pair, color by size.

    Parameters
    ----------
    table : DataFrame
        Table ``interaction`` of the analyzer; the first two pairs that have a law are drawn.
    """
    import altair as alt

    drawn = table.loc[table["kind"] == "law", ["family", "modalities"]].drop_duplicates().head(2)
    panels = [
        _panel(table[(table["family"] == f) & (table["modalities"] == m)], m, len(drawn))
        for f, m in drawn.itertuples(index=False)
    ]
    return panels[0] if len(panels) == 1 else alt.hconcat(*panels)


def _panel(one: pd.DataFrame, name: str, n_panels: int) -> alt.LayerChart:
    import altair as alt

    runs, law = one[one["kind"] == "run"], one[one["kind"] == "law"]
    x = alt.X(
        "n_tokens:Q",
        scale=log_scale(one["n_tokens"]),
        axis=decade_axis(one["n_tokens"], title="Tokens of both modalities [token]"),
    )
    title = f"Interaction of {name.replace('+', ' and ')} [nat/token]"
    scale = alt.Scale(nice=False, padding=8)
    y = alt.Y("interaction:Q", scale=scale, axis=alt.Axis(title=title))
    color = _by_size(one["n_params"])
    band = (
        alt.Chart(law)
        .mark_area(opacity=0.14)
        .encode(
            x=x, y=alt.Y("interaction_low:Q", scale=scale), y2="interaction_high:Q", color=color,
            detail=["n_params:Q", "segment:N"],
        )
    )  # fmt: skip
    dash = dashed_outside()
    line = (
        alt.Chart(law)
        .mark_line(strokeWidth=2)
        .encode(x=x, y=y, color=color, strokeDash=dash, detail=["n_params:Q", "segment:N"])
    )
    points = (
        alt.Chart(runs)
        .mark_point(filled=True, size=40, opacity=0.85)
        .encode(
            x=x, y=y, color=color,
            tooltip=["run:N", "n_params:Q", "n_tokens:Q", "interaction:Q"],
        )
    )  # fmt: skip
    zero = alt.Chart(alt.Data(values=[{"y": 0}])).mark_rule(color=GRAY).encode(y="y:Q")
    return alt.layer(zero, band, line, points).properties(
        width=_WIDTH if n_panels == 1 else _WIDTH * 0.6, height=_HEIGHT
    )


def _by_size(values: pd.Series[Any]) -> Any:
    """Return color on an even ramp over the logarithm of size, its light end left out."""
    import altair as alt

    ends = [float(values.min()), float(values.max())]
    decades = range(math.ceil(math.log10(ends[0])), math.floor(math.log10(ends[1])) + 1)
    legend = alt.Legend(
        title="Parameters",
        values=[10.0**k for k in decades] or ends,
        labelExpr=power_of_ten("datum.value") if decades else "format(datum.value, '.2~s')",
        symbolOpacity=1,
    )
    return alt.Color(
        "n_params:Q", scale=alt.Scale(type="log", domain=ends, scheme=viridis()), legend=legend
    )
