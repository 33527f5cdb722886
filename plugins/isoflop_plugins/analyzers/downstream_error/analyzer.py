"""Whether the loss of a run foretells its average error on tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.hookspecs import AnalysisContext, Analyzer, Option
from isoflop.results import AnalysisResult, Figure, Figures, LeftOut
from isoflop.words import number, percent, plural
from isoflop_plugins.analyzers.by_family.fits import (
    FamilyFit,
    all_left_out,
    fit_checks,
    fit_family,
    headline_numbers,
)
from isoflop_plugins.analyzers.by_family.tables import (
    FITS,
    PARAMS,
    fit_row,
    frame,
    param_rows,
    spread,
)
from isoflop_plugins.analyzers.downstream_error import figures as downstream_error_figures
from isoflop_plugins.analyzers.downstream_error.chain import HeldOutErrors, held_out_errors
from isoflop_plugins.analyzers.downstream_error.runs import TASKS, FamilyErrors, family_errors

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimation import FitResult
    from isoflop.tables import ScoreTable

_SOURCE = "Gadre et al. 2024, arXiv 2403.08540"
_MOST_SENTENCES = 6
_GRID = 60
_BEYOND = 0.15  # share of the range of the loss that the line goes beyond the runs

_UNITS = {"error": "1", "from_loss": "1", "from_size": "1", "loss": "nat/token", "baseline": "1"}
_COLUMNS: dict[str, tuple[str, ...]] = {
    "params": PARAMS,
    "fits": FITS,
    "error_vs_loss": (
        "family", "kind", "segment", "run", "n_params", "n_tokens", "loss", "error", "error_low",
        "error_high",
    ),
    "held_out": (
        "family", "run", "n_params", "n_tokens", "loss", "error", "from_loss", "from_loss_low",
        "from_loss_high", "from_size", "from_size_low", "from_size_high", "baseline",
    ),
    "tasks": TASKS,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FamilyDownstream:
    """What came of one family: its average errors, the fit, and the held-out runs."""

    errors: FamilyErrors
    item: FamilyFit
    held_out: HeldOutErrors | None


def analyze_downstream(
    table: ScoreTable,
    context: AnalysisContext,
    /,
    *,
    metric: str = "accuracy",
    tasks: Sequence[str] = (),
    objective: str = "squares",
    delta: float = 1e-3,
    n_boot: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    holdout: float = 0.2,
) -> AnalysisResult:
    """Return how each family's average task error follows from its loss.

    A family without scores under the metric, without losses, or with too few runs gets a sentence
    and no numbers; an empty table gives an empty result that says so.
    """
    laws = (context.laws["over-training"], context.laws["downstream-error"])
    settings = {
        "objective": objective, "delta": delta, "n_boot": n_boot, "seed": seed, "level": level,
    }  # fmt: skip
    found = []
    for family, scores in table.by_family().items():
        errors = family_errors(family, scores, metric=metric, tasks=tasks)
        item = FamilyFit(family=family, runs=errors.runs, fit=None, refusal=errors.refusal)
        if not errors.refusal:
            item = fit_family(laws[1], family, errors.runs, settings, left_out=errors.left_out)
        held = None
        if item.fit is not None:
            held = held_out_errors(laws, errors.runs, item.fit.rows, settings, holdout=holdout)
        found.append(FamilyDownstream(errors=errors, item=item, held_out=held))
    items = [one.item for one in found]
    tables = _tables(found)
    done = [item.fit for item in items if item.fit is not None]
    return AnalysisResult(
        name=DOWNSTREAM_ERROR_ANALYZER.name,
        title="Task error from loss",
        verdict=_verdict(found, metric),
        checks=[check for one in found for check in _checks(one)],
        tables=tables,
        figures=_figures(tables, done, metric),
        left_out=[*all_left_out(items), *_idle_tasks(found)],
        source=f"{_SOURCE}; scores: {table.source or 'given table'}",
        numbers=headline_numbers(items, ("k", "gamma", "eps")),
        fits=[fit.to_row() for fit in done],
    )


def _verdict(found: Sequence[FamilyDownstream], metric: str) -> str:
    if not found:
        return "There are no scores."
    if not any(one.item.fit for one in found):
        first = found[0].item
        more = f" The same goes for {len(found) - 1} more families." if len(found) > 1 else ""
        return f"No law of the error could be fitted. {first.words}: {first.refusal}{more}"
    sentences = [_sentence(one, one.item.fit, metric) for one in found if one.item.fit is not None]
    without = sum(one.item.fit is None for one in found)
    if without:
        sentences.append(f"{plural(without, 'family', 'families')} had too few runs or no scores.")
    hidden = len(sentences) - _MOST_SENTENCES
    return " ".join(sentences[:_MOST_SENTENCES]) + (
        f" And {hidden} more, see the table." if hidden > 0 else ""
    )


def _sentence(one: FamilyDownstream, fit: FitResult, metric: str) -> str:
    n_tasks = int(one.errors.tasks["is_averaged"].sum())
    where = (
        f"{one.item.words} ({plural(fit.n_runs, 'run')}, mean {metric} of "
        f"{plural(n_tasks, 'task')}, {fit.settings.objective_words})"
    )
    if not fit.is_usable:
        return f"{where}: {fit.status.replace('-', ' ')}, {fit.warnings[0]}."
    low = fit.ranges["loss"][0]
    now, less = (float(fit.predict_at({"loss": x}).value) for x in (low, low - 0.1))
    said = (
        f"{where}: the error is {percent(now)} at the lowest loss, {number(low, digits=3)} "
        f"nat/token, and falls to {percent(less)} with 0.1 less"
    )
    if one.held_out is None:
        return f"{said}; too few runs to hold any out."
    said += (
        f"; held-out runs are foretold to {percent(one.held_out.missed(one.held_out.from_loss))}"
    )
    if one.held_out.from_size is not None:
        missed = percent(one.held_out.missed(one.held_out.from_size))
        said += f" of their error from their loss and to {missed} from N and D alone"
    return f"{said}."


def _checks(one: FamilyDownstream) -> list[tuple[str, bool]]:
    checks = fit_checks(one.item)
    held, fit = one.held_out, one.item.fit
    if held is not None:
        missed, base = (
            held.missed(held.from_loss),
            float(np.abs(held.baseline / held.error - 1).mean()),
        )
        checks.append((
            f"{one.item.words}: mean error of {percent(missed)} on the "
            f"{plural(len(held.rows), 'run')} of largest compute held out; carrying the lowest "
            f"error seen, {percent(base)}", missed < base,
        ))  # fmt: skip
    if fit is not None and np.isfinite(one.errors.guessing):
        eps = fit.params["eps"]
        checks.append((
            f"{one.item.words}: error at high loss {eps!r}, of guessing "
            f"{number(one.errors.guessing, digits=3)}",
            bool(eps.low <= one.errors.guessing <= eps.high),
        ))  # fmt: skip
    return checks


def _idle_tasks(found: Sequence[FamilyDownstream]) -> list[LeftOut]:
    return [
        LeftOut(subject=str(row["task"]), reason=str(row["reason"]))
        for one in found
        for row in one.errors.tasks.to_dict("records")
        if not row["is_averaged"]
    ]


def _tables(found: Sequence[FamilyDownstream]) -> dict[str, pd.DataFrame]:
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _COLUMNS}
    for one in found:
        rows["fits"].append(fit_row(one.item))
        rows["tasks"] += [{str(k): v for k, v in row.items()} for row in
                          one.errors.tasks.to_dict("records")]  # fmt: skip
        if one.item.fit is None:
            continue
        rows["params"] += param_rows(one.item.fit)
        rows["error_vs_loss"] += [*_runs(one, one.item.fit), *_line(one.item.fit)]
        rows["held_out"] += _held_out(one)
    return {name: frame(_COLUMNS[name], made, _UNITS) for name, made in rows.items()}


def _facts(one: FamilyDownstream) -> list[dict[str, Any]]:
    """Return what a row of a table says of each run."""
    runs = one.errors.runs
    numbers = (runs.params_per_token(), runs.numbers("n_tokens"), runs.numbers("loss"))
    columns = zip(runs.labels(), *(values.tolist() for values in numbers), strict=True)
    return [
        {"family": one.item.family, "run": run, "n_params": n, "n_tokens": d, "loss": loss}
        for run, n, d, loss in columns
    ]


def _runs(one: FamilyDownstream, fit: FitResult) -> list[dict[str, Any]]:
    error = one.errors.runs.to_pandas()["error"].to_numpy()
    facts = _facts(one)
    return [
        {**facts[i], "kind": "run", "segment": "", "error": error[i]} for i in fit.rows.tolist()
    ]


def _line(fit: FitResult) -> list[dict[str, Any]]:
    if not fit.is_usable:
        return []
    low, high = fit.ranges["loss"]
    below = low - _BEYOND * (high - low)
    rows: list[dict[str, Any]] = []
    for segment, ends in (("inside", (low, high)), ("outside", (below, low))):
        loss = np.linspace(*ends, _GRID)
        foretold = fit.predict_at({"loss": loss})
        rows += [
            {"family": fit.family, "kind": "line", "segment": segment, "run": "",
             "loss": loss[i], **spread("error", foretold[i])}
            for i in range(_GRID)
        ]  # fmt: skip
    return rows


def _held_out(one: FamilyDownstream) -> list[dict[str, Any]]:
    held = one.held_out
    if held is None:
        return []
    rows, facts = [], _facts(one)
    for place, index in enumerate(held.rows.tolist()):
        row = facts[index] | {"error": held.error[place], "baseline": held.baseline}
        row |= spread("from_loss", held.from_loss[place])
        if held.from_size is not None:
            row |= spread("from_size", held.from_size[place])
        rows.append(row)
    return rows


def _figures(tables: Mapping[str, pd.DataFrame], fits: Sequence[FitResult], metric: str) -> Figures:
    if not fits:
        return Figures(())
    n = sum(fit.n_runs for fit in fits)
    lines = (
        "lines are error = eps - k exp(-gamma loss), dashed below the lowest loss; bands hold them "
        f"at {100 * fits[0].level:g} %. Minimized: {fits[0].settings.objective_words}."
    )
    if not (tables["error_vs_loss"]["kind"] == "line").any():
        lines = "the law has no line here, because the runs do not tell its parameters."
    caption = (
        f"Average task error (1 less the mean {metric}) against loss, {plural(n, 'run')}. Points "
        f"are runs; {lines} {_SOURCE}."
    )
    draw = downstream_error_figures.error_vs_loss
    return Figures((
        Figure(name="error_vs_loss", caption=caption, table="error_vs_loss",
               build=lambda: draw(tables["error_vs_loss"])),
    ))  # fmt: skip


def _run(table: Any, context: AnalysisContext, /, **options: Any) -> AnalysisResult:
    return analyze_downstream(table, context, **options)


DOWNSTREAM_ERROR_ANALYZER = Analyzer(
    name="downstream-error",
    summary="Fits average task error against loss, and foretells that of the largest runs.",
    source=_SOURCE,
    table="scores",
    requires=("task", "metric", "value", "loss"),
    run=_run,
    options={
        "metric": Option(default="accuracy", description="Metric to average, from 0 to 1."),
        "tasks": Option(
            default=(), description="Tasks to average; those of at least half of the runs if none."
        ),
        "objective": Option(default="squares", description="What is minimized."),
        "delta": Option(default=1e-3, description="Huber threshold on the residual."),
        "n_boot": Option(default=1000, description="Bootstrap replicates over runs."),
        "seed": Option(default=0, description="Seed of the bootstrap."),
        "level": Option(default=0.95, description="Level of the intervals [1]."),
        "holdout": Option(default=0.2, description="Share of runs held out for validation [1]."),
    },
    position=221,
)
