"""Checks of runs beside each other: one run read twice, families that mix, evaluations alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from isoflop.tables import RunTable
from isoflop.words import plural
from isoflop_plugins.analyzers.health.checks import Check, Problem, handle, identity

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ONE_A_FAMILY = {
    "flops_convention": "C is counted differently: compare C of one convention only",
    "tokenizer": "losses per token of two tokenizers cannot be compared",
    "loss_dataset": "losses on two data sets cannot be compared",
    "loss_split": "held-out and training losses cannot be compared",
}
"""Column to why a family must have one value of it."""
FITTED_STAGES = ("pretrain", "", None)
"""Stages that enter a fit, unknown among them."""
VOCABULARY_ROOM = 1.05
"""Padding makes up to 5 % more rows of one vocabulary (50,257 to 50,304, 32,000 to 32,768). [1]"""


def _duplicates(runs: RunTable) -> Iterator[Problem]:
    """Find equal hashes whose held-out losses do not differ.

    A run without a curve is told apart by nothing that it holds.
    """
    points = runs.numbers("n_curve_points")
    uids, names, stages = runs.texts("run_uid"), runs.labels(), runs.texts("stage")
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, digest in enumerate(runs.texts("content_hash")):
        if digest and points[row] != 0 and stages[row] != "eval":
            rows_of[digest].append(row)
    losses = _held_out_losses(runs)
    alike = [group for rows in rows_of.values() for group in _one_loss(rows, losses)]
    for rows in alike:
        if len({uids[row] for row in rows}) > 1:
            label, uid, family = identity(runs, rows[0])
            second = handle(uids[rows[1]] or names[rows[1]], names[rows[1]])
            merge = f"`isoflop merge {handle(uid, label)} {second}`; else its seed is not logged."
            same = np.unique(losses[rows]).size == 1  # NaN where none was measured counts as one
            yield Problem(
                check="duplicate", subject=uid, subject_name=label, family=family,
                value=f"same content as {', '.join(names[row] for row in rows[1:6])}",
                expected="one row a run", severity="clear", number=float(len(rows)),
                todo=f"One run read twice: {merge}" if same else "Not all of them have a held-out "
                "loss: look whether they are one run before you join them.",
            )  # fmt: skip


def _held_out_losses(runs: RunTable) -> NDArray[np.float32]:
    """Return the held-out loss of each run as trackers keep it, NaN where there is none."""
    held_out = np.array([split == "eval" for split in runs.texts("loss_split")], dtype=bool)
    return np.where(held_out, runs.numbers("loss"), np.nan).astype(np.float32)


def _one_loss(rows: Sequence[int], losses: NDArray[np.float32]) -> list[list[int]]:
    """Part runs of one hash by held-out loss; those without one stay only where there is one."""
    known = sorted({float(losses[row]) for row in rows if np.isfinite(losses[row])})
    if len(known) < 2:
        return [list(rows)]
    without = [row for row in rows if not np.isfinite(losses[row])]
    return [*([row for row in rows if losses[row] == loss] for loss in known), without]


def _fitted_families(runs: RunTable) -> Mapping[str, list[int]]:
    """Return the rows that a fit takes by family; those without one count where none has any."""
    families = runs.texts("family")
    stages, lifecycles = runs.texts("stage"), runs.texts("lifecycle")
    rows: dict[str, list[int]] = defaultdict(list)
    for row, family in enumerate(families):
        usable = stages[row] in FITTED_STAGES and lifecycles[row] != "deleted"
        if usable and (family or not any(families)):
            rows[family or ""].append(row)
    return dict(sorted(rows.items()))


def _mixed(runs: RunTable) -> Iterator[Problem]:
    families = _fitted_families(runs)
    for column, why in _ONE_A_FAMILY.items():
        texts = runs.texts(column)
        for family, rows in families.items():
            values = sorted({text for row in rows if (text := texts[row])})
            if len(values) > 1:
                yield _mix(family, column, values, why)
    vocabulary = runs.numbers("n_vocab")
    for family, rows in families.items():
        sizes = vocabulary[rows][np.isfinite(vocabulary[rows])]
        if sizes.size and sizes.max() > VOCABULARY_ROOM * sizes.min():
            shown = [f"{size:,.0f}" for size in np.unique(sizes)]
            yield _mix(family, "n_vocab", shown, _ONE_A_FAMILY["tokenizer"])


def _mix(family: str, column: str, values: list[str], why: str) -> Problem:
    return Problem(
        check=f"mixed-{column.replace('_', '-')}",
        subject=family,
        subject_name=f"family {family}" if family else "runs without family",
        family=family,
        value=f"{column}: {', '.join(values[:6])}",
        expected="one a family",
        severity="clear",
        number=float(len(values)),
        todo=f"{why[0].upper()}{why[1:]}. Split the family with the tag `isoflop.family`.",
    )


def _stages(runs: RunTable) -> Iterator[Problem]:
    """Tell which families hold runs that are no pretraining; fits leave them out."""
    stages = runs.texts("stage")
    held: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for family, stage in zip(runs.texts("family"), stages, strict=True):
        if family:
            held[family]["pretrain" if stage in FITTED_STAGES else str(stage)] += 1
    for family, counts in sorted(held.items()):
        others = {stage: n for stage, n in counts.items() if stage not in ("pretrain", "eval")}
        if others and "pretrain" in counts:
            words = ", ".join(f"{stage} {n}" for stage, n in sorted(others.items()))
            yield Problem(
                check="mixed-stage", subject=family, subject_name=f"family {family}",
                family=family, value=f"stage: pretrain {counts['pretrain']}, {words}",
                expected="one stage a fit", severity="info", number=float(sum(others.values())),
                todo=f"Fits leave the {plural(sum(others.values()), 'other run')} out.",
            )  # fmt: skip


def _evaluations(runs: RunTable) -> Iterator[Problem]:
    """Find evaluations that belong to no run of the table."""
    parents, uids = runs.texts("parent_uid"), set(runs.texts("run_uid"))
    for row, stage in enumerate(runs.texts("stage")):
        if stage == "eval" and parents[row] not in uids - {None}:
            label, uid, family = identity(runs, row)
            yield Problem(
                check="unlinked-evaluation", subject=uid, subject_name=label, family=family,
                value="an evaluation of no known run", expected="scores beside a training run",
                severity="mild",
                todo="Gather the run, or say which it is: "
                f"`isoflop merge {handle(uid, label)} RUN`.",
            )  # fmt: skip


FAMILY_CHECKS = (
    Check(name="duplicate", statement="no run is there twice", find=_duplicates),
    Check(
        name="mixed",
        statement="one FLOP convention, tokenizer, loss data set and split in each family",
        find=_mixed,
    ),
    Check(
        name="unlinked-evaluation",
        statement="every evaluation belongs to a training run",
        find=_evaluations,
    ),
)
STAGE_CHECK = Check(
    name="mixed-stage", statement="families hold one stage of training", find=_stages
)
"""Told and never an exception: fits leave other stages out by themselves."""
