"""Charts of the verdicts: token ratio of the worst runs, and tokens against parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop.results import Figure, Figures

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

    from isoflop_plugins.analyzers.undertrained.tables import Sheet

TOP = 40
"""Rows of the token-ratio chart; more do not fit a page."""

_VERDICTS = ("undertrained", "leaning", "near-optimal", "overtrained")
# Okabe and Ito 2008, color-blind-safe set; shapes say the same without color.
_COLORS = ("#D55E00", "#E69F00", "#009E73", "#0072B2")
_SHAPES = ("triangle-down", "diamond", "circle", "triangle-up")
_GRID_POINTS = 60


def figures(rows: pd.DataFrame, sheet: Sheet) -> Figures:
    """Return the charts; none where no run was assessed."""
    shown = rows[rows["verdict"] != "not-assessable"]
    if shown.empty:
        return Figures(())
    laws = ", ".join(dict.fromkeys(shown["law"]))
    top = _most_severe(shown)
    return Figures(
        (
            Figure(
                name="token_ratio",
                caption=f"Tokens over compute-optimal tokens of {len(top)} of {len(shown)} "
                f"assessed runs, most undertrained first, under {laws}; rules: {sheet.level:.0%} "
                "intervals, solid line: the optimum, dashed line: the limit of the flag.",
                table="verdicts",
                build=lambda: token_ratio(top),
            ),
            Figure(
                name="tokens_vs_params",
                caption=f"Training tokens against parameters of {len(shown)} runs. Line: "
                f"compute-optimal tokens under {_main_law(shown)} with its {sheet.level:.0%} band, "
                "dashed outside the data behind the law.",
                table="verdicts",
                build=lambda: tokens_vs_params(shown, sheet),
            ),
        )
    )


def _most_severe(shown: pd.DataFrame) -> pd.DataFrame:
    """Undertrained runs by waste, then the rest from the lowest token ratio."""
    rank = shown["verdict"].map({v: i for i, v in enumerate(_VERDICTS)})
    ordered = shown.assign(rank=rank, cost=-shown["compute_waste"].fillna(0.0))
    flagged = ordered[ordered["verdict"] == "undertrained"].sort_values(["cost", "token_ratio"])
    rest = ordered[ordered["verdict"] != "undertrained"].sort_values("token_ratio")
    order = [*flagged.index, *rest.index][:TOP]
    return shown.loc[order]


def token_ratio(rows: pd.DataFrame) -> alt.LayerChart:
    """Return dots with interval rules, one line a run, lines at 1 and 0.5."""
    import altair as alt
    import pandas as pd

    data = rows[["run", "law", "verdict", "compute_waste"]].assign(
        value=rows["token_ratio"],
        low=rows["token_ratio_low"].fillna(rows["token_ratio"]),
        high=rows["token_ratio_high"].fillna(rows["token_ratio"]),
        row=[f"{i:03d}" for i in range(len(rows))],
    )
    names = {r: str(n)[:40] for r, n in zip(data["row"], data["run"], strict=True)}
    lo, hi = min(data["low"].min(), 0.45) / 1.15, max(data["high"].max(), 1.2) * 1.15
    x = alt.X(
        "value:Q",
        scale=alt.Scale(type="log", domain=[lo, hi], nice=False),
        axis=alt.Axis(values=_ratio_ticks(lo, hi), format="~g", grid=False),
        title="Tokens / compute-optimal tokens, D / D_opt(N) [1]",
    )
    label = f"{_lookup(names)}[datum.value]"
    y = alt.Y("row:N", axis=alt.Axis(labelExpr=label, labelLimit=220), title=None)
    tooltip = ["run:N", "law:N", "verdict:N", alt.Tooltip("value:Q", format=".3g", title="ratio"),
               alt.Tooltip("compute_waste:Q", format=".3g")]  # fmt: skip
    rules = alt.Chart(data).mark_rule(strokeWidth=1.5).encode(
        x=alt.X("low:Q", scale=alt.Scale(type="log")), x2="high:Q", y=y, color=_color()
    )  # fmt: skip
    dots = alt.Chart(data).mark_point(filled=True, size=70, opacity=1).encode(
        x=x, y=y, color=_color(), shape=_shape(), tooltip=tooltip
    )  # fmt: skip
    limits = alt.Chart(pd.DataFrame({"at": [1.0], "limit": [0.5]}))
    optimum = limits.mark_rule(color="#555").encode(x="at:Q")
    flag = limits.mark_rule(color="#555", strokeDash=[4, 3]).encode(x="limit:Q")
    return alt.layer(optimum, flag, rules, dots).properties(width=460, height={"step": 17})


def tokens_vs_params(shown: pd.DataFrame, sheet: Sheet) -> alt.LayerChart:
    """Return D against N with the line of compute-optimal tokens and its band."""
    import altair as alt

    points = shown[["run", "law", "verdict", "n_tokens"]].assign(
        n=shown["n_params_used"], ratio=shown["token_ratio"]
    )
    line = _frontier_line(points["n"], _main_law(shown), sheet)
    x_axis = decade_axis(points["n"], grid=False)
    title = "Parameters used per token, N [1]"
    x = alt.X("n:Q", scale=log_scale(points["n"]), axis=x_axis, title=title)
    y_scale = log_scale(points["n_tokens"])
    y_axis = decade_axis(points["n_tokens"], grid=False)
    y = alt.Y("n_tokens:Q", scale=y_scale, axis=y_axis, title="Training tokens, D [token]")
    base = alt.Chart(line)
    band = base.mark_area(opacity=0.15, color="#333", clip=True).encode(
        x="n:Q", y=alt.Y("low:Q", scale=y_scale), y2="high:Q"
    )
    dash = alt.StrokeDash(
        "inside:N", scale=alt.Scale(domain=["yes", "no"], range=[[1, 0], [5, 4]]), legend=None
    )
    curve = base.mark_line(color="#333", clip=True).encode(
        x="n:Q", y=alt.Y("d:Q", scale=y_scale), strokeDash=dash, detail="part:N"
    )
    numbers = [alt.Tooltip(f"{c}:Q", format=".3s") for c in ("n", "n_tokens", "ratio")]
    tooltip = ["run:N", "law:N", "verdict:N", *numbers]
    dots = alt.Chart(points).mark_point(filled=True, size=55, opacity=0.85).encode(
        x=x, y=y, color=_color(), shape=_shape(), tooltip=tooltip
    )  # fmt: skip
    layers = [band, curve, dots] if line["low"].notna().any() else [curve, dots]
    return alt.layer(*layers).properties(width=520, height=360)


def _main_law(shown: pd.DataFrame) -> str:
    return str(shown["law"].value_counts().index[0])


def _frontier_line(n: pd.Series[float], law: str, sheet: Sheet) -> pd.DataFrame:
    """D_opt over the range of N, cut into the parts inside and outside the law's data."""
    import pandas as pd

    judge = next(j for j in sheet.chosen if j.name == law)
    low, high = float(n.min()) / 1.3, float(n.max()) * 1.3
    grid = np.geomspace(low, high, _GRID_POINTS)
    edges = [e for e in judge.n_range if low < e < high]
    grid = np.sort(np.concatenate([grid, edges, edges]))
    d = judge.point.d_opt_for_n(grid)
    band = np.full((2, grid.size), np.nan)
    if judge.draws is not None:
        tail = 100 * (1 - sheet.level) / 2
        band = np.percentile(judge.draws.d_opt_for_n(grid), [tail, 100 - tail], axis=-1)
    # An edge stands twice in the grid so that the solid and the dashed part both reach it.
    doubled = np.concatenate([[False], np.diff(grid) == 0])
    part = np.cumsum(doubled)
    middle = [np.sqrt(grid[part == p].min() * grid[part == p].max()) for p in part]
    inside = [judge.n_range[0] <= m <= judge.n_range[1] for m in middle]
    return pd.DataFrame(
        {"n": grid, "d": d, "low": band[0], "high": band[1], "part": part,
         "inside": ["yes" if i else "no" for i in inside]}
    )  # fmt: skip


def _ratio_ticks(low: float, high: float) -> list[float]:
    ticks = [0.5, *(10.0**k for k in range(-6, 9))]
    return sorted(t for t in ticks if low <= t <= high)


def _lookup(names: dict[str, str]) -> str:
    """Vega expression of a mapping; run names are untrusted text, so they go in as JSON."""
    import json

    return json.dumps(names)


def _color() -> Any:
    import altair as alt

    scale = alt.Scale(domain=list(_VERDICTS), range=list(_COLORS))
    return alt.Color("verdict:N", scale=scale, legend=alt.Legend(title=None, orient="top"))


def _shape() -> Any:
    import altair as alt

    scale = alt.Scale(domain=list(_VERDICTS), range=list(_SHAPES))
    return alt.Shape("verdict:N", scale=scale, legend=alt.Legend(title=None, orient="top"))
