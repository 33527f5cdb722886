"""What an analysis of repeated tokens says in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from isoflop.words import count, parameters, percent, plural
from isoflop.words import flops as flops_words
from isoflop_plugins.analyzers.data_constrained.half_lives import half_life, worth_at

if TYPE_CHECKING:
    import pandas as pd

    from isoflop_plugins.analyzers.data_constrained.analyzer import Repeats


def verdict(found: Sequence[Repeats], optimum: pd.DataFrame) -> str:
    """Return what repeated tokens are worth, family by family."""
    if not found:
        return "There are no runs."
    fitted = [r for r in found if r.item.fit is not None]
    if not fitted:
        first = found[0].item
        more = f" The same goes for {len(found) - 1} more." if len(found) > 1 else ""
        why = first.refusal.rstrip(".")
        return f"Nothing can be said of repeated tokens. {first.words}: {why}.{more}"
    sentences = [_sentence(r, optimum) for r in fitted[:4]]
    rest = len(found) - len(fitted[:4])
    if rest:
        sentences.append(f"{plural(rest, 'more family', 'more families')}: see the tables.")
    return " ".join(sentences)


def _sentence(r: Repeats, optimum: pd.DataFrame) -> str:
    fit = r.item.fit
    assert fit is not None
    where = (
        f"{r.item.words} ({plural(fit.n_runs, 'run')}, {r.n_repeating} with repeats, up to "
        f"{np.nanmax(r.epochs):.3g} epochs)"
    )
    if not fit.is_usable:
        return f"{where}: {fit.status.replace('-', ' ')}, {fit.warnings[0]}."
    found = half_life(fit, "R_D")
    worth = worth_at(4.0, found)
    known = (
        f"R_D* is {found!r} repetitions"
        if np.isfinite(found.high) and found.low > 0
        else f"R_D* is not identified ({_between(found.low, found.high)} fit as well)"
    )
    said = (
        f"{where}: {known}; after 4 epochs a repeated token is worth {percent(worth.value)} of a "
        f"new one ({percent(worth.low)} to {percent(worth.high)})"
    )
    return f"{said}{_best(r, optimum)}."


def _between(low: float, high: float) -> str:
    if np.isfinite(high):
        return f"all below {high:.3g}"
    return f"all above {low:.2g}" if low > 0 else "any value"


def _best(r: Repeats, optimum: pd.DataFrame) -> str:
    rows = optimum[optimum["family"] == r.item.family]
    if rows.empty:
        return ""
    best = rows.iloc[0]
    return (
        f"; with {count(best['n_tokens_unique'])} distinct tokens and "
        f"{flops_words(best['flops'])}, train "
        f"{parameters(best['n_params'])} for {best['epochs']:.2g} epochs "
        f"({best['epochs_low']:.2g} to {best['epochs_high']:.2g})"
    )
