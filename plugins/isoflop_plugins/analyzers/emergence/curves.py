"""Score curves: one task and metric of one family over scale, made from a table of scores."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from isoflop.results import LeftOut
from isoflop.tables import ScoreTable

Scale = Literal["flops", "n_params", "n_tokens", "loss"]
SCALES: tuple[Scale, ...] = ("flops", "n_params", "n_tokens", "loss")

UNKNOWN_N_EXAMPLES = 100
"""Items assumed where nobody says how many there were: fewer than most test sets have (WSC has
104), so that the error is rather too wide than too narrow."""

LOSS_PER_DECADE = 0.050
"""Decades by which the loss falls in a decade of compute where the table cannot say: the exponent
of L(C) in J. Kaplan et al. 2020, arXiv 2001.08361, equation 1.3."""

_CONTINUOUS_UNITS = {"nat/token", "bit/byte", "bit/token", "nat/byte"}
_CONTINUOUS_METRICS = {
    "bits_per_byte", "brier", "brier_score", "cross_entropy", "log_likelihood", "loss", "nll",
    "perplexity", "ppl",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveKey:
    """What makes two scores belong to one curve; protocols are never mixed."""

    family: str
    task: str
    metric: str
    n_shot: int | None
    harness: str

    def text(self) -> str:
        """Return the key as one text, to seed the bootstrap with."""
        return "\x00".join(
            map(str, (self.family, self.task, self.metric, self.n_shot, self.harness))
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreCurve:
    """Scores of one task over scale, smallest model first.

    Parameters
    ----------
    x : NDArray, shape (n_points,)
        Scale as the table says it. [unit of the scale]
    decades : NDArray, shape (n_points,)
        Position on the axis, increasing: log10 of scale; for a loss the decades of compute in which
        it falls so far.
    score : NDArray, shape (n_points,)
        Score with larger meaning better, in fractions.
    stderr, n_examples : NDArray, shape (n_points,)
        NaN where unknown; `n_examples` is NaN for a metric with partial credit.
    n_repeats : NDArray, shape (n_points,)
        Runs behind each point.
    repeat_squares, repeat_freedom : float
        Sum of squares of repeats about their mean, and its degrees of freedom.
    chance : float
        Score of guessing; NaN where unknown.
    is_continuous : bool
        True for a metric with partial credit.
    is_flipped : bool
        True where smaller was better and the sign was turned.
    problem : str
        Why the curve cannot be judged; empty where it can.
    notes : tuple of str
        What was assumed.
    """

    key: CurveKey
    x: NDArray[np.float64]
    decades: NDArray[np.float64]
    score: NDArray[np.float64]
    stderr: NDArray[np.float64]
    n_examples: NDArray[np.float64]
    n_repeats: NDArray[np.float64]
    chance: float
    is_continuous: bool
    is_flipped: bool
    n_examples_known: bool
    repeat_squares: float = 0.0
    repeat_freedom: int = 0
    problem: str = ""
    notes: tuple[str, ...] = field(default=())


def score_curves(table: ScoreTable, *, x: Scale) -> tuple[list[ScoreCurve], list[LeftOut]]:
    """Return the curves of a table, sorted by key, and what was left out.

    A row without a value or without a scale is left out with a reason; a run with several
    checkpoints counts with its final one (no step, else the largest). Runs at one scale (seeds)
    are averaged: they answer the same items, so the item count stays that of one run, and their
    scatter tells how far models differ at equal scale.

    Parameters
    ----------
    table : ScoreTable
        Any number of rows; an empty table gives no curve.
    x : {"flops", "n_params", "n_tokens", "loss"}
        Column that says how large a model is; for a loss, smaller is larger.
    """
    rows = _Rows(table, x)
    curves, left_out = [], []
    for key, members in sorted(rows.by_key().items(), key=lambda item: item[0].text()):
        curve, reasons = rows.curve(key, np.array(members))
        curves.append(curve)
        name = f"{key.task} ({key.metric})" + (f", {key.family}" if key.family else "")
        left_out += [LeftOut(subject=name, reason=reason) for reason in reasons]
    return curves, left_out


class _Rows:
    """Columns of the table, read once."""

    def __init__(self, table: ScoreTable, x: Scale) -> None:
        self.scale = x
        self.value, self.stderr = table.numbers("value"), table.numbers("stderr")
        n_examples = table.numbers("n_examples")
        self.n_examples = np.where(n_examples >= 1, n_examples, np.nan)
        self.chance, self.step = table.numbers("chance_level"), table.numbers("step")
        self.n_shot = table.numbers("n_shot")
        self.x = table.numbers(x)
        self.flops, self.loss = table.numbers("flops"), table.numbers("loss")
        self.unit = [u or "" for u in table.texts("unit")]
        self.better, self.partial = table.flags("higher_is_better"), table.flags("is_continuous")
        self.family, self.task, self.metric, self.harness = (
            [t or "" for t in table.texts(name)] for name in ("family", "task", "metric", "harness")
        )
        sizes = zip(*(table.numbers(c) for c in SCALES), strict=True)
        names = zip(table.texts("run_uid"), table.texts("run_name"), sizes, strict=True)
        self.run = [uid or name or str(size) for uid, name, size in names]

    def by_key(self) -> dict[CurveKey, list[int]]:
        keys: dict[CurveKey, list[int]] = defaultdict(list)
        for i, n_shot in enumerate(self.n_shot):
            key = CurveKey(
                family=self.family[i],
                task=self.task[i],
                metric=self.metric[i],
                n_shot=None if math.isnan(n_shot) else int(n_shot),
                harness=self.harness[i],
            )
            keys[key].append(i)
        return keys

    def curve(self, key: CurveKey, rows: NDArray[np.intp]) -> tuple[ScoreCurve, list[str]]:
        rows, reasons = self._usable(rows)
        kept = self._final_checkpoints(rows)
        if kept.size < rows.size:
            n = rows.size - kept.size
            reasons.append(f"{n} earlier checkpoints: each run counts with its final one")
        continuous = any(self._is_continuous(i) for i in rows)
        flipped = any(self._falls(i) for i in rows)
        scaled, problem, notes = self._fractions(kept, continuous, flipped)
        m, known, how = self._items(kept, scaled, continuous)
        notes += how
        curve = ScoreCurve(
            key=key,
            x=self.x[kept],
            decades=self._decades(kept, notes),
            score=scaled.value,
            stderr=scaled.stderr,
            n_examples=m,
            n_repeats=np.ones(kept.size),
            chance=scaled.chance,
            is_continuous=continuous,
            is_flipped=flipped,
            n_examples_known=known,
            problem=problem,
            notes=tuple(notes),
        )
        return _merge_repeats(curve), reasons

    def _usable(self, rows: NDArray[np.intp]) -> tuple[NDArray[np.intp], list[str]]:
        valued = np.isfinite(self.value[rows])
        scaled = np.isfinite(self.x[rows]) & (self.x[rows] > 0)
        reasons = []
        if not valued.all():
            reasons.append(f"{(~valued).sum()} scores are null or not finite")
        if not scaled[valued].all():
            n = (~scaled[valued]).sum()
            reasons.append(f"{n} scores of runs whose {self.scale!r} is unknown or not positive")
        return rows[valued & scaled], reasons

    def _final_checkpoints(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        last: dict[str, float] = {}
        order = np.where(np.isnan(self.step), np.inf, self.step)
        for i in rows:
            last[self.run[i]] = max(last.get(self.run[i], -np.inf), order[i])
        return np.array([i for i in rows if order[i] == last[self.run[i]]], dtype=np.intp)

    def _is_continuous(self, row: int) -> bool:
        if self.partial[row] is not None:
            return bool(self.partial[row])
        return (
            self.unit[row] in _CONTINUOUS_UNITS or self.metric[row].lower() in _CONTINUOUS_METRICS
        )

    def _falls(self, row: int) -> bool:
        if self.better[row] is not None:
            return not self.better[row]
        if self.metric[row].lower() == "log_likelihood":
            return False
        named = self.metric[row].lower() in _CONTINUOUS_METRICS
        return named or self.unit[row] in _CONTINUOUS_UNITS

    def _fractions(
        self, rows: NDArray[np.intp], continuous: bool, flipped: bool
    ) -> tuple[_Scaled, str, list[str]]:
        percent = np.array([self.unit[i] == "percent" for i in rows], dtype=bool)
        factor = np.where(percent, 0.01, 1.0)
        value, stderr = self.value[rows] * factor, self.stderr[rows] * factor
        chance = self.chance[rows] * factor
        outside = value[(value < 0) | (value > 1)]
        notes, problem = [], ""
        if outside.size and continuous:
            span = float(np.ptp(value)) or 1.0
            value, chance = (value - value.min()) / span, (chance - value.min()) / span
            stderr = stderr / span
            notes.append("scores are shares of their own range")
        elif outside.size:
            problem = (
                f"scores must be fractions from 0 to 1, got {outside[0]:.4g}; "
                "give percentages the unit 'percent'"
            )
        known = chance[np.isfinite(chance)]
        level = float(np.median(known)) if known.size else math.nan
        if flipped:
            value, level = 1.0 - value, 1.0 - level
        return _Scaled(value=value, stderr=stderr, chance=level), problem, notes

    def _items(
        self, rows: NDArray[np.intp], scaled: _Scaled, continuous: bool
    ) -> tuple[NDArray[np.float64], bool, list[str]]:
        if continuous:
            return np.full(rows.size, np.nan), True, []
        m, p = self.n_examples[rows], scaled.value
        usable = (scaled.stderr > 0) & (p > 0) & (p < 1)
        safe = np.where(usable, scaled.stderr, 1.0)
        m = np.where(np.isnan(m) & usable, np.maximum(p * (1 - p) / safe**2, 1.0), m)
        if np.isnan(m).all():
            note = (
                f"the number of test items is unknown, {UNKNOWN_N_EXAMPLES} assumed"
                if rows.size
                else ""
            )
            return np.full(rows.size, float(UNKNOWN_N_EXAMPLES)), False, [note] if note else []
        return np.where(np.isnan(m), np.nanmedian(m), m), True, []

    def _decades(self, rows: NDArray[np.intp], notes: list[str]) -> NDArray[np.float64]:
        if self.scale != "loss":
            return np.log10(self.x[rows])
        family = {self.family[i] for i in rows}
        per_decade, note = _loss_per_decade(
            *(
                np.array([a[i] for i, f in enumerate(self.family) if f in family])
                for a in (self.flops, self.loss)
            )
        )
        notes.append(note)
        return -np.log10(self.x[rows]) / per_decade


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Scaled:
    value: NDArray[np.float64]
    stderr: NDArray[np.float64]
    chance: float


def _loss_per_decade(flops: NDArray[np.float64], loss: NDArray[np.float64]) -> tuple[float, str]:
    """Return decades of loss in a decade of compute, and where the number is from."""
    good = np.isfinite(flops) & np.isfinite(loss) & (flops > 0) & (loss > 0)
    points = np.unique(np.log10(np.c_[flops[good], loss[good]]), axis=0)
    if len(points) >= 3 and np.ptp(points[:, 0]) > 0.5:
        slope = -float(np.polyfit(points[:, 0], points[:, 1], 1)[0])
        if slope > 1e-3:
            return slope, f"width in decades of compute: here the loss falls as C^-{slope:.3g}"
    return (
        LOSS_PER_DECADE,
        f"width in decades of compute: the loss is taken to fall as C^-{LOSS_PER_DECADE:g} "
        "(Kaplan 2020)",
    )


def _merge_repeats(curve: ScoreCurve) -> ScoreCurve:
    """Return the curve with one point a scale, sorted."""
    order = np.lexsort((curve.score, curve.decades))
    at = np.round(curve.decades[order], 9)
    starts = np.flatnonzero(np.r_[True, np.diff(at) > 0]) if at.size else np.empty(0, np.intp)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        count = np.diff(np.r_[starts, order.size])
        return np.add.reduceat(values[order], starts) / count if starts.size else values[:0]

    count = np.diff(np.r_[starts, order.size]).astype(np.float64)
    score = mean(curve.score)
    about = curve.score[order] - np.repeat(score, count.astype(np.intp))
    return replace(
        curve,
        x=curve.x[order][starts],
        decades=curve.decades[order][starts],
        score=score,
        stderr=mean(curve.stderr),
        n_examples=mean(curve.n_examples),
        n_repeats=count,
        repeat_squares=float((about**2).sum()),
        repeat_freedom=int(order.size - starts.size),
    )


def scatter_between_models(curves: Sequence[ScoreCurve], *, default: float) -> float:
    """Return the standard deviation from model to model at equal scale.

    Estimated from repeats (seeds) over all curves given: pooled variance less the binomial part.
    With fewer than 5 degrees of freedom the default is kept.
    """
    freedom = sum(c.repeat_freedom for c in curves)
    if freedom < 5:
        return default
    sampling = 0.0
    for c in curves:
        extra = c.n_repeats - 1
        variance = c.score * (1 - c.score) / c.n_examples
        known = np.isfinite(variance) & c.n_examples_known
        sampling += float((extra * np.where(known, variance, 0.0)).sum())
    return math.sqrt(max(sum(c.repeat_squares for c in curves) - sampling, 0.0) / freedom)
