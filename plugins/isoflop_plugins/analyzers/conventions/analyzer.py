"""How far the exponents move with what is counted as N, as C, and as the loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.estimation import check_resampling
from isoflop.hookspecs import AnalysisContext, Analyzer, Option
from isoflop.results import AnalysisResult, Figure, Figures, LeftOut
from isoflop.words import percent, plural
from isoflop_plugins.analyzers.by_family.scouted_fits import Resampling
from isoflop_plugins.analyzers.conventions import figures as conventions_figures
from isoflop_plugins.analyzers.conventions.refits import (
    FLOPS_COLUMNS,
    N_COLUMNS,
    OWN,
    Refit,
    across_losses,
    groups,
    refits,
)
from isoflop_plugins.analyzers.conventions.tables import exponents_table

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimate import Estimate
    from isoflop.tables import RunTable

_SOURCE = (
    "conventions: Kaplan et al. 2020, section 2.1, arXiv 2001.08361; Hoffmann et al. 2022, "
    "appendix F, arXiv 2203.15556; their effect: Porian et al. 2024, arXiv 2406.19146; Pearce and "
    "Song 2024, arXiv 2406.12907"
)
_LAW = "chinchilla"
_MIXED = {
    "tokenizer": "tokenizers: losses and tokens under different ones are never fitted together",
    "loss_dataset": "loss data sets: each is fitted on its own",
    "flops_convention": "counts of FLOPs in the column flops: compare only columns of one count",
}


def compare_conventions(
    table: RunTable,
    context: AnalysisContext,
    /,
    *,
    level: float = 0.95,
    n_boot: int = 1000,
    seed: int = 0,
) -> AnalysisResult:
    """Return the exponents of each family under every convention that its runs know.

    Parameters
    ----------
    table : RunTable
        Needs ``n_params``, ``n_tokens`` and ``loss``; uses ``n_params_nonembedding``,
        ``n_params_active``, ``flops_6nd``, ``flops_kaplan``, ``flops_full``, ``loss_dataset`` and
        ``tokenizer`` where they are there.
    level, n_boot, seed : float, int, int
        Level of the intervals; bootstrap replicates over runs; their seed.

    Returns
    -------
    AnalysisResult
        ``tables["exponents"]``, one row for family, loss and convention. An empty table, and runs
        that know one convention alone, give a result that says so.

    Raises
    ------
    SchemaError
        An option is out of range.
    """
    check_resampling(n_boot=n_boot, level=level, seed=seed)
    resampling = Resampling(n_boot=n_boot, seed=seed, level=level)
    families = table.by_family()
    law = context.laws[_LAW]
    found = [refit for group in groups(families) for refit in refits(law, group, resampling)]
    shifts = across_losses(found, level=level)
    exponents = exponents_table(found, shifts)
    return AnalysisResult(
        name=CONVENTIONS.name,
        title="What is counted",
        verdict=_verdict(found, shifts, len(table)),
        checks=[*_mixed(families), *_checks(found)],
        tables={"exponents": exponents},
        figures=_figures(exponents, level),
        left_out=_left_out(found),
        source=f"{_SOURCE}; law: {law.source}; runs: {table.source or 'given table'}",
        numbers=_numbers(found),
        fits=[r.fit.to_row() for r in found if r.fit is not None and r.flops_column == OWN],
    )


def _verdict(found: Sequence[Refit], shifts: Mapping[int, Estimate], n_runs: int) -> str:
    """Answer: how far does the choice of N, of C and of the loss move a."""
    if not found:
        return "There are no runs."
    bases = [r for r in found if r.is_base and r.exponent_n is not None]
    if not bases:
        nearest = max(found, key=_size)
        why = nearest.reason or "its fit has no optimum"
        return f"No law could be fitted to {plural(n_runs, 'run')}. {_where(nearest)}: {why}"
    largest = max((r for r in found if r.shift), key=_size, default=None)
    mine = [r for r in found if r.shift and largest and r.group is largest.group]
    moved = {
        "N": [r for r in mine if r.flops_column == OWN],
        "C": [r for r in mine if r.n_column == N_COLUMNS[0]],
    }
    sentences = [_moves(what, some) for what, some in moved.items() if some]
    if largest and sentences:
        others = len({id(r.group) for r in found if r.shift}) - 1
        more = f" {plural(others, 'more group')}: see the table." if others else ""
        sentences.append(f"That is {_where(largest)}.{more}")
    if shifts:
        i = max(shifts, key=lambda k: abs(shifts[k].value))
        sentences.append(
            f"The choice of loss moves it by up to {shifts[i]!r} ({_where(found[i])})."
        )
    if sentences:
        return " ".join(sentences)
    base = max(bases, key=_size)
    unknown = " or ".join([N_COLUMNS[1], *FLOPS_COLUMNS[1:]])
    return (
        f"The runs know one convention alone: by n_params and 6 N D, the best N of {_where(base)} "
        f"grows as C^{base.exponent_n!r}. Fill in {unknown}, or the "
        "shape of the models (layers, width, vocabulary), to see how far that moves."
    )


def _size(refit: Refit) -> int:
    return refit.fit.n_runs if refit.fit is not None else 0


def _moves(what: str, some: Sequence[Refit]) -> str:
    """Say the largest move by the choice of N or of C, and in how many groups it is told."""
    worst = max(some, key=lambda r: abs(r.shift.value) if r.shift else 0.0)
    assert worst.shift is not None
    assert worst.exponent_n is not None
    column = worst.n_column if what == "N" else worst.flops_column
    base = "n_params" if what == "N" else OWN
    sure = worst.shift.low > 0 or worst.shift.high < 0
    return (
        f"The choice of {what} moves the exponent a of N_opt ~ C^a from "
        f"{worst.exponent_n.value - worst.shift.value:.3f} ({base}) to {worst.exponent_n!r} "
        f"({column}), by {worst.shift!r}{'' if sure else ', which may be nothing'}."
    )


def _where(refit: Refit) -> str:
    group = refit.group
    name = f"family {group.family!r}" if group.family else "the runs"
    loss = f", loss on {group.loss_dataset!r}" if group.loss_dataset else ""
    runs = f" ({plural(refit.fit.n_runs, 'run')}{loss})" if refit.fit is not None else ""
    return f"{name}{runs}"


def _mixed(families: Mapping[str, RunTable]) -> list[tuple[str, bool]]:
    """Return a failed check for each family that mixes what must not be mixed."""
    out = []
    for family, runs in families.items():
        for column, words in _MIXED.items():
            kinds = sorted({t for t in runs.texts(column) if t})
            if len(kinds) > 1:
                shown = ", ".join(repr(k) for k in kinds[:4]) + (", ..." if len(kinds) > 4 else "")
                out.append((f"family {family!r} has {len(kinds)} {words} ({shown})", False))
    return out


def _checks(found: Sequence[Refit]) -> list[tuple[str, bool]]:
    shifted = [r for r in found if r.shift is not None]
    if not shifted:
        return []
    still = [r for r in shifted if r.shift and r.shift.low <= 0 <= r.shift.high]
    return [
        (
            f"{len(still)} of {plural(len(shifted), 'change', 'changes')} of convention leave the "
            "exponent where it was, within the interval of the shift",
            len(still) == len(shifted),
        )
    ]


def _left_out(found: Sequence[Refit]) -> list[LeftOut]:
    out = []
    for r in found:
        if r.fit is None:
            subject = f"{r.n_column}, {r.flops_column} of {_where(r)}"
            out.append(LeftOut(subject=subject, reason=r.reason))
        elif r.is_base:
            out += r.fit.left_out
    return out


def _numbers(found: Sequence[Refit]) -> dict[str, Estimate]:
    """Return the largest shift by the choice of N, and of C."""
    out = {}
    for name, some in (
        ("shift_by_n", [r for r in found if r.flops_column == OWN]),
        ("shift_by_c", [r for r in found if r.n_column == N_COLUMNS[0]]),
    ):
        shifts = [r.shift for r in some if r.shift is not None]
        if shifts:
            out[name] = max(shifts, key=lambda s: abs(s.value))
    return out


def _figures(exponents: pd.DataFrame, level: float) -> Figures:
    shown = exponents[np.isfinite(exponents["exponent_n"].astype(float))]
    if shown.empty:
        return Figures(())
    where = plural(len(shown.groupby(["family", "loss_dataset", "tokenizer"])), "group")
    return Figures(
        (
            Figure(
                name="exponents",
                caption="Exponent a of N_opt ~ C^a when N and C are counted in different ways, "
                f"{where} of up to {plural(int(shown['n_runs'].max()), 'run')}; rules: "
                f"{percent(level)} intervals; gray line: equal growth of N and D. {_SOURCE}.",
                table="exponents",
                build=lambda: conventions_figures.exponents(shown),
            ),
        )
    )


def _run(table: Any, context: AnalysisContext, /, **options: Any) -> AnalysisResult:
    return compare_conventions(table, context, **options)


CONVENTIONS = Analyzer(
    name="conventions",
    summary="Refits under every count of N and C, and every loss, and says how far exponents move.",
    source=_SOURCE,
    table="runs",
    requires=("n_params", "n_tokens", "loss"),
    run=_run,
    options={
        "level": Option(default=0.95, description="level of the intervals"),
        "n_boot": Option(default=1000, description="bootstrap replicates over runs"),
        "seed": Option(default=0, description="seed of the bootstrap"),
    },
    position=250,
)

__all__ = ["CONVENTIONS", "compare_conventions"]
