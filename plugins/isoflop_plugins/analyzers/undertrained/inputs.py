"""What of each run the frontier can judge: N and D to use, and why a run cannot be judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from isoflop.words import count, tokens

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isoflop.tables import RunTable

REPEAT_HALF_LIFE = 15.39
"""R_D* of the value of repeated tokens; Muennighoff et al. 2023, section 3.1, arXiv 2305.16264."""

_STAGES = {
    "sft": "fine-tuned: the verdict of its base model holds",
    "preference": "trained on preferences: the verdict of its base model holds",
    "reinforcement": "trained by reinforcement: the verdict of its base model holds",
    "distilled": "distilled: its loss does not follow from N and D alone",
    "pruned": "pruned: its loss does not follow from N and D alone",
    "eval": "an evaluation and not a training run",
}
_JUDGED_STAGES = ("pretrain", "continued", "", None)
_STATUSES = {
    "running": "still running",
    "scheduled": "not started",
    "diverged": "diverged: its loss does not follow from N and D",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inputs:
    """Runs as the frontier sees them; all arrays and lists have one entry a run.

    Parameters
    ----------
    n_used, n_nonembedding : NDArray
        N to judge by (active parameters of a mixture of experts), NaN where it cannot be judged;
        and the count without embeddings, NaN where unknown. [1]
    d_seen, d_effective : NDArray
        Tokens fed, and what repeated tokens are worth in fresh ones. [token]
    blocked : list of str
        Why the run cannot be judged; empty where it can.
    treatments : list of list of str
        What was done to N or D before judging, in words.
    is_failed : NDArray
        Where the run ended by a failure.
    """

    n_used: NDArray[np.float64]
    n_nonembedding: NDArray[np.float64]
    d_seen: NDArray[np.float64]
    d_effective: NDArray[np.float64]
    blocked: list[str]
    treatments: list[list[str]]
    is_failed: NDArray[np.bool_]

    @property
    def assessable(self) -> NDArray[np.bool_]:
        """True where the run can be judged."""
        return np.array([not b for b in self.blocked], dtype=bool)


def effective_tokens(
    d_seen: NDArray[np.float64], d_unique: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what `d_seen` tokens are worth in fresh ones when only `d_unique` are distinct.

    Equal to `d_seen` where nothing is repeated or the distinct tokens are unknown (NaN) [token].

    References
    ----------
    Muennighoff et al. 2023, equation 5, arXiv 2305.16264.
    """
    known = np.isfinite(d_unique) & (d_unique > 0) & (d_unique < d_seen)
    unique = np.where(known, d_unique, d_seen)
    repeats = np.where(known, d_seen / np.where(known, d_unique, 1.0) - 1.0, 0.0)
    worth = unique * (1 + REPEAT_HALF_LIFE * -np.expm1(-repeats / REPEAT_HALF_LIFE))
    return np.where(known, worth, d_seen)


def read_inputs(runs: RunTable) -> Inputs:
    """Return what the frontier can judge of each run; no run gives empty arrays."""
    n_used, moe = runs.params_per_token(), runs.is_mixture()
    d_seen, added = _tokens(runs)
    d_unique = runs.numbers("n_tokens_unique")
    epochs = runs.numbers("epochs")
    with np.errstate(divide="ignore", invalid="ignore"):
        d_unique = np.where(np.isfinite(d_unique), d_unique, d_seen / np.maximum(epochs, 1.0))
    d_effective = effective_tokens(d_seen, d_unique)
    blocked = _blocked(runs, n_used, d_seen, added)
    treatments = [
        _treatments(bool(moe[i]), bool(added[i]), d_seen[i], d_effective[i])
        for i in range(len(runs))
    ]
    statuses = runs.texts("status")
    for words, status in zip(treatments, statuses, strict=True):
        if status in {"failed", "killed", "stale"}:
            mild = ": a flag is mild at most" * (status == "failed")
            words.append(f"run ended as {status}{mild}")
    judged = np.array([not b for b in blocked], dtype=bool)
    return Inputs(
        n_used=np.where(judged, n_used, np.nan),
        n_nonembedding=runs.numbers("n_params_nonembedding"),
        d_seen=np.where(judged, d_seen, np.nan),
        d_effective=np.where(judged, d_effective, np.nan),
        blocked=blocked,
        treatments=treatments,
        is_failed=np.array([status == "failed" for status in statuses], dtype=bool),
    )


def _tokens(runs: RunTable) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """D of each run; continued training gets the tokens of its parent where the table has it."""
    tokens = runs.numbers("n_tokens")
    uids, parents, stages = (runs.texts(c) for c in ("run_uid", "parent_uid", "stage"))
    place = {u: i for i, u in enumerate(uids) if u}
    base = np.array(
        [
            tokens[place[p]] if s == "continued" and p in place else np.nan
            for p, s in zip(parents, stages, strict=True)
        ],
        dtype=np.float64,
    )
    added = np.isfinite(base)
    return np.where(added, tokens + np.where(added, base, 0.0), tokens), added


def _blocked(
    runs: RunTable,
    n_used: NDArray[np.float64],
    d_seen: NDArray[np.float64],
    added: NDArray[np.bool_],
) -> list[str]:
    stages, statuses = runs.texts("stage"), runs.texts("status")
    kinds = runs.texts("architecture")
    return [
        _why_not(stages[i], statuses[i], kinds[i], float(n_used[i]), float(d_seen[i]), added[i])
        for i in range(len(runs))
    ]


def _why_not(
    stage: str | None, status: str | None, kind: str | None, n: float, d: float, added: object
) -> str:
    """Why a run cannot be judged, the strongest reason first; empty where it can."""
    if stage not in _JUDGED_STAGES:
        return _STAGES.get(str(stage), f"stage is {stage}, not pretrain")
    if kind == "encoder-decoder":
        return "encoder-decoder: 6 N D does not hold"
    if status in _STATUSES:
        return _STATUSES[status]
    if not (np.isfinite(n) and n > 0):
        which = "active parameters (mixture of experts)" if kind == "moe" else "parameters"
        return f"N unknown: {which} not given or not positive"
    if not (np.isfinite(d) and d > 0):
        return "D unknown: tokens not given or not positive"
    if stage == "continued" and not added:
        return "continued training: the tokens of its base model are not in the table"
    return ""


def _treatments(moe: bool, added: bool, seen: float, effective: float) -> list[str]:
    words = []
    if moe:
        words.append("approximate: active parameters of a mixture of experts, law of dense models")
    if added:
        words.append("tokens of the base model added")
    if effective < 0.999 * seen:
        words.append(f"repeated data: {tokens(seen)} seen are worth {count(effective)} fresh ones")
    return words
