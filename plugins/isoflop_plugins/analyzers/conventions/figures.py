"""Chart of the exponents under each convention."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isoflop.drawing.palette import GRAY, by_name

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_WIDTH, _STEP = 460, 20
_MOST_GROUPS = 7


def exponents(table: pd.DataFrame) -> alt.LayerChart:
    """Return the exponent of N under each convention as a point with its interval.

    Parameters
    ----------
    table : DataFrame
        Rows of the table ``exponents`` that have an exponent; at most seven groups are drawn, the
        ones of most runs.
    """
    import altair as alt

    shown = _grouped(table)
    names = list(dict.fromkeys(shown["group"]))
    color, shape = by_name("group", names, title="Runs", orient="bottom")
    base = alt.Chart(shown).encode(
        y=alt.Y(
            "convention:N",
            sort=list(dict.fromkeys(shown["convention"])),
            axis=alt.Axis(title=None, labelLimit=320),
        ),
        yOffset=alt.YOffset("group:N", sort=names),
        color=color,
    )
    x_scale = alt.Scale(zero=False, nice=False, padding=14)
    title = "Exponent a of N_opt ~ C^a [1]"
    points = base.mark_point(filled=True, size=60, opacity=1).encode(
        x=alt.X("exponent_n:Q", scale=x_scale, axis=alt.Axis(title=title)),
        shape=shape,
        tooltip=["group:N", "convention:N", "n_runs:Q", "exponent_n:Q", "shift:Q"],
    )
    rules = base.mark_rule(strokeWidth=1.5).encode(
        x=alt.X("exponent_n_low:Q", scale=x_scale), x2="exponent_n_high:Q"
    )
    equal = alt.Chart(alt.Data(values=[{"x": 0.5}])).mark_rule(color=GRAY).encode(x="x:Q")
    return alt.layer(equal, rules, points).properties(width=_WIDTH, height={"step": _STEP})


def _grouped(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows to draw, each with the name of its group."""
    parts = table[["family", "loss_dataset", "tokenizer"]]
    name = parts.apply(lambda row: ", ".join(x for x in row if x) or "runs", axis=1)
    out = table.assign(group=name)
    most = out.groupby("group", sort=False)["n_runs"].max().nlargest(_MOST_GROUPS).index
    return out[out["group"].isin(most)]
