"""Approach 2: the optimum of each compute budget, and how the optima grow with compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from isoflop.hookspecs import AnalysisContext, Analyzer, Option
from isoflop.results import AnalysisResult, LeftOut
from isoflop.words import flops as flops_words
from isoflop.words import percent, plural
from isoflop_plugins.analyzers.isoflop_profiles import figures as isoflop_profiles_figures
from isoflop_plugins.analyzers.isoflop_profiles import tables as isoflop_profiles_tables
from isoflop_plugins.analyzers.isoflop_profiles.checks import checks, family_name, why_left_out
from isoflop_plugins.analyzers.isoflop_profiles.families import FamilyProfiles, profile_family

if TYPE_CHECKING:
    from isoflop.estimate import Estimate
    from isoflop.tables import RunTable

SOURCE = (
    "Hoffmann et al. 2022, section 3.2, arXiv 2203.15556; Akima optimum: Porian et al. 2024, "
    "arXiv 2406.19146; bias: Czech 2026, arXiv 2603.22339"
)
_SENTENCES = 6


def find_optima(
    table: RunTable,
    context: AnalysisContext,
    /,
    *,
    compute: str = "auto",
    min_sizes: int = 5,
    n_boot: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> AnalysisResult:
    """Return the optimum of each budget and the exponents of each family, beside approach 3.

    A family whose compute is a continuum, or whose budgets bracket no minimum, gets a sentence
    that says so; an empty table gives an empty result.
    """
    settings = {"min_sizes": min_sizes, "n_boot": n_boot, "seed": seed, "level": level}
    found = [
        profile_family(context, family, runs, compute=compute, settings=settings)
        for family, runs in table.by_family().items()
    ]
    tables = isoflop_profiles_tables.tables(found)
    return AnalysisResult(
        name=ISOFLOP_PROFILES.name,
        title="IsoFLOP profiles of your runs",
        verdict=_verdict(found),
        checks=[check for item in found for check in checks(item)],
        tables=tables,
        figures=isoflop_profiles_figures.figures(tables, found, SOURCE),
        left_out=[left for item in found for left in _left_out(item)],
        source=f"{SOURCE}; runs: {table.source or 'given table'}",
        numbers=_numbers(found),
    )


def _verdict(found: Sequence[FamilyProfiles]) -> str:
    if not found:
        return "There are no runs."
    answered = [item for item in found if item.fit is not None]
    if not answered:
        first = found[0]
        more = f" Nor do those of {len(found) - 1} more families." if len(found) > 1 else ""
        return f"{family_name(first.family)} give no exponents: {first.refusal}{more}"
    sentences = [_sentence(item) for item in answered[:_SENTENCES]]
    if len(answered) > _SENTENCES:
        sentences.append(f"And {len(answered) - _SENTENCES} more, see the table.")
    without = len(found) - len(answered)
    if without:
        sentences.append(f"{plural(without, 'family', 'families')} gave no exponents.")
    return " ".join(sentences)


def _sentence(item: FamilyProfiles) -> str:
    fit, result = item.fit, item.profiles
    assert fit is not None
    assert result is not None
    top = float(fit.flops[-1])
    ratio = fit.optimum(top)["tokens_per_param"]
    return (
        f"{family_name(item.family)}, {len(fit.flops)} of {len(result.profiles)} budgets: N_opt "
        f"grows as C^{fit.exponent_n!r} and D_opt as C^{fit.exponent_d!r}, with {ratio!r} tokens "
        f"per parameter at {flops_words(top)}.{_beside(item)}"
    )


def _beside(item: FamilyProfiles) -> str:
    """Return what approach 3 says of the same runs, and the bias to expect."""
    surface, bias = item.surface, item.bias
    if surface is None or bias is None:
        return f" No comparison with approach 3: {item.surface_refusal}"
    return (
        f" Approach 3 on the same runs gives {surface.derived['exponent_n']!r}; on a surface like "
        f"that, this grid alone would shift the exponent of N by {bias.exponent_n:+.2g} and D_opt "
        f"by {_signed(float(bias.n_tokens[-1]))} two decades beyond the largest budget."
    )


def _signed(share: float) -> str:
    return ("+" if share > 0 else "") + percent(share)


def _left_out(item: FamilyProfiles) -> list[LeftOut]:
    labels = item.runs.labels()
    out = list(item.left_out)
    if item.profiles is None:
        left = {found.subject for found in out}
        return out + [
            LeftOut(subject=label, reason=item.refusal) for label in labels if label not in left
        ]
    reasons = zip(item.rows, item.profiles.reasons, strict=True)
    return out + [
        LeftOut(subject=labels[row], reason=why_left_out(reason))
        for row, reason in reasons
        if reason
    ]


def _numbers(found: Sequence[FamilyProfiles]) -> dict[str, Estimate]:
    """Return headline numbers, named by family where there are several."""
    out: dict[str, Estimate] = {}
    answered = [item for item in found if item.fit is not None]
    for item in answered:
        assert item.fit is not None
        prefix = f"{item.family}/" if len(answered) > 1 else ""
        out[f"{prefix}exponent_n"] = item.fit.exponent_n
        out[f"{prefix}exponent_d"] = item.fit.exponent_d
        ratio = item.fit.optimum(float(item.fit.flops[-1]))["tokens_per_param"]
        out[f"{prefix}tokens_per_param"] = ratio
    return out


def _run(table: Any, context: AnalysisContext, /, **options: Any) -> AnalysisResult:
    return find_optima(table, context, **options)


_OPTIONS: Mapping[str, Option] = {
    "compute": Option(
        default="auto",
        description="What budgets are found in: 6ND, flops (the column, of one convention), or "
        "auto, the one that puts more runs into budgets.",
    ),
    "min_sizes": Option(default=5, description="Model sizes that a budget needs, at least 3."),
    "n_boot": Option(default=1000, description="Draws of the noise of the losses."),
    "seed": Option(default=0, description="Seed of the draws."),
    "level": Option(default=0.95, description="Level of the intervals [1]."),
}

ISOFLOP_PROFILES = Analyzer(
    name="isoflop-profiles",
    summary="Approach 2: the best model size at each equal budget, and how it grows with compute.",
    source=SOURCE,
    table="runs",
    requires=("n_params", "n_tokens", "loss"),
    run=_run,
    options=_OPTIONS,
    position=210,
)
