"""Refits of one law under every convention of N, of C and of the loss that the runs know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from isoflop.estimate import Estimate
from isoflop.estimation import FitResult
from isoflop.estimation.intervals import interval
from isoflop.estimation.variables import fitted_values
from isoflop_plugins.analyzers.by_family.scouted_fits import Resampling, scouted_fit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isoflop.laws import Law
    from isoflop.tables import RunTable

    Floats = NDArray[np.float64]

N_COLUMNS = ("n_params", "n_params_nonembedding", "n_params_active")
FLOPS_COLUMNS = ("flops_6nd", "flops_kaplan", "flops_full")
OWN = "6 N D"
"""Compute counted with the N of the fit itself."""

_SAME = 1e-3
"""Relative distance under which two columns say the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Runs of one family whose losses can be compared.

    Parameters
    ----------
    family, loss_dataset, tokenizer : str
        What they share; empty where unknown.
    runs : RunTable
        The runs.
    """

    family: str
    loss_dataset: str
    tokenizer: str
    runs: RunTable


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Refit:
    """One convention of one group.

    Parameters
    ----------
    group : Group
        The runs.
    n_column, flops_column : str
        What N and C stand for; `flops_column` is ``"6 N D"`` for six times that N times D.
    fit : FitResult or None
        None where there is no fit, and then `reason` says why.
    elasticity : float
        p of C / D ~ N**p over the runs, 1 for 6 N D. [1]
    exponent_n : Estimate or None
        a of N_opt ~ C**a under this convention; None where the fit has no optimum. [1]
    shift : Estimate or None
        Less a of ``n_params`` and 6 N D over the same runs; None for that itself. [1]
    reason : str
        Why there is no fit, or what the fit warns of first.
    """

    group: Group
    n_column: str
    flops_column: str
    fit: FitResult | None
    elasticity: float = 1.0
    exponent_n: Estimate | None = None
    shift: Estimate | None = None
    reason: str = ""

    @property
    def is_base(self) -> bool:
        """True for the convention that the others are compared with."""
        return self.n_column == N_COLUMNS[0] and self.flops_column == OWN


def groups(families: Mapping[str, RunTable]) -> list[Group]:
    """Return the runs of each family by loss data set and tokenizer, the largest group first."""
    out = []
    for family, runs in families.items():
        kinds = [
            (data or "", tokenizer or "")
            for data, tokenizer in zip(
                runs.texts("loss_dataset"), runs.texts("tokenizer"), strict=True
            )
        ]
        some = [
            Group(
                family=family,
                loss_dataset=kind[0],
                tokenizer=kind[1],
                runs=runs.take(np.array([k == kind for k in kinds], dtype=bool)),
            )
            for kind in sorted(set(kinds))
        ]
        out += sorted(some, key=lambda group: -len(group.runs))
    return out


def refits(law: Law, group: Group, resampling: Resampling) -> list[Refit]:
    """Return the refits of one group under every convention that it knows.

    The first is of ``n_params`` and 6 N D. Each other one is compared with that over the same
    runs: a run that lacks the other count is in neither.

    Notes
    -----
    With L = E + A / N**alpha + B / D**beta and C / D ~ N**p over the runs, the best N grows as
    C**(beta / (alpha + p beta)); p is 1 for 6 N D.
    """
    fits = _Fits(law=law, runs=group.runs, resampling=resampling)
    base = fits.of(N_COLUMNS[0], np.arange(len(group.runs)))
    if isinstance(base, str):
        return [Refit(group=group, n_column=N_COLUMNS[0], flops_column=OWN, fit=None, reason=base)]
    out = [_refit(group, base, N_COLUMNS[0], OWN, resampling, p=_Elasticity.own(resampling))]
    for n_column in N_COLUMNS:
        for flops_column, flops in _counts(group.runs, n_column, base).items():
            if (n_column, flops_column) != (N_COLUMNS[0], OWN):
                out.append(_under(group, fits, base, n_column, flops_column, flops))
    return out


def _counts(runs: RunTable, n_column: str, base: FitResult) -> dict[str, Floats]:
    """Return every count of C that is known beside a count of N; none where N says nothing new."""
    n, plain = fitted_values(runs, n_column), fitted_values(runs, N_COLUMNS[0])
    if n_column != N_COLUMNS[0] and not _differs(n, plain, base):
        return {}
    counts = {OWN: 6 * n * runs.numbers("n_tokens")}
    for column in FLOPS_COLUMNS:
        other = fitted_values(runs, column)
        if _known(other, base).any() and all(_differs(other, c, base) for c in counts.values()):
            counts[column] = other
    return counts


def _under(
    group: Group, fits: _Fits, base: FitResult, n_column: str, flops_column: str, flops: Floats
) -> Refit:
    """Return the refit under one count of N and one of C, beside the base over the same runs."""
    n, tokens = fitted_values(group.runs, n_column), group.runs.numbers("n_tokens")
    kept = base.rows[_known(n, base) & _known(flops, base)]
    mine = fits.of(n_column, kept)
    reference = base if kept.size == base.rows.size else fits.of(N_COLUMNS[0], kept)
    if isinstance(mine, str) or isinstance(reference, str):
        why = mine if isinstance(mine, str) else str(reference)
        return Refit(
            group=group, n_column=n_column, flops_column=flops_column, fit=None, reason=why
        )
    rows = kept[mine.rows]
    p = _Elasticity.of(n[rows], flops[rows] / tokens[rows], fits.resampling)
    return _refit(group, mine, n_column, flops_column, fits.resampling, p=p, reference=reference)


def _known(values: Floats, base: FitResult) -> NDArray[np.bool_]:
    """Return which runs of the base fit have a positive value."""
    return np.asarray(values[base.rows] > 0) & np.isfinite(values[base.rows])


def _differs(values: Floats, others: Floats, base: FitResult) -> bool:
    """Return whether two columns say different things of a run of the base fit."""
    both = _known(values, base) & _known(others, base)
    ratio = values[base.rows][both] / others[base.rows][both]
    return bool(both.any()) and bool(np.abs(ratio - 1).max() > _SAME)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fits:
    """Fits of one law to parts of the same runs, each made once."""

    law: Law
    runs: RunTable
    resampling: Resampling
    made: dict[tuple[str, bytes], FitResult | str] = field(default_factory=dict)

    def of(self, n_column: str, rows: NDArray[np.int64]) -> FitResult | str:
        """Return the fit with a column as N to some rows, or why there is none."""
        key = n_column, rows.tobytes()
        if key not in self.made:
            using = {} if n_column == N_COLUMNS[0] else {"n_params": n_column}
            runs = self.runs.take(rows)
            self.made[key] = scouted_fit(self.law, runs, self.resampling, using=using)
        return self.made[key]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Elasticity:
    """p of C / D ~ N**p, and its bootstrap draws of shape (n_boot,)."""

    value: float
    draws: Floats

    @classmethod
    def own(cls, resampling: Resampling) -> _Elasticity:
        return cls(value=1.0, draws=np.ones(resampling.n_boot))

    @classmethod
    def of(cls, n: Floats, flops_per_token: Floats, resampling: Resampling) -> _Elasticity:
        """Return the slope of log C / D on log N, resampled over runs."""
        x, y = np.log(n), np.log(flops_per_token)
        rng = np.random.default_rng(resampling.seed)
        drawn = rng.multinomial(n.size, np.full(n.size, 1 / n.size), size=resampling.n_boot)
        slopes = _slope(x, y, np.concatenate([np.ones((1, n.size)), drawn]))
        return cls(value=float(slopes[0]), draws=slopes[1:])


def _slope(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Return the weighted least-squares slope for each row of weights (r, n)."""
    total = weights.sum(axis=1, keepdims=True)
    dx = x - weights @ x[:, None] / total
    dy = y - weights @ y[:, None] / total
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((weights * dx * dy).sum(axis=1) / (weights * dx**2).sum(axis=1))


