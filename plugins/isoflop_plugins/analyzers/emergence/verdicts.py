"""From numbers to a word and a sentence: rules of the emergence verdict."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from isoflop import words
from isoflop.estimation.scores.onset import ALPHA as ONSET_ALPHA
from isoflop_plugins.analyzers.emergence.curves import ScoreCurve
from isoflop_plugins.analyzers.emergence.measures import (
    MIN_POINTS,
    EmergenceOptions,
    Measures,
)

Word = Literal[
    "flat", "smooth", "steep", "abrupt", "onset", "metric_induced", "inverse", "u_shaped",
    "unresolved", "artefact_suspected",
]  # fmt: skip

_RISING: tuple[Word, ...] = ("smooth", "steep", "abrupt", "onset", "unresolved")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdict:
    """One curve's verdict with its reason; `rises` says whether break and width mean anything."""

    measures: Measures
    word: Word
    reason: str
    onset: bool = False
    rises: bool = False


def judge(measured: Sequence[Measures], options: EmergenceOptions) -> list[Verdict]:
    """Return a verdict for each curve, a metric with partial credit held against a strict one."""
    verdicts = [_with_notes(_judge_one(m, options)) for m in measured]
    smooth: dict[tuple[str, str], list[Verdict]] = defaultdict(list)
    for v in verdicts:
        if v.measures.curve.is_continuous and v.word in ("smooth", "steep"):
            smooth[v.measures.curve.key.family, v.measures.curve.key.task].append(v)
    return [_against_twin(v, smooth) for v in verdicts]


def position_in_x(curve: ScoreCurve, decades: float) -> float:
    """Return the scale at a position on the axis, NaN where there is none. [unit of the scale]."""
    at = curve.decades
    if at.size < 2 or not math.isfinite(decades):
        return math.nan
    log_x = np.log10(curve.x)
    per_decade = float((log_x[-1] - log_x[0]) / (at[-1] - at[0]))
    return float(10 ** (log_x[0] + per_decade * (decades - at[0])))


def scale_text(x: float, scale: str) -> str:
    """Return a scale for people: ``2.31e22 FLOPs``, ``1.4 B parameters``."""
    if scale in ("n_params", "n_tokens"):
        return words.parameters(x) if scale == "n_params" else words.tokens(x)
    return f"{words.number(x, digits=3)} {'FLOPs' if scale == 'flops' else 'nat/token'}"


def _judge_one(m: Measures, options: EmergenceOptions) -> Verdict:
    early = _undecidable(m)
    if early is not None:
        return early
    assert m.width is not None
    assert m.trend is not None
    onset = has_onset(m)
    abrupt = m.width_q < options.alpha and m.width.amplitude > options.min_amplitude
    changes = m.trend_q < options.alpha or onset or abrupt
    if not changes:
        scatter = f"q = {_p(m.trend_q)} for any change with scale"
        return Verdict(measures=m, word="flat", reason=f"No change with scale: {scatter}.")
    artefact = _constant_answer(m, options)
    if artefact:
        return Verdict(measures=m, word="artefact_suspected", reason=artefact, onset=onset)
    if not abrupt:
        bent = _falling_or_bent(m)
        if bent is not None:
            return bent
    word, reason = _rising(m, onset=onset, abrupt=abrupt, options=options)
    return Verdict(measures=m, word=word, reason=reason, onset=onset, rises=True)


def has_onset(m: Measures) -> bool:
    """Return whether a curve leaves its floor, after correction for many tasks.

    A metric with partial credit whose chance level is unknown has no floor that it could leave.
    """
    if m.curve.is_continuous and not math.isfinite(m.curve.chance):
        return False
    return m.onset is not None and m.onset.leaves_floor and m.onset_q < ONSET_ALPHA


def _undecidable(m: Measures) -> Verdict | None:
    curve = m.curve
    if curve.problem:
        return Verdict(measures=m, word="unresolved", reason=f"Not judged: {curve.problem}.")
    n = curve.score.size
    if n < MIN_POINTS:
        sizes = "no usable score" if n == 0 else f"{n} size{'s' if n > 1 else ''} of model"
        reason = f"Cannot be decided: {sizes}; at least {MIN_POINTS} different sizes are needed."
        return Verdict(measures=m, word="unresolved", reason=reason)
    if m.width is None:
        return Verdict(measures=m, word="flat", reason="All scores are equal.")
    return None


def _constant_answer(m: Measures, options: EmergenceOptions) -> str:
    """Return why the score may only be a constant answer; empty where it is not."""
    curve = m.curve
    level = options.constant_levels.get(curve.key.task, math.nan)
    band = max(0.05, 2 * float(np.sqrt(m.noise.variance(curve.score).mean())))
    if math.isfinite(level) and curve.score.max() <= level + band:
        return (
            f"Always giving the same answer scores {level:.3g}, and no model is clearly above it: "
            "the change may be one constant answer in place of another."
        )
    if curve.is_continuous or not math.isclose(curve.chance, 0.5, abs_tol=0.02):
        return ""
    values, counts = np.unique(np.round(curve.score, 6), return_counts=True)
    tied = float(values[counts.argmax()])
    low, high = sorted((tied, 1 - tied))
    item = 1.5 / float(np.nanmin(curve.n_examples))
    inside = curve.score.min() >= low - item and curve.score.max() <= high + item
    if counts.max() < 3 or high - low < 2 * item or not inside:
        return ""
    return (
        f"{counts.max()} models score exactly {tied:.3g} on a two-choice task and none is outside "
        f"[{low:.3g}, {high:.3g}]: models that give one constant answer, or the other, look so."
    )


