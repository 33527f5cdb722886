"""What pre-training is worth: fine-tuned runs against a ladder from scratch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.errors import FitError, UnitError, UnknownNameError
from isoflop.estimate import Estimate
from isoflop.estimation import FitResult, check_resampling, fit_law
from isoflop.estimation.intervals import interval
from isoflop.hookspecs import AnalysisContext, Analyzer, Option
from isoflop.results import AnalysisResult, Figure, Figures, LeftOut
from isoflop.words import percent, plural
from isoflop_plugins.analyzers.by_family.fits import FamilyFit, fit_checks, fit_family
from isoflop_plugins.analyzers.transfer import figures as transfer_figures
from isoflop_plugins.analyzers.transfer import tables as transfer_tables
from isoflop_plugins.analyzers.transfer import words as transfer_words
from isoflop_plugins.analyzers.transfer.transferred_data import (
    Ladders,
    Tuned,
    measured,
    refit_draws,
)

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.laws import Law
    from isoflop.tables import RunTable

_SOURCE = "Hernandez et al. 2021, arXiv 2102.01293; Chen et al. 2020, arXiv 2006.10029"
_FINE_TUNED = ("continued", "sft")
_LEAST = 3.0
"""Geometric spread of sizes and of fine-tuning data below which their exponents say nothing. [1]"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Transfer:
    """What came of one family.

    Parameters
    ----------
    scratch : FamilyFit
        Law of the runs from scratch, or why there is none.
    tuned : Tuned or None
        Fine-tuned runs with what they are worth; None without a law from scratch.
    law : FamilyFit or None
        The law of transfer; None where no fine-tuned run could be weighed.
    draws : NDArray, shape (n_boot, 3)
        Its k, a, b over resamples of both ladders.
    """

    scratch: FamilyFit
    tuned: Tuned | None
    law: FamilyFit | None
    draws: np.ndarray[Any, np.dtype[np.float64]]

    @property
    def family(self) -> str:
        """Name of the family of the fine-tuned runs."""
        return self.scratch.family

    @property
    def fit(self) -> FitResult | None:
        """The law of transfer where it can be used."""
        fit = self.law.fit if self.law is not None else None
        return fit if fit is not None and fit.is_usable else None

    def estimate(self, name: str) -> Estimate:
        """Return k, a or b with an interval over resamples of both ladders."""
        fit = self.fit
        assert fit is not None
        i = fit.law.names.index(name)
        return interval(float(fit.estimate[i]), self.draws[:, i], fit.level)


