"""Effective data of fine-tuned runs: what a model from scratch would have needed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from isoflop.estimate import Estimates
from isoflop.estimation.intervals import intervals
from isoflop.estimation.variables import fitted_values
from isoflop.results import LeftOut
from isoflop.words import plural
from isoflop_plugins.laws.transfer import LOW_DATA, NEAR_FLOOR

if TYPE_CHECKING:
    from isoflop.estimation import FitResult
    from isoflop.tables import RunTable

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ladders:
    """The two ladders of one family.

    Parameters
    ----------
    scratch, tuned : RunTable
        Runs from scratch, and fine-tuned ones with N, D and loss.
    size_column : str
        Column that counts N for both.
    left_out : tuple of LeftOut
        Fine-tuned runs that lack a number.
    refusal : str
        What is missing; empty where both are there.
    """

    scratch: RunTable
    tuned: RunTable
    size_column: str
    left_out: tuple[LeftOut, ...]
    refusal: str

    @classmethod
    def of(cls, runs: RunTable, elsewhere: RunTable, *, fine_tuned: Sequence[str]) -> Self:
        """Return the ladders in `runs`, the one from scratch in `elsewhere`.

        A parent of a fine-tuned run is of neither ladder: it was trained on other data. Where the
        fine-tuned runs say what their loss is on, so must a run from scratch.
        """
        is_tuned = np.array([s in fine_tuned for s in runs.texts("stage")], dtype=bool)
        tuned = runs.take(is_tuned)
        parents = {p for p in tuned.texts("parent_uid") if p}
        targets = {t for t in tuned.texts("loss_dataset") if t}
        from_scratch = np.array(
            [
                stage in (None, "", "pretrain") and uid not in parents
                and (not targets or target in targets)
                for stage, uid, target in zip(
                    elsewhere.texts("stage"), elsewhere.texts("run_uid"),
                    elsewhere.texts("loss_dataset"), strict=True,
                )
            ],
            dtype=bool,
        )  # fmt: skip
        scratch = elsewhere.take(from_scratch)
        size = _size_column(scratch, tuned)
        complete = np.ones(len(tuned), dtype=bool)
        for name in (size, "n_tokens", "loss"):
            values = fitted_values(tuned, name)
            complete &= np.isfinite(values) & (values > 0)
        left = tuple(
            LeftOut(subject=label, reason=f"{size}, n_tokens or loss is null or not positive")
            for label, ok in zip(tuned.labels(), complete, strict=True)
            if not ok
        )
        tuned = tuned.take(complete)
        return cls(
            scratch=scratch, tuned=tuned, size_column=size, left_out=left,
            refusal=_missing(runs, scratch, tuned, sorted(targets)),
        )  # fmt: skip


def _size_column(*tables: RunTable) -> str:
    """Return N without embeddings where every run has it, else what a token passes through."""
    known = (np.isfinite(t.numbers("n_params_nonembedding")).all() for t in tables)
    return "n_params_nonembedding" if all(known) else "n_params"


def _missing(runs: RunTable, scratch: RunTable, tuned: RunTable, targets: Sequence[str]) -> str:
    n = plural(len(runs), "run")
    if not len(tuned):
        return (
            f"none of {n} is fine-tuned (stage 'continued' or 'sft') with N, D and loss; say the "
            "stage of the fine-tuned runs"
        )
    if not len(scratch):
        on = f" with loss_dataset {' or '.join(map(repr, targets))}" if targets else ""
        return (
            f"{plural(len(tuned), 'fine-tuned run')} but none from scratch{on} to weigh them "
            "against; train a ladder on the target alone, or name its family with scratch='NAME'"
        )
    return ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tuned:
    """Fine-tuned runs, weighed; arrays of shape (n_runs,).

    Parameters
    ----------
    labels : list of str
        Names; untrusted text.
    n_params, n_tokens, loss : NDArray
        N [1], fine-tuning tokens D_F [token], loss [nat/token].
    effective, transferred, multiplier : Estimates
        D_E, D_T = D_E - D_F [token] and D_E / D_F [1] with intervals over the law from scratch;
        infinite where no amount of data would reach the loss.
    floor_tokens : NDArray
        D(N), data from scratch that brings the size to 1 % of its floor. [token]
    draws : NDArray, shape (n_boot, n_runs)
        D_T under each resample of the ladder from scratch. [token]
    left_out : tuple of LeftOut
        Runs that were not weighed, or are not in the law of transfer.
    """

    labels: list[str]
    n_params: Floats
    n_tokens: Floats
    loss: Floats
    effective: Estimates
    transferred: Estimates
    multiplier: Estimates
    floor_tokens: Floats
    draws: Floats
    left_out: tuple[LeftOut, ...]

    @property
    def low_data(self) -> NDArray[np.bool_]:
        """Runs with at most a tenth of the data that would bring their size near its floor."""
        return np.asarray(self.n_tokens <= LOW_DATA * self.floor_tokens)

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Runs in the law of transfer: low-data regime, D_T positive and finite."""
        d = self.transferred.value
        return np.asarray(self.low_data & np.isfinite(d) & (d > 0))

    def table(self, family: str) -> RunTable:
        """Return the runs that are in the law of transfer as a table for its fit."""
        import pandas as pd

        from isoflop.tables import RunTable

        kept = np.flatnonzero(self.usable)
        return RunTable.from_pandas(
            pd.DataFrame(
                {
                    "run_name": [self.labels[i] for i in kept],
                    "family": [family or None] * kept.size,
                    "n_params": self.n_params[kept],
                    "n_tokens": self.n_tokens[kept],
                    "n_tokens_transferred": self.transferred.value[kept],
                }
            ),
            source="effective data of fine-tuned runs",
        )


