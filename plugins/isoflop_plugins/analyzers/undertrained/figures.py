"""Charts of the verdicts: token ratio of the worst runs, and tokens against parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop.drawing.palette import BLACK, dashed_outside
from isoflop.figures.token_ratios import by_verdict, draw_token_ratio, most_severe
from isoflop.results import Figure, Figures
from isoflop.words import plural

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

    from isoflop_plugins.analyzers.undertrained.tables import Sheet

_GRID_POINTS = 60


def figures(rows: pd.DataFrame, sheet: Sheet) -> Figures:
    """Return the charts; none where no run was assessed."""
    shown = rows[rows["verdict"] != "not-assessable"]
    if shown.empty:
        return Figures(())
    laws = ", ".join(dict.fromkeys(shown["law"]))
    top, every = most_severe(shown), plural(len(shown), "assessed run")
    which = every if len(top) == len(shown) else f"{len(top)} of {every}"
    return Figures(
        (
            Figure(
                name="token_ratio",
                caption=f"Tokens over compute-optimal tokens of {which}, most undertrained "
                f"first, under {laws}; rules: {sheet.level:.0%} intervals, "
                "solid line: the optimum, dashed line: the limit of the flag.",
                table="verdicts",
                build=lambda: draw_token_ratio(top),
            ),
            Figure(
                name="tokens_vs_params",
                caption=f"Training tokens against parameters of {every}. Line: "
                f"compute-optimal tokens under {_main_law(shown)} with its {sheet.level:.0%} band, "
                "dashed outside the data behind the law.",
                table="verdicts",
                build=lambda: tokens_vs_params(shown, sheet),
            ),
        )
    )


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
    band = base.mark_area(opacity=0.15, color=BLACK, clip=True).encode(
        x="n:Q", y=alt.Y("low:Q", scale=y_scale), y2="high:Q"
    )
    curve = base.mark_line(color=BLACK, clip=True).encode(
        x="n:Q", y=alt.Y("d:Q", scale=y_scale), strokeDash=dashed_outside(), detail="part:N"
    )
    numbers = [alt.Tooltip(f"{c}:Q", format=".3s") for c in ("n", "n_tokens", "ratio")]
    tooltip = ["run:N", "law:N", "verdict:N", *numbers]
    color, shape = by_verdict()
    dots = alt.Chart(points).mark_point(filled=True, size=55, opacity=0.85).encode(
        x=x, y=y, color=color, shape=shape, tooltip=tooltip
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
         "segment": ["inside" if i else "outside" for i in inside]}
    )  # fmt: skip
