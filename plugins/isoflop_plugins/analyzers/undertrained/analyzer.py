"""Which runs are undertrained against the compute-optimal frontier, and by how much compute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.estimate import Estimate
from isoflop.estimation import FitResult, check_resampling
from isoflop.hookspecs import AnalysisContext, Analyzer, Option
from isoflop.results import AnalysisResult, LeftOut
from isoflop.words import flops, plural
from isoflop_plugins.analyzers.by_family.fits import refit_families
from isoflop_plugins.analyzers.undertrained.figures import figures
from isoflop_plugins.analyzers.undertrained.findings import disagreement, findings, times
from isoflop_plugins.analyzers.undertrained.inputs import read_inputs
from isoflop_plugins.analyzers.undertrained.laws import (
    Judge,
    chosen_judges,
    fitted_judge,
    published_judges,
)
from isoflop_plugins.analyzers.undertrained.tables import (
    Sheet,
    by_law_table,
    undertrained_table,
    verdict_table,
    worst_first,
)

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.tables import RunTable

_SOURCE = (
    "frontier: Hoffmann et al. 2022, arXiv 2203.15556; default law: Besiroglu et al. 2024, "
    "arXiv 2404.10102; repeated data: Muennighoff et al. 2023, arXiv 2305.16264"
)


def analyze_undertrained(
    table: RunTable,
    context: AnalysisContext,
    /,
    *,
    law: str | FitResult = "auto",
    level: float = 0.95,
    n_boot: int = 1000,
    seed: int = 0,
) -> AnalysisResult:
    """Return a verdict for each run: undertrained, overtrained, near-optimal, leaning.

    Parameters
    ----------
    table : RunTable
        Needs ``n_params`` and ``n_tokens``; uses stage, architecture, active parameters, distinct
        tokens, epochs, claims and status where they are there.
    context : AnalysisContext
        Laws and published parameter sets.
    law : str or FitResult
        Name of a published law, a fit, or ``"auto"``: the refit of the run's family where it
        converged, else ``besiroglu-2024``.
    level : float
        Level of the intervals. [1]
    n_boot : int
        Draws behind the intervals; 0 for none.
    seed : int
        Seed of the draws.

    Returns
    -------
    AnalysisResult
        ``tables["undertrained"]``, the flagged runs worst first; ``tables["verdicts"]``, one row a
        run; and ``tables["by_law"]``, one row a run and law. An empty table, one run, and runs of
        nulls give a result that says so.

    Raises
    ------
    UnknownNameError
        No such published law.
    UnitError
        The published law says only how fast N and D grow.
    SchemaError
        `level`, `n_boot` or `seed` out of range.
    """
    check_resampling(n_boot=n_boot, level=level, seed=seed)
    published = published_judges(context.published, law=law, n_boot=n_boot, seed=seed)
    families = [f or "" for f in table.texts("family")]
    fits: dict[str, FitResult] = {}
    reasons: dict[str, str] = {}
    if law == "auto":
        fits, reasons = refit_families(table, context, level=level, n_boot=n_boot, seed=seed)
    refits = {family: fitted_judge(fit) for family, fit in fits.items()}
    sheet = Sheet(
        runs=table,
        inputs=read_inputs(table),
        families=families,
        chosen=chosen_judges(law, families, refits, published),
        refits=refits,
        published=published,
        level=level,
    )
    by_law = by_law_table(sheet)
    rows = verdict_table(sheet, by_law)
    return AnalysisResult(
        name=UNDERTRAINED.name,
        title="Undertrained models",
        verdict=_verdict(rows),
        source=_source(sheet, table),
        checks=_checks(rows),
        findings=[*findings(sheet, rows), *disagreement(rows)],
        tables={"undertrained": undertrained_table(rows), "verdicts": rows, "by_law": by_law},
        figures=figures(rows, sheet),
        left_out=_left_out(rows, reasons),
        numbers=_numbers(rows, level),
        fits=[fit.to_row() for fit in fits.values()],
    )


def _verdict(rows: pd.DataFrame) -> str:
    """Answer: which of our models are undertrained, by how much compute."""
    assessed = rows[rows["verdict"] != "not-assessable"]
    if assessed.empty:
        return f"No run can be judged: none of {len(rows)} has known N and D of its own training."
    flagged = worst_first(rows)
    laws = ", ".join(dict.fromkeys(assessed["law"]))
    beside = f" ({len(rows):,} in the table)" if len(assessed) < len(rows) else ""
    of = f"of {plural(len(assessed), 'assessed run')}{beside}, under {laws}"
    if flagged.empty:
        return f"No run is undertrained, {of}."
    worst = flagged.iloc[0].to_dict()
    waste = flagged["compute_waste"]
    spent = (6 * flagged["n_params_used"] * flagged["n_tokens"] * (1 - 1 / waste)).sum()
    cost = f"; balanced runs of the same loss would have saved {flops(spent)}" if spent else ""
    more = f", {times(worst, 'compute_waste')} times the compute" if waste.notna().iloc[0] else ""
    return (
        f"{plural(len(flagged), 'run')} {'is' if len(flagged) == 1 else 'are'} undertrained, {of}"
        f"{_extrapolated(flagged)}: "
        f"worst {worst['run']} with {times(worst, 'token_ratio')} times its compute-optimal "
        f"tokens{more}{cost}."
    )


def _extrapolated(flagged: pd.DataFrame) -> str:
    """Say how many of the undertrained runs stand on a law far outside its data; often none."""
    far = flagged[flagged["far_outside"]]
    if far.empty:
        return ""
    laws = ", ".join(dict.fromkeys(far["law"]))
    them = f"{len(far):,} of them " if len(far) < len(flagged) else "all " * (len(far) > 1)
    return f" ({them}far outside the data of {laws}: extrapolated)"


def _checks(rows: pd.DataFrame) -> list[tuple[str, bool]]:
    assessed = int((rows["verdict"] != "not-assessable").sum())
    agree = int(rows["laws_agree"].sum())
    inside = int((rows["verdict"].ne("not-assessable") & ~rows["extrapolated"]).sum())
    return [
        (f"{assessed} of {len(rows)} runs can be judged", assessed == len(rows)),
        (f"parametric laws agree on {agree} of {assessed} runs", agree == assessed),
        (f"{inside} of {assessed} runs lie inside the data of their law", inside == assessed),
    ]


def _left_out(rows: pd.DataFrame, reasons: dict[str, str]) -> list[LeftOut]:
    blocked = rows[rows["verdict"] == "not-assessable"]
    left = [
        LeftOut(subject=str(run), reason=str(why))
        for run, why in zip(blocked["run"], blocked["reason"], strict=True)
    ]
    return left + [
        LeftOut(subject=f"refit of {family or 'runs without a family'}", reason=why)
        for family, why in reasons.items()
    ]


def _numbers(rows: pd.DataFrame, level: float) -> dict[str, Estimate]:
    flagged = worst_first(rows)
    if flagged.empty:
        return {}
    worst = flagged.iloc[0]
    names = {"lowest_token_ratio": "token_ratio", "its_compute_waste": "compute_waste"}
    return {
        name: Estimate(
            value=float(worst[c]),
            low=float(worst[f"{c}_low"]),
            high=float(worst[f"{c}_high"]),
            level=level,
        )
        for name, c in names.items()
        if np.isfinite(worst[c])
    }


def _source(sheet: Sheet, table: RunTable) -> str:
    used: dict[str, Judge] = {j.name: j for j in sheet.chosen}
    laws = "; ".join(f"{name}: {judge.source}" for name, judge in used.items())
    return "; ".join(x for x in (_SOURCE, laws, f"data: {table.source}") if x)


def _run(table: Any, context: AnalysisContext, /, **options: Any) -> AnalysisResult:
    return analyze_undertrained(table, context, **options)


UNDERTRAINED = Analyzer(
    name="undertrained",
    summary="Flags runs with too few (or many) tokens for their size, and the compute it wastes.",
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
        "level": Option(default=0.95, description="level of the intervals"),
        "n_boot": Option(default=1000, description="draws behind the intervals"),
        "seed": Option(default=0, description="seed of the draws"),
    },
    shows_published=True,
    position=100,
)

__all__ = ["UNDERTRAINED", "analyze_undertrained"]