def _falling_or_bent(m: Measures) -> Verdict | None:
    assert m.trend is not None
    trend = m.trend
    if trend.is_u_shaped:
        reason = "Falls, then rises: both branches of the U are significant (p < 0.01 each)."
        return Verdict(measures=m, word="u_shaped", reason=reason)
    if trend.is_hump:
        reason = "Rises, then falls (both p < 0.01): no single transition to place."
        return Verdict(measures=m, word="unresolved", reason=reason)
    if trend.slope_z < -1.96:
        reason = f"Larger models are worse: {trend.change:+.2f} over the range of scales."
        return Verdict(measures=m, word="inverse", reason=reason)
    if trend.slope_z < 1.96 and not has_onset(m):
        reason = "Scores differ by more than their errors, but not with scale."
        return Verdict(measures=m, word="unresolved", reason=reason)
    return None


def _rising(
    m: Measures, *, onset: bool, abrupt: bool, options: EmergenceOptions
) -> tuple[Word, str]:
    assert m.width is not None
    w, null = m.width, options.null_width_decades
    gap = _gap_text(m, options)
    test = f"width test p = {_p(w.p_value)}, q = {_p(m.width_q)}"
    width = f"{w.width:.2g} decades [{w.width_low:.2g}, {w.width_high:.2g}]"
    if abrupt:
        where = scale_text(position_in_x(m.curve, w.center), options.x)
        if not m.curve.n_examples_known and w.amplitude <= 2 * options.min_amplitude:
            return "unresolved", f"Looks abrupt ({test}), but the item count is unknown; {gap}."
        return "abrupt", f"Rises by {w.amplitude:.2f} at {where} within {width}; {test}."
    # The interval is half a grid step wider than its last cell, a factor of 1.2.
    if onset and w.width_low < 0.8 * null:
        side = " with fewer than two models on one side of the rise" if _one_sided(m) else ""
        return "unresolved", f"Leaves the floor, but how fast cannot be told{side}: {gap}; {test}."
    if onset:
        return "onset", f"At {m.floor_how} in small models, above it in large ones; width {width}."
    if w.width < null:
        return "unresolved", f"Rises within {width}, but a smooth curve fits too: {gap}; {test}."
    if w.width < 2 * null:
        return "steep", f"Rises within {width}; {test}: steep, not a step."
    return "smooth", f"Rises smoothly, width {width}; {test}."


def _one_sided(m: Measures) -> bool:
    assert m.width is not None
    right = int((m.curve.decades > m.width.center).sum())
    return min(right, m.curve.decades.size - right) < 2


def _gap_text(m: Measures, options: EmergenceOptions) -> str:
    """Return which sizes to train: the ends of the gap with the largest rise."""
    at = int(np.diff(m.curve.score).argmax())
    ends = sorted(float(v) for v in m.curve.x[at : at + 2])
    low, high = (scale_text(v, options.x) for v in ends)
    what = "models with a loss" if options.x == "loss" else "sizes"
    return f"train {what} between {low} and {high}"


def _p(value: float) -> str:
    return f"{value:.2g}" if value >= 0.001 else "< 0.001"


def _with_notes(v: Verdict) -> Verdict:
    if not v.measures.curve.notes:
        return v
    notes = "; ".join(v.measures.curve.notes)
    return Verdict(
        measures=v.measures,
        word=v.word,
        reason=f"{v.reason} Note: {notes}.",
        onset=v.onset,
        rises=v.rises,
    )


def _against_twin(v: Verdict, smooth: dict[tuple[str, str], list[Verdict]]) -> Verdict:
    key = v.measures.curve.key
    claims = v.word == "abrupt" or (v.onset and v.word in _RISING)
    twins = [t for t in smooth.get((key.family, key.task), ()) if t.measures.curve.key != key]
    if v.measures.curve.is_continuous or not claims or not twins:
        return v
    same = [t for t in twins if t.measures.curve.key.n_shot == key.n_shot]
    twin = (same or twins)[0].measures
    assert twin.width is not None
    claim = "jumps" if v.word == "abrupt" else "leaves the floor"
    reason = (
        f"{key.metric} {claim}, but {twin.curve.key.metric} of the same task rises smoothly "
        f"(width {twin.width.width:.2g} decades): the metric makes the step. {v.reason}"
    )
    return Verdict(
        measures=v.measures, word="metric_induced", reason=reason, onset=v.onset, rises=True
    )
