"""The best achievable: a lower envelope of the runs, beside the law of the typical run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from isoflop.drawing.family_panels import shown_words
from isoflop.errors import SchemaError
from isoflop.hookspecs import AnalysisContext, Analyzer, Option
from isoflop.results import AnalysisResult, Figure, Figures
from isoflop.words import flops as flops_words
from isoflop.words import percent, plural
from isoflop_plugins.analyzers.by_family.fits import all_left_out, fit_checks, fit_family
from isoflop_plugins.analyzers.quantile_frontier import (
    figures as quantile_frontier_figures,
)
from isoflop_plugins.analyzers.quantile_frontier import tables as quantile_frontier_tables
from isoflop_plugins.analyzers.quantile_frontier.tables import FamilyEnvelope

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimate import Estimate
    from isoflop.tables import RunTable

_SOURCE = (
    "Quantile regression: Koenker and Bassett 1978, Econometrica 46, 33-50; form: Hoffmann et al. "
    "2022, section 3.3, arXiv 2203.15556"
)
_MOST_SENTENCES = 4
_SLACK = 0.1
"""Distance of the share of runs below the envelope from the quantile, from which the two-term form
does not follow the edge of the runs. [1]"""


def fit_envelopes(
    table: RunTable,
    context: AnalysisContext,
    /,
    *,
    quantile: float = 0.1,
    delta: float = 1e-3,
    n_boot: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> AnalysisResult:
    """Return the lower envelope of each family, and how far the typical run is above it.

    A family with too few runs, or with mixed losses, gets a sentence and no envelope; an empty
    table gives an empty result that says so.

    Raises
    ------
    SchemaError
        `quantile` is not between 0 and a half.
    """
    if not 0 < quantile < 0.5:
        raise SchemaError(
            f"quantile must lie between 0 and 0.5, got {quantile!r}: 0.1 leaves a tenth of the "
            "runs below the envelope, and one half would be the typical run."
        )
    settings = {"delta": delta, "n_boot": n_boot, "seed": seed, "level": level}
    tilted = {"objective": "log-quantile", "quantile": quantile, **settings}
    laws = (context.laws["quantile-frontier"], context.laws["chinchilla"])
    found = [
        FamilyEnvelope(
            envelope=fit_family(laws[0], family, runs, tilted),
            law=fit_family(laws[1], family, runs, settings),
        )
        for family, runs in table.by_family().items()
    ]
    tables = quantile_frontier_tables.tables(found)
    return AnalysisResult(
        name=QUANTILE_FRONTIER_ANALYZER.name,
        title="Best achievable loss",
        verdict=_verdict(found, quantile),
        checks=[check for one in found for check in _checks(one, quantile)],
        tables=tables,
        figures=_figures(tables, found, quantile),
        left_out=all_left_out([one.envelope for one in found]),
        source=f"{_SOURCE}; runs: {table.source or 'given table'}",
        numbers=_numbers(found),
        fits=[one.envelope.fit.to_row() for one in found if one.envelope.fit is not None],
    )


def _verdict(found: Sequence[FamilyEnvelope], quantile: float) -> str:
    if not found:
        return "There are no runs."
    told = [one for one in found if one.is_told]
    if not told:
        more = f" The same goes for {len(found) - 1} more families." if len(found) > 1 else ""
        return f"No envelope could be fitted. {_why_not(found[0])}{more}"
    said = [_sentence(one, quantile) for one in told[:_MOST_SENTENCES]]
    if len(told) < len(found):
        without = plural(len(found) - len(told), "family", "families")
        said.append(f"{without} had too few or mixed runs, or no optimum.")
    hidden = len(told) - _MOST_SENTENCES
    said += [f"And {hidden} more, see the table."] if hidden > 0 else []
    return " ".join([*said, "This is an envelope of the best runs, not the law of the runs."])


def _why_not(one: FamilyEnvelope) -> str:
    for item in (one.envelope, one.law):
        if item.fit is None:
            return f"{item.words}: {item.refusal}"
        if not item.fit.is_usable:
            return f"{item.words}: {item.fit.status.replace('-', ' ')}, {item.fit.warnings[0]}."
    return ""


def _sentence(one: FamilyEnvelope, quantile: float) -> str:
    fit = one.envelope.fit
    assert fit is not None
    top = fit.largest_run.flops
    best = fit.optimal(top)
    gap = one.gap
    return (
        f"{one.envelope.words} ({plural(fit.n_runs, 'run')}): the envelope that "
        f"{percent(quantile)} of runs stay below lies {percent(gap.value)} [{percent(gap.low)}, "
        f"{percent(gap.high)}] under the typical run; {flops_words(top)} could reach a loss of "
        f"{best.loss!r} on it; {percent(one.share_below)} of the runs are below it."
    )


def _checks(one: FamilyEnvelope, quantile: float) -> list[tuple[str, bool]]:
    checks = fit_checks(one.envelope)
    if one.envelope.fit is not None:
        share = one.share_below
        checks.append((
            f"{one.envelope.words}: {percent(share)} of the runs are below the envelope, "
            f"{percent(quantile)} asked for", abs(share - quantile) <= _SLACK,
        ))  # fmt: skip
    return checks


def _numbers(found: Sequence[FamilyEnvelope]) -> dict[str, Estimate]:
    """Return the gap of each family, and the floor of its envelope."""
    told = [one for one in found if one.is_told]
    out: dict[str, Estimate] = {}
    for one in told:
        assert one.envelope.fit is not None
        prefix = f"{one.envelope.family}/" if len(told) > 1 else ""
        out |= {f"{prefix}gap": one.gap, f"{prefix}E": one.envelope.fit.params["E"]}
    return out


def _figures(
    tables: Mapping[str, pd.DataFrame], found: Sequence[FamilyEnvelope], quantile: float
) -> Figures:
    fits = [one.envelope.fit for one in found if one.envelope.fit is not None]
    if not fits:
        return Figures(())
    losses = sorted({f.loss_dataset for f in fits if f.loss_dataset})
    where = (
        f"{plural(sum(f.n_runs for f in fits), 'run')}"
        f"{', loss on ' + ', '.join(losses) if losses else ''}"
    )
    panels = shown_words(len(fits))
    said = {
        "loss_vs_compute": f"Lowest loss along training compute, {where}: under the envelope that "
        f"{percent(quantile)} of runs stay below (orange) and under the law of the typical run "
        f"(blue), dashed outside the compute of the runs; bands hold them at "
        f"{100 * fits[0].level:g} %.{panels}",
        "distance": f"How far each run is above the envelope of {percent(quantile)}, {where}; runs "
        "below the line are better than it.",
    }
    return Figures(tuple(_figure(name, f"{text} {_SOURCE}.", tables) for name, text in
                         said.items()))  # fmt: skip


def _figure(name: str, caption: str, tables: Mapping[str, pd.DataFrame]) -> Figure:
    draw = getattr(quantile_frontier_figures, name)
    return Figure(name=name, caption=caption, table=name, build=lambda: draw(tables[name]))


def _run(table: Any, context: AnalysisContext, /, **options: Any) -> AnalysisResult:
    return fit_envelopes(table, context, **options)


QUANTILE_FRONTIER_ANALYZER = Analyzer(
    name="quantile-frontier",
    summary="The best achievable loss: a lower envelope of the runs, beside their law.",
    source=_SOURCE,
    table="runs",
    requires=("n_params", "n_tokens", "loss"),
    run=_run,
    options={
        "quantile": Option(default=0.1, description="Share of the runs below the envelope [1]."),
        "delta": Option(default=1e-3, description="Huber threshold on the log residual [1]."),
        "n_boot": Option(default=1000, description="Bootstrap replicates over runs."),
        "seed": Option(default=0, description="Seed of the bootstrap."),
        "level": Option(default=0.95, description="Level of the intervals [1]."),
    },
    position=228,
)
