"""Runs of equal compute, the parabola through each budget, and its minimum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop.drawing.palette import BLACK, viridis
from isoflop.errors import SchemaError
from isoflop.figures.result_tables import table_of
from isoflop.figures.runs_and_lines import LOSS
from isoflop.words import flops as flops_words

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

    from isoflop.results import AnalysisResult

MOST_FAMILIES = 6
"""Families in the chart of parabolas, one below the other; more do not fit a page."""

_WIDTH, _HEIGHT = 620, 340


def isoflop_parabolas(result: AnalysisResult) -> alt.LayerChart | alt.VConcatChart:
    """Return runs, parabolas and minima of each budget, colored by compute; one chart a family.

    Parameters
    ----------
    result : AnalysisResult
        Of an analysis of IsoFLOP profiles: with the tables ``profiles`` (runs, by ``budget``),
        ``parabolas`` (lines) and ``optima`` (minima). Runs that were not used are open.

    Raises
    ------
    SchemaError
        The result has no such tables, or no budget was found in the runs.
    """
    profiles = table_of(result, "profiles", ("budget", "run", "n_params", "loss", "used"))
    lines = table_of(result, "parabolas", ("budget", "n_params", "loss"))
    optima = table_of(result, "optima", ("flops", "n_params", "loss", "used"))
    if optima.empty:
        raise SchemaError(f"There are no budgets to draw. {result.verdict}")
    return draw_parabolas(profiles, lines, optima)


def draw_parabolas(
    profiles: pd.DataFrame, parabolas: pd.DataFrame, optima: pd.DataFrame
) -> alt.LayerChart | alt.VConcatChart:
    """Return the chart from the three tables; six families at most."""
    import altair as alt

    inside = profiles[profiles["budget"].notna()]
    families = list(dict.fromkeys(optima["family"]))[:MOST_FAMILIES]
    charts = []
    for family in families:
        one = [t[t["family"] == family] for t in (inside, parabolas, optima)]
        chart = _one_family(*one)
        charts.append(chart.properties(title=f"Family {family}") if len(families) > 1 else chart)
    return (
        charts[0] if len(charts) == 1 else alt.vconcat(*charts).resolve_scale(color="independent")
    )


def _one_family(
    profiles: pd.DataFrame, parabolas: pd.DataFrame, optima: pd.DataFrame
) -> alt.LayerChart:
    import altair as alt

    x = alt.X(
        "n_params:Q",
        scale=log_scale(profiles["n_params"]),
        axis=decade_axis(profiles["n_params"], title="Parameters N [1]"),
    )
    y = alt.Y(
        "loss:Q",
        scale=alt.Scale(domain=_loss_span(profiles, optima), nice=False, clamp=True),
        axis=alt.Axis(title=LOSS),
    )
    color = _by_compute(optima["flops"])
    tooltip = ["run:N", "budget:Q", "n_params:Q", "n_tokens:Q", "loss:Q", "reason:N"]
    runs = alt.Chart(profiles).encode(x=x, y=y, color=color, tooltip=tooltip)
    used = runs.transform_filter("datum.used").mark_point(filled=True, size=30, opacity=0.8)
    unused = runs.transform_filter("!datum.used").mark_point(filled=False, size=30, opacity=0.8)
    lines = (
        alt.Chart(parabolas)
        .mark_line(strokeWidth=1.8, clip=True)
        .encode(x=x, y=y, color=color, detail="budget:Q")
    )
    best = optima[optima["used"]].assign(budget=optima["flops"])
    minima = (
        alt.Chart(best)
        .mark_point(
            shape="diamond", filled=True, size=90, stroke=BLACK, strokeWidth=0.8, opacity=1
        )
        .encode(
            x=x, y=y, color=color,
            tooltip=["budget:Q", "n_params:Q", "n_tokens:Q", "loss:Q", "flags:N"],
        )
    )  # fmt: skip
    ends = parabolas.groupby("budget", as_index=False).last()
    ends = ends.assign(words=[flops_words(c, unit=False) for c in ends["budget"]])
    names = (
        alt.Chart(ends).mark_text(align="left", dx=6, fontSize=10).encode(x=x, y=y, text="words:N")
    )
    return alt.layer(lines, used, unused, minima, names).properties(width=_WIDTH, height=_HEIGHT)


def _loss_span(profiles: pd.DataFrame, optima: pd.DataFrame) -> list[float]:
    """Return the losses shown: of used runs, or of all where none is used."""
    losses = profiles[profiles["used"].astype(bool)]["loss"]
    losses = profiles["loss"] if losses.empty else losses
    low, high = float(losses.min()), float(losses.max())
    margin = 0.06 * (high - low) + 1e-6 * high
    lowest = float(np.nanmin([low, *optima["loss"].astype(float)]))
    return [lowest - margin, high + margin]


def _by_compute(flops: pd.Series[float]) -> Any:
    import altair as alt

    low, high = float(flops.min()), float(flops.max())
    domain = [low, high] if high > low else [low / 2, low * 2]
    scale = alt.Scale(
        type="log",
        domain=domain,
        nice=False,
        scheme=viridis(),
    )
    # The lines carry their budgets, so a legend would say it twice.
    return alt.Color("budget:Q", scale=scale, legend=None)
