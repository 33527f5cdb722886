"""Runs by modality: laws of one modality each, and the interaction of two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from isoflop.estimate import Estimate
from isoflop.estimation.intervals import interval
from isoflop.estimation.variables import fitted_values
from isoflop.results import LeftOut
from isoflop.words import plural
from isoflop_plugins.analyzers.by_family.fits import FamilyFit, family_words, fit_family
from isoflop_plugins.laws.mixed_modal import barrier

if TYPE_CHECKING:
    from isoflop.estimation import FitResult
    from isoflop.laws import Law
    from isoflop.tables import RunTable

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Modalities:
    """Runs of one family with the tokens of each modality.

    Parameters
    ----------
    runs : RunTable
        All runs of the family.
    tokens : mapping of str to NDArray, shape (n_runs,)
        Tokens of each modality, 0 for none. [token]
    left_out : tuple of LeftOut
        Runs of no modality, and of three or more.
    """

    runs: RunTable
    tokens: Mapping[str, Floats]
    left_out: tuple[LeftOut, ...]

    @classmethod
    def of(cls, runs: RunTable, names: Sequence[str]) -> Self:
        """Return the runs with the tokens of these modalities."""
        tokens = {m: np.nan_to_num(runs.numbers(f"tokens_{m}"), posinf=0.0) for m in names}
        amount = np.sum([t > 0 for t in tokens.values()], axis=0) + np.zeros(len(runs))
        left = tuple(
            LeftOut(
                subject=label,
                reason="no modality has tokens" if n == 0 else "three modalities or more",
            )
            for label, n in zip(runs.labels(), amount.tolist(), strict=True)
            if n not in (1, 2)
        )
        return cls(runs=runs, tokens=tokens, left_out=left)

    def only(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Return which runs have tokens of exactly these modalities, shape (n_runs,)."""
        out = np.ones(len(self.runs), dtype=bool)
        for name, amounts in self.tokens.items():
            out &= (amounts > 0) == (name in names)
        return out

    def table(self, rows: NDArray[np.bool_], **columns: Floats) -> RunTable:
        """Return some runs with columns put in their place, in the order of the chosen runs."""
        import pyarrow as pa

        runs = self.runs.take(rows)
        arrow = runs.to_arrow()
        for name, values in columns.items():
            if name in arrow.column_names:
                arrow = arrow.drop_columns([name])
            arrow = arrow.append_column(name, pa.array(values, pa.float64()))
        return type(runs).from_arrow(arrow, source=runs.source)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Single:
    """The law of one modality alone."""

    modality: str
    item: FamilyFit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pair:
    """Two modalities and their interaction.

    Parameters
    ----------
    modalities : (str, str)
        Names.
    item : FamilyFit
        Fit of the interaction, or why there is none.
    n_params, n_tokens, interaction : NDArray, shape (n_mixed,)
        Mixed runs: N [1], tokens of both [token], loss above the mean of the two laws of one
        modality [nat/token]; empty where those laws are missing.
    n_mixed : int
        Runs that mix the two.
    """

    modalities: tuple[str, str]
    item: FamilyFit
    n_params: Floats
    n_tokens: Floats
    interaction: Floats
    n_mixed: int

    @property
    def label(self) -> str:
        """The two names, after the family where there is one."""
        both = "+".join(self.modalities)
        return f"{self.item.family}/{both}" if self.item.family else both

    @property
    def words(self) -> str:
        """What to call the pair in a sentence; names are untrusted text."""
        both = " and ".join(repr(m) for m in self.modalities)
        return f"{family_words(self.item.family)}, {both}" if self.item.family else both


def singles(
    law: Law, family: str, split: Modalities, settings: Mapping[str, Any]
) -> dict[str, Single]:
    """Return the law of each modality that has runs of its own, by name."""
    out = {}
    for name, tokens in split.tokens.items():
        rows = split.only([name])
        if rows.any():
            runs = split.table(rows, n_tokens=tokens[rows])
            out[name] = Single(modality=name, item=fit_family(law, family, runs, settings))
    return out


