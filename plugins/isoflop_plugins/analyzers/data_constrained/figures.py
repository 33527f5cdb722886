"""Charts of repeated tokens: worth and misfit against epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop.drawing.palette import GRAY, by_name, dashed_outside

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_WIDTH, _HEIGHT = 600, 320

_EPOCHS = "Epochs, tokens seen over distinct tokens [1]"


def worth(table: pd.DataFrame) -> alt.LayerChart:
    """Return the worth of the tokens seen against epochs, with its band; the paper's in gray.

    Parameters
    ----------
    table : DataFrame
        Table ``worth`` of the analyzer.
    """
    import altair as alt

    fits = table[table["kind"] == "fit"]
    paper = table[table["kind"] == "published"]
    paper = paper[paper["family"] == paper["family"].iloc[0]]
    x = _epochs(table["epochs"])
    scale = alt.Scale(domain=[0, 1], nice=False)
    y = alt.Y(
        "worth:Q",
        scale=scale,
        axis=alt.Axis(title="Worth of all tokens seen, D'/D [1]", format=".0%"),
    )
    color, _ = by_name("family", fits["family"], title="Family")
    dash = dashed_outside()
    band = (
        alt.Chart(fits)
        .mark_area(opacity=0.16)
        .encode(x=x, y=alt.Y("worth_low:Q", scale=scale), y2="worth_high:Q", color=color)
    )
    line = (
        alt.Chart(fits)
        .mark_line(strokeWidth=2)
        .encode(
            x=x, y=y, color=color, strokeDash=dash, detail="segment:N",
            tooltip=["family:N", "epochs:Q", "worth:Q", "worth_of_next:Q"],
        )
    )  # fmt: skip
    published = alt.Chart(paper).mark_line(strokeWidth=1.5, color=GRAY).encode(x=x, y=y)
    return alt.layer(band, published, line).properties(width=_WIDTH, height=_HEIGHT)


def residuals(table: pd.DataFrame) -> alt.LayerChart:
    """Return the relative misfit of each run against its epochs.

    Parameters
    ----------
    table : DataFrame
        Table ``runs`` of the analyzer.
    """
    import altair as alt

    points = (
        alt.Chart(table)
        .mark_point(filled=True, size=36, opacity=0.75)
        .encode(
            x=_epochs(table["epochs"]),
            y=alt.Y(
                "residual:Q",
                scale=alt.Scale(nice=False, padding=8),
                axis=alt.Axis(title="Predicted over measured loss, less 1 [1]", format=".1%"),
            ),
            color=by_name("family", table["family"], title="Family")[0],
            tooltip=["run:N", "family:N", "epochs:Q", "n_params:Q", "residual:Q"],
        )
    )
    zero = alt.Chart(alt.Data(values=[{"y": 0}])).mark_rule(color=GRAY).encode(y="y:Q")
    return alt.layer(zero, points).properties(width=_WIDTH, height=_HEIGHT * 2 // 3)


def _epochs(values: pd.Series[Any]) -> Any:
    import altair as alt

    return alt.X("epochs:Q", scale=log_scale(values), axis=decade_axis(values, title=_EPOCHS))
