"""Which abilities appear with scale, where, and whether the metric makes the step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from isoflop.errors import SchemaError, UnknownNameError
from isoflop.estimate import Estimate
from isoflop.hookspecs import AnalysisContext, Analyzer, Option
from isoflop.results import AnalysisResult, Figure, Figures, Finding
from isoflop_plugins.analyzers.emergence.curves import SCALES, score_curves
from isoflop_plugins.analyzers.emergence.figures import (
    MOST_POINTS,
    curve_table,
    key_of,
    width_chart,
)
from isoflop_plugins.analyzers.emergence.measures import EmergenceOptions, measure
from isoflop_plugins.analyzers.emergence.verdicts import Verdict, judge, position_in_x, scale_text

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.tables import ScoreTable

_LAW = "width test (sigmoid, parametric bootstrap)"
_ONSET_LAW = "onset test (Wei 2022)"
_SOURCE = (
    "Onset: Wei et al. 2022, arXiv 2206.07682. Metric: Schaeffer et al. 2023, arXiv 2304.15004. "
    "Breakthroughness, linearity: Srivastava et al. 2022, arXiv 2206.04615. "
    "Width: likelihood-ratio test against a sigmoid at least one decade wide"
)


def analyze_emergence(
    table: ScoreTable, _context: AnalysisContext, /, **options: Any
) -> AnalysisResult:
    """Return onset, abruptness and the share of the metric in both, task by task.

    Parameters
    ----------
    table : ScoreTable
        Scores with the run's size in the column named by `x`. An empty table, one point, NaN and
        equal scores give rows (or none) with a reason, never an error.
    _context : AnalysisContext
        Not used.
    **options
        As in `EMERGENCE.options`.

    Raises
    ------
    UnknownNameError
        `x` is no scale.
    SchemaError
        `n_boot` is below 99, or `alpha`, `level` or `null_width_decades` is out of range.
    """
    settings = _settings(options)
    curves, left_out = score_curves(table, x=options["x"])
    verdicts = judge(measure(curves, settings), settings)
    tables = {"verdicts": _frame(verdicts, settings), "curves": _curves(verdicts, settings)}
    return AnalysisResult(
        name="emergence",
        title="Emergence",
        verdict=_answer(verdicts, settings),
        source=f"{_SOURCE}. Data: {table.source or 'scores as given'}.",
        checks=_checks(verdicts),
        findings=_findings(verdicts, settings),
        tables=tables,
        figures=_figures(verdicts, tables, settings, source=table.source),
        left_out=left_out,
        numbers={},
    )


def _settings(options: Mapping[str, Any]) -> EmergenceOptions:
    settings = EmergenceOptions(
        **{**options, "constant_levels": dict(options["constant_levels"] or {})}
    )
    if settings.x not in SCALES:
        raise UnknownNameError("scale", str(settings.x), SCALES)
    if settings.n_boot < 99:
        raise SchemaError(f"n_boot must be 99 or more for a p-value, got {settings.n_boot!r}.")
    for name in ("alpha", "level"):
        value = getattr(settings, name)
        if not 0 < value < 1:
            raise SchemaError(f"{name} must lie between 0 and 1, got {value!r}; see its default.")
    if not 0 < settings.null_width_decades < math.inf:
        raise SchemaError(
            "null_width_decades must be positive and finite, got "
            f"{settings.null_width_decades!r}; 1.0 decade is usual."
        )
    return settings


def _frame(verdicts: Sequence[Verdict], options: EmergenceOptions) -> pd.DataFrame:
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


def _curves(verdicts: Sequence[Verdict], options: EmergenceOptions) -> pd.DataFrame:
    """Return points and sigmoids of the tasks, each strict metric followed by its twin."""
    some = [v for v in verdicts if v.measures.curve.score.size >= 2]
    rank = {(k.family, k.task): i for i, v in reversed(list(enumerate(sorted(some, key=_interest))))
            if (k := v.measures.curve.key)}  # fmt: skip
    by_task = sorted(
        some, key=lambda v: rank[v.measures.curve.key.family, v.measures.curve.key.task]
    )
    frame = curve_table(by_task, level=options.level)
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
        "n_shot": math.nan if curve.key.n_shot is None else float(curve.key.n_shot),
    }


def _amplitude(v: Verdict) -> float:
    m = v.measures
    if m.width is None or m.trend is None:
        return 0.0 if v.word == "flat" else math.nan
    return m.width.amplitude if v.rises else m.trend.change


def _hard(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return verdicts on strict metrics; all of them where every metric gives partial credit."""
    return [v for v in verdicts if not v.measures.curve.is_continuous] or list(verdicts)


