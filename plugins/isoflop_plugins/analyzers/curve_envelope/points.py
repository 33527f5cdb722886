"""The points of training curves that may be compared, and why the others are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isoflop.results import LeftOut
from isoflop.words import percent, plural

if TYPE_CHECKING:
    from isoflop.tables import CurveTable

Floats = NDArray[np.float64]

UNDECAYED = 0.5
"""Share of its peak above which a learning rate has not decayed. A chosen limit: schedules end at
a tenth of the peak or lower (Hoffmann et al. 2022, section 3.1), so half is amid the decay. [1]"""

_NOT_THE_END = ("failed", "killed", "stale", "running", "diverged", "scheduled")
_WHOLE_PLAN = 0.98
"""Share of its planned tokens at which a run counts as at its end: the last point is logged a few
steps before it. [1]"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FamilyPoints:
    """Points of one family and one split.

    Parameters
    ----------
    family, split : str
        What they are of; `split` is empty where no point is usable.
    run : NDArray of int, shape (p,)
        Number of the run of each point.
    n_tokens, loss, rate : NDArray, shape (p,)
        Tokens seen [token], loss [nat/token], learning rate as a share of the run's peak [1].
    n_params : NDArray, shape (r,)
        N that a token of each run passes through. [1]
    names : sequence of str, length r
        What to call each run; untrusted text.
    left_out : sequence of LeftOut
        Runs and points that are not used.
    refusal : str
        Why the points cannot be compared; empty where they can.
    """

    family: str
    split: str
    run: NDArray[np.intp]
    n_tokens: Floats
    loss: Floats
    rate: Floats
    n_params: Floats
    names: Sequence[str]
    left_out: Sequence[LeftOut]
    refusal: str = ""


@dataclass(slots=True)
class _Runs:
    """Facts of each run, and why it is not used."""

    names: list[str]
    n_params: Floats
    texts: Mapping[str, list[str | None]]
    planned: Floats
    reasons: list[str]
    left_out: list[LeftOut] = field(default_factory=list)

    def leave_out(self, run: int, reason: str) -> None:
        """Note the first reason against a run."""
        if not self.reasons[run]:
            self.reasons[run] = reason
            self.left_out.append(LeftOut(subject=self.names[run], reason=reason))


def family_points(family: str, table: CurveTable, *, split: str, finals_only: bool) -> FamilyPoints:
    """Return the points of a family that may be compared.

    Parameters
    ----------
    family : str
        Its name.
    table : CurveTable
        Its points, of any split.
    split : str
        Split to use; empty for the one that most runs have, ``train`` on a tie.
    finals_only : bool
        True to leave out runs that did not come to their end.
    """
    owner, runs = _runs(table)
    splits = np.array([s or "train" for s in table.texts("split")], dtype=object)
    tokens, loss = table.numbers("n_tokens"), table.numbers("loss")
    valued = (loss > 0) & np.isfinite(loss)
    good = valued & (tokens > 0)
    chosen = split or _most_common(splits, owner, good if good.any() else ~good)
    of_split = splits == chosen
    _judge(runs)
    _judge_points(runs, owner, of_split, valued, tokens > 0)
    rate = _rate(owner, table.numbers("learning_rate"), len(runs.names))
    usable = of_split & valued & (tokens > 0)
    if finals_only:
        _judge_ends(runs, owner[usable], tokens[usable], rate[usable])
    kept = np.array([not r for r in runs.reasons], dtype=bool)
    usable &= kept[owner]
    number = np.cumsum(kept) - 1
    return FamilyPoints(
        family=family,
        split=chosen,
        run=number[owner[usable]],
        n_tokens=tokens[usable],
        loss=loss[usable],
        rate=rate[usable],
        n_params=runs.n_params[kept],
        names=[n for n, ok in zip(runs.names, kept, strict=True) if ok],
        left_out=runs.left_out,
        refusal=_refusal(runs, kept, chosen),
    )


def _runs(table: CurveTable) -> tuple[NDArray[np.intp], _Runs]:
    """Return the run of each point, and the runs in order of first appearance."""
    import pyarrow.compute as pc

    arrow = table.to_arrow()
    named = [arrow.column(c) for c in ("run_uid", "run_name") if c in table.columns]
    if not named or not len(table):
        return np.zeros(len(table), dtype=np.intp), _Runs([], np.zeros(0), {}, np.zeros(0), [])
    keys = pc.fill_null(pc.coalesce(*named), "").combine_chunks().dictionary_encode()
    owner = keys.indices.to_numpy().astype(np.intp)
    first = table.take(np.unique(owner, return_index=True)[1])
    keyed, names = keys.dictionary.to_pylist(), first.texts("run_name")
    columns = ("stage", "status", "tokenizer", "dataset")
    return owner, _Runs(
        names=[n or k or "unnamed run" for n, k in zip(names, keyed, strict=True)],
        n_params=first.params_per_token(),
        texts={c: first.texts(c) for c in columns},
        planned=first.numbers("n_tokens_planned"),
        reasons=[""] * len(keyed),
    )


