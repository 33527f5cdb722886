"""The note under a chart: what is not drawn, and what a reader has to know."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from isoflop.drawing.family_panels import WIDTH
from isoflop.drawing.palette import SOFT

if TYPE_CHECKING:
    import altair as alt

_SIZE = 11
_CHARACTER = 5.2
"""Mean width of a character of this size. [pixel]"""


def noted(chart: Any, notes: Sequence[str], *, width: int = WIDTH) -> Any:
    """Return the chart with sentences below it; as it is where there are none."""
    told = [line for note in notes if note for line in _lines(note, width)]
    if not told:
        return chart
    import altair as alt

    return chart.properties(
        title=alt.Title(
            text=told,
            orient="bottom",
            anchor="start",
            offset=10,
            color=SOFT,
            fontSize=_SIZE,
            fontWeight="normal",
        )
    )


def rewrapped(chart: Any, *, width: float) -> Any:
    """Return the chart with its note broken anew for another width [pixel]."""
    import altair as alt

    note = chart.title
    if not isinstance(note, alt.TitleParams) or not isinstance(note.text, list):
        return chart
    fresh = note.copy(deep=True)
    fresh.text = _lines(" ".join(note.text), int(width))
    return chart.properties(title=fresh)


def says(sentence: str) -> alt.Chart:
    """Return a chart that holds one sentence, for where there is nothing to draw."""
    import altair as alt
    import pandas as pd

    lines = pd.DataFrame({"text": ["\n".join(_lines(sentence, WIDTH - 40))]})
    chart: alt.Chart = (
        alt.Chart(lines)
        .mark_text(align="left", baseline="top", lineBreak="\n", fontSize=12, color=SOFT)
        .encode(x=alt.value(20), y=alt.value(12), text="text:N")
        .properties(width=WIDTH, height=60)
    )
    return chart


def _lines(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(int(width / _CHARACTER), 20))
