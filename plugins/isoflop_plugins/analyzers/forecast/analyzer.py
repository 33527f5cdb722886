"""What a law says of the next decade of compute, and how well it foretold the runs at hand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.errors import FitError, SchemaError, UnitError, UnknownNameError
from isoflop.estimation import fit_law
from isoflop.estimation.foretelling.expanding import expanding_window, known_flops
from isoflop.estimation.foretelling.forecasting import path
from isoflop.estimation.variables import fitted_values
from isoflop.hookspecs import AnalysisContext, Analyzer, Option
from isoflop.results import AnalysisResult, Figure, Figures, LeftOut
from isoflop.words import plural
from isoflop_plugins.analyzers.forecast import figures as forecast_figures
from isoflop_plugins.analyzers.forecast import tables as forecast_tables
from isoflop_plugins.analyzers.forecast.families import FamilyForecast
from isoflop_plugins.analyzers.forecast.tables import at_end
from isoflop_plugins.analyzers.forecast.words import checks, verdict

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimate import Estimate
    from isoflop.laws import Law
    from isoflop.tables import RunTable

_SOURCE = (
    "Expanding-window validation over N as in allenai/OLMo-core, "
    "model_ladder/analysis/eval.py; carrying the last value as the baseline"
)
_REFITS = 100
"""Resamples of each step of the validation: enough for its bands, and there are many steps."""


def forecast(
    table: RunTable,
    context: AnalysisContext,
    /,
    *,
    law: str = "chinchilla",
    response: str = "",
    objective: str = "",
    tokens_per_param: float = 0.0,
    decades: float = 1.0,
    steps: int = 6,
    n_boot: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> AnalysisResult:
    """Return what the law says of the next decade, and how well it foretold the larger runs.

    A family that cannot be fitted, or whose law did not beat carrying the lowest value, gets a
    sentence and no forecast; an empty table gives an empty result that says so.

    Parameters
    ----------
    table : RunTable
        Runs of any families.
    context : AnalysisContext
        Laws by name.
    law : str
        Law to fit, of variables that follow from C and D / N.
    response : str
        Column to forecast; empty for the law's own.
    objective : str
        What is minimized; empty for the law's own.
    tokens_per_param : float
        D / N of the runs to come; 0 for the median of the runs. [token]
    decades : float
        How far beyond the largest run. [decade]
    steps : int
        Steps of the validation at most, by size and by compute each, the largest ones.
    n_boot, seed, level
        Resamples over runs, their seed, and the level of the bands. [1]

    Raises
    ------
    UnknownNameError
        No such law, or no such column to forecast.
    SchemaError
        `decades`, `tokens_per_param` or `steps` out of range.
    """
    if law not in context.laws:
        raise UnknownNameError("law", law, context.laws, hint="`isoflop plugins` lists them.")
    if not (decades > 0 and tokens_per_param >= 0 and steps >= 0):
        raise SchemaError(
            "decades must be above 0, tokens_per_param and steps 0 or more, got "
            f"{decades!r}, {tokens_per_param!r} and {steps!r}."
        )
    chosen = context.laws[law]
    column = response or chosen.response
    settings = {
        "objective": objective or None, "n_boot": n_boot, "seed": seed, "level": level,
        "using": {chosen.response: response} if response else None,
    }  # fmt: skip
    items = [
        _family(
            chosen,
            family,
            runs,
            settings,
            tokens_per_param=tokens_per_param,
            decades=decades,
            steps=int(steps),
        )
        for family, runs in table.by_family().items()
    ]
    tables = forecast_tables.tables(items, column)
    return AnalysisResult(
        name=FORECAST.name,
        title="Forecast",
        verdict=verdict(items, column),
        checks=[check for item in items for check in checks(item, column)],
        tables=tables,
        figures=_figures(tables, items, column),
        left_out=_left_out(items),
        source=f"{chosen.source}; {_SOURCE}; runs: {table.source or 'given table'}",
        numbers=_numbers(items, column),
        fits=[item.fit.to_row() for item in items if item.fit is not None],
    )


def _family(
    law: Law,
    family: str,
    runs: RunTable,
    settings: Mapping[str, Any],
    *,
    tokens_per_param: float,
    decades: float,
    steps: int,
) -> FamilyForecast:
    try:
        path(law, np.ones(1), tokens_per_param=1.0)
        fit = fit_law(law, runs, family=family, **settings)
        few = {**settings, "n_boot": min(int(settings["n_boot"]), _REFITS)}
        by_size, problems = expanding_window(
            law, runs, by="n_params", most=steps, family=family, **few
        )
        by_compute, more = expanding_window(law, runs, by="flops", most=steps, family=family, **few)
    except (FitError, UnitError) as error:
        return FamilyForecast(family=family, runs=runs, fit=None, refusal=str(error))
    used = runs.take(fit.rows)
    flops = known_flops(used)
    if not np.isfinite(flops).all():
        refusal = "the compute of its runs is not known: n_params, n_tokens or flops are null"
        return FamilyForecast(family=family, runs=runs, fit=None, refusal=refusal)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = fitted_values(used, "n_tokens") / fitted_values(used, "n_params")
    known = ratio[np.isfinite(ratio)]
    median = float(np.exp(np.median(np.log(known)))) if known.size else math.nan
    return FamilyForecast(
        family=family,
        runs=runs,
        fit=fit,
        steps=[*by_size, *by_compute],
        refusals=[*problems, *more],
        tokens_per_param=tokens_per_param or median,
        flops=(float(flops.min()), float(flops.max())),
        decades=decades,
    )


def _left_out(items: Sequence[FamilyForecast]) -> list[LeftOut]:
    out: list[LeftOut] = []
    for item in items:
        if item.fit is None:
            reason = f"its family was not fitted: {item.refusal}"
            out += [LeftOut(subject=label, reason=reason) for label in item.runs.labels()]
            continue
        out += item.fit.left_out
        out += [LeftOut(subject=f"{item.name}, a step", reason=r) for r in item.refusals]
    return out


def _numbers(items: Sequence[FamilyForecast], column: str) -> dict[str, Estimate]:
    """Return the forecast at its end, named by family where there are several."""
    told = [item for item in items if item.fit is not None and item.is_told]
    return {
        f"{item.family}/{column}_ahead" if len(told) > 1 else f"{column}_ahead": at_end(item).law[0]
        for item in told
    }


def _figures(
    tables: Mapping[str, pd.DataFrame], items: Sequence[FamilyForecast], column: str
) -> Figures:
    fits = [item.fit for item in items if item.fit is not None]
    if not fits:
        return Figures(())
    where = f"{plural(sum(f.n_runs for f in fits), 'run')}, {column}"
    data = sorted({f.loss_dataset for f in fits if f.loss_dataset})
    where += f" on {', '.join(data)}" if data else ""
    law, level = fits[0].law, f"{100 * fits[0].level:g} %"
    figures = [
        Figure(
            name="forecast",
            caption=f"{where}, by compute. Points are runs; the line is {law.equation} at the "
            "tokens per parameter named in the verdict, dashed outside the runs; the dark band "
            f"holds the law and the light one a single run at {level}; the gray line carries the "
            f"lowest value. {law.source}.",
            table="forecast",
            build=lambda: forecast_figures.forecast(tables["forecast"], column),
        )
    ]
    if len(tables["steps"]):
        figures.append(
            Figure(
                name="rollout",
                caption=f"Error on the next size when fitted up to each size in turn, {where}: of "
                f"the law and of carrying the lowest value. {law.source}; {_SOURCE}.",
                table="steps",
                build=lambda: forecast_figures.rollout(tables["steps"]),
            )
        )
    return Figures(figures)


def _run(table: Any, context: AnalysisContext, /, **options: Any) -> AnalysisResult:
    return forecast(table, context, **options)


FORECAST = Analyzer(
    name="forecast",
    summary="Predicts the next decade of compute with bands, and says how well it foretold before.",
    source=_SOURCE,
    table="runs",
    requires=("n_params", "n_tokens"),
    run=_run,
    options={
        "law": Option(default="chinchilla", description="Law to fit."),
        "response": Option(default="", description="Column to forecast; empty for the law's own."),
        "objective": Option(default="", description="What is minimized; empty for the law's own."),
        "tokens_per_param": Option(
            default=0.0, description="D / N to forecast at; 0 for the median of the runs [token]."
        ),
        "decades": Option(default=1.0, description="How far beyond the largest run [decade]."),
        "steps": Option(
            default=6, description="Steps of the validation at most, by size and by compute each."
        ),
        "n_boot": Option(default=1000, description="Bootstrap replicates over runs."),
        "seed": Option(default=0, description="Seed of the bootstrap."),
        "level": Option(default=0.95, description="Level of the bands [1]."),
    },
    position=230,
)
