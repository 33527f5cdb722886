"""Charts of the comparison: tokens per parameter along compute, and growth with compute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.drawing.end_labels import LINE_HEIGHT, kept_apart
from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop.drawing.palette import BLACK, BLUE, COLORS, GRAY, ORANGE, dashed_outside
from isoflop.figures.runs_and_lines import COMPUTE, opacity_of

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_WIDTH, _HEIGHT = 560, 400

_MOST_OWN = 6
_TITLE = {"factor_n": "parameters N", "factor_d": "tokens D"}


def tokens_per_param(table: pd.DataFrame) -> alt.LayerChart:
    """Return D / N along compute under each law, with the runs as points.

    Parameters
    ----------
    table : DataFrame
        Table ``tokens_per_param`` of the analyzer: rows of kind ``run``, ``published``, ``refit``
        and ``profiles``. At most six refits are drawn.
    """
    import altair as alt

    shown = _shown(table)
    runs, lines = shown[shown["kind"] == "run"], shown[shown["kind"] != "run"]
    x = alt.X("flops:Q", scale=log_scale(shown["flops"]),
              axis=decade_axis(shown["flops"], title=COMPUTE, grid=False))  # fmt: skip
    values = shown["tokens_per_param"]
    y_scale = log_scale(values)
    y_axis = decade_axis(values, title="Tokens per parameter, D/N [token]", grid=False)
    y = alt.Y("tokens_per_param:Q", scale=y_scale, axis=y_axis)
    color = _color(lines)
    dash = dashed_outside()
    points = (
        alt.Chart(runs)
        .mark_point(filled=True, size=22, opacity=opacity_of(len(runs)), color=GRAY)
        .encode(x=x, y=y, tooltip=["run:N", "family:N", "flops:Q", "tokens_per_param:Q"])
    )
    band = (
        alt.Chart(lines[(lines["kind"] != "published") & lines["tokens_per_param_low"].notna()])
        .mark_area(opacity=0.15, clip=True)
        .encode(
            x=x, y=alt.Y("tokens_per_param_low:Q", scale=y_scale), y2="tokens_per_param_high:Q",
            color=color, detail=["label:N", "part:N"],
        )
    )  # fmt: skip
    line = (
        alt.Chart(lines)
        .mark_line(clip=True)
        .encode(
            x=x, y=y, color=color, strokeDash=dash, detail=["label:N", "part:N"],
            size=alt.Size("is_own:N", legend=None,
                          scale=alt.Scale(domain=[True, False], range=[2.5, 1.2])),
            tooltip=["label:N", "flops:Q", "tokens_per_param:Q"],
        )
    )  # fmt: skip
    ends = _ends(lines, values)
    base = alt.Chart(ends)
    labels = base.mark_text(align="left", dx=6, limit=260).encode(
        x=alt.value(_WIDTH), y=alt.Y("place:Q", scale=y_scale), color=color, text="label:N"
    )
    leaders = base.mark_rule(strokeWidth=0.7, opacity=0.7).encode(
        x=x, x2=alt.value(_WIDTH + 4), y=y, y2="place:Q", color=color
    )
    return alt.layer(band, points, line, leaders, labels).properties(width=_WIDTH, height=_HEIGHT)


def growth(table: pd.DataFrame) -> alt.LayerChart:
    """Return the factors of N and of D for ten times the compute, with their intervals.

    Parameters
    ----------
    table : DataFrame
        Table ``growth`` of the analyzer. At most six refits are drawn.
    """
    import altair as alt
    import pandas as pd

    shown = _shown(table).sort_values("factor_n", ascending=False)
    rows = [
        {
            "label": row["label"],
            "what": _TITLE[name],
            "factor": row[name],
            "low": row[f"{name}_low"],
            "high": row[f"{name}_high"],
        }
        for row in shown.to_dict("records")
        for name in _TITLE
    ]
    bars = pd.DataFrame(rows)
    every = pd.concat([bars["factor"], bars["low"], bars["high"], pd.Series([1.0])])
    scale = log_scale(every)
    ticks = [t for t in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if t <= float(np.nanmax(every)) * 1.05]
    x_axis = alt.Axis(values=ticks, title="Factor for ten times the compute [1]", format="~g")
    base = alt.Chart(bars).encode(
        y=alt.Y("label:N", sort=list(shown["label"]), axis=alt.Axis(title=None, labelLimit=260)),
        yOffset=alt.YOffset("what:N", sort=list(_TITLE.values())),
    )
    color = alt.Color(
        "what:N",
        scale=alt.Scale(domain=list(_TITLE.values()), range=[BLUE, ORANGE]),
        legend=alt.Legend(title=None, orient="top"),
    )
    bar = base.mark_bar().encode(
        x=alt.X("factor:Q", scale=scale, axis=x_axis),
        x2=alt.datum(1.0),
        color=color,
        tooltip=["label:N", "what:N", "factor:Q", "low:Q", "high:Q"],
    )
    rule = base.mark_rule(color=BLACK).encode(x=alt.X("low:Q", scale=scale), x2="high:Q")
    text = base.mark_text(align="left", dx=4).encode(
        x=alt.X("edge:Q", scale=scale), text=alt.Text("factor:Q", format=".2f")
    ).transform_calculate(edge="isValid(datum.high) ? datum.high : datum.factor")  # fmt: skip
    return alt.layer(bar, rule, text).properties(width=_WIDTH, height={"step": 12})


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows to draw, each with its label: no more refits than there are colors."""
    several = len(set(table["family"]) - {""}) > 1
    label = table["law"].astype(str)
    if several:
        label = label.where(table["family"] == "", label + ", " + table["family"].astype(str))
    out = table.assign(label=label, is_own=~table["kind"].isin(["published", "run"]))
    own = list(dict.fromkeys(out.loc[out["is_own"], "label"]))[:_MOST_OWN]
    return out[~out["is_own"] | out["label"].isin(own)]


def _color(lines: pd.DataFrame) -> Any:
    import altair as alt

    own = list(dict.fromkeys(lines.loc[lines["is_own"], "label"]))
    others = list(dict.fromkeys(lines.loc[~lines["is_own"], "label"]))
    colors = [*COLORS[: len(own)], *([GRAY] * len(others))]
    scale = alt.Scale(domain=[*own, *others], range=colors)
    return alt.Color("label:N", scale=scale, legend=None)


def _ends(lines: pd.DataFrame, values: pd.Series[float]) -> pd.DataFrame:
    """Return where each line ends, and where its label goes so that none covers another."""
    ends = lines.sort_values("flops", kind="stable").groupby("label", sort=False).tail(1)
    ends = ends.drop_duplicates("label")
    logs = np.log10(values)
    gap = float(logs.max() - logs.min()) * LINE_HEIGHT / _HEIGHT
    return ends.assign(place=10 ** kept_apart(np.log10(ends["tokens_per_param"]), gap=gap))
