"""Charts of the lower envelope: beside the law, and the distance of each run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isoflop.drawing.family_panels import HEIGHT, WIDTH
from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop.drawing.palette import BLUE, GRAY, VERMILION, by_name
from isoflop.figures.runs_and_lines import COMPUTE, runs_and_lines

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_COLORS = {"law": BLUE, "envelope": VERMILION}


def loss_vs_compute(table: pd.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """Return runs, and the lowest loss along compute under the envelope and under the law.

    Parameters
    ----------
    table : DataFrame
        Table ``loss_vs_compute`` of the analyzer: rows of kind ``run``, ``envelope`` and ``law``.
        One panel a family, at most four.
    """
    import altair as alt

    color = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=list(_COLORS), range=list(_COLORS.values())),
        legend=alt.Legend(title=None, symbolOpacity=1),
    )
    tooltip = ["run:N", "family:N", "flops:Q", "n_params:Q", "n_tokens:Q", "loss:Q"]
    return runs_and_lines(
        table, x="flops", x_title=COMPUTE, color=color, lines_by=["kind"], point_color=GRAY,
        tooltip=tooltip,
    )  # fmt: skip


def distance(table: pd.DataFrame) -> alt.LayerChart:
    """Return how far each run is above the envelope, against its compute.

    Parameters
    ----------
    table : DataFrame
        Table ``distance`` of the analyzer.
    """
    import altair as alt

    color, shape = by_name("family", table["family"], title="Family")
    points = (
        alt.Chart(table)
        .mark_point(filled=True, size=36, opacity=0.75)
        .encode(
            x=alt.X(
                "flops:Q",
                scale=log_scale(table["flops"]),
                axis=decade_axis(table["flops"], title=COMPUTE),
            ),
            y=alt.Y(
                "above_envelope:Q",
                scale=alt.Scale(nice=False, padding=8),
                axis=alt.Axis(title="Measured loss over envelope, less 1 [1]", format=".1%"),
            ),
            color=color,
            shape=shape,
            tooltip=["run:N", "family:N", "flops:Q", "above_envelope:Q"],
        )
    )
    zero = alt.Chart(alt.Data(values=[{"y": 0}])).mark_rule(color=VERMILION).encode(y="y:Q")
    return alt.layer(zero, points).properties(width=WIDTH, height=HEIGHT * 2 // 3)
