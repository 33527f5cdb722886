"""Task scores over scale: points, sigmoid, floor and break, alone or in small multiples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop.drawing.palette import BLUE, DOTTED, GRAY, GREEN, VERMILION
from isoflop.errors import SchemaError, UnknownNameError
from isoflop.figures.notes import noted
from isoflop.figures.result_tables import table_of

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

    from isoflop.results import AnalysisResult

CURVES = (
    "family", "task", "metric", "n_shot", "is_continuous", "kind", "x", "score", "score_low",
    "score_high",
)  # fmt: skip
"""Columns of the table ``curves``: rows of kind ``point`` and ``fit``."""

_VERDICTS = ("family", "task", "metric", "n_shot", "verdict", "break_x", "break_x_low",
             "break_x_high", "floor", "chance_level", "x", "reason")  # fmt: skip
_KEY = ["family", "task", "metric", "n_shot"]
_AXIS = {
    "flops": "Training compute [FLOP]",
    "n_params": "Parameters N [1]",
    "n_tokens": "Training tokens D [token]",
    "loss": "Loss [nat/token], smaller models left",
}
_SIZE = (300, 240)
_PANEL = (215, 140)


def emergence_curve(
    result: AnalysisResult, task: str, *, metric: str = "", family: str = ""
) -> alt.HConcatChart | alt.LayerChart:
    """Return the score of one task over scale, and its metric with partial credit beside it.

    Points are models with their intervals, the line is the best sigmoid, the dotted line the score
    of guessing (or the floor, where that is not known), the vertical line the change point of a
    rise, with the interval of where it is. A step on the left and a smooth rise on the right mean
    that the metric makes the step.

    Parameters
    ----------
    result : AnalysisResult
        Of an analysis of task scores with the tables ``curves`` and ``verdicts``.
    task : str
        Which task.
    metric : str
        Which metric stands on the left; by default the strict one.
    family : str
        Which family; by default the first that has the task.

    Raises
    ------
    UnknownNameError
        The result has no such task, metric or family with two scores or more.
    SchemaError
        The result has no such tables.
    """
    import altair as alt

    curves = table_of(result, "curves", CURVES).fillna({"n_shot": -1})
    verdicts = table_of(result, "verdicts", _VERDICTS).fillna({"n_shot": -1})
    mine = _chosen(curves, "task", task)
    mine = _chosen(mine, "family", family) if family else mine
    mine = mine[mine["family"] == mine["family"].iloc[0]]
    strict = mine[~mine["is_continuous"].astype(bool)]
    left = _chosen(mine, "metric", metric) if metric else (mine if strict.empty else strict)
    left = left[left["metric"] == left["metric"].iloc[0]]
    left = left[left["n_shot"] == left["n_shot"].iloc[0]]
    twin = mine[mine["is_continuous"].astype(bool) & (mine["metric"] != left["metric"].iloc[0])]
    twin = twin[twin["n_shot"] == left["n_shot"].iloc[0]]
    twin = twin[twin["metric"] == twin["metric"].iloc[0]] if len(twin) else twin
    panels = [_panel(rows, verdicts) for rows in (left, twin) if len(rows)]
    said = _verdict(left, verdicts)
    note = f"{str(task)[:60]}: {said['reason']}"
    if twin.empty:
        note += " No metric with partial credit stands beside it, so the metric is not cleared."
        return noted(panels[0], [note], width=_SIZE[0])
    chart = alt.hconcat(*panels, spacing=28)
    return noted(chart, [note], width=2 * _SIZE[0] + 60)


def draw_score_panels(
    curves: pd.DataFrame, verdicts: pd.DataFrame, keys: list[tuple[Any, ...]]
) -> alt.TopLevelMixin:
    """Return small multiples of score over scale, a metric with partial credit laid over.

    Parameters
    ----------
    curves, verdicts : DataFrame
        The two tables of a result, see `emergence_curve`.
    keys : list of (family, task, metric, n_shot)
        Panels, in order; not empty. `n_shot` is NaN where it is not known.
    """
    import altair as alt
    import pandas as pd

    known, said = (t.fillna({"n_shot": -1}) for t in (curves, verdicts))
    parts = [_laid_over(known, said, (*k[:3], -1 if k[3] != k[3] else k[3])) for k in keys]
    frame = pd.concat(parts, ignore_index=True)
    scale = _across(frame["x"], str(verdicts["x"].iloc[0]))
    y = alt.Y("score:Q", title="Score [fraction]", scale=alt.Scale(domain=[0, 1]))
    layered = alt.layer(*_layers(alt.Chart(frame), scale, y, set(frame["series"])))
    order = list(dict.fromkeys(frame["panel"]))
    header = alt.Header(labelFontSize=11, labelLimit=205)
    facet = alt.Facet("panel:N", title=None, sort=order, header=header)
    sized = layered.properties(width=_PANEL[0], height=_PANEL[1])
    return sized.facet(facet=facet, columns=min(3, len(order)))


def _chosen(table: pd.DataFrame, column: str, name: str) -> pd.DataFrame:
    found = table[table[column] == name]
    if found.empty:
        raise UnknownNameError(f"{column} with a curve of scores", str(name), set(table[column]))
    return found


def _verdict(rows: pd.DataFrame, verdicts: pd.DataFrame) -> pd.Series[Any]:
    same = np.all([verdicts[c] == rows[c].iloc[0] for c in _KEY], axis=0)
    if not same.any():
        raise SchemaError(f"The verdicts do not hold {rows[_KEY].iloc[0].to_dict()}.")
    return verdicts[same].iloc[0]


def _panel(rows: pd.DataFrame, verdicts: pd.DataFrame) -> alt.LayerChart:
    """Return one metric of one task, with the interval of its change point."""
    import altair as alt

    said = _verdict(rows, verdicts)
    table = _parts(rows, said, "score")
    partial = bool(rows["is_continuous"].iloc[0])
    metric = str(rows["metric"].iloc[0])[:40]
    title = f"{metric}{' (partial credit)' if partial else ''}: {said['verdict']}"
    shown = table[["score", "score_low", "score_high"]].to_numpy(dtype=np.float64)
    low, high = float(np.nanmin(shown)), float(np.nanmax(shown))
    inside = low >= 0.0 and high <= 1.0
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    domain = [0.0, 1.0] if inside else [low - margin, high + margin]
    y = alt.Y("score:Q", title=f"Score{' [fraction]' if inside else ''}",
              scale=alt.Scale(domain=domain, nice=False))  # fmt: skip
    x = _across(table.loc[table["part"] != "break", "x"], str(said["x"]))
    layers = _layers(alt.Chart(table), x, y, {"score"}, color=VERMILION if partial else BLUE)
    band = _break_band(said, rows, x)
    chart = alt.layer(*band, *layers).properties(width=_SIZE[0], height=_SIZE[1])
    return chart.properties(title=alt.Title(text=title.replace("_", " "), fontSize=12))


def _break_band(said: pd.Series[Any], rows: pd.DataFrame, x: Any) -> list[Any]:
    """Return the interval of the change point, cut to the scales that were measured."""
    import altair as alt
    import pandas as pd

    ends = np.array([said["break_x_low"], said["break_x_high"]], dtype=np.float64)
    if not np.isfinite(said["break_x"]) or np.isnan(ends).any():
        return []
    low, high = np.clip(np.sort(ends), rows["x"].min(), rows["x"].max())
    if low >= high:
        return []
    ends_table = pd.DataFrame({"x": [float(low)], "end": [float(high)]})
    return [alt.Chart(ends_table).mark_rect(color=GREEN, opacity=0.12).encode(x=x, x2="end:Q")]


def _laid_over(curves: pd.DataFrame, verdicts: pd.DataFrame, key: tuple[Any, ...]) -> pd.DataFrame:
    """Return the parts of one panel: the metric asked for, and a twin's points."""
    import pandas as pd

    same = np.all([curves[c] == k for c, k in zip(_KEY, key, strict=True)], axis=0)
    rows = curves[same]
    said = _verdict(rows, verdicts)
    parts = [_parts(rows, said, "score", only_abrupt=True)]
    alike = np.all([curves[_KEY[i]] == key[i] for i in (0, 1, 3)], axis=0)
    twins = curves[alike & ~same & curves["is_continuous"].astype(bool)]
    if len(twins):
        twin = twins[(twins["metric"] == twins["metric"].iloc[0]) & (twins["kind"] == "point")]
        parts.append(twin.assign(part="twin", series="partial credit"))
    shots = f", {key[3]:g}-shot" if key[3] >= 0 else ""
    family = f", {key[0]}" if len(set(curves["family"])) > 1 else ""
    name = f"{key[1]}: {said['verdict'].replace('_', ' ')}{shots}{family}"
    return pd.concat(parts, ignore_index=True).assign(panel=name)


