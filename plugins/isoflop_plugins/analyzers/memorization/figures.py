"""The chart of memorization: extractable fraction along each factor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isoflop.drawing.log_linear import partial_effect

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_TITLES = {
    "n_params": "Parameters, N [1]",
    "repetitions": "Repetitions [1]",
    "context": "Context [token]",
}
_WIDTH, _GAP = 620, 70


def by_factor(points: pd.DataFrame, lines: pd.DataFrame) -> alt.HConcatChart:
    """Return a panel for each factor, all on one scale of the fraction.

    Parameters
    ----------
    points, lines : DataFrame
        Tables ``partial`` and ``lines`` of the analyzer.
    """
    import altair as alt

    factors = [name for name in _TITLES if (lines["factor"] == name).any()]
    width = (_WIDTH - _GAP * (len(factors) - 1)) // len(factors)
    panels = [
        partial_effect(
            points[points["factor"] == name],
            lines[lines["factor"] == name],
            x_title=_TITLES[name],
            y_title="Extractable fraction [1]" if index == 0 else "",
            y_format=".0%",
            width=width,
            height=240,
        )
        for index, name in enumerate(factors)
    ]
    return alt.hconcat(*panels).resolve_scale(y="shared")
