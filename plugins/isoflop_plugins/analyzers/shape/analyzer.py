"""Depth against width: what shape does beside size, upstream and downstream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from isoflop.drawing import log_linear as log_linear_figures
from isoflop.errors import SchemaError
from isoflop.estimate import Estimate
from isoflop.estimation import check_resampling
from isoflop.hookspecs import AnalysisContext, Analyzer, Option
from isoflop.results import AnalysisResult, Figure, Figures
from isoflop.words import percent, plural
from isoflop_plugins.analyzers.by_family.fits import all_left_out, fit_checks
from isoflop_plugins.analyzers.shape import tables as shape_tables
from isoflop_plugins.analyzers.shape.families import FamilyShape, family_shape

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.tables import RunTable

_SOURCE = "Tay et al. 2021, arXiv 2109.10686"


def analyze_shape(
    table: RunTable,
    context: AnalysisContext,
    /,
    *,
    downstream: str = "downstream",
    within: float = 1.1,
    n_boot: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> AnalysisResult:
    """Return what twice the depth does at equal size, upstream and downstream.

    Parameters
    ----------
    table : RunTable
        Needs ``n_layers``, ``d_model``, ``loss`` and ``n_params_nonembedding``, or ``n_params``
        where that is null. Where tokens differ, ``n_tokens`` enters the law.
    downstream : str
        Column with a score of each run, more is better. It is no column of the registry: join it to
        the runs first. Without it only the loss is looked at.
    within : float
        Runs whose N and D differ by at most this factor count as equally large. [1]
    n_boot, seed, level : int, int, float
        Draws behind the intervals, their seed, level of the intervals.

    Returns
    -------
    AnalysisResult
        A family without two shapes of one size gets a sentence and no number: there the effect of
        shape would rest on the form of the law in size. An empty table gives a result that says so.

    Raises
    ------
    SchemaError
        `within` is not above 1.
    """
    check_resampling(n_boot=n_boot, level=level, seed=seed)
    if not within > 1:
        raise SchemaError(f"within must be above 1, got {within!r}; 1.1 is usual.")
    settings = {"n_boot": n_boot, "seed": seed, "level": level}
    items = [
        family_shape(context, family, runs, settings, downstream=downstream, within=within)
        for family, runs in table.by_family().items()
    ]
    tables = shape_tables.tables(items, level)
    fits = [fit for item in items for fit in item.fits.values()]
    return AnalysisResult(
        name=SHAPE_ANALYZER.name,
        title="Depth against width",
        verdict=_verdict(items, downstream),
        checks=[check for item in items for check in _checks(item, downstream)],
        tables=tables,
        figures=_figures(items, tables, level),
        left_out=all_left_out([item.upstream for item in items]),
        source=f"{_SOURCE}; runs: {table.source or 'given table'}",
        numbers=_numbers(items),
        fits=[fit.to_row() for fit in fits],
    )


def _numbers(items: Sequence[FamilyShape]) -> dict[str, Estimate]:
    told = [item for item in items if item.effects]
    out: dict[str, Estimate] = {}
    for item in told:
        prefix = f"{item.family}/" if len(told) > 1 else ""
        out |= {f"{prefix}depth_effect_{kind}": e.effect for kind, e in item.effects.items()}
    return out


def _verdict(items: Sequence[FamilyShape], downstream: str) -> str:
    if not items:
        return "There are no runs."
    told = [item for item in items if item.effects]
    if not told:
        more = f" The same goes for {len(items) - 1} more." if len(items) > 1 else ""
        first = items[0].upstream
        return f"Nothing can be said of shape. {first.words}: {first.refusal.rstrip('.')}.{more}"
    sentences = [_sentence(item, downstream) for item in told[:3]]
    rest = len(items) - len(told[:3])
    if rest:
        sentences.append(f"{plural(rest, 'more family', 'more families')}: see the tables.")
    return " ".join(sentences)


def _sentence(item: FamilyShape, downstream: str) -> str:
    up = item.effects["upstream"]
    said = (
        f"{item.upstream.words} ({plural(up.n_runs, 'run')}): twice the depth at equal size and "
        f"compute changes the loss by {_points(up.effect, '%')}"
    )
    down = item.effects.get("downstream")
    if down is None:
        return f"{said}; there is no score in column {downstream!r} to compare with."
    said += f" and {downstream!r} by {_points(down.effect, 'points')}; {_agreement(item)}"
    return f"{said}."


def _points(effect: Estimate, unit: str) -> str:
    hundredths = Estimate(
        value=100 * effect.value, low=100 * effect.low, high=100 * effect.high, level=effect.level
    )
    return f"{hundredths!r} {unit}"


def _agreement(item: FamilyShape) -> str:
    up, down = item.effects["upstream"], item.effects["downstream"]
    gap = item.disagreement
    if gap is None:
        return "size itself has no effect that can be told, so the two cannot be compared"
    worth = f"it is worth {up.worth!r} times the size upstream and {down.worth!r} downstream"
    if gap.low > 1 or gap.high < 1:
        more = "more" if gap.low > 1 else "less"
        return f"{worth}: the two disagree, depth is worth {more} than the loss says"
    return f"{worth}: the two cannot be told apart (ratio {gap!r})"


def _checks(item: FamilyShape, downstream: str) -> list[tuple[str, bool]]:
    out = fit_checks(item.upstream)
    out += [] if item.downstream is None else [
        (text.replace(item.downstream.words, f"{item.downstream.words}, {downstream!r}", 1), ok)
        for text, ok in fit_checks(item.downstream)
    ]  # fmt: skip
    if item.note:
        out.append((f"{item.upstream.words}: {item.note}", False))
    deeper = item.deeper_wins
    if deeper is not None:
        out.append((f"{item.upstream.words}: {deeper}", True))
    return out


def _figures(
    items: Sequence[FamilyShape], tables: Mapping[str, pd.DataFrame], level: float
) -> Figures:
    out = []
    for kind, title, form in (
        ("upstream", "Loss at the middle size [nat/token]", ".3~f"),
        ("downstream", "Score at the middle size [1]", ".3~f"),
    ):
        points, lines = (t[t["kind"] == kind] for t in (tables["partial"], tables["lines"]))
        if points.empty:
            continue
        runs = plural(len(points), "run")
        losses = {i.upstream.fit.loss_dataset for i in items if i.upstream.fit is not None} - {""}
        where = f", loss on {', '.join(sorted(losses))}" if losses else ""
        out.append(
            Figure(
                name=f"{kind}_by_aspect_ratio",
                caption=f"{title.split(' [')[0]} against aspect ratio, {runs}{where}: each moved "
                "along the law to the middle size (and tokens, where they differ); deep and narrow "
                f"is left. Line: the law, dashed beyond the data, band at {percent(level)}. "
                f"{_SOURCE}.",
                table="partial",
                build=lambda p=points, n=lines, t=title, f=form: log_linear_figures.partial_effect(  # type: ignore[misc]
                    p, n, x_title="Aspect ratio, d_model / n_layers [1]", y_title=t, y_format=f
                ),
            )
        )
    return Figures(out)


def _run(table: Any, context: AnalysisContext, /, **options: Any) -> AnalysisResult:
    return analyze_shape(table, context, **options)


SHAPE_ANALYZER = Analyzer(
    name="shape",
    summary="Says what depth does at equal size, to the loss and to a downstream score.",
    source=_SOURCE,
    table="runs",
    requires=("n_layers", "d_model", "loss"),
    run=_run,
    options={
        "downstream": Option(default="downstream", description="column with a score of each run"),
        "within": Option(default=1.1, description="factor in N and D within which runs are equal"),
        "n_boot": Option(default=1000, description="draws behind the intervals"),
        "seed": Option(default=0, description="seed of the draws"),
        "level": Option(default=0.95, description="level of the intervals"),
    },
    position=275,
)

__all__ = ["SHAPE_ANALYZER", "analyze_shape"]