def _answer(verdicts: Sequence[Verdict], options: EmergenceOptions) -> str:
    hard = _hard(verdicts)
    if not hard:
        return "There are no task scores, so nothing can be said about emergence."
    parts = [f"Of {len(hard)} tasks, {_list_abrupt(hard, options)}"]
    onsets = [v for v in hard if v.onset]
    parts.append(f"{len(onsets)} leave their floor within the range of scales")
    induced = [v for v in hard if v.word == "metric_induced"]
    if induced:
        parts.append(f"{len(induced)} only under the strict metric ({_names(induced)})")
    suspected = [v for v in hard if v.word == "artefact_suspected"]
    if suspected:
        parts.append(f"{len(suspected)} may be constant answers ({_names(suspected)})")
    undecided = [v for v in hard if v.word == "unresolved"]
    return "; ".join(parts) + f". {len(undecided)} could not be decided."


def _list_abrupt(hard: Sequence[Verdict], options: EmergenceOptions) -> str:
    abrupt = [v for v in hard if v.word == "abrupt"]
    if not abrupt:
        return "none rises abruptly"
    named = []
    for v in sorted(abrupt, key=_interest)[:3]:
        assert v.measures.width is not None
        where = position_in_x(v.measures.curve, v.measures.width.center)
        named.append(f"{v.measures.curve.key.task} at {scale_text(where, options.x)}")
    more = f" and {len(abrupt) - 3} more" if len(abrupt) > 3 else ""
    verb = "rises" if len(abrupt) == 1 else "rise"
    return f"{len(abrupt)} {verb} abruptly ({', '.join(named)}{more})"


def _names(verdicts: Sequence[Verdict]) -> str:
    names = [v.measures.curve.key.task for v in sorted(verdicts, key=_interest)]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _checks(verdicts: Sequence[Verdict]) -> list[tuple[str, bool]]:
    hard = [v.measures.curve for v in _hard(verdicts)]
    if not hard:
        return []
    counted = sum(c.n_examples_known for c in hard)
    chance = sum(math.isfinite(c.chance) for c in hard)
    twins = {(c.key.family, c.key.task) for v in verdicts if (c := v.measures.curve).is_continuous}
    paired = sum((c.key.family, c.key.task) in twins for c in hard)
    n = len(hard)
    return [
        (f"the number of test items is known for {counted} of {n} tasks", counted == n),
        (f"the score of guessing is known for {chance} of {n} tasks", chance == n),
        (f"a metric with partial credit stands beside {paired} of {n} tasks", paired == n),
    ]


def _findings(verdicts: Sequence[Verdict], options: EmergenceOptions) -> list[Finding]:
    return [
        _finding(v, options)
        for v in sorted(verdicts, key=_interest)
        if v.word in ("abrupt", "onset")
    ]


