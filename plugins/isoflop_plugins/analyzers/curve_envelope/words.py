"""The verdict on the envelope of training curves and what was checked, in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isoflop.estimation.curve_envelope import Envelope, decay_gap
from isoflop.words import flops as flops_words
from isoflop.words import percent, plural
from isoflop_plugins.analyzers.curve_envelope.families import FamilyEnvelope
from isoflop_plugins.analyzers.curve_envelope.points import UNDECAYED
from isoflop_plugins.analyzers.curve_envelope.tables import PAPER_N

_MOST_SENTENCES = 6
_VISIBLE_GAP = 0.003
"""Excess of longer runs from which steps move: what a size 1.5 times off the best one costs in
loss at 1e19 FLOPs under the law of Hoffmann et al. 2022 (0.33 %; 0.21 % at 1e21). [1]"""


def verdict(items: Sequence[FamilyEnvelope], *, finals_only: bool) -> str:
    """Return how the best size grows, family by family, or that the curves cannot tell."""
    if not items:
        return "There are no training curves."
    sentences = [_sentence(item) for item in items]
    if not any(item.is_told for item in items):
        more = len(sentences) - 1
        rest = f" The same goes for {plural(more, 'more family', 'more families')}." if more else ""
        return f"The curves cannot tell how the best size grows. {sentences[0]}{rest}"
    told = [item for item in items if item.is_told]
    if not finals_only and (share := _undecayed(told)) is not None and share > 0:
        sentences.append(
            f"On {percent(share)} of the envelope inside, the best run's learning rate was above "
            "half its peak, so its loss is above what a run ended there would reach; "
            "finals_only=True takes only the ends of runs."
        )
    shown = sentences[:_MOST_SENTENCES]
    left = len(sentences) - len(shown)
    return " ".join(shown) + (f" And {left} more, see the table." if left else "")


def _sentence(item: FamilyEnvelope) -> str:
    if item.found is None:
        return f"{item.name}: {item.refusal.rstrip('.')}."
    found = item.found
    low, high = (flops_words(c, unit=False) for c in found.range)
    n = int(found.stairs.n_steps[0])
    where = f"{plural(item.curves.run.size, 'run')}, {item.split}" if item.curves else ""
    if np.isnan(found.exponent_n.low):
        return (
            f"{item.name} ({where}): {plural(n, 'step')} from one size to the next between {low} "
            f"and {high} FLOPs, too few to say how the best size grows: {_lost(found)}."
        )
    return (
        f"{item.name} ({where}): N_opt grows as C^{found.exponent_n!r} and D_opt as "
        f"C^{found.exponent_d!r}, by {n} steps from one size to the next between {low} and {high} "
        f"FLOPs; Hoffmann et al. 2022 found {PAPER_N.value:.2f}."
    )


def _lost(found: Envelope) -> str:
    if not found.draws.exponent.size:
        return "no resamples were asked for"
    return (
        f"in {percent(found.lost)} of the resamples over runs fewer than two steps are left; more "
        "runs of each size would give one"
    )


def _undecayed(items: Sequence[FamilyEnvelope]) -> float | None:
    """Return the share of the envelope inside with an undecayed rate; None where none is known."""
    rates = [i.rate[i.found.stairs.is_inside[0]] for i in items if i.found is not None]
    every = np.concatenate([np.zeros(0), *rates])
    known = every[np.isfinite(every)]
    return float((known > UNDECAYED).mean()) if known.size else None


def checks(item: FamilyEnvelope, *, finals_only: bool) -> list[tuple[str, bool]]:
    """Return statements about one family's envelope and whether they hold."""
    name = item.name
    if item.found is None or item.curves is None:
        return [(f"{name}: {item.refusal}", False)]
    found = item.found
    steps = int(found.stairs.n_steps[0])
    direct = found.direct_exponent_n.value
    out = [
        (f"{name}: {steps} of {item.curves.sizes.size - 1} pairs of neighbor sizes change places "
         "within their curves; a line needs three to be seen to be one", steps >= 3),
        (f"{name}: the exponent is {found.exponent_n.value:.3g} by the steps, {direct:.3g} by "
         "regression over every compute, which stairs pull towards 0",
         bool(abs(direct - found.exponent_n.value) < 0.1)),
        (f"{name}: resamples over runs with fewer than two steps: {percent(found.lost)}",
         found.lost <= 0.05),
    ]  # fmt: skip
    return out if finals_only else [*out, *_decay_checks(item)]


def _decay_checks(item: FamilyEnvelope) -> list[tuple[str, bool]]:
    assert item.curves is not None
    name, share, gaps = item.name, _undecayed([item]), decay_gap(item.curves)
    if share is None:
        words = "no learning rate along the curves, so its decay cannot be seen"
        out = [(f"{name}: {words}", False)]
    else:
        words = f"learning rate above half its peak on {percent(share)} of the envelope inside"
        out = [(f"{name}: {words}", share == 0)]
    if gaps.size:
        typical = float(np.median(gaps))
        words = (
            f"at a run's end, longer runs of its size stand {percent(typical)} above it "
            f"({plural(gaps.size, 'pair')}, median)"
        )
        out.append((f"{name}: {words}", abs(typical) < _VISIBLE_GAP))
    return out
