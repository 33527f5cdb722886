"""Loss against compute, tokens, steps or hours: runs, curves, frontier, published models."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.drawing.family_panels import HEIGHT, WIDTH
from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop.drawing.log_legends import log_color
from isoflop.drawing.palette import GRAY, SOFT, VERMILION, dashed_outside
from isoflop.drawing.point_labels import readable
from isoflop.figures.curve_points import CurvePoints, curve_points, only_seen
from isoflop.figures.fitted_runs import FittedRuns, run_frame, runs_of_fit
from isoflop.figures.frontier_rows import frontier_rows, why_no_frontier
from isoflop.figures.horizontal import COLUMNS, TITLES, WORDS, Horizontal, check_axis
from isoflop.figures.notes import noted, says
from isoflop.figures.runs_and_lines import LOSS
from isoflop.words import plural

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

    from isoflop.estimation import FitResult
    from isoflop.tables import CurveTable, RunTable

_TIPS = ["run:N", "flops:Q", "n_params:Q", "n_tokens:Q", "tokens_per_param:Q", "loss:Q"]
_HAS_LINE = ("flops", "tokens")
_LONGEST = 24
"""Longest label of a published model. [character]"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Scene:
    """All that is drawn, each a table with ``x`` and ``loss``; any may be empty."""

    runs: pd.DataFrame
    curves: pd.DataFrame
    frontier: pd.DataFrame
    published: pd.DataFrame


def loss_vs_compute(
    fit: FitResult,
    runs: RunTable,
    *,
    curves: CurveTable | None = None,
    x: Horizontal = "flops",
    published: RunTable | None = None,
) -> alt.LayerChart | alt.Chart:
    """Return runs as points, their training curves, and the frontier of the fit with its band.

    Runs of the fit are filled and colored by size, runs of the same family that it left out are
    hollow. The frontier is solid inside the runs and dashed outside. Losses of a run without a
    place on the axis cannot be drawn; the note under the chart counts them.

    Parameters
    ----------
    fit : FitResult
        A fit of any status; one without a usable optimum has no frontier, and the note says why.
    runs : RunTable
        The table that was fitted. One run is one point.
    curves : CurveTable or None
        Training losses of these runs, thin lines; their early steps may leave the picture.
    x : {"flops", "tokens", "steps", "hours"}
        Horizontal axis. On ``"flops"`` [FLOP] the frontier is the lowest loss for a compute. On
        ``"tokens"`` [token] it is the loss at D with the N for which that D is compute-optimal,
        solid only where both D and its compute lie among the runs. A law of N and D says nothing
        about steps or hours, so there only runs and curves are drawn; hours of a run are its wall
        time, hours of a curve those since its first point. [h]
    published : RunTable or None
        Published models, gray, behind the runs; those without N, D and a loss are counted. Their
        losses compare only where data set and tokenizer are the same.

    Raises
    ------
    UnknownNameError
        `x` is no axis.
    SchemaError
        `runs` does not hold the runs of the fit.
    """
    check_axis(x)
    found = runs_of_fit(fit, runs, with_others=True)
    drawn = _placed(found, x)
    lines = curve_points(curves, x) if curves is not None else None
    behind, told = _published(published, x, fit.loss_dataset)
    frontier, why = _frontier(fit, x, [drawn, behind])
    scene = _Scene(
        runs=drawn, curves=_curve_table(lines), frontier=frontier, published=behind
    )  # fmt: skip
    notes = [*found.notes, _missing(len(found.table) - len(drawn), len(found.table), x), why]
    notes += list(lines.notes) if lines else []
    notes += [told, _hollow(drawn)]
    if drawn.empty and scene.curves.empty:
        return says(" ".join(["There is nothing to draw.", *(n for n in notes if n)]))
    return noted(_chart(scene, x), [" ".join(n for n in notes if n)])


def _placed(found: FittedRuns, x: str) -> pd.DataFrame:
    table = found.table.assign(x=found.table[COLUMNS[x]])
    return table.iloc[np.flatnonzero(np.isfinite(table["x"]))].reset_index(drop=True)


