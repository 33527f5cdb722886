"""Charts of the emergence analyzer: scores over scale, and how wide each rise is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from isoflop.drawing.palette import BLUE, GRAY, GREEN, ORANGE, PURPLE, VERMILION
from isoflop.figures.task_scores import CURVES
from isoflop_plugins.analyzers.emergence.measures import Measures
from isoflop_plugins.analyzers.emergence.verdicts import Verdict, position_in_x

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_MOST_CURVES, MOST_POINTS, _FIT_POINTS = 40, 150, 25
_NARROWEST, _WIDEST = 0.05, 25.0


def curve_table(verdicts: Sequence[Verdict], *, level: float) -> pd.DataFrame:
    """Return points and best sigmoids of curves of scores, one point a row.

    Parameters
    ----------
    verdicts : sequence of Verdict
        Those of most interest first: of more than 40 the rest is left out, and of a curve of more
        than 150 points as many at even ranks of scale are kept.
    level : float
        Level of the intervals of the points. [1]
    """
    import pandas as pd

    rows: list[dict[str, object]] = []
    for v in verdicts[:_MOST_CURVES]:
        rows += _curve_rows(v, level=level)
    return pd.DataFrame(rows, columns=list(CURVES))


def _curve_rows(v: Verdict, *, level: float) -> Iterator[dict[str, object]]:
    m, curve = v.measures, v.measures.curve
    shots = math.nan if curve.key.n_shot is None else float(curve.key.n_shot)
    shared = {"family": curve.key.family, "task": curve.key.task, "metric": curve.key.metric,
              "n_shot": shots, "is_continuous": curve.is_continuous}  # fmt: skip
    low, high = _interval(m, level)
    for i in _spread(curve.x):
        yield {**shared, "kind": "point", "x": curve.x[i], "score": curve.score[i],
               "score_low": low[i], "score_high": high[i]}  # fmt: skip
    if m.width is None or not v.rises:
        return
    ends = curve.decades[0], curve.decades[-1]
    rise = m.width.center + m.width.width * np.linspace(-1.0, 1.0, _FIT_POINTS)
    places = np.unique(np.clip(np.concatenate([np.linspace(*ends, _FIT_POINTS), rise]), *ends))
    fitted = m.width.predict(places)
    # A sigmoid may leave the fractions where no point holds it.
    fitted = np.clip(fitted, 0.0, 1.0) if curve.score.min() >= 0 else fitted
    for d, height in zip(places, fitted, strict=True):
        yield {**shared, "kind": "fit", "x": position_in_x(curve, d), "score": height}


def _spread(x: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the indices of all points, or of as many as are drawn: ends kept, evenly by rank."""
    order = np.argsort(x, kind="stable")
    ranks = np.linspace(0, x.size - 1, min(x.size, MOST_POINTS)).round().astype(np.int64)
    return order[ranks]


def key_of(v: Verdict) -> tuple[str, str, str, float]:
    """Return what names a curve in the tables: family, task, metric, shots."""
    key = v.measures.curve.key
    return key.family, key.task, key.metric, math.nan if key.n_shot is None else float(key.n_shot)


def _interval(m: Measures, level: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return Wilson's interval where items are counted, else a normal one."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    score, items = m.curve.score, m.curve.n_examples
    deviation = z * np.sqrt(m.noise.variance(score))
    n = np.where(np.isnan(items), 1.0, items)
    middle = (score + z**2 / (2 * n)) / (1 + z**2 / n)
    inner = np.clip(score * (1 - score) / n, 0.0, None) + z**2 / (4 * n**2)
    half = z * np.sqrt(inner) / (1 + z**2 / n)
    counted = ~np.isnan(items)
    low = np.where(counted, middle - half, score - deviation)
    high = np.where(counted, middle + half, score + deviation)
    if score.size and score.min() >= 0.0 and score.max() <= 1.0:
        return np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)
    return low, high


def width_chart(shown: Sequence[Verdict], *, null_width: float) -> alt.TopLevelMixin:
    """Return the width of each rise with its interval, narrow ones first.

    Parameters
    ----------
    shown : sequence of Verdict
        Verdicts with a rise; not empty.
    null_width : float
        Width below which a rise is abrupt. [decade]
    """
    import altair as alt
    import pandas as pd

    frame = pd.DataFrame([_width_row(v) for v in shown]).sort_values(["width", "task"])
    x = alt.X(
        "width:Q",
        title="10-90 % width of the rise [decades of scale]",
        scale=alt.Scale(type="log", domain=[_NARROWEST, _WIDEST], nice=False),
        axis=alt.Axis(values=[0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20], format="~g", grid=False),
    )
    y = alt.Y(
        "task:N",
        title=None,
        sort=list(dict.fromkeys(frame["task"])),
        axis=alt.Axis(labelLimit=260, grid=True, gridOpacity=0.3),
    )
    words = sorted(set(frame["verdict"]))
    hues = alt.Scale(domain=words, range=[_HUES[w] for w in words])
    hue = alt.Color("verdict:N", scale=hues, title=None)
    forms = alt.Scale(domain=words, range=[_SHAPES[w] for w in words])
    base = alt.Chart(frame)
    ends = alt.Chart(pd.DataFrame({"width": [null_width]}))
    return alt.layer(
        ends.mark_rule(color=GRAY, strokeDash=[4, 3]).encode(x=x),
        base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q"), x2="high:Q", y=y, color=hue),
        base.transform_filter("datum.open_low")
        .mark_point(shape="triangle-left", filled=True, size=60)
        .encode(x="low:Q", y=y, color=hue),
        base.transform_filter("datum.open_high")
        .mark_point(shape="triangle-right", filled=True, size=60)
        .encode(x="high:Q", y=y, color=hue),
        base.mark_point(filled=True, size=80, opacity=1).encode(
            x=x,
            y=y,
            color=hue,
            shape=alt.Shape("verdict:N", scale=forms, title=None),
            tooltip=["task:N", "width:Q", "low:Q", "high:Q", "verdict:N"],
        ),
    ).properties(width=420, height=alt.Step(20))


_HUES = {
    "abrupt": VERMILION,
    "metric induced": PURPLE,
    "onset": BLUE,
    "unresolved": GRAY,
    "steep": ORANGE,
    "smooth": GREEN,
}
_SHAPES = {
    "abrupt": "diamond",
    "metric induced": "cross",
    "onset": "triangle-up",
    "unresolved": "square",
    "steep": "triangle-down",
    "smooth": "circle",
}


def _width_row(v: Verdict) -> dict[str, object]:
    w, key = v.measures.width, v.measures.curve.key
    assert w is not None
    shots = f", {key.n_shot}-shot" if key.n_shot is not None else ""
    return {
        "task": f"{key.task}{shots}" + (f" ({key.family})" if key.family else ""),
        "verdict": v.word.replace("_", " "),
        "width": min(max(w.width, _NARROWEST), _WIDEST),
        "low": max(w.width_low, _NARROWEST),
        "high": min(w.width_high, _WIDEST),
        "open_low": w.width_low <= 0,
        "open_high": math.isinf(w.width_high),
    }
