"""Tables of the emergence analyzer: verdicts, and points with sigmoids of the curves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from isoflop.figures.task_scores import CURVES
from isoflop_plugins.analyzers.emergence.measures import EmergenceOptions, Measures
from isoflop_plugins.analyzers.emergence.ranking import interest
from isoflop_plugins.analyzers.emergence.verdicts import Verdict, position_in_x

if TYPE_CHECKING:
    import pandas as pd

_MOST_CURVES, MOST_POINTS, _FIT_POINTS = 40, 150, 25


def verdict_table(verdicts: Sequence[Verdict], options: EmergenceOptions) -> pd.DataFrame:
    """Return what was found, one curve a row."""
    import pandas as pd

    frame = pd.DataFrame([_row(v, options) for v in verdicts], columns=list(_COLUMNS))
    frame.attrs["units"] = {n: u for n, u in _units(options.x).items() if u}
    return frame


_COLUMNS = (
    "family", "task", "metric", "verdict", "onset_x", "break_x", "break_x_low", "break_x_high",
    "width_decades", "width_decades_low", "width_decades_high", "p_value", "q_value", "amplitude",
    "breakthroughness", "linearity", "reason", "n_points", "n_examples", "chance_level", "x",
    "onset", "floor", "n_shot",
)  # fmt: skip


def curve_table(verdicts: Sequence[Verdict], options: EmergenceOptions) -> pd.DataFrame:
    """Return points and sigmoids, one point a row, each strict metric followed by its twin.

    The tasks of most interest come first: of more than 40 curves the rest is left out, and of a
    curve of more than 150 points as many at even ranks of scale are kept.
    """
    import pandas as pd

    some = [v for v in verdicts if v.measures.curve.score.size >= 2]
    rank = {(k.family, k.task): i for i, v in reversed(list(enumerate(sorted(some, key=interest))))
            if (k := v.measures.curve.key)}  # fmt: skip
    by_task = sorted(
        some, key=lambda v: rank[v.measures.curve.key.family, v.measures.curve.key.task]
    )
    rows = [row for v in by_task[:_MOST_CURVES] for row in _curve_rows(v, level=options.level)]
    frame = pd.DataFrame(rows, columns=list(CURVES))
    unit = _units(options.x)["onset_x"]
    frame.attrs["units"] = {"x": unit} | dict.fromkeys(("score", "score_low", "score_high"), "1")
    return frame


def _units(x: str) -> dict[str, str]:
    scale = {"flops": "FLOP", "n_params": "1", "n_tokens": "token", "loss": "nat/token"}[x]
    units = dict.fromkeys(("onset_x", "break_x", "break_x_low", "break_x_high"), scale)
    units |= dict.fromkeys(("width_decades", "width_decades_low", "width_decades_high"), "decade")
    return units | dict.fromkeys(("amplitude", "chance_level", "floor"), "fraction")


def _row(v: Verdict, options: EmergenceOptions) -> dict[str, object]:
    m, curve = v.measures, v.measures.curve
    w, nan = m.width, math.nan
    shown = w if v.rises else None
    ends = (shown.center_low, shown.center_high) if shown else (nan, nan)
    low, high = sorted(position_in_x(curve, e) for e in ends)
    items = curve.n_examples[curve.n_examples > 0]
    return {
        "family": curve.key.family,
        "task": curve.key.task,
        "metric": curve.key.metric,
        "verdict": v.word,
        "onset_x": float(curve.x[m.onset.index]) if v.onset and m.onset else nan,
        "break_x": position_in_x(curve, shown.center) if shown else nan,
        "break_x_low": low,
        "break_x_high": high,
        "width_decades": shown.width if shown else nan,
        "width_decades_low": shown.width_low if shown else nan,
        "width_decades_high": shown.width_high if shown else nan,
        "p_value": w.p_value if w else nan,
        "q_value": m.width_q,
        "amplitude": _amplitude(v),
        "breakthroughness": m.breakthroughness,
        "linearity": m.linearity,
        "reason": v.reason,
        "n_points": curve.score.size,
        "n_examples": float(items.min()) if items.size and curve.n_examples_known else nan,
        "chance_level": curve.chance,
        "x": options.x,
        "onset": v.onset,
        "floor": m.floor,
        "n_shot": _shots(v),
    }


def _amplitude(v: Verdict) -> float:
    m = v.measures
    if m.width is None or m.trend is None:
        return 0.0 if v.word == "flat" else math.nan
    return m.width.amplitude if v.rises else m.trend.change


def key_of(v: Verdict) -> tuple[str, str, str, float]:
    """Return what names a curve in the tables: family, task, metric, shots."""
    key = v.measures.curve.key
    return key.family, key.task, key.metric, _shots(v)


def _shots(v: Verdict) -> float:
    shots = v.measures.curve.key.n_shot
    return math.nan if shots is None else float(shots)


def _curve_rows(v: Verdict, *, level: float) -> Iterator[dict[str, object]]:
    m, curve = v.measures, v.measures.curve
    shared = {"family": curve.key.family, "task": curve.key.task, "metric": curve.key.metric,
              "n_shot": _shots(v), "is_continuous": curve.is_continuous}  # fmt: skip
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
