"""What the floors by family and data set say, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from isoflop.words import percent, plural
from isoflop_plugins.analyzers.by_family.loss_parts import loss_parts
from isoflop_plugins.analyzers.loss_by_domain.tables import FEWEST_RUNS, SYMBOLS

if TYPE_CHECKING:
    import pandas as pd

    from isoflop_plugins.analyzers.by_family.reached_fits import LawFit


def verdict(fits: Sequence[tuple[LawFit, LawFit]], made: Mapping[str, pd.DataFrame]) -> str:
    """Return one or a few sentences that answer how much of the loss is reducible."""
    domains, entropy = made["domains"], made["entropy"]
    if not fits:
        return "There are no runs with a loss."
    done = domains[domains["status"] != "not-fitted"]
    if done.empty:
        first = fits[0][0]
        return f"No power law plus constant could be fitted. {_where(first)}: {first.refusal}"
    known = done[done["entropy"] == "identified"]
    n = plural(len(done.groupby(["family", "loss_dataset"])), "data set")
    sentences = [
        f"Over {n}, the runs identify the floor in {len(known)} of {len(done)} fits of loss "
        f"against N, D or C{_agreement_words(entropy)}."
    ]
    if known.empty:
        sentences.append("So they cannot tell reducible from irreducible loss: add larger runs.")
        return " ".join(sentences)
    told = best_known(fits)
    sentences += [_sentence(item) for item in told[:3]]
    sentences += [f"And {len(told) - 3} more, see the table."] if len(told) > 3 else []
    both = done.dropna(subset=["error", "error_without_constant"])
    if not both.empty:
        better = int((both["error"] < both["error_without_constant"]).sum())
        errors = [percent(float(both[c].median())) for c in ("error", "error_without_constant")]
        sentences.append(
            f"The constant predicts the largest runs better in {better} of {len(both)} fits "
            f"(median error {errors[0]} with it, {errors[1]} without)."
        )
    return " ".join(sentences)


def _agreement_words(entropy: pd.DataFrame) -> str:
    if entropy.empty:
        return ""
    n = int(entropy["agree"].sum())
    return (
        f"; the entropy is one number, and the floors of a data set agree in {n} of {len(entropy)}"
    )


def agreement(entropy: pd.DataFrame) -> list[tuple[str, bool]]:
    """Say for each data set whether its floors can all be its entropy."""
    out = []
    for row in entropy.to_dict("records"):
        where = _named(row["family"], row["loss_dataset"])
        text = (
            f"the floors of N, D and C overlap in {row['L_inf_low']:.3g} to "
            f"{row['L_inf_high']:.3g} nat/token"
            if row["agree"]
            else "the floors of N, D and C do not overlap, so they are not all the entropy: each "
            "holds what the other causes still cost"
        )
        out.append((f"{where}: {text}", bool(row["agree"])))
    return out


def best_known(fits: Sequence[tuple[LawFit, LawFit]]) -> list[LawFit]:
    """Return one identified fit a data set: of compute where there is one, else of D, else of N."""
    found: dict[tuple[str, str], LawFit] = {}
    for item, _ in fits:  # N, D, C in turn, so that the last one stays
        if item.fit is not None and loss_parts(item.fit, largest(item)).is_known:
            found[item.family, item.domain] = item
    return list(found.values())


def largest(item: LawFit) -> dict[str, list[float]]:
    """Return the largest value of the variable among the runs that were fitted."""
    assert item.fit is not None
    return {name: [item.fit.ranges[name][1]] for name in item.law.variables}


def _sentence(item: LawFit) -> str:
    assert item.fit is not None
    parts = loss_parts(item.fit, largest(item))
    symbol = SYMBOLS[item.law.name]
    return (
        f"{_where(item)}: of a loss of {parts.total.value[0]:.3g} nat/token at the largest "
        f"{symbol}, {parts.reducible[0]!r} is reducible and {parts.floor!r} the floor, with "
        f"{symbol}^-{item.fit.params['alpha']!r}."
    )


def _where(item: LawFit) -> str:
    return _named(item.family, item.domain)


def _named(family: str, domain: str) -> str:
    name = f"Family {family!r}" if family else "The runs"
    return f"{name} on {domain!r}" if domain else name


def checks_of(item: LawFit) -> list[tuple[str, bool]]:
    """Say whether the runs identify the floor of one law, and what is wrong with the fit."""
    fit, name = item.fit, f"{_where(item)}, L({SYMBOLS[item.law.name]})"
    if fit is None:
        return [(f"{name}: {item.refusal}", False)]
    parts = loss_parts(fit, largest(item))
    floor = (
        f"the runs identify the floor, {parts.floor!r}"
        if parts.is_known
        else f"the runs do not identify the floor: anything in {parts.floor!r} fits"
    )
    few = fit.n_runs < FEWEST_RUNS
    rough = [(f"only {plural(fit.n_runs, 'run')} behind it, so intervals are rough", False)]
    told = [(floor, parts.is_known), *(rough if few else [])]
    return [(f"{name}: {text}", ok) for text, ok in told] + [
        (f"{name}: {t}", False) for t in fit.warnings
    ]
