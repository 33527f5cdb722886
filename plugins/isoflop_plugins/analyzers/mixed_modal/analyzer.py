"""Two modalities in one model: what each pair loses or gains, and where competition ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.errors import SchemaError
from isoflop.estimate import Estimate
from isoflop.estimation import check_resampling
from isoflop.hookspecs import AnalysisContext, Analyzer, Option
from isoflop.results import AnalysisResult, Figure, Figures, LeftOut
from isoflop.words import count, percent, plural, tokens
from isoflop.words import flops as flops_words
from isoflop_plugins.analyzers.by_family.fits import fit_checks
from isoflop_plugins.analyzers.mixed_modal import figures as mixed_modal_figures
from isoflop_plugins.analyzers.mixed_modal import tables as mixed_modal_tables
from isoflop_plugins.analyzers.mixed_modal.pairs import (
    Modalities,
    Pair,
    Single,
    barriers,
    decades_outside_runs,
    pairs,
    singles,
)

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.tables import RunTable

_SOURCE = "Aghajanyan et al. 2023, arXiv 2301.03728"
PREFIX = "tokens_"
"""Columns of this prefix hold the tokens of one modality: ``tokens_text``. [token]"""


def analyze_modalities(
    table: RunTable,
    context: AnalysisContext,
    /,
    *,
    modalities: Sequence[str] | None = None,
    n_boot: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> AnalysisResult:
    """Return the interaction of each pair of modalities, and its competition barrier.

    Parameters
    ----------
    table : RunTable
        Needs ``n_params``, ``loss`` (of a mixed run the mean over both modalities), and for each
        modality a column ``tokens_<modality>`` with its tokens; null or 0 for none. [token]
    modalities : sequence of str or None
        Modalities to look at, ``("text", "speech")``; None for every column of the prefix.
    n_boot, seed, level : int, int, float
        Draws behind the intervals, their seed, level of the intervals.

    Returns
    -------
    AnalysisResult
        A pair without enough runs gets a sentence and no number; an empty table a result that says
        so.

    Raises
    ------
    SchemaError
        `modalities` is text, or names one that has no column.
    """
    check_resampling(n_boot=n_boot, level=level, seed=seed)
    names = _modalities(table, modalities)
    settings = {"n_boot": n_boot, "seed": seed, "level": level}
    alone: list[Single] = []
    found: list[Pair] = []
    left: list[LeftOut] = []
    for family, runs in table.by_family().items():
        split = Modalities.of(runs, names)
        left += split.left_out
        own = singles(context.laws["chinchilla"], family, split, settings)
        alone += own.values()
        found += pairs(context.laws["mixed-modal"], family, split, own, settings)
    tables = mixed_modal_tables.tables(alone, found)
    return AnalysisResult(
        name=MIXED_MODAL_ANALYZER.name,
        title="Modalities together",
        verdict=_verdict(table, names, alone, found),
        checks=[check for pair in found for check in _checks(pair)],
        tables=tables,
        figures=_figures(found, tables, level),
        left_out=[*left, *(item for pair in found for item in _left_out(pair))],
        source=f"{_SOURCE}; runs: {table.source or 'given table'}",
        numbers=_numbers(found),
        fits=[
            item.fit.to_row()
            for item in (*(s.item for s in alone), *(p.item for p in found))
            if item.fit is not None
        ],
    )


def _modalities(table: RunTable, wanted: Sequence[str] | None) -> tuple[str, ...]:
    there = tuple(
        c.removeprefix(PREFIX)
        for c in table.columns
        if c.startswith(PREFIX) and c not in table.schema.names and _is_number(table, c)
    )
    if wanted is None:
        return there
    missing = [m for m in wanted if m not in there]
    if isinstance(wanted, str) or missing:
        raise SchemaError(
            f"modalities must be a list of names with a column {PREFIX}<name> of numbers each, got "
            f"{wanted!r}; the table has {list(there)}."
        )
    return tuple(dict.fromkeys(wanted))


def _is_number(table: RunTable, column: str) -> bool:
    import pyarrow.types as kinds

    kind = table.to_arrow().schema.field(column).type
    return bool(kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_null(kind))


def _verdict(
    table: RunTable, names: Sequence[str], alone: Sequence[Single], found: Sequence[Pair]
) -> str:
    if not len(table):
        return "There are no runs."
    if len(names) < 2:
        return (
            f"Nothing can be said of modalities: {plural(len(table), 'run')} with "
            f"{plural(len(names), 'column')} of tokens by modality. Give a column "
            f"{PREFIX}<modality> for each, for example {PREFIX}text and {PREFIX}speech."
        )
    if not found:
        mixed = "no run mixes two of them" if alone else "no run has tokens of any"
        return f"Nothing can be said of {' and '.join(map(repr, names))}: {mixed}."
    sentences = [_sentence(pair) for pair in found[:4]]
    if len(found) > 4:
        sentences.append(f"And {plural(len(found) - 4, 'more pair')}: see the tables.")
    return " ".join(sentences)


def _sentence(pair: Pair) -> str:
    where = f"{pair.words} ({plural(pair.n_mixed, 'mixed run')})"
    fit = pair.item.fit
    if fit is None:
        return f"{where}: {pair.item.refusal.rstrip('.')}."
    if not fit.is_usable:
        return f"{where}: {fit.status.replace('-', ' ')}, {fit.warnings[0]}."
    return f"{where}: {_where_it_ends(pair)}; {_largest(pair)}."


def _where_it_ends(pair: Pair) -> str:
    fit = pair.item.fit
    assert fit is not None
    n, d, c = barriers(fit)
    synergy = fit.params["C"]
    if synergy.high <= 0:
        return "together they only lose: there is no synergy at any scale"
    if not synergy.low > 0:
        return f"whether competition ends cannot be told (synergy C {synergy!r} nat/token)"
    ends = f"{count(n.low)} to {count(n.high)}"
    beyond = decades_outside_runs(fit, n.value, d.value)
    far = f", {beyond:.1f} decades outside the mixed runs" if beyond > 0 else ""
    return (
        f"competition ends at {count(n.value)} parameters ({ends}) and {tokens(d.value)} "
        f"({count(d.low)} to {count(d.high)}), {flops_words(c.value)}{far}"
    )


def _largest(pair: Pair) -> str:
    fit = pair.item.fit
    assert fit is not None
    last = int(np.argmax(pair.n_params * pair.n_tokens))
    value = fit.predict_at({"n_params": pair.n_params[last], "n_tokens": pair.n_tokens[last]})
    gained = Estimate(
        value=abs(float(value.value)),
        low=min(abs(float(value.low)), abs(float(value.high))),
        high=max(abs(float(value.low)), abs(float(value.high))),
    )
    if float(value.low) <= 0 <= float(value.high):
        return "at the largest run the two neither lose nor gain by each other that could be told"
    verb = "lose" if float(value.value) > 0 else "gain"
    return f"at the largest run the two {verb} {gained!r} nat/token by each other"


def _checks(pair: Pair) -> list[tuple[str, bool]]:
    out = [(text.replace(pair.item.words, pair.words, 1), ok) for text, ok in fit_checks(pair.item)]
    if pair.item.fit is not None:
        text = (
            f"{pair.words}: intervals hold the laws of the single modalities fixed, so they are "
            "too narrow by those laws' own uncertainty"
        )
        out.append((text, False))
    return out


def _left_out(pair: Pair) -> list[LeftOut]:
    if pair.item.fit is not None:
        return list(pair.item.fit.left_out)
    reason = f"its pair was not fitted: {pair.item.refusal}"
    return [LeftOut(subject=label, reason=reason) for label in pair.item.runs.labels()]


def _numbers(found: Sequence[Pair]) -> dict[str, Estimate]:
    fitted = [p for p in found if p.item.fit is not None and p.item.fit.is_usable]
    out: dict[str, Estimate] = {}
    for pair in fitted:
        assert pair.item.fit is not None
        prefix = f"{pair.label}/" if len(fitted) > 1 else ""
        n, d, c = barriers(pair.item.fit)
        named = {"C": pair.item.fit.params["C"], "barrier_n_params": n, "barrier_n_tokens": d}
        out |= {f"{prefix}{k}": v for k, v in {**named, "barrier_flops": c}.items()}
    return out


def _figures(found: Sequence[Pair], tables: Mapping[str, pd.DataFrame], level: float) -> Figures:
    fits = [p.item.fit for p in found if p.item.fit is not None and p.item.fit.is_usable]
    if not fits:
        return Figures(())
    where = f"{plural(sum(f.n_runs for f in fits), 'mixed run')}, {plural(len(fits), 'pair')}"
    return Figures(
        (
            Figure(
                name="interaction",
                caption="What two modalities lose (above 0) or gain (below) by each other against "
                f"one model each, {where}. Points are runs, lines the law of a few sizes, dashed "
                f"outside the tokens of the runs, bands at {percent(level)}; gray where neither. "
                f"{_SOURCE}.",
                table="interaction",
                build=lambda: mixed_modal_figures.interaction(tables["interaction"]),
            ),
        )
    )


def _run(table: Any, context: AnalysisContext, /, **options: Any) -> AnalysisResult:
    return analyze_modalities(table, context, **options)


MIXED_MODAL_ANALYZER = Analyzer(
    name="mixed-modal",
    summary="Says what two modalities lose or gain in one model, and at which scale they turn.",
    source=_SOURCE,
    table="runs",
    requires=("n_params", "loss"),
    run=_run,
    options={
        "modalities": Option(
            default=None,
            description="names with a column tokens_<name> each; every such column by default",
        ),
        "n_boot": Option(default=1000, description="draws behind the intervals"),
        "seed": Option(default=0, description="seed of the draws"),
        "level": Option(default=0.95, description="level of the intervals"),
    },
    position=290,
)

__all__ = ["MIXED_MODAL_ANALYZER", "analyze_modalities"]