def analyze_transfer(
    table: RunTable,
    context: AnalysisContext,
    /,
    *,
    scratch: str | None = None,
    n_boot: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> AnalysisResult:
    """Return the data that pre-training is worth to each fine-tuned run, and its law.

    Parameters
    ----------
    table : RunTable
        Needs N, ``n_tokens`` and ``loss`` on the target. Runs of stage ``continued`` or ``sft`` are
        the fine-tuned ladder, the others that are not their parents the one from scratch. N without
        embeddings is taken where every run has it.
    scratch : str or None
        Family that holds the ladder from scratch; None for that of the fine-tuned runs.
    n_boot, seed, level : int, int, float
        Draws behind the intervals, their seed, level of the intervals.

    Returns
    -------
    AnalysisResult
        A family without one of the ladders gets a sentence and no number; an empty table a result
        that says so.

    Raises
    ------
    UnknownNameError
        There is no family named `scratch`.
    """
    check_resampling(n_boot=n_boot, level=level, seed=seed)
    settings = {"n_boot": n_boot, "seed": seed, "level": level}
    families = table.by_family()
    if scratch is not None and scratch not in families:
        raise UnknownNameError("family", scratch, families)
    found = [
        _family(context, family, runs, families.get(scratch or "", runs), settings)
        for family, runs in families.items()
        if scratch is None or family != scratch
    ]
    tables = transfer_tables.tables(found)
    return AnalysisResult(
        name=TRANSFER_ANALYZER.name,
        title="What pre-training is worth",
        verdict=transfer_words.verdict(found),
        checks=[check for t in found for check in _checks(t)],
        tables=tables,
        figures=_figures(found, tables, level),
        left_out=[left for t in found for left in _left_out(t)],
        source=f"{_SOURCE}; runs: {table.source or 'given table'}",
        numbers=_numbers(found),
        is_answer=any(item.fit is not None for item in found),
        fits=[t.fit.to_row() for t in found if t.fit is not None],
    )


def _family(
    context: AnalysisContext,
    family: str,
    runs: RunTable,
    elsewhere: RunTable,
    settings: Mapping[str, Any],
) -> Transfer:
    """Return what one family says; `elsewhere` holds its ladder from scratch, mostly itself."""
    ladders = Ladders.of(runs, elsewhere, fine_tuned=_FINE_TUNED)
    nothing = np.empty((0, 3))
    refusal = ladders.refusal
    if not refusal:
        before = fit_family(
            context.laws["chinchilla"], _name_of(ladders.scratch), ladders.scratch,
            {**settings, "using": {"n_params": ladders.size_column}},
        )  # fmt: skip
        refusal = before.refusal or _unusable(before.fit)
    if refusal:
        item = FamilyFit(family=family, runs=runs, fit=None, refusal=refusal)
        return Transfer(scratch=item, tuned=None, law=None, draws=nothing)
    assert before.fit is not None
    item = FamilyFit(family=family, runs=ladders.scratch, fit=before.fit)
    tuned = measured(ladders, before.fit)
    law = _law(context.laws["transfer"], family, tuned, settings)
    draws = nothing if law.fit is None else refit_draws(tuned, int(settings["seed"]))
    return Transfer(scratch=item, tuned=tuned, law=law, draws=draws)


def _name_of(runs: RunTable) -> str:
    return next((f for f in runs.texts("family") if f), "")


def _unusable(fit: FitResult | None) -> str:
    if fit is None or fit.is_usable:
        return ""
    return f"the runs from scratch have no usable law: {fit.status}, {fit.warnings[0]}"


def _law(law: Law, family: str, tuned: Tuned, settings: Mapping[str, Any]) -> FamilyFit:
    """Return the law of transfer of the runs in the low-data regime that gained data."""
    runs = tuned.table(family)
    for name, values in (("sizes", tuned.n_params), ("amounts of data", tuned.n_tokens)):
        used = values[tuned.usable]
        if used.size > len(law.names) and used.max() < _LEAST * used.min():
            refusal = (
                f"the fine-tuned runs of the low-data regime span {used.max() / used.min():.2g} "
                f"times in {name}, at least {_LEAST:g} needed; add runs"
            )
            return FamilyFit(family=family, runs=runs, fit=None, refusal=refusal)
    try:
        fit = fit_law(law, runs, family=family if family else None, **settings)
    except (FitError, UnitError) as error:
        return FamilyFit(family=family, runs=runs, fit=None, refusal=str(error))
    return FamilyFit(family=family, runs=runs, fit=fit)


def _checks(t: Transfer) -> list[tuple[str, bool]]:
    out = fit_checks(t.scratch)
    tuned = t.tuned
    if tuned is None or t.law is None:
        return out
    low = int(tuned.low_data.sum())
    text = (
        f"{t.scratch.words}: {low} of {plural(len(tuned.labels), 'fine-tuned run')} in the "
        "low-data regime, where the law holds"
    )
    out.append((text, low == len(tuned.labels)))
    low_end, high_end = t.scratch.fit.ranges["n_tokens"] if t.scratch.fit else (np.nan, np.nan)
    needed = tuned.effective.value
    inside = int(((needed >= low_end) & (needed <= high_end)).sum())
    text = (
        f"{t.scratch.words}: the effective data of {inside} of {len(needed)} lie inside the data "
        "of the runs from scratch; the law from scratch is extrapolated for the others"
    )
    out.append((text, inside == len(needed)))
    beyond = int(np.isinf(tuned.effective.value).sum())
    text = f"{t.scratch.words}: {beyond} reached a loss that no data from scratch would reach"
    out.append((text, beyond == 0))
    return out + [(f"transfer, {words}", ok) for words, ok in fit_checks(t.law)]


def _left_out(t: Transfer) -> list[LeftOut]:
    if t.tuned is None:
        reason = f"its family was not weighed: {t.scratch.refusal}"
        return [LeftOut(subject=label, reason=reason) for label in t.scratch.runs.labels()]
    assert t.scratch.fit is not None
    return [*t.scratch.fit.left_out, *t.tuned.left_out]


def _numbers(found: Sequence[Transfer]) -> dict[str, Estimate]:
    fitted = [t for t in found if t.fit is not None]
    return {
        f"{t.family}/{name}" if len(fitted) > 1 else name: t.estimate(name)
        for t in fitted
        for name in ("k", "a", "b")
    }


def _figures(
    found: Sequence[Transfer], tables: Mapping[str, pd.DataFrame], level: float
) -> Figures:
    weighed = [t for t in found if t.tuned is not None]
    if not weighed:
        return Figures(())
    n = sum(len(t.tuned.labels) for t in weighed if t.tuned is not None)
    base = sum(t.scratch.fit.n_runs for t in weighed if t.scratch.fit is not None)
    where = f"{plural(n, 'fine-tuned run')} against {base} from scratch"
    return Figures(
        (
            Figure(
                name="multiplier",
                caption="How many times its own data a fine-tuned model is worth, by size, "
                f"{where}. Points are runs, bars hold them at {percent(level)} over the law from "
                "scratch; lines are (D_F + D_T) / D_F of D_T = k D_F^a N^b; hollow points lie "
                f"outside the low-data regime. {_SOURCE}.",
                table="runs",
                build=lambda: transfer_figures.multiplier(tables["runs"], tables["lines"]),
            ),
            Figure(
                name="ladders",
                caption=f"Loss on the target against its tokens, {where}. Lines are the law from "
                "scratch of each size, dashed outside its runs; the distance to the right from a "
                f"fine-tuned run to the line of its size is D_T. {_SOURCE}.",
                table="ladders",
                build=lambda: transfer_figures.ladders(tables["ladders"]),
            ),
        )
    )


def _run(table: Any, context: AnalysisContext, /, **options: Any) -> AnalysisResult:
    return analyze_transfer(table, context, **options)


TRANSFER_ANALYZER = Analyzer(
    name="transfer",
    summary="Says how much data of the target pre-training is worth, by size and fine-tuning data.",
    source=_SOURCE,
    table="runs",
    requires=("n_params", "n_tokens", "loss", "stage"),
    run=_run,
    options={
        "scratch": Option(
            default=None,
            description="family with the ladder from scratch; the fine-tuned runs' own by default",
        ),
        "n_boot": Option(default=1000, description="draws behind the intervals"),
        "seed": Option(default=0, description="seed of the draws"),
        "level": Option(default=0.95, description="level of the intervals"),
    },
    position=285,
)

__all__ = ["TRANSFER_ANALYZER", "Transfer", "analyze_transfer"]
