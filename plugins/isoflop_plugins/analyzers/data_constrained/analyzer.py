"""What repeated tokens are worth: the data-constrained law refitted to each family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.estimation import check_resampling
from isoflop.estimation.variables import fitted_values
from isoflop.hookspecs import AnalysisContext, Analyzer, Option
from isoflop.results import AnalysisResult, Figure, Figures
from isoflop.words import percent, plural
from isoflop_plugins.analyzers.by_family.fits import (
    FamilyFit,
    all_left_out,
    fit_checks,
    fit_family,
    headline_numbers,
)
from isoflop_plugins.analyzers.by_family.option_amounts import positive_numbers
from isoflop_plugins.analyzers.data_constrained import figures as data_constrained_figures
from isoflop_plugins.analyzers.data_constrained import tables as data_constrained_tables
from isoflop_plugins.analyzers.data_constrained import words as data_constrained_words
from isoflop_plugins.analyzers.data_constrained.half_lives import ONE_PASS, half_life
from isoflop_plugins.laws.data_constrained import MUENNIGHOFF_C4

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimation import FitResult
    from isoflop.laws import Law
    from isoflop.tables import RunTable

_SOURCE = "Muennighoff et al. 2023, equations 5 and 6, arXiv 2305.16264"
_SCOUTS = 100

_NO_REPEATS = (
    "none of {n} with known n_tokens_unique repeats its data (more than 1.01 epochs), so the worth "
    "of repeated tokens is unknown; add runs of 4 and 16 epochs"
)
_NO_UNIQUE = (
    "n_tokens_unique is null in all of {n}, so repeats cannot be told from new tokens; say how "
    "many distinct tokens each run saw"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """A family's fit, with what it took to get there.

    Parameters
    ----------
    item : FamilyFit
        Fit or refusal.
    epochs : NDArray, shape (n_runs,)
        Tokens seen over distinct tokens; NaN where unknown.
    note : str
        What was held fixed and why; empty where nothing was.
    """

    item: FamilyFit
    epochs: np.ndarray[Any, np.dtype[np.float64]]
    note: str = ""

    @property
    def n_repeating(self) -> int:
        """Runs that saw tokens twice."""
        return int((self.epochs > ONE_PASS).sum())


def analyze_repeats(
    table: RunTable,
    context: AnalysisContext,
    /,
    *,
    two_stage: bool = False,
    n_tokens_unique: float | None = None,
    flops: float | Sequence[float] | None = None,
    n_boot: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> AnalysisResult:
    """Return what repetitions are worth in each family, and the best epochs at a budget.

    Parameters
    ----------
    table : RunTable
        Needs ``n_params``, ``n_tokens``, ``n_tokens_unique`` and ``loss``.
    two_stage : bool
        True for the fit as published: E, A, B, alpha and beta from runs that repeat nothing, then
        R_D and R_N alone. Its intervals leave the first stage's uncertainty out.
    n_tokens_unique : float or None
        Distinct tokens at hand for the best epochs; None for the most that any run had. [token]
    flops : float, sequence of float, or None
        Budgets for the best epochs; None for the largest compute of the family. [FLOP]
    n_boot, seed, level : int, int, float
        Draws behind the intervals, their seed, level of the intervals.

    Returns
    -------
    AnalysisResult
        A family without repeats, without distinct token counts or with too few runs gets a sentence
        and no number; an empty table a result that says so.
    """
    check_resampling(n_boot=n_boot, level=level, seed=seed)
    budgets = None if flops is None else positive_numbers("flops", flops)
    if n_tokens_unique is not None:
        (n_tokens_unique,) = positive_numbers("n_tokens_unique", float(n_tokens_unique))
    settings = {"n_boot": n_boot, "seed": seed, "level": level}
    found = [
        _family(context, family, runs, settings, two_stage=bool(two_stage))
        for family, runs in table.by_family().items()
    ]
    tables = data_constrained_tables.tables(found, budgets=budgets, unique=n_tokens_unique)
    items = [r.item for r in found]
    return AnalysisResult(
        name=DATA_CONSTRAINED_ANALYZER.name,
        title="Worth of repeated tokens",
        verdict=data_constrained_words.verdict(found, tables["optimum"]),
        checks=[check for r in found for check in _checks(r)],
        tables=tables,
        figures=_figures(found, tables, level),
        left_out=all_left_out(items),
        source=f"{_SOURCE}; runs: {table.source or 'given table'}",
        numbers=headline_numbers(items, ("R_D", "R_N"))
        | {k: half_life(r.item.fit, "R_D") for k, r in _named_fits(found).items() if r.item.fit},
        is_answer=any(item.fit is not None for item in items),
        fits=[item.fit.to_row() for item in items if item.fit is not None],
    )


def _named_fits(found: Sequence[Repeats]) -> dict[str, Repeats]:
    fitted = [r for r in found if r.item.fit is not None]
    return {f"{r.item.family}/R_D" if len(fitted) > 1 else "R_D": r for r in fitted}


def _family(
    context: AnalysisContext,
    family: str,
    runs: RunTable,
    settings: Mapping[str, Any],
    *,
    two_stage: bool,
) -> Repeats:
    with np.errstate(divide="ignore", invalid="ignore"):
        epochs = fitted_values(runs, "n_tokens") / runs.numbers("n_tokens_unique")
    known, n = np.isfinite(epochs), plural(len(runs), "run")
    reason = ""
    if not known.any():
        reason = _NO_UNIQUE.format(n=n)
    elif not (epochs[known] > ONE_PASS).any():
        reason = _NO_REPEATS.format(n=plural(int(known.sum()), "run"))
    if reason:
        item = FamilyFit(family=family, runs=runs, fit=None, refusal=reason)
        return Repeats(item=item, epochs=epochs)
    law = context.laws["data-constrained"]
    if two_stage:
        return _two_stage(law, context.laws["chinchilla"], family, runs, epochs, settings)
    return _joint(law, family, runs, epochs, settings)


def _joint(
    law: Law, family: str, runs: RunTable, epochs: Any, settings: Mapping[str, Any]
) -> Repeats:
    """Return the fit of all parameters; R_N is held where the runs do not tell it.

    Few resamples tell whether they do: those of a law that is not identified are the slow part.
    """
    scout = fit_family(law, family, runs, {**settings, "n_boot": min(_SCOUTS, settings["n_boot"])})
    if scout.fit is None:
        return Repeats(item=scout, epochs=epochs)
    if scout.fit.is_usable:
        return Repeats(item=fit_family(law, family, runs, settings), epochs=epochs)
    value, why = _held(scout.fit)
    item = fit_family(law, family, runs, {**settings, "fixed": {"R_N": value}})
    if item.fit is None or not item.fit.is_usable:
        return Repeats(item=scout, epochs=epochs)
    return Repeats(item=item, epochs=epochs, note=f"R_N is held at {value:.3g}: {why}")


def _held(fit: FitResult) -> tuple[float, str]:
    """Return the value to hold R_N at: the end of its box that it ran to, else the paper's."""
    ended, high = fit.params["R_N"].value, fit.law.parameter("R_N").high
    if fit.status == "at-bound" and ended >= high * (1 - 1e-6):
        return high, "the runs show no loss of worth in parameters beyond what their data warrant"
    words = "the paper's, since hardly any run is larger than its distinct tokens warrant"
    return MUENNIGHOFF_C4["R_N"], words