def _parts(
    rows: pd.DataFrame, said: pd.Series[Any], series: str, *, only_abrupt: bool = False
) -> pd.DataFrame:
    """Return the rows of one curve with its floor, and its change point where it lies inside."""
    import pandas as pd

    ends = [float(rows["x"].min()), float(rows["x"].max())]
    chance = float(said["chance_level"])
    level = chance if np.isfinite(chance) and not only_abrupt else float(said["floor"])
    extra = [{"part": "floor", "x": at, "score": level} for at in ends if np.isfinite(level)]
    at = float(said["break_x"])
    if ends[0] <= at <= ends[1] and (said["verdict"] == "abrupt" or not only_abrupt):
        extra += [{"part": "break", "x": at, "score": np.nan}]
    drawn = pd.concat([rows.assign(part=rows["kind"]), pd.DataFrame(extra)], ignore_index=True)
    return drawn.assign(series=series)


def _layers(base: Any, x: Any, y: Any, series: set[str], *, color: str = BLUE) -> list[Any]:
    import altair as alt

    legend = alt.Legend(orient="bottom", symbolOpacity=1) if "partial credit" in series else None
    points = base.transform_filter("datum.part == 'point' || datum.part == 'twin'")
    dots = points.mark_point(filled=True, size=34, opacity=0.6, clip=True, color=color)
    dots = dots.encode(x=x, y=y, tooltip=["x:Q", "score:Q", "score_low:Q", "score_high:Q"])
    if legend is not None:
        dots = dots.encode(**_by_series(legend))

    def part(name: str) -> Any:
        return base.transform_filter(f"datum.part == '{name}'")

    return [
        part("floor").mark_line(color=GRAY, strokeDash=DOTTED, strokeWidth=1).encode(x=x, y=y),
        part("twin")
        .mark_line(color=VERMILION, strokeDash=[6, 3], strokeWidth=1.2, clip=True)
        .encode(x=x, y=y),
        part("fit").mark_line(color=color, strokeWidth=1.6, clip=True).encode(x=x, y=y),
        part("break").mark_rule(color=GREEN, strokeWidth=1.4, strokeDash=[8, 2]).encode(x=x),
        part("point")
        .mark_rule(color=color, opacity=0.4)
        .encode(x=x, y="score_low:Q", y2="score_high:Q"),
        dots,
    ]


def _by_series(legend: Any) -> dict[str, Any]:
    """Return color and shape of the score and of its twin."""
    import altair as alt

    domain = ["score", "partial credit"]
    shapes, hues = (
        alt.Scale(domain=domain, range=r) for r in (["circle", "diamond"], [BLUE, VERMILION])
    )
    return {
        "shape": alt.Shape("series:N", title=None, scale=shapes, legend=legend),
        "color": alt.Color("series:N", title=None, scale=hues, legend=legend),
    }


def _across(values: pd.Series[float], x: str) -> Any:
    import altair as alt

    scale, axis = log_scale(values, reverse=x == "loss"), decade_axis(values, grid=False)
    return alt.X("x:Q", title=_AXIS.get(x, x), scale=scale, axis=axis)
