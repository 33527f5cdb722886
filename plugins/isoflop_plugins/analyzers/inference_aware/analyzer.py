"""Which model costs least to train and to serve, for a quality and a demand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.errors import UnitError
from isoflop.estimation import FitResult, check_resampling
from isoflop.estimation.frontier import FLOPS_PER_PARAM_TOKEN
from isoflop.hookspecs import AnalysisContext, Analyzer, Option
from isoflop.results import AnalysisResult, Figure, Figures, LeftOut
from isoflop.words import percent, plural
from isoflop_plugins.analyzers.by_family.fits import refit_families
from isoflop_plugins.analyzers.by_family.option_amounts import positive_numbers
from isoflop_plugins.analyzers.inference_aware import figures as inference_aware_figures
from isoflop_plugins.analyzers.inference_aware import tables as inference_aware_tables
from isoflop_plugins.analyzers.inference_aware.verdict import checks, numbers, verdict
from isoflop_plugins.analyzers.undertrained.inputs import read_inputs
from isoflop_plugins.analyzers.undertrained.laws import (
    Judge,
    chosen_judges,
    fitted_judge,
    published_judges,
)

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.tables import RunTable

_SOURCE = "Sardana et al. 2024, arXiv 2401.00448; frontier: Hoffmann et al. 2022, arXiv 2203.15556"
DEMANDS = (1e11, 1e12, 1e13)
"""Inference tokens over the life of a model where nobody says: from a product of one team to the
largest that Sardana et al. 2024 consider. [token]"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Target:
    """A quality that is wanted from one family.

    Parameters
    ----------
    family : str
        Name; ``""`` where runs have none.
    judge : Judge
        Law that says what the quality costs.
    kind : str
        ``"largest run"``: as good as that run; ``"compute-optimal"``: as good as the best run of a
        training budget.
    run : str
        Name of the run; empty for a budget.
    n_params, n_tokens : float
        Of the run; NaN for a budget. [1], [token]
    flops : float
        Compute of the run, or the budget. [FLOP]
    """

    family: str
    judge: Judge
    kind: str
    run: str
    n_params: float
    n_tokens: float
    flops: float


def analyze_inference(
    table: RunTable,
    context: AnalysisContext,
    /,
    *,
    law: str | FitResult = "auto",
    inference_tokens: float | Sequence[float] = DEMANDS,
    flops: float | Sequence[float] | None = None,
    level: float = 0.95,
    n_boot: int = 1000,
    seed: int = 0,
) -> AnalysisResult:
    """Return the cheapest model over its life for each family's best quality.

    Parameters
    ----------
    table : RunTable
        Needs ``n_params`` and ``n_tokens``; with ``loss`` a family gets its own law.
    law : str or FitResult
        Published two-term law, a fit, or ``"auto"``: the family's refit where it converged, else
        ``besiroglu-2024``.
    inference_tokens : float or sequence of float
        Tokens read and written over the model's life. [token]
    flops : float, sequence of float, or None
        Training budgets whose compute-optimal quality is wanted too; None for the compute of each
        family's largest run. [FLOP]
    level, n_boot, seed : float, int, int
        Level of the intervals; draws behind them; their seed.

    Returns
    -------
    AnalysisResult
        ``tables["optimum"]``, one row for family, quality and demand; ``tables["curve"]``, savings
        along demand for the families of most compute. An empty table, and runs without N or D,
        give a result that says so.

    Raises
    ------
    UnknownNameError
        No such published law.
    UnitError
        The law says nothing about loss.
    SchemaError
        An option is out of range.
    """
    check_resampling(n_boot=n_boot, level=level, seed=seed)
    demands = positive_numbers("inference_tokens", inference_tokens)
    budgets = None if flops is None else positive_numbers("flops", flops)
    published = published_judges(context.published, law=law, n_boot=n_boot, seed=seed)
    fits: dict[str, FitResult] = {}
    reasons: dict[str, str] = {}
    if law == "auto":
        fits, reasons = refit_families(table, context, level=level, n_boot=n_boot, seed=seed)
    refits = {family: fitted_judge(fit) for family, fit in fits.items()}
    families = table.by_family()
    judges = chosen_judges(law, list(families), refits, published)
    for judge in judges:
        if not judge.has_loss:
            raise UnitError(
                f"Law {judge.name!r} is an allocation: it says nothing about loss, so no two "
                "models are known to be equally good. Take a law of loss, such as besiroglu-2024."
            )
    targets, left_out = _targets(families, judges, budgets)
    tables = inference_aware_tables.tables(targets, demands, level=level)
    left_out += [LeftOut(subject=f"refit of {_name(f)}", reason=why) for f, why in reasons.items()]
    return AnalysisResult(
        name=INFERENCE_AWARE.name,
        title="Models for a demand",
        verdict=verdict(tables["optimum"], table, len(families)),
        checks=checks(tables["optimum"]),
        tables=tables,
        figures=_figures(tables["curve"], level),
        left_out=left_out,
        source=_source(judges, table),
        numbers=numbers(tables["optimum"], level),
        fits=[fit.to_row() for fit in fits.values()],
    )


