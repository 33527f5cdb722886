"""What is checked of IsoFLOP profiles, in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isoflop.estimate import Estimate
from isoflop.estimation.frontier import FLOPS_PER_PARAM_TOKEN
from isoflop.estimation.isoflop_profiles.analysis import IsoflopProfiles
from isoflop.estimation.isoflop_profiles.exponents import AKIMA, TRIMMED
from isoflop.estimation.isoflop_profiles.parabolas import (
    FAR_ARM,
    OFF_CENTER,
    WEAK_CURVATURE,
    WIDE,
    WIDE_ARM,
)
from isoflop.words import flops as flops_words
from isoflop.words import percent, plural
from isoflop_plugins.analyzers.isoflop_profiles.families import FamilyProfiles

_LACK_OF_FIT = 2.0  # times the seed noise that the runs may lie off their parabolas
_SAME_COUNT = 0.1  # of log C by which two counts may differ within a budget
_WHY = {
    "no_budget": "its compute belongs to no budget",
    "exact_duplicate": "a row with the same N, D, loss and settings is used",
    "not_best_of_sweep": "another learning rate or batch did better at its N and D",
    "spline_outlier": "it is far from the other runs of its budget",
    "too_few_points": "its budget has too few model sizes",
    "negative_curvature": "the loss of its budget has no minimum over N",
    "edge_minimum": "the minimum of its budget is at or beyond its smallest or largest model",
}
_FLAGS = {
    WEAK_CURVATURE: "is the curvature not clearly above 0, so the optimum is hard to place",
    OFF_CENTER: f"is one arm of the grid over {FAR_ARM:g} times the other (log N), which biases it",
    WIDE: f"does the grid reach beyond {WIDE_ARM:g} times up and down, where no parabola fits",
}


def family_name(family: str) -> str:
    """Return what a family is called in a sentence; its name is untrusted text."""
    return f"The runs of family {family!r}" if family else "The runs"


def why_left_out(reason: str) -> str:
    """Return a reason with what it means."""
    return f"{reason}: {_WHY[reason]}"


def checks(item: FamilyProfiles) -> list[tuple[str, bool]]:
    """Return what was checked of one family and whether it holds."""
    name, result = family_name(item.family), item.profiles
    if result is None or not result.profiles:
        return [(f"{name}: {item.refusal}", False)]
    found = [_grouping(item, result), *_convention(item, result), _bracketing(result)]
    found.append(_noise(result))
    found += [(text, False) for text in _flagged(result)]
    found += _agreement(item, result)
    return [(f"{name}: {text}", ok) for text, ok in found]


def _grouping(item: FamilyProfiles, result: IsoflopProfiles) -> tuple[str, bool]:
    inside = int((result.budgets.index >= 0).sum())
    widest = percent(float(result.budgets.spread.max()))
    return (
        f"{inside} of {plural(len(result.reasons), 'run')} lie in "
        f"{plural(len(result.profiles), 'budget')} of equal {item.compute}, to within {widest}",
        inside == len(result.reasons),
    )


def _convention(item: FamilyProfiles, result: IsoflopProfiles) -> list[tuple[str, bool]]:
    """Return a warning where budgets of one count are none of another."""
    derived = FLOPS_PER_PARAM_TOKEN * item.n_params * item.n_tokens
    varies = max(
        (np.ptp(np.log(derived[p.rows])) for p in result.profiles if p.rows.size), default=0.0
    )
    if varies <= _SAME_COUNT + float(np.log1p(result.budgets.spread.max())):
        return []
    text = (
        f"within one budget 6 N D differs by up to {percent(float(np.expm1(varies)))}, so optima "
        "under this count of FLOPs are not those under 6 N D"
    )
    return [(text, False)]


def _bracketing(result: IsoflopProfiles) -> tuple[str, bool]:
    open_ones = [p for p in result.profiles if not p.has_optimum]
    text = f"{len(result.optima)} of {plural(len(result.profiles), 'budget')} bracket their optimum"
    odd = ", ".join(f"{flops_words(p.flops)} ({p.flags[0]})" for p in open_ones[:4])
    return f"{text}; not {odd}" if odd else text, not open_ones


def _noise(result: IsoflopProfiles) -> tuple[str, bool]:
    noise, misfit = result.noise, result.misfit
    if noise.degrees == 0:
        return "the noise of the losses is not known, so there are no intervals", False
    text = (
        f"the loss of a run varies by {percent(noise.relative)} (from {noise.source}, "
        f"{noise.degrees} degrees of freedom)"
    )
    if noise.source == "residuals" or not misfit.degrees:
        return text, True
    text += f"; runs lie {percent(misfit.relative)} off their parabolas"
    return text, misfit.relative < _LACK_OF_FIT * noise.relative


def _flagged(result: IsoflopProfiles) -> list[str]:
    out = []
    for flag, meaning in _FLAGS.items():
        budgets = [p for p in result.optima if flag in p.flags]
        if budgets:
            where = ", ".join(flops_words(p.flops) for p in budgets[:4])
            more = f" and {len(budgets) - 4} more" if len(budgets) > 4 else ""
            out.append(f"{flag}: at {where}{more} {meaning}")
    return out


def _agreement(item: FamilyProfiles, result: IsoflopProfiles) -> list[tuple[str, bool]]:
    """Return how far the exponent moves by method and by approach."""
    fit = item.fit
    if fit is None:
        return [(item.refusal, False)]
    a = fit.exponent_n
    others = {
        "by Akima spline": result.exponents.get(AKIMA),
        "without near duplicates, far arms and weak budgets": result.exponents.get(TRIMMED),
    }
    found = [
        (f"{words}, the exponent of N is {e.exponent_n!r}", _overlap([a, e.exponent_n]))
        for words, e in others.items()
        if e is not None
    ]
    if item.surface is None or item.bias is None:
        return [*found, (f"no comparison with approach 3: {item.surface_refusal}", False)]
    three = item.surface.derived["exponent_n"]
    shift = float(item.bias.n_tokens[0])
    tokens = fit.optimum(float(fit.flops[-1]))["n_tokens"]
    within = tokens.low <= tokens.value * (1 + shift) <= tokens.high
    return [
        *found,
        (f"approach 3 on the same runs gives {three!r}", _overlap([a, three])),
        (
            f"on that surface without noise, this grid shifts the exponent of N by "
            f"{item.bias.exponent_n:+.2g} and D_opt at {flops_words(float(fit.flops[-1]))} by "
            f"{percent(shift)}, {'within' if within else 'outside'} its interval",
            within,
        ),
    ]


def _overlap(estimates: Sequence[Estimate]) -> bool:
    return max(e.low for e in estimates) <= min(e.high for e in estimates)
