"""Which abilities appear with scale, where, and whether the metric makes the step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from isoflop.errors import SchemaError, UnknownNameError
from isoflop.estimate import Estimate
from isoflop.hookspecs import AnalysisContext, Analyzer, Option
from isoflop.results import AnalysisResult, Finding
from isoflop.words import plural
from isoflop_plugins.analyzers.emergence.curves import SCALES, score_curves
from isoflop_plugins.analyzers.emergence.figures import emergence_figures
from isoflop_plugins.analyzers.emergence.measures import EmergenceOptions, measure
from isoflop_plugins.analyzers.emergence.ranking import interest, strict
from isoflop_plugins.analyzers.emergence.tables import curve_table, verdict_table
from isoflop_plugins.analyzers.emergence.verdicts import Verdict, judge, position_in_x, scale_text

if TYPE_CHECKING:
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
    tables = {
        "verdicts": verdict_table(verdicts, settings),
        "curves": curve_table(verdicts, settings),
    }
    return AnalysisResult(
        name="emergence",
        title="Emergence",
        verdict=_answer(verdicts, settings),
        source=f"{_SOURCE}. Data: {table.source or 'scores as given'}.",
        checks=_checks(verdicts),
        findings=_findings(verdicts, settings),
        tables=tables,
        figures=emergence_figures(verdicts, tables, settings, source=table.source),
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


def _answer(verdicts: Sequence[Verdict], options: EmergenceOptions) -> str:
    hard = strict(verdicts)
    if not hard:
        return "There are no task scores, so nothing can be said about emergence."
    parts = [f"Of {plural(len(hard), 'task')}, {_list_abrupt(hard, options)}"]
    onsets = sum(v.onset for v in hard)
    leaving = (
        f"{onsets} leave their floor" if onsets > 1 else f"{onsets or 'none'} leaves its floor"
    )
    parts.append(f"{leaving} within the range of scales")
    induced = [v for v in hard if v.word == "metric_induced"]
    if induced:
        parts.append(f"{len(induced)} only under the strict metric ({_names(induced)})")
    suspected = [v for v in hard if v.word == "artefact_suspected"]
    if suspected:
        parts.append(f"{len(suspected)} may be constant answers ({_names(suspected)})")
    undecided = sum(v.word == "unresolved" for v in hard)
    rest = f" {undecided} could not be decided." if undecided else ""
    return "; ".join(parts) + f".{rest}"


def _list_abrupt(hard: Sequence[Verdict], options: EmergenceOptions) -> str:
    abrupt = [v for v in hard if v.word == "abrupt"]
    if not abrupt:
        return "none rises abruptly"
    named = []
    for v in sorted(abrupt, key=interest)[:3]:
        assert v.measures.width is not None
        where = position_in_x(v.measures.curve, v.measures.width.center)
        named.append(f"{v.measures.curve.key.task} at {scale_text(where, options.x)}")
    more = f" and {len(abrupt) - 3} more" if len(abrupt) > 3 else ""
    verb = "rises" if len(abrupt) == 1 else "rise"
    return f"{len(abrupt)} {verb} abruptly ({', '.join(named)}{more})"


def _names(verdicts: Sequence[Verdict]) -> str:
    names = [v.measures.curve.key.task for v in sorted(verdicts, key=interest)]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _checks(verdicts: Sequence[Verdict]) -> list[tuple[str, bool]]:
    hard = [v.measures.curve for v in strict(verdicts)]
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
        for v in sorted(verdicts, key=interest)
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
