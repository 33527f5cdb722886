"""Tokens over compute-optimal tokens, run by run, with intervals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from isoflop.drawing.palette import BLUE, GRAY, GREEN, LIMIT, ORANGE, VERMILION
from isoflop.errors import SchemaError
from isoflop.figures.notes import noted
from isoflop.figures.result_tables import table_of

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

    from isoflop.results import AnalysisResult

TOP = 40
"""Rows of the chart; more do not fit a page."""

VERDICTS = ("undertrained", "leaning", "near-optimal", "overtrained")
_COLORS = (VERMILION, ORANGE, GREEN, BLUE)
_SHAPES = ("triangle-down", "diamond", "circle", "triangle-up")
_COLUMNS = ("run", "law", "verdict", "compute_waste", "token_ratio", "token_ratio_low",
            "token_ratio_high")  # fmt: skip
_WIDTH = 460


def token_ratio(result: AnalysisResult) -> alt.LayerChart:
    """Return D over the compute-optimal D of each run: 1 on the frontier, below 1 too few tokens.

    Undertrained runs come first, by the compute they wasted; at most 40 runs are drawn. Solid line:
    the optimum; dashed line: half of it, the limit of the flag.

    Parameters
    ----------
    result : AnalysisResult
        Of an analysis with a table ``verdicts`` of runs with ``token_ratio`` and its interval.

    Raises
    ------
    SchemaError
        The result has no such table, or no run in it could be assessed.
    """
    table = table_of(result, "verdicts", _COLUMNS)
    shown = assessed(table)
    if shown.empty:
        raise SchemaError(f"No run could be assessed, so there is no ratio. {result.verdict}")
    top = most_severe(shown)
    laws = ", ".join(dict.fromkeys(shown["law"]))
    rest = len(table) - len(shown)
    note = f"{len(top)} of {len(shown)} runs, under {laws}."
    note += f" {rest} more could not be assessed." if rest else ""
    return noted(draw_token_ratio(top), [note], width=_WIDTH)


def assessed(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that have a token ratio."""
    return verdicts[verdicts["verdict"].isin(VERDICTS) & verdicts["token_ratio"].notna()]


def most_severe(shown: pd.DataFrame) -> pd.DataFrame:
    """Return undertrained runs by waste, then the rest from the lowest token ratio, 40 at most."""
    rank = shown["verdict"].map({v: i for i, v in enumerate(VERDICTS)})
    ordered = shown.assign(rank=rank, cost=-shown["compute_waste"].fillna(0.0))
    flagged = ordered[ordered["verdict"] == "undertrained"].sort_values(["cost", "token_ratio"])
    rest = ordered[ordered["verdict"] != "undertrained"].sort_values("token_ratio")
    return shown.loc[[*flagged.index, *rest.index][:TOP]]


def draw_token_ratio(rows: pd.DataFrame) -> alt.LayerChart:
    """Return dots with interval rules, one line a run, lines at 1 and 0.5.

    Parameters
    ----------
    rows : DataFrame
        Rows of the table ``verdicts``, in order, not empty.
    """
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
        axis=alt.Axis(values=_ticks(lo, hi), format="~g", grid=False),
        title="Tokens / compute-optimal tokens, D / D_opt(N) [1]",
    )
    # Names are untrusted text, so they go into the expression as JSON.
    label = f"{json.dumps(names)}[datum.value]"
    y = alt.Y("row:N", axis=alt.Axis(labelExpr=label, labelLimit=220), title=None)
    tooltip = ["run:N", "law:N", "verdict:N", alt.Tooltip("value:Q", format=".3g", title="ratio"),
               alt.Tooltip("compute_waste:Q", format=".3g")]  # fmt: skip
    color, shape = by_verdict()
    rules = alt.Chart(data).mark_rule(strokeWidth=1.5).encode(
        x=alt.X("low:Q", scale=alt.Scale(type="log")), x2="high:Q", y=y, color=color
    )  # fmt: skip
    dots = alt.Chart(data).mark_point(filled=True, size=70, opacity=1).encode(
        x=x, y=y, color=color, shape=shape, tooltip=tooltip
    )  # fmt: skip
    limits = alt.Chart(pd.DataFrame({"at": [1.0], "limit": [0.5]}))
    optimum = limits.mark_rule(color=GRAY).encode(x="at:Q")
    flag = limits.mark_rule(color=GRAY, strokeDash=LIMIT).encode(x="limit:Q")
    return alt.layer(optimum, flag, rules, dots).properties(width=_WIDTH, height={"step": 17})


def by_verdict() -> tuple[Any, Any]:
    """Return color and shape of the verdicts, with one legend above the chart."""
    import altair as alt

    legend = alt.Legend(title=None, orient="top")
    domain = list(VERDICTS)
    return (
        alt.Color("verdict:N", scale=alt.Scale(domain=domain, range=list(_COLORS)), legend=legend),
        alt.Shape("verdict:N", scale=alt.Scale(domain=domain, range=list(_SHAPES)), legend=legend),
    )


def _ticks(low: float, high: float) -> list[float]:
    ticks = [0.5, *(10.0**k for k in range(-6, 9))]
    return sorted(t for t in ticks if low <= t <= high)
