"""What the comparison says in words: verdict, checks, headline numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from isoflop.estimate import Estimate
from isoflop.estimation import FitResult
from isoflop.words import flops as flops_words
from isoflop.words import plural
from isoflop_plugins.analyzers.compare_laws.allocations import MAIN, Split
from isoflop_plugins.analyzers.compare_laws.tables import TIMES

if TYPE_CHECKING:
    import pandas as pd

_REFERENCES = ("kaplan-2020", "jeon-van-roy-2022")
"""Most of new compute into size, and equal shares: what every growth is read against."""


def verdict(
    made: Mapping[str, pd.DataFrame],
    own: Sequence[Split],
    fits: Mapping[tuple[str, str], FitResult | str],
    largest: Mapping[str, float],
) -> str:
    """Answer: what do the runs make of more compute, and which published laws agree.

    Parameters
    ----------
    made : mapping of str to DataFrame
        Tables of the comparison.
    own : sequence of Split
        What the runs place; where there is nothing, the published laws are compared alone.
    fits : mapping of (family, law) to FitResult or str
        What was fitted, or why not.
    largest : mapping of str to float
        Largest compute of each family. [FLOP]
    """
    if not own:
        return f"{_no_fit(fits)} {_published_alone(made['budgets'])}"
    mine = max(own, key=lambda s: (s.name == f"{MAIN} refit", largest[s.family]))
    n, d = mine.factor_n(TIMES), mine.factor_d(TIMES)
    growth = made["growth"]
    theirs = [
        f", {row['law']} for {row['factor_n']:.1f} x and {row['factor_d']:.1f} x"
        for row in growth[growth["law"].isin(_REFERENCES)].to_dict("records")
    ]
    more = len({s.family for s in own}) - 1
    rest = f" {plural(more, 'more family', 'more families')}: see the tables." if more else ""
    return (
        f"For {TIMES:.0f} times the compute, the {mine.name} of {family_name(mine.family)} asks "
        f"for {n!r} x N and {d!r} x D{''.join(theirs)}. "
        f"{_agreeing(made['agreement'], mine)}{rest}"
    )


def _agreeing(agreement: pd.DataFrame, mine: Split) -> str:
    """Say which published laws lie inside the interval of the runs, and which outside."""
    chosen = agreement[
        (agreement["family"] == mine.family)
        & (agreement["method"] == mine.name)
        & (agreement["quantity"] == "tokens_per_param")
    ]
    if chosen.empty or chosen["inside"].isna().any():
        return "Without an interval of the runs, no published law can be told to agree."
    row = chosen.iloc[0]
    data = Estimate(value=row["data"], low=row["data_low"], high=row["data_high"])
    sides = {
        side: ", ".join(
            f"{law} ({value:.3g})"
            for law, value in part.sort_values("published")[["law", "published"]].to_numpy()
        )
        for side, part in (
            ("inside", chosen[chosen["inside"].astype(bool)]),
            ("outside", chosen[~chosen["inside"].astype(bool)]),
        )
    }
    return (
        f"At {flops_words(row['flops'])}, the most of these runs, it places {data!r} tokens per "
        f"parameter: inside that interval lies {sides['inside'] or 'no published law'}; outside "
        f"{sides['outside'] or 'none'}. Laws that count no embeddings are compared by growth alone."
    )


def _no_fit(fits: Mapping[tuple[str, str], FitResult | str]) -> str:
    """Say why the runs place nothing: of the fit of most runs, the first reason."""
    if not fits:
        return "There are no runs."
    (family, _), nearest = max(
        fits.items(), key=lambda item: 0 if isinstance(item[1], str) else item[1].n_runs
    )
    more = (
        f" The same or the like for {plural(len(fits) - 1, 'more fit')}." if len(fits) > 1 else ""
    )
    return f"The runs place no law of their own. {family_name(family)}: {why(nearest)}.{more}"


def _published_alone(budgets: pd.DataFrame) -> str:
    """Say how far apart the published laws are at the smallest budget."""
    if budgets.empty:
        return "There is no published law to compare."
    some = budgets[budgets["flops"] == budgets["flops"].min()].sort_values("tokens_per_param")
    low, high = some.iloc[0], some.iloc[-1]
    return (
        f"Published laws alone differ: at {flops_words(low['flops'])}, from "
        f"{low['tokens_per_param']:.3g} tokens per parameter ({low['law']}) to "
        f"{high['tokens_per_param']:.3g} ({high['law']})."
    )


def checks(made: Mapping[str, pd.DataFrame], own: Sequence[Split]) -> list[tuple[str, bool]]:
    """Return whether methods agree on the same runs, and whether Kaplan's growth fits them."""
    out = []
    for family in dict.fromkeys(s.family for s in own):
        some = [s for s in own if s.family == family and s.exponent_n.high > s.exponent_n.low]
        if len(some) > 1:
            said = ", ".join(f"{s.name} {s.exponent_n!r}" for s in some)
            low, high = max(s.exponent_n.low for s in some), min(s.exponent_n.high for s in some)
            text = f"intervals of the exponent of N overlap, {family_name(family)}: {said}"
            out.append((text, bool(low <= high)))
    told = made["agreement"]
    told = told[(told["quantity"] == "exponent_n") & told["inside"].notna()]
    for law in _REFERENCES:
        rows = told[told["law"] == law]
        if len(rows):
            inside = int(rows["inside"].astype(bool).sum())
            text = (
                f"the exponent of N of {law}, {rows['published'].iloc[0]:.2f}, lies inside "
                f"{inside} of {plural(len(rows), 'interval')} of the runs"
            )
            out.append((text, inside == len(rows)))
    return out


def numbers(own: Sequence[Split], largest: Mapping[str, float]) -> dict[str, Estimate]:
    """Return growth and allocation of each family, by the main law where it was fitted."""
    out: dict[str, Estimate] = {}
    families = list(dict.fromkeys(s.family for s in own))
    for family in families:
        mine = next(s for s in own if s.family == family)
        prefix = f"{family}/" if len(families) > 1 else ""
        out[f"{prefix}exponent_n"] = mine.exponent_n
        out[f"{prefix}factor_n"] = mine.factor_n(TIMES)
        if mine.optimum:
            out[f"{prefix}tokens_per_param"] = mine.optimum(largest[family])["tokens_per_param"]
    return out


def why(fit: FitResult | str) -> str:
    """Return why a fit places no optimum."""
    if isinstance(fit, str):
        return fit.rstrip(".")
    text = fit.warnings[0] if fit.warnings else "it has no optimum"
    return f"{fit.status.replace('-', ' ')}, {text}"


def family_name(family: str) -> str:
    """Return what to call the runs of a family."""
    return f"family {family!r}" if family else "the runs"