def _targets(
    families: Mapping[str, RunTable], judges: Sequence[Judge], budgets: Sequence[float] | None
) -> tuple[list[Target], list[LeftOut]]:
    """Return the qualities wanted of each family, families of most compute first."""
    targets: list[tuple[float, list[Target]]] = []
    left: list[LeftOut] = []
    for (family, runs), judge in zip(families.items(), judges, strict=True):
        inputs, labels = read_inputs(runs), runs.labels()
        left += [
            LeftOut(subject=label, reason=why)
            for label, why in zip(labels, inputs.blocked, strict=True)
            if why
        ]
        if not inputs.assessable.any():
            continue
        spent = FLOPS_PER_PARAM_TOKEN * inputs.n_used * inputs.d_seen
        i = int(np.nanargmax(spent))
        most = float(spent[i])
        n, d = float(inputs.n_used[i]), float(inputs.d_effective[i])
        of_run = Target(
            family=family, judge=judge, kind="largest run", run=labels[i], n_params=n, n_tokens=d,
            flops=most,
        )  # fmt: skip
        of_budgets = [
            Target(
                family=family, judge=judge, kind="compute-optimal", run="", n_params=np.nan,
                n_tokens=np.nan, flops=budget,
            )
            for budget in budgets or [most]
        ]  # fmt: skip
        targets.append((most, [of_run, *of_budgets]))
    targets.sort(key=lambda item: -item[0])
    return [target for _, some in targets for target in some], left


def _name(family: str) -> str:
    return f"family {family!r}" if family else "the runs"


def _source(judges: Sequence[Judge], table: RunTable) -> str:
    laws = dict.fromkeys(f"{judge.name}: {judge.source}" for judge in judges)
    return "; ".join([_SOURCE, *laws, f"runs: {table.source or 'given table'}"])


def _figures(curve: pd.DataFrame, level: float) -> Figures:
    if curve.empty:
        return Figures(())
    qualities = curve.drop_duplicates("quality")
    laws = ", ".join(dict.fromkeys(qualities["law"]))
    what = f"for the quality of {plural(len(qualities), 'largest run')}, under {laws}"
    rules = f"dashed outside the runs behind the law; bands hold it at {percent(level)}. {_SOURCE}."
    return Figures(
        (
            Figure(
                name="saved_share",
                caption="Compute of training and inference saved against the compute-optimal model "
                f"of the same loss, {what}; {rules}",
                table="curve",
                build=lambda: inference_aware_figures.saved_share(curve),
            ),
            Figure(
                name="tokens_per_param",
                caption=f"Training tokens per parameter of the cheapest model, {what}; {rules}",
                table="curve",
                build=lambda: inference_aware_figures.tokens_per_param(curve),
            ),
        )
    )


def _run(table: Any, context: AnalysisContext, /, **options: Any) -> AnalysisResult:
    return analyze_inference(table, context, **options)


INFERENCE_AWARE = Analyzer(
    name="inference-aware",
    summary="Says which model costs least to train and to serve at a quality and a demand.",
    source=_SOURCE,
    table="runs",
    requires=("n_params", "n_tokens"),
    run=_run,
    options={
        "law": Option(
            default="auto",
            description="published law, a FitResult, or auto: the family's refit where it "
            "converged, else besiroglu-2024",
        ),
        "inference_tokens": Option(
            default=DEMANDS, description="tokens served over the model's life, one or a list"
        ),
        "flops": Option(
            default=None,
            description="training budgets whose compute-optimal quality is wanted, one or a list; "
            "the largest run's compute by default",
        ),
        "level": Option(default=0.95, description="level of the intervals"),
        "n_boot": Option(default=1000, description="draws behind the intervals"),
        "seed": Option(default=0, description="seed of the draws"),
    },
    position=260,
)

__all__ = ["INFERENCE_AWARE", "analyze_inference"]
