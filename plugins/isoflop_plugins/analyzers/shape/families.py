"""One family's shapes: fits, depth effects, and pairs of equal size."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isoflop.estimation import FitResult
from isoflop.estimation.intervals import interval
from isoflop.words import number, plural
from isoflop_plugins.analyzers.by_family.fits import FamilyFit, fit_family
from isoflop_plugins.analyzers.by_family.needed_columns import lacking, values_or_nan
from isoflop_plugins.laws.shape import depth_worth, log_depth_effect

if TYPE_CHECKING:
    from isoflop.estimate import Estimate
    from isoflop.hookspecs import AnalysisContext
    from isoflop.tables import RunTable

Floats = NDArray[np.float64]

LEAST_ASPECT = 1.5
"""Aspect ratios that differ by less are of one shape. [1]"""

_SIZE = "n_params_nonembedding"
_FEWEST_SCORES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What twice the depth at equal N (and D) does.

    Parameters
    ----------
    effect : Estimate
        Relative change of the loss, or change of the score. [1]
    worth : Estimate
        Factor in N that brings the same; NaN where N has no effect that can be told. [1]
    n_runs : int
        Runs behind it.
    """

    effect: Estimate
    worth: Estimate
    n_runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two runs of one size and training: the deepest and the shallowest, rows of the family."""

    deeper: int
    shallower: int
    size_ratio: float
    tokens_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FamilyShape:
    """What came of one family.

    Parameters
    ----------
    family : str
        Name; ``""`` where runs have none.
    runs : RunTable
        Its runs.
    upstream, downstream : FamilyFit
        Fits of loss and score; `downstream` is None where there are too few scores.
    pairs : tuple of Pair
        Equally large runs of different shape.
    score : NDArray, shape (n_runs,)
        Downstream score of `runs`, NaN where there is none.
    note : str
        What to know of its columns; empty where nothing.
    """

    family: str
    runs: RunTable
    upstream: FamilyFit
    downstream: FamilyFit | None
    pairs: tuple[Pair, ...]
    score: Floats
    note: str = ""
    effects: Mapping[str, Effect] = field(default_factory=dict)

    @property
    def fits(self) -> dict[str, FitResult]:
        """Fits that were made, by kind."""
        items = {"upstream": self.upstream, "downstream": self.downstream}
        return {k: i.fit for k, i in items.items() if i is not None and i.fit is not None}

    @property
    def disagreement(self) -> Estimate | None:
        """How many times more depth is worth downstream than upstream; None where not known."""
        fits = self.fits
        if set(self.effects) != {"upstream", "downstream"}:
            return None
        if any(np.isnan(e.worth.value) for e in self.effects.values()):
            return None
        # Both resample the same runs with the same seed, so their draws belong together.
        up, down = (_worths(fits[kind]) for kind in ("upstream", "downstream"))
        return interval(down[0] / up[0], down[1] / up[1], fits["upstream"].level)

    @property
    def deeper_wins(self) -> str | None:
        """Say how often the deeper of two equally large runs does better; None without pairs."""
        if not self.pairs:
            return None
        loss = self.runs.numbers("loss")
        better = sum(loss[p.deeper] < loss[p.shallower] for p in self.pairs)
        n = plural(len(self.pairs), "pair")
        said = f"of {n} of one size, deep and narrow has the lower loss in {better}"
        scored = [p for p in self.pairs if np.isfinite(self.score[[p.deeper, p.shallower]]).all()]
        if not scored:
            return said
        higher = sum(self.score[p.deeper] > self.score[p.shallower] for p in scored)
        return f"{said}, and the higher score in {higher} of {len(scored)}"


def family_shape(
    context: AnalysisContext,
    family: str,
    runs: RunTable,
    settings: Mapping[str, Any],
    *,
    downstream: str,
    within: float,
) -> FamilyShape:
    """Return fits, effects and pairs of one family; refusals where it cannot tell."""
    size = "n_params" if lacking(runs, [_SIZE]) else _SIZE
    score = values_or_nan(runs, downstream)
    pairs = equal_pairs(runs, size=size, within=within)
    refusal = _refusal(runs, size, pairs, within)
    if refusal:
        nothing = FamilyFit(family=family, runs=runs, fit=None, refusal=refusal)
        return FamilyShape(
            family=family, runs=runs, upstream=nothing, downstream=None, pairs=pairs, score=score
        )
    scored = np.isfinite(score) & np.isfinite(runs.numbers("loss"))
    both = scored.sum() >= _FEWEST_SCORES
    part = runs.take(scored) if both else runs
    tokens = "-tokens" if _tokens_vary(runs) else ""
    using = {_SIZE: size}
    up = fit_family(context.laws[f"shape{tokens}"], family, part, {**settings, "using": using})
    down = None
    if both:
        using |= {"downstream": downstream}
        law = context.laws[f"shape-downstream{tokens}"]
        down = fit_family(law, family, part, {**settings, "using": using})
    note = f"{_SIZE} is null, so n_params is the size" if size == "n_params" else ""
    made = FamilyShape(
        family=family, runs=runs, upstream=up, downstream=down, pairs=pairs, score=score, note=note
    )
    return _with_effects(made)


def equal_pairs(runs: RunTable, *, size: str, within: float) -> tuple[Pair, ...]:
    """Return one pair from each set of runs that are alike in N, and in D where it is known.

    Parameters
    ----------
    runs : RunTable
        Runs of one family; those without layers, width, size or loss are passed over.
    size : str
        Column of N.
    within : float
        Largest factor in N, and in D, inside a set. [1]
    """
    n, d = values_or_nan(runs, size), runs.numbers("n_tokens")
    aspect = runs.numbers("d_model") / runs.numbers("n_layers")
    known = (n > 0) & np.isfinite(aspect) & (runs.numbers("loss") > 0)
    rows = np.flatnonzero(known)
    trained = np.where(np.isfinite(d), d, 1.0)
    out = []
    for alike in _windows(rows, n, within):
        for group in _windows(alike, trained, within):
            deep, shallow = group[aspect[group].argmin()], group[aspect[group].argmax()]
            if aspect[shallow] >= LEAST_ASPECT * aspect[deep]:
                out.append(
                    Pair(
                        deeper=int(deep),
                        shallower=int(shallow),
                        size_ratio=float(n[deep] / n[shallow]),
                        tokens_ratio=float(d[deep] / d[shallow]),
                    )
                )
    return tuple(out)


def _windows(rows: NDArray[np.int64], key: Floats, within: float) -> list[NDArray[np.int64]]:
    """Return rows in sets whose keys lie within a factor of the smallest, by growing key."""
    order = rows[np.argsort(key[rows], kind="stable")]
    out: list[NDArray[np.int64]] = []
    while order.size:
        inside = key[order] <= within * key[order[0]]
        out.append(order[inside])
        order = order[~inside]
    return out


def _refusal(runs: RunTable, size: str, pairs: tuple[Pair, ...], within: float) -> str:
    missing = lacking(runs, ["n_layers", "d_model", size, "loss"])
    if missing:
        shown = " and ".join(missing)
        return f"no run of {len(runs)} has {shown}; fill {'it' if len(missing) == 1 else 'them'} in"
    if not pairs:
        return (
            f"no two runs of one size and training (N and D within {number(within)} times) differ "
            f"in aspect ratio d_model / n_layers by {LEAST_ASPECT:g} times or more, so shape and "
            "size cannot be told apart; train one size in two shapes"
        )
    return ""


def _tokens_vary(runs: RunTable) -> bool:
    tokens = runs.numbers("n_tokens")
    known = tokens[np.isfinite(tokens) & (tokens > 0)]
    return bool(known.size and known.max() > 1.01 * known.min())


def _with_effects(made: FamilyShape) -> FamilyShape:
    usable = {kind: fit for kind, fit in made.fits.items() if fit.is_usable}
    if "upstream" not in usable:
        why = made.upstream.refusal or made.fits["upstream"].warnings[0]
        return dataclasses.replace(made, upstream=dataclasses.replace(made.upstream, refusal=why))
    return dataclasses.replace(made, effects={k: _effect(k, fit) for k, fit in usable.items()})


def _effect(kind: str, fit: FitResult) -> Effect:
    column = fit.law.names.index("a_shape")
    point, draws = (log_depth_effect(p[..., column]) for p in (fit.estimate, fit.draws))
    if kind == "upstream":
        point, draws = np.expm1(point), np.expm1(draws)
    size = fit.params["a_N"]
    told = size.low > 0 or size.high < 0
    value, spread = _worths(fit) if told else (np.nan, np.full(fit.n_boot, np.nan))
    return Effect(
        effect=interval(float(point), draws, fit.level),
        worth=interval(float(value), spread, fit.level),
        n_runs=fit.n_runs,
    )


def _worths(fit: FitResult) -> tuple[float, Floats]:
    """Return the factor in N that twice the depth is worth: at the estimate, and of each draw."""
    shape, size = fit.law.names.index("a_shape"), fit.law.names.index("a_N")
    value = depth_worth(fit.estimate[shape], fit.estimate[size])
    return float(value), np.asarray(depth_worth(fit.draws[:, shape], fit.draws[:, size]))
