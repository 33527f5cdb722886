"""Charts of the emergence analyzer: scores over scale, and how wide each rise is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop_plugins.analyzers.emergence.measures import Measures
from isoflop_plugins.analyzers.emergence.verdicts import Verdict, position_in_x

if TYPE_CHECKING:
    import altair as alt

_BLUE, _ORANGE, _GREEN, _GRAY = "#0072B2", "#D55E00", "#009E73", "#6b6b6b"
"""Colors that color-blind readers can tell apart (M. Okabe and K. Ito, 2008)."""

_AXIS = {
    "flops": "training compute [FLOPs]",
    "n_params": "parameters",
    "n_tokens": "training tokens",
    "loss": "loss [nat/token], smaller models left",
}
_NARROWEST, _WIDEST = 0.05, 25.0


def curves_chart(
    shown: Sequence[Verdict], verdicts: Sequence[Verdict], *, x: str, level: float
) -> alt.TopLevelMixin:
    """Return small multiples of score over scale, one panel a task.

    Parameters
    ----------
    shown : sequence of Verdict
        Panels, in order; not empty, each with a fitted curve.
    verdicts : sequence of Verdict
        All verdicts, to find metrics with partial credit of the same tasks.
    x : str
        Scale on the axis.
    level : float
        Level of the intervals of the points. [1]
    """
    import altair as alt
    import pandas as pd

    rows = [r for v in shown for r in _panel_rows(v, verdicts, level=level)]
    frame = pd.DataFrame(rows)
    base = alt.Chart(frame)
    scale = _x_axis([v.measures.curve.x for v in shown], x)
    y = alt.Y("y:Q", title="score [fraction]", scale=alt.Scale(domain=[0, 1]))
    layered = alt.layer(*_layers(base, scale, y, set(frame["series"]))).properties(
        width=215, height=140
    )
    order = [_panel(v) for v in shown]
    facet = alt.Facet(
        "panel:N", title=None, sort=order, header=alt.Header(labelFontSize=11, labelLimit=205)
    )
    return layered.facet(facet=facet, columns=min(3, len(order)))


def _layers(base: Any, x: Any, y: Any, series: set[str]) -> list[Any]:
    import altair as alt

    legend = alt.Legend(orient="bottom") if "partial credit" in series else None
    domain = ["score", "partial credit"]
    shape = alt.Shape(
        "series:N",
        title=None,
        scale=alt.Scale(domain=domain, range=["circle", "diamond"]),
        legend=legend,
    )
    color = alt.Color(
        "series:N",
        title=None,
        scale=alt.Scale(domain=domain, range=[_BLUE, _ORANGE]),
        legend=legend,
    )

    def part(name: str) -> Any:
        return base.transform_filter(f"datum.part == '{name}'")

    points = base.transform_filter("datum.part == 'point' || datum.part == 'twin'")
    return [
        part("floor").mark_line(color=_GRAY, strokeDash=[2, 3], strokeWidth=1).encode(x=x, y=y),
        part("twin").mark_line(color=_ORANGE, strokeDash=[6, 3], strokeWidth=1.2).encode(x=x, y=y),
        part("fit").mark_line(color=_BLUE, strokeWidth=1.6).encode(x=x, y=y),
        part("break")
        .mark_line(color=_GREEN, strokeWidth=1.4, strokeDash=[8, 2])
        .encode(x=x, y=y, detail="series:N"),
        part("point").mark_rule(color=_BLUE).encode(x=x, y="low:Q", y2="high:Q"),
        points.mark_point(filled=True, size=34, opacity=1).encode(
            x=x, y=y, shape=shape, color=color, tooltip=["x:Q", "y:Q", "low:Q", "high:Q"]
        ),
    ]


def _panel(v: Verdict) -> str:
    key = v.measures.curve.key
    shots = f", {key.n_shot}-shot" if key.n_shot is not None else ""
    family = f", {key.family}" if key.family else ""
    return f"{key.task}: {v.word.replace('_', ' ')}{shots}{family}"


def _panel_rows(
    v: Verdict, verdicts: Sequence[Verdict], *, level: float
) -> Iterator[dict[str, object]]:
    m, panel = v.measures, _panel(v)
    curve = m.curve

    def row(part: str, at: float, height: float, series: str = "score") -> dict[str, object]:
        return {"panel": panel, "part": part, "series": series, "x": at, "y": height}

    low, high = _interval(m, level)
    for at, score, a, b in zip(curve.x, curve.score, low, high, strict=True):
        yield row("point", at, score) | {"low": a, "high": b}
    twin = _twin(v, verdicts)
    if twin is not None:
        for at, score in zip(twin.curve.x, twin.curve.score, strict=True):
            yield row("twin", at, score, "partial credit")
    ends = np.linspace(curve.decades[0], curve.decades[-1], 81)
    if m.width is not None and v.rises:
        for d, height in zip(ends, np.clip(m.width.predict(ends), 0, 1), strict=True):
            yield row("fit", position_in_x(curve, d), height)
    for end in (curve.x[0], curve.x[-1]):
        yield row("floor", end, min(max(m.floor, 0.0), 1.0))
    if m.width is not None and v.word == "abrupt":
        at = position_in_x(curve, m.width.center)
        if min(curve.x) <= at <= max(curve.x):
            yield row("break", at, 0.0)
            yield row("break", at, 1.0)


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
    return np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)


def _twin(v: Verdict, verdicts: Sequence[Verdict]) -> Measures | None:
    key = v.measures.curve.key
    for other in verdicts:
        o = other.measures.curve
        same = (o.key.family, o.key.task, o.key.n_shot) == (key.family, key.task, key.n_shot)
        if same and o.is_continuous and o.key != key and o.score.size:
            return other.measures
    return None


def _x_axis(scales: Sequence[NDArray[np.float64]], x: str) -> Any:
    import altair as alt

    every = np.concatenate(scales)
    scale, axis = log_scale(every, reverse=x == "loss"), decade_axis(every, grid=False)
    return alt.X("x:Q", title=_AXIS[x], scale=scale, axis=axis)


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
        ends.mark_rule(color=_GRAY, strokeDash=[4, 3]).encode(x=x),
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
    "abrupt": _ORANGE,
    "metric induced": "#CC79A7",
    "onset": _BLUE,
    "unresolved": _GRAY,
    "steep": "#E69F00",
    "smooth": _GREEN,
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
