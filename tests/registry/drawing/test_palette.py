"""Colors that are seen: on the white page, and on the dark one, which inverts them."""

from __future__ import annotations

import re

import altair as alt
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from isoflop.drawing.palette import viridis
from isoflop.drawing.static import svg

WHITE, DARK = np.ones(3), np.array([15, 19, 24]) / 255
HALF_TURN = np.array([[-0.574, 1.43, 0.144], [0.426, 0.43, 0.144], [0.426, 1.43, -0.856]])
"""What `hue-rotate(180deg)` does (Filter Effects Module Level 1, feColorMatrix)."""


def _on_dark(color: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a color as the style sheet of the page shows it: invert(0.93) hue-rotate(180deg)."""
    return np.clip(HALF_TURN @ (0.93 - 0.86 * color), 0, 1)


def _contrast(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the contrast of two colors (WCAG 2.2, relative luminance)."""
    light = [
        float(np.where(c <= 0.03928, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
              @ [0.2126, 0.7152, 0.0722])
        for c in (one, other)
    ]  # fmt: skip
    return (max(light) + 0.05) / (min(light) + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_no_end_of_the_ramp_is_lost_on_its_ground(dark: bool) -> None:
    chart = alt.Chart(pd.DataFrame({"x": [1.0, 2.0, 3.0]})).mark_point(filled=True).encode(
        x="x:Q", color=alt.Color("x:Q", scale=alt.Scale(scheme=viridis()), legend=None)
    )  # fmt: skip
    found = re.findall(r'fill="rgb\((\d+), ?(\d+), ?(\d+)\)"', svg(chart))
    colors = [np.array([int(part) for part in rgb]) / 255 for rgb in found]
    assert len(colors) == 3
    if dark:
        assert min(_contrast(_on_dark(color), DARK) for color in colors) > 2.5
    else:
        assert min(_contrast(color, WHITE) for color in colors) > 1.8