def _two_stage(
    law: Law,
    first: Law,
    family: str,
    runs: RunTable,
    epochs: Any,
    settings: Mapping[str, Any],
) -> Repeats:
    before = fit_family(first, family, runs.take(epochs <= ONE_PASS), settings)
    unique = before.fit
    if unique is None or not unique.is_usable:
        why = before.refusal if unique is None else f"{unique.status}, {unique.warnings[0]}"
        refusal = f"the first stage, on runs that repeat nothing, has no fit: {why}"
        item = FamilyFit(family=family, runs=runs, fit=None, refusal=refusal)
        return Repeats(item=item, epochs=epochs)
    fixed = dict(zip(first.names, unique.estimate.tolist(), strict=True))
    note = (
        f"E, A, B, alpha and beta are held at the fit of the {plural(unique.n_runs, 'run')} that "
        "repeat nothing, so that intervals leave their uncertainty out"
    )
    return Repeats(
        item=fit_family(law, family, runs, {**settings, "fixed": fixed}), epochs=epochs, note=note
    )


def _checks(r: Repeats) -> list[tuple[str, bool]]:
    out = fit_checks(r.item)
    fit = r.item.fit
    if fit is None:
        return out
    found = half_life(fit, "R_D")
    held = bool(np.isfinite(found.high) and found.low > 0)
    if not any("R_D is not identified" in text for text, _ in out):
        text = f"{r.item.words}: the resamples hold R_D from both sides of its box"
        out.append((text, held))
    if r.note:
        out.append((f"{r.item.words}: {r.note}", False))
    return out


def _figures(found: Sequence[Repeats], tables: Mapping[str, pd.DataFrame], level: float) -> Figures:
    fits = [r.item.fit for r in found if r.item.fit is not None and r.item.fit.is_usable]
    if not fits:
        return Figures(())
    n = sum(f.n_runs for f in fits)
    losses = sorted({f.loss_dataset for f in fits if f.loss_dataset})
    where = f"{plural(n, 'run')}{', loss on ' + ', '.join(losses) if losses else ''}"
    return Figures(
        (
            Figure(
                name="worth",
                caption="What all tokens seen are worth in new ones, as a share, against epochs, "
                f"{where}: D'/D of the data-constrained law, dashed beyond the epochs of the runs; "
                f"the band holds it at {percent(level)}; gray, the paper's R_D* of 15.4. "
                f"{_SOURCE}.",
                table="worth",
                build=lambda: data_constrained_figures.worth(tables["worth"]),
            ),
            Figure(
                name="residuals",
                caption=f"How far the law is from each run, against its epochs, {where}. A trend "
                "with epochs means that repetition does something else than the law says. "
                f"{_SOURCE}.",
                table="runs",
                build=lambda: data_constrained_figures.residuals(tables["runs"]),
            ),
        )
    )


def _run(table: Any, context: AnalysisContext, /, **options: Any) -> AnalysisResult:
    return analyze_repeats(table, context, **options)


DATA_CONSTRAINED_ANALYZER = Analyzer(
    name="data-constrained",
    summary="Says what repeated tokens are worth, and how many epochs are best at a budget.",
    source=_SOURCE,
    table="runs",
    requires=("n_params", "n_tokens", "n_tokens_unique", "loss"),
    run=_run,
    options={
        "two_stage": Option(
            default=False,
            description="fit R_D and R_N alone, the rest held at runs that repeat nothing",
        ),
        "n_tokens_unique": Option(
            default=None, description="distinct tokens at hand; the most of any run by default"
        ),
        "flops": Option(
            default=None, description="budgets, one or a list; the largest compute by default"
        ),
        "n_boot": Option(default=1000, description="draws behind the intervals"),
        "seed": Option(default=0, description="seed of the draws"),
        "level": Option(default=0.95, description="level of the intervals"),
    },
    position=245,
)

__all__ = ["DATA_CONSTRAINED_ANALYZER", "analyze_repeats"]
