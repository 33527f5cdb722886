"""What more tokens still bring at each size, and whether the runs can tell where that ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.drawing.family_panels import shown_words
from isoflop.errors import SchemaError
from isoflop.estimation.variables import fitted_values
from isoflop.hookspecs import AnalysisContext, Analyzer, Option
from isoflop.results import AnalysisResult, Figure, Figures, LeftOut
from isoflop.words import parameters, plural, tokens
from isoflop_plugins.analyzers.by_family.fits import all_left_out, family_words, fit_family
from isoflop_plugins.analyzers.data_saturation import figures as data_saturation_figures
from isoflop_plugins.analyzers.data_saturation import tables as data_saturation_tables
from isoflop_plugins.analyzers.data_saturation.tables import WIDEST, SizeSaturation

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimate import Estimate
    from isoflop.laws import Law
    from isoflop.tables import RunTable

_SOURCE = (
    "L(D) = E_N + B/D^beta: Hoffmann et al. 2022, equation 2 at fixed N, arXiv 2203.15556; "
    "diminishing returns of data: Kaplan et al. 2020, section 4, arXiv 2001.08361 (from memory of "
    "the paper)"
)
_MOST_SENTENCES = 4


def analyze_saturation(
    table: RunTable,
    context: AnalysisContext,
    /,
    *,
    within: float = 0.01,
    objective: str = "log-huber",
    delta: float = 1e-3,
    n_boot: int = 300,
    seed: int = 0,
    level: float = 0.95,
) -> AnalysisResult:
    """Return what more tokens bring at each size of each family.

    Runs of one size must be of exactly one N. A size with fewer than four usable runs gets no fit
    and its runs are listed; an empty table gives an empty result that says so.

    Raises
    ------
    SchemaError
        `within` is not positive.
    """
    if not within > 0:
        raise SchemaError(f"within must be positive, got {within!r}; 0.01 nat/token is usual.")
    law = context.laws["data-saturation"]
    settings = {
        "objective": objective, "delta": delta, "n_boot": n_boot, "seed": seed, "level": level,
    }  # fmt: skip
    found: list[SizeSaturation] = []
    lonely: list[LeftOut] = []
    for family, runs in table.by_family().items():
        sizes, alone = _by_size(law, runs)
        lonely += alone
        found += [
            SizeSaturation(item=fit_family(law, family, part, settings), n_params=n, within=within)
            for n, part in sizes
        ]
    tables = data_saturation_tables.tables(found)
    return AnalysisResult(
        name=DATA_SATURATION_ANALYZER.name,
        title="Data saturation",
        verdict=_verdict(found, len(table)),
        checks=[check for one in found for check in _checks(one)],
        tables=tables,
        figures=_figures(tables, found, settings),
        left_out=[*lonely, *all_left_out([one.item for one in found])],
        source=f"{_SOURCE}; runs: {table.source or 'given table'}",
        numbers=_numbers(found),
        fits=[one.item.fit.to_row() for one in found if one.item.fit is not None],
    )


def _by_size(law: Law, runs: RunTable) -> tuple[list[tuple[float, RunTable]], list[LeftOut]]:
    """Return the sizes with enough runs to fit, ascending, and the runs of the others."""
    needed = len(law.names) + 1
    n = fitted_values(runs, "n_params")
    known = np.isfinite(n) & (n > 0) & np.isfinite(runs.numbers("n_tokens"))
    known &= np.isfinite(runs.numbers("loss"))
    counts = Counter(n[known].tolist())
    sizes = [(s, runs.take(n == s)) for s in sorted(counts) if counts[s] >= needed]
    labels = runs.labels()
    left = []
    for i, size in enumerate(n.tolist()):
        if not (np.isfinite(size) and size > 0):
            left.append(LeftOut(subject=labels[i], reason="n_params is null, so it has no size"))
        elif counts[size] < needed:
            why = (
                f"{plural(counts[size], 'run')} with tokens and loss of {parameters(size)}, "
                f"{needed} needed to fit loss against tokens"
            )
            left.append(LeftOut(subject=labels[i], reason=why))
    return sizes, left


def _verdict(found: Sequence[SizeSaturation], n_rows: int) -> str:
    if not n_rows:
        return "There are no runs."
    if not found:
        return (
            f"No size has four runs with tokens and loss (of {plural(n_rows, 'run')}), so nothing "
            "can be said of more tokens: train one size for several lengths."
        )
    usable = [one for one in found if one.item.fit is not None and one.item.fit.is_usable]
    known = sum(one.is_floor_known for one in usable)
    begin = (
        f"Of {plural(len(found), 'size')} with four runs or more, the runs can tell the floor of "
        f"{known}."
    )
    # The largest size of each family is the one that a next run is about.
    largest = {one.item.family: one for one in usable}
    said = [_sentence(one) for one in largest.values()]
    hidden = len(said) - _MOST_SENTENCES
    more = f" And {hidden} more families, see the table." if hidden > 0 else ""
    return " ".join([begin, *said[:_MOST_SENTENCES]]) + more


def _sentence(one: SizeSaturation) -> str:
    fit = one.item.fit
    assert fit is not None
    where = f"{family_words(one.item.family)} at {parameters(one.n_params)}"
    last = fit.ranges["n_tokens"][1]
    gain = (
        f"{where} ({plural(fit.n_runs, 'run')} to {tokens(last)}): doubling the tokens lowers the "
        f"loss by {one.gain_of_doubling!r} nat/token"
    )
    needed = one.tokens_to_floor
    if not one.is_floor_known:
        why = (
            fit.warnings[0]
            if "E_N" in fit.open_ends
            else (f"tokens to within {one.within:g} of it range over more than {WIDEST:g} decades")
        )
        return f"{gain}; the runs cannot tell its floor, {fit.params['E_N']!r}: {why}."
    if needed.value <= last:
        return f"{gain}; it is within {one.within:g} of its floor already."
    return (
        f"{gain}; it comes within {one.within:g} of its floor, {fit.params['E_N']!r}, at "
        f"{tokens(needed.value)} [{tokens(needed.low)}, {tokens(needed.high)}]."
    )


def _checks(one: SizeSaturation) -> list[tuple[str, bool]]:
    where = f"{family_words(one.item.family)} at {parameters(one.n_params)}"
    fit = one.item.fit
    if fit is None:
        return [(f"{where}: {one.item.refusal}", False)]
    held = (f"{where}: the runs can tell the floor", one.is_floor_known)
    return [held, *((f"{where}: {text}", False) for text in fit.warnings)]


def _numbers(found: Sequence[SizeSaturation]) -> dict[str, Estimate]:
    """Return what doubling brings at each size, named by family and size."""
    return {
        f"{one.item.family + '/' if one.item.family else ''}gain_of_doubling/"
        f"{one.n_params:.0f}": one.gain_of_doubling
        for one in found
        if one.item.fit is not None and one.item.fit.is_usable
    }


def _figures(
    tables: Mapping[str, pd.DataFrame], found: Sequence[SizeSaturation], settings: Mapping[str, Any]
) -> Figures:
    fits = [one.item.fit for one in found if one.item.fit is not None]
    if not fits:
        return Figures(())
    n = sum(fit.n_runs for fit in fits)
    losses = sorted({f.loss_dataset for f in fits if f.loss_dataset})
    caption = (
        f"Loss against tokens at each size, {plural(n, 'run')} of {plural(len(fits), 'size')}"
        f"{', loss on ' + ', '.join(losses) if losses else ''}. Points are runs; lines are "
        "E_N + B/D^beta, dashed beyond the most tokens seen; bands hold them at "
        f"{100 * settings['level']:g} %. Minimized: {fits[0].settings.objective_words}. {_SOURCE}."
        f"{shown_words(len({one.item.family for one in found}))}"
    )
    draw = data_saturation_figures.loss_vs_tokens
    return Figures((
        Figure(name="loss_vs_tokens", caption=caption, table="loss_vs_tokens",
               build=lambda: draw(tables["loss_vs_tokens"])),
    ))  # fmt: skip


def _run(table: Any, context: AnalysisContext, /, **options: Any) -> AnalysisResult:
    return analyze_saturation(table, context, **options)


DATA_SATURATION_ANALYZER = Analyzer(
    name="data-saturation",
    summary="What more tokens still bring at each size, and whether the runs can tell.",
    source=_SOURCE,
    table="runs",
    requires=("n_params", "n_tokens", "loss"),
    run=_run,
    options={
        "within": Option(
            default=0.01, description="How close to the floor counts as there [nat/token]."
        ),
        "objective": Option(default="log-huber", description="What is minimized."),
        "delta": Option(default=1e-3, description="Huber threshold on the log residual [1]."),
        "n_boot": Option(
            default=300, description="Bootstrap replicates over runs; each size has its own."
        ),
        "seed": Option(default=0, description="Seed of the bootstrap."),
        "level": Option(default=0.95, description="Level of the intervals [1]."),
    },
    position=225,
)
