"""What tells things apart in every figure: colors and shapes by name, dashes outside the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    import altair as alt

BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK = "#E69F00", "#56B4E9", "#000000"
COLORS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
"""Okabe and Ito 2008, Color universal design: apart for the color-blind."""

GRAY = "#6b6b6b"
"""Of what a figure compares with: baselines, floors, published laws."""

SOFT = "#57606a"
"""Of notes and labels, and of what stands behind."""

DOTTED, LIMIT = [2, 3], [4, 3]
"""Dashes of what a figure compares with (floors, values carried on), and of limits. [pixel]"""

_DASHED = [6, 4]


def viridis() -> alt.SchemeParams:
    """Return the ramp of quantities, even to the eye, up to its green.

    Yellow is lost on a white page, and on a dark one, which inverts it, even more so.
    """
    import altair as alt

    return alt.SchemeParams(name="viridis", extent=[0, 0.8])


def by_name(
    field: str, names: Iterable[str], *, title: str, orient: Literal["right", "bottom"] = "right"
) -> tuple[Any, Any]:
    """Return color and shape by a column of names, with one legend, or none for one name."""
    import altair as alt

    known = sorted(set(names))
    legend = None
    if len(known) > 1:
        columns = {"columns": 1} if orient == "bottom" else {}
        legend = alt.Legend(title=title, labelLimit=240, symbolOpacity=1, orient=orient, **columns)
    color = alt.Color(
        f"{field}:N", scale=alt.Scale(domain=known, range=list(COLORS)), legend=legend
    )
    return color, alt.Shape(f"{field}:N", scale=alt.Scale(domain=known), legend=legend)


def dashed_outside(field: str = "segment") -> Any:
    """Return a line that is solid where the column says ``inside`` and dashed elsewhere."""
    import altair as alt

    segments = ["inside", "outside", "below", "above"]
    dashes = [[1, 0], *([_DASHED] * 3)]
    scale = alt.Scale(domain=segments, range=dashes)
    return alt.StrokeDash(f"{field}:N", scale=scale, legend=None)