def _missing(n: int, n_all: int, x: str) -> str:
    return f"{n} of {plural(n_all, 'run')} lack {WORDS[x]} and are not drawn." if n else ""


def _hollow(drawn: pd.DataFrame) -> str:
    n = int((~drawn["is_used"]).sum()) if len(drawn) else 0
    return f"Hollow: {plural(n, 'run')} that the fit left out." if n else ""


def _curve_table(lines: CurvePoints | None) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(columns=["x", "loss"]) if lines is None else lines.table


def _frontier(fit: FitResult, x: str, tables: list[pd.DataFrame]) -> tuple[pd.DataFrame, str]:
    """Return the rows of the frontier and, where there are none, why."""
    import pandas as pd

    why = why_no_frontier(fit) if x in _HAS_LINE else ""
    if x not in _HAS_LINE or why:
        return pd.DataFrame(columns=["x", "loss", "loss_low", "loss_high", "segment"]), why
    places = np.concatenate([t["x"].to_numpy(dtype=np.float64) for t in tables])
    reach = (float(places.min()), float(places.max())) if places.size else None
    frame = pd.DataFrame(frontier_rows(fit, x, reach=reach))
    said = f"Line: frontier of the fit with its {100 * fit.level:g} % band, dashed outside the runs"
    seen = frame[frame["segment"] == "inside"]["x"]
    if seen.empty:
        return frame, f"{said}; it nowhere passes between them."
    ahead = math.log10(frame["x"].max() / seen.max())
    return frame, f"{said} (up to {ahead:.2g} {'decade' if ahead < 1.05 else 'decades'} beyond)."


def _published(models: RunTable | None, x: str, loss_dataset: str) -> tuple[pd.DataFrame, str]:
    import pandas as pd

    if models is None:
        return pd.DataFrame(columns=["x", "loss", "label"]), ""
    table = run_frame(models)
    table["losses"] = models.texts("loss_dataset")
    table["x"] = table[COLUMNS[x]]
    known = np.flatnonzero(np.isfinite(table[["x", "loss"]]).all(axis=1))
    shown = table.iloc[known].reset_index(drop=True)
    shown["label"] = [str(run)[:_LONGEST] for run in shown["run"]]
    said = f"Gray: {len(shown)} of {plural(len(models), 'published model')}"
    others = sorted({t for t in shown["losses"] if t and t != loss_dataset})
    if others:
        said += f", loss on {', '.join(str(t)[:40] for t in others[:3])}"
        said += " and others" if len(others) > 3 else ""
    return shown, f"{said}; the others lack a loss or {WORDS[x]}."


def _chart(scene: _Scene, x: str) -> alt.LayerChart:
    import altair as alt
    import pandas as pd

    low, high = _losses(scene)
    if len(scene.curves):
        scene = replace(scene, curves=only_seen(scene.curves, low, high))
    tables = (scene.runs, scene.frontier, scene.published, scene.curves)
    every = pd.concat([t["x"] for t in tables if len(t)]).astype(float)
    axis = alt.X("x:Q", scale=log_scale(every), axis=decade_axis(every, title=TITLES[x]))
    scale = alt.Scale(domain=[low, high], nice=False)
    up = alt.Y("loss:Q", scale=scale, axis=alt.Axis(title=LOSS))
    layers = [
        *_gray_layers(scene, axis, up, [low, high], every),
        *_curve_layers(scene, axis, up),
        *_frontier_layers(scene.frontier, axis, up, scale),
        *_run_layers(scene, axis, up),
    ]
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)


def _losses(scene: _Scene) -> tuple[float, float]:
    """Return the losses shown: of runs, frontier and models, and a third more for the curves."""
    parts = [scene.runs["loss"], scene.frontier["loss"], scene.published["loss"]]
    known = np.concatenate([p.to_numpy(dtype=np.float64) for p in parts])
    curves = scene.curves["loss"].to_numpy(dtype=np.float64)
    if not known.size:
        known = np.quantile(curves, [0.0, 0.9])
    low, high = float(known.min()), float(known.max())
    margin = 0.06 * (high - low) or 0.02 * abs(high) or 1.0
    if curves.size:
        high = min(high + (high - low or margin) / 2, max(high, float(curves.max())))
        low = min(low, float(curves.min()))
    return low - margin, high + margin