def _finding(v: Verdict, options: EmergenceOptions) -> Finding:
    m, key = v.measures, v.measures.curve.key
    assert m.width is not None
    ends = sorted(position_in_x(m.curve, e) for e in (m.width.center_low, m.width.center_high))
    abrupt = v.word == "abrupt"
    return Finding(
        kind=v.word,
        subject=key.task,
        subject_name=key.task,
        severity="clear" if abrupt else "info",
        law=_LAW if abrupt else _ONSET_LAW,
        message=f"{key.task} ({key.metric}): {v.reason}",
        value=Estimate(
            value=position_in_x(m.curve, m.width.center),
            low=ends[0],
            high=ends[1],
            level=options.level,
        ),
        family=key.family,
        evidence={
            "x": options.x,
            "metric": key.metric,
            "p_value": m.width.p_value,
            "q_value": m.width_q,
            "width_decades": m.width.width,
            "amplitude": m.width.amplitude,
        },
    )


_INTEREST = (
    "abrupt", "metric_induced", "onset", "artefact_suspected", "unresolved", "steep", "u_shaped",
    "inverse", "smooth", "flat",
)  # fmt: skip


def _interest(v: Verdict) -> tuple[int, int, float, str]:
    width = v.measures.width
    amplitude = abs(width.amplitude) if width else 0.0
    return (_INTEREST.index(v.word), 0 if v.onset else 1, -amplitude, v.measures.curve.key.text())


def _figures(
    verdicts: Sequence[Verdict],
    tables: Mapping[str, pd.DataFrame],
    options: EmergenceOptions,
    *,
    source: str,
) -> Figures:
    from isoflop.figures.task_scores import draw_score_panels

    drawable = [v for v in verdicts if v.measures.curve.score.size >= 2 and v.measures.width]
    shown = sorted(_hard(drawable), key=_interest)[:9]
    if not shown:
        return Figures(())
    where = f" Data: {source}." if source else ""
    level = f"{options.level:.0%}"
    rising = [v for v in sorted(_hard(drawable), key=_interest) if v.rises][:25]
    most = max(v.measures.curve.score.size for v in shown)
    thinned = f" At most {MOST_POINTS} points of a task are drawn." if most > MOST_POINTS else ""
    figures = [
        Figure(
            name="emergence_curves",
            caption=(
                f"Score against scale, the {len(shown)} tasks of most interest out of "
                f"{len(_hard(verdicts))}. Points are models with {level} intervals, the line is "
                "the best sigmoid, the dashed one a metric with partial credit, the dotted one the "
                f"floor, the vertical line the break of an abrupt rise.{thinned}{where}"
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
                    f"Width of the rise of {len(rising)} tasks with {level} intervals; left of the "
                    f"line (at {options.null_width_decades:g} in decades) a rise is abrupt. An "
                    f"arrow end means that no bound was found.{where}"
                ),
                table="verdicts",
                build=lambda: width_chart(rising, null_width=options.null_width_decades),
            )
        )
    return Figures(figures)


EMERGENCE = Analyzer(
    name="emergence",
    summary="Which abilities appear with scale, where, and whether the metric makes the step.",
    source="Wei et al. 2022; Schaeffer et al. 2023; width likelihood-ratio test",
    table="scores",
    requires=("task", "metric", "value"),
    run=analyze_emergence,
    options={
        "x": Option(
            default="flops", description="Scale: 'flops', 'n_params', 'n_tokens' or 'loss'."
        ),
        "alpha": Option(default=0.05, description="False-discovery rate within family and metric."),
        "min_amplitude": Option(
            default=0.1, description="Least rise of an abrupt task. [fraction]"
        ),
        "null_width_decades": Option(
            default=1.0, description="Narrowest 10-90 % width that still counts as smooth."
        ),
        "n_boot": Option(default=499, description="Bootstrap curves behind each p-value."),
        "seed": Option(default=0, description="Seed of the bootstrap."),
        "level": Option(default=0.95, description="Level of the intervals."),
        "tau": Option(
            default=0.01,
            description="Scatter from model to model where no seeds show it. [fraction]",
        ),
        "constant_levels": Option(
            default=None,
            description="Task to the score of its best constant answer, where it is known.",
        ),
    },
    position=300,
)