def _most_common(splits: NDArray[Any], owner: NDArray[np.intp], usable: NDArray[np.bool_]) -> str:
    """Return the split that most runs have usable points of; training on a tie."""
    pairs = set(zip(splits[usable].tolist(), owner[usable].tolist(), strict=True))
    counts = Counter(s for s, _ in pairs)
    return min(counts, key=lambda s: (-counts[s], s != "train", s), default="")


def _judge(runs: _Runs) -> None:
    for i, n in enumerate(runs.n_params):
        stage = runs.texts["stage"][i]
        if stage not in (None, "", "pretrain"):
            runs.leave_out(i, f"stage is {stage}, not pretrain")
        elif runs.texts["status"][i] == "diverged":
            runs.leave_out(i, "status is diverged")
        elif not (np.isfinite(n) and n > 0):
            runs.leave_out(i, "n_params is null (of experts n_params_active): no compute")


def _judge_points(
    runs: _Runs,
    owner: NDArray[np.intp],
    of_split: NDArray[np.bool_],
    valued: NDArray[np.bool_],
    placed: NDArray[np.bool_],
) -> None:
    """Leave out runs without a usable point, and say how many points of the others go."""
    n = len(runs.names)
    every, good, used = (
        np.bincount(owner[mask], minlength=n)
        for mask in (of_split, of_split & valued, of_split & valued & placed)
    )
    for i in range(n):
        if not every[i]:
            runs.leave_out(i, "no points of this split")
        elif not good[i]:
            runs.leave_out(i, "no finite positive loss in its points")
        elif not used[i]:
            runs.leave_out(i, "n_tokens of its points is null: tokens are not guessed from steps")
        elif used[i] < every[i] and not runs.reasons[i]:
            gone = plural(int(every[i] - used[i]), "point")
            reason = f"{gone} of {every[i]:,} without a finite loss or without n_tokens"
            runs.left_out.append(LeftOut(subject=runs.names[i], reason=reason))


def _rate(owner: NDArray[np.intp], rate: Floats, n_runs: int) -> Floats:
    """Return the learning rate as a share of its peak over the run's points, NaN where unknown."""
    peak = np.zeros(n_runs)
    known = np.isfinite(rate) & (rate > 0)
    np.maximum.at(peak, owner[known], rate[known])
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(known, rate / peak[owner] if n_runs else rate, np.nan)


def _judge_ends(runs: _Runs, owner: NDArray[np.intp], tokens: Floats, rate: Floats) -> None:
    """Leave out runs whose last point is not the end of their schedule."""
    order = np.lexsort((tokens, owner))
    last = order[np.flatnonzero(np.diff(owner[order], append=-1))]
    for i, end in zip(owner[last].tolist(), last.tolist(), strict=True):
        status, planned = runs.texts["status"][i], runs.planned[i]
        if status in _NOT_THE_END:
            runs.leave_out(i, f"status is {status}, so its last point is not its end")
        elif tokens[end] < _WHOLE_PLAN * planned:
            runs.leave_out(i, f"ends at {percent(float(tokens[end] / planned))} of its plan")
        elif rate[end] > UNDECAYED:
            share = percent(float(rate[end]))
            runs.leave_out(i, f"its last learning rate is {share} of its peak: not decayed")


def _refusal(runs: _Runs, good: NDArray[np.bool_], split: str) -> str:
    """Return why the points cannot be compared with each other; empty where they can."""
    if not good.any():
        reasons = Counter(r for r in runs.reasons if r).most_common(2)
        why = "; ".join(f"{plural(n, 'run')}: {reason}" for reason, n in reasons)
        return f"no curve can be placed on an axis of compute ({why or 'there are no points'})"
    # Losses of different tokenizers never compare; training losses need one data set as well.
    for column in ("tokenizer", "dataset") if split == "train" else ("tokenizer",):
        kinds = sorted({t for t, ok in zip(runs.texts[column], good, strict=True) if ok and t})
        if len(kinds) > 1:
            shown = ", ".join(map(repr, kinds[:4])) + (", ..." if len(kinds) > 4 else "")
            return f"its curves are of several {column}s ({shown}), whose losses do not compare"
    return ""