def _gray_layers(
    scene: _Scene, axis: Any, up: Any, losses: list[float], places: pd.Series[float]
) -> list[Any]:
    if scene.published.empty:
        return []
    import altair as alt

    models = scene.published
    # Large models first: they are the ones people look for.
    ranked = models.sort_values("x", ascending=False)
    runs, own = (_on_page(t, places, losses) for t in (scene.runs, ranked))
    fits = readable(*own, list(ranked["label"]), width=WIDTH, others=runs)
    points = alt.Chart(models).mark_point(
        shape="square", filled=True, size=26, color=GRAY, opacity=0.8
    )
    labels = alt.Chart(ranked[fits][["x", "loss", "label"]]).mark_text(
        align="left", dx=6, fontSize=9, color=SOFT
    )
    return [
        points.encode(x=axis, y=up, tooltip=_TIPS),
        labels.encode(x=axis, y=up, text="label:N"),
    ]


def _on_page(table: pd.DataFrame, places: pd.Series[float], losses: list[float]) -> tuple[Any, Any]:
    """Return where rows stand in the plot, in pixels across and down."""
    low, high = np.log10(places.min()), np.log10(places.max())
    across = WIDTH * (np.log10(table["x"].astype(float)) - low) / max(high - low, 1e-9)
    return across, HEIGHT * (losses[1] - table["loss"]) / (losses[1] - losses[0])


def _size_color(scene: _Scene) -> Any:
    import pandas as pd

    sizes = pd.concat(
        [t["n_params"] for t in (scene.runs, scene.curves) if "n_params" in t and len(t)]
    ).astype(float)
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
    if sizes.empty:
        return None
    return log_color("n_params", sizes, title="Parameters N [1]", number_format=".2~s")


def _curve_layers(scene: _Scene, axis: Any, up: Any) -> list[Any]:
    if scene.curves.empty:
        return []
    import altair as alt

    color = _size_color(scene)
    lines = alt.Chart(scene.curves[["x", "loss", "curve", "n_params"]]).mark_line(
        strokeWidth=1, opacity=0.45
    )
    channels = {} if color is None else {"color": color}
    return [lines.encode(x=axis, y=up, detail="curve:N", **channels)]


def _frontier_layers(rows: pd.DataFrame, axis: Any, up: Any, scale: Any) -> list[Any]:
    if rows.empty:
        return []
    import altair as alt

    detail = alt.Detail("segment:N")
    base = alt.Chart(rows)
    band = base.mark_area(opacity=0.18, color=VERMILION, clip=True).encode(
        x=axis, y=alt.Y("loss_low:Q", scale=scale), y2="loss_high:Q", detail=detail
    )
    line = base.mark_line(strokeWidth=2.2, color=VERMILION, clip=True).encode(
        x=axis, y=up, strokeDash=dashed_outside(), detail=detail
    )
    return [band, line] if math.isfinite(rows["loss_low"].iloc[0]) else [line]


def _run_layers(scene: _Scene, axis: Any, up: Any) -> list[Any]:
    import altair as alt

    color = _size_color(scene)
    layers = []
    for is_used in (False, True):
        part = scene.runs[scene.runs["is_used"] == is_used]
        if part.empty:
            continue
        mark: dict[str, Any] = {"stroke": "white", "strokeWidth": 0.5} if is_used else {}
        points = alt.Chart(part.drop(columns="is_used")).mark_point(
            filled=is_used, size=42, opacity=0.95, **mark
        )
        channels = {} if color is None else {"color": color}
        layers.append(points.encode(x=axis, y=up, tooltip=_TIPS, **channels))
    return layers