def pairs(
    law: Law,
    family: str,
    split: Modalities,
    alone: Mapping[str, Single],
    settings: Mapping[str, Any],
) -> list[Pair]:
    """Return the interaction of every two modalities that some run mixes."""
    out = []
    for both in combinations(split.tokens, 2):
        rows = split.only(both)
        if rows.any():
            out.append(_pair(law, family, split, (both[0], both[1]), rows, alone, settings))
    return out


def _pair(
    law: Law,
    family: str,
    split: Modalities,
    both: tuple[str, str],
    rows: NDArray[np.bool_],
    alone: Mapping[str, Single],
    settings: Mapping[str, Any],
) -> Pair:
    n_mixed = int(rows.sum())
    n = fitted_values(split.runs, "n_params")[rows]
    own = {name: split.tokens[name][rows] for name in both}
    refusal = "; ".join(filter(None, (_missing(m, alone.get(m), n, own[m]) for m in both)))
    if refusal:
        nothing = np.empty(0)
        item = FamilyFit(family=family, runs=split.runs.take(rows), fit=None, refusal=refusal)
        return Pair(
            modalities=both, item=item, n_params=nothing, n_tokens=nothing, interaction=nothing,
            n_mixed=n_mixed,
        )  # fmt: skip
    expected = np.zeros(n_mixed)
    for name in both:
        fit = alone[name].item.fit
        assert fit is not None
        expected += fit.predict(n, own[name]).value / len(both)
    interaction = split.runs.numbers("loss")[rows] - expected
    total = np.sum(list(own.values()), axis=0)
    runs = split.table(rows, n_tokens=total, loss_interaction=interaction)
    return Pair(
        modalities=both, item=fit_family(law, family, runs, settings), n_params=n, n_tokens=total,
        interaction=interaction, n_mixed=n_mixed,
    )  # fmt: skip


def _missing(name: str, single: Single | None, n_params: Floats, n_tokens: Floats) -> str:
    """Say why one modality has no law to compare with at these runs; empty where it has.

    A law whose parameters are not identified still predicts inside its data.
    """
    if single is None:
        return f"no run is of {name!r} alone, so there is nothing to compare with; add some"
    fit = single.item.fit
    if fit is None:
        n = plural(len(single.item.runs), "run")
        return f"the {n} of {name!r} alone have no law: {single.item.refusal}"
    if fit.is_usable:
        return ""
    given = {"n_params": n_params, "n_tokens": n_tokens}
    if fit.status != "not-converged" and not any(
        (v < fit.ranges[c][0]).any() or (v > fit.ranges[c][1]).any() for c, v in given.items()
    ):
        return ""
    return (
        f"the law of {name!r} alone is {fit.status} ({fit.warnings[0]}) and mixed runs lie outside "
        "its runs"
    )


def decades_outside_runs(fit: FitResult, n_params: float, n_tokens: float) -> float:
    """Return how far a point lies outside the sizes and tokens of a fit, the larger. [decade]."""
    out = 0.0
    for name, value in (("n_params", n_params), ("n_tokens", n_tokens)):
        low, high = fit.ranges[name]
        if not 0 < value < np.inf:
            return float("inf") if value == np.inf else float("nan")
        out = max(out, float(np.log10(low / value)), float(np.log10(value / high)))
    return out


def barriers(fit: FitResult) -> tuple[Estimate, Estimate, Estimate]:
    """Return N [1], tokens [token] and compute [FLOP] where competition ends, with intervals."""
    point = barrier(dict(zip(fit.law.names, fit.estimate, strict=True)))
    draws = barrier({name: fit.draws[:, i] for i, name in enumerate(fit.law.names)})
    n, d, c = (
        interval(float(value), np.asarray(spread), fit.level)
        for value, spread in zip(point, draws, strict=True)
    )
    return n, d, c
