"""Charts of the emergence analyzer: scores over scale, and how wide each rise is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from isoflop.drawing.palette import BLUE, GRAY, GREEN, LIMIT, ORANGE, PURPLE, VERMILION
from isoflop.figures.task_scores import draw_score_panels
from isoflop.results import Figure, Figures
from isoflop.words import plural
from isoflop_plugins.analyzers.emergence.measures import EmergenceOptions
from isoflop_plugins.analyzers.emergence.ranking import interest, strict
from isoflop_plugins.analyzers.emergence.tables import MOST_POINTS, key_of
from isoflop_plugins.analyzers.emergence.verdicts import Verdict

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_NARROWEST, _WIDEST = 0.05, 25.0


def emergence_figures(
    verdicts: Sequence[Verdict],
    tables: Mapping[str, pd.DataFrame],
    options: EmergenceOptions,
    *,
    source: str,
) -> Figures:
    """Return the charts with their captions; none where no curve has a sigmoid.

    Parameters
    ----------
    verdicts : sequence of Verdict
        What was found.
    tables : mapping of str to DataFrame
        Tables ``verdicts`` and ``curves`` of the analyzer.
    options : EmergenceOptions
        Of the analyzer.
    source : str
        Where the scores are from; empty where that is not known.
    """
    drawable = [v for v in verdicts if v.measures.curve.score.size >= 2 and v.measures.width]
    shown = sorted(strict(drawable), key=interest)[:9]
    if not shown:
        return Figures(())
    where = f" Data: {source}." if source else ""
    level = f"{options.level:.0%}"
    rising = [v for v in sorted(strict(drawable), key=interest) if v.rises][:25]
    most = max(v.measures.curve.score.size for v in shown)
    of = len(strict(verdicts))
    which = plural(of, "task")
    if len(shown) < of:
        which = f"the {plural(len(shown), 'task')} of most interest out of {of:,}"
    thinned = f" At most {MOST_POINTS} points of a task are drawn." if most > MOST_POINTS else ""
    figures = [
        Figure(
            name="emergence_curves",
            caption=(
                f"Score against scale, {which}. Points are models with {level} intervals, the line "
                "is the best sigmoid, the dashed one a metric with partial credit, the dotted one "
                f"the floor, the vertical line the break of an abrupt rise.{thinned}{where}"
            ),
            table="verdicts",
            build=lambda: draw_score_panels(
                tables["curves"], tables["verdicts"], [key_of(v) for v in shown]
            ),
        )
    ]
    if rising:
        figures.append(
            Figure(
                name="width",
                caption=(
                    f"Width of the rise of {plural(len(rising), 'task')} with {level} intervals; "
                    f"left of the line (at {options.null_width_decades:g} in decades) a rise is "
                    f"abrupt. An arrow end means that no bound was found.{where}"
                ),
                table="verdicts",
                build=lambda: _width_chart(rising, null_width=options.null_width_decades),
            )
        )
    return Figures(figures)


def _width_chart(shown: Sequence[Verdict], *, null_width: float) -> alt.TopLevelMixin:
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
        ends.mark_rule(color=GRAY, strokeDash=LIMIT).encode(x=x),
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