def effective_tokens(params: Any, n_params: Floats, loss: Floats) -> Floats:
    """Return D with L(N, D) = loss for E, A, B, alpha, beta by name; infinite below the floor."""
    excess = loss - params["E"] - params["A"] * n_params ** -params["alpha"]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        needed = (params["B"] / np.where(excess > 0, excess, 1.0)) ** (1.0 / params["beta"])
    return np.where(excess > 0, needed, np.inf)


def measured(ladders: Ladders, fit: FitResult) -> Tuned:
    """Return the fine-tuned runs, weighed by the law of those from scratch."""
    runs = ladders.tuned
    n, d, loss = (fitted_values(runs, c) for c in (ladders.size_column, "n_tokens", "loss"))
    point = dict(zip(fit.law.names, fit.estimate, strict=True))
    many = {name: fit.draws[:, i : i + 1] for i, name in enumerate(fit.law.names)}
    needed, spread = effective_tokens(point, n, loss), effective_tokens(many, n, loss)
    floor = point["E"] + point["A"] * n ** -point["alpha"]
    near = (point["B"] / (floor * (1.0 / NEAR_FLOOR - 1.0))) ** (1.0 / point["beta"])
    made = Tuned(
        labels=runs.labels(),
        n_params=n,
        n_tokens=d,
        loss=loss,
        effective=intervals(needed, spread, fit.level),
        transferred=intervals(needed - d, spread - d, fit.level),
        multiplier=intervals(needed / d, spread / d, fit.level),
        floor_tokens=near,
        draws=spread - d,
        left_out=(),
    )
    reasons = zip(made.labels, made.low_data, made.transferred.value, strict=True)
    out = (LeftOut(subject=s, reason=why) for s, ok, t in reasons if (why := _why(bool(ok), t)))
    return dataclasses.replace(made, left_out=(*ladders.left_out, *out))


def _why(low_data: bool, transferred: float) -> str:
    if np.isinf(transferred):
        return "weighed, but not in the law: no data from scratch would reach its loss"
    if transferred <= 0:
        return "weighed, but not in the law: pre-training brought it no data"
    return "" if low_data else "weighed, but not in the law: outside the low-data regime"


def refit_draws(tuned: Tuned, seed: int) -> Floats:
    """Return k, a, b under resamples of both ladders, shape (n_boot, 3).

    Each takes one resample of the ladder from scratch and one of the fine-tuned runs; least squares
    of log D_T, the law's own objective, in closed form. NaN where too few runs are left.
    """
    kept = tuned.usable
    draws = tuned.draws[:, kept]
    n_boot, n = draws.shape
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(n, np.full(n, 1.0 / n), size=n_boot).astype(np.float64)
    good = np.isfinite(draws) & (draws > 0)
    weights, y = counts * good, np.log(np.where(good, draws, 1.0))
    logs = np.log([tuned.n_tokens[kept], tuned.n_params[kept]])
    center = logs.mean(axis=1)
    x = np.stack([np.ones(n), *(logs - center[:, None])], axis=1)
    gram = np.einsum("rn,ni,nj->rij", weights, x, x, optimize=True)
    right = np.einsum("rn,ni,rn->ri", weights, x, y, optimize=True)
    sound = np.linalg.cond(gram) < 1e12
    gram[~sound] = np.eye(3)
    found = np.linalg.solve(gram, right[:, :, None])[:, :, 0]
    found[:, 0] = np.exp(found[:, 0] - found[:, 1:] @ center)
    found[~sound] = np.nan
    return np.asarray(found)