def _refit(
    group: Group,
    fit: FitResult,
    n_column: str,
    flops_column: str,
    resampling: Resampling,
    *,
    p: _Elasticity,
    reference: FitResult | None = None,
) -> Refit:
    exponent, shift = None, None
    if fit.is_usable:
        value, draws = _exponent(fit, p)
        exponent = interval(value, draws, resampling.level)
        if reference is not None and reference.is_usable:
            before, others = _exponent(reference, _Elasticity.own(resampling))
            shift = interval(value - before, draws - others, resampling.level)
    return Refit(
        group=group,
        n_column=n_column,
        flops_column=flops_column,
        fit=fit,
        elasticity=p.value,
        exponent_n=exponent,
        shift=shift,
        reason=fit.warnings[0] if fit.warnings else "",
    )


def _exponent(fit: FitResult, p: _Elasticity) -> tuple[float, Floats]:
    """Return a of N_opt ~ C**a, and its draws."""
    point, draws = fit.frontier, fit.frontier_draws
    value = point.beta / (point.alpha + p.value * np.asarray(point.beta))
    return float(value), np.asarray(draws.beta / (draws.alpha + p.draws * np.asarray(draws.beta)))


def across_losses(some: Sequence[Refit], *, level: float) -> dict[int, Estimate]:
    """Return how far the base exponent of each smaller group is from that of the family's largest.

    Keys are places in `some`; groups of one family stand together, the largest first.
    """
    out: dict[int, Estimate] = {}
    first: dict[str, Refit] = {}
    for i, item in enumerate(some):
        if not item.is_base or item.fit is None or item.exponent_n is None:
            continue
        before = first.setdefault(item.group.family, item)
        if before is item:
            continue
        assert before.fit is not None
        one = _Elasticity(value=1.0, draws=np.ones(1))
        (value, draws), (other, others) = _exponent(item.fit, one), _exponent(before.fit, one)
        out[i] = interval(value - other, draws - others, level)
    return out
