"""Which runs a law is fitted to, and why the others are not."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import TooFewRunsError, UnitError, UnknownNameError
from isoflop.estimation.solver.problem import Floats
from isoflop.estimation.variables import fitted_values
from isoflop.laws import Law
from isoflop.results import LeftOut
from isoflop.tables import RunTable
from isoflop.words import plural

_NOT_FINISHED = ("failed", "killed", "stale", "running", "diverged", "scheduled")
_LARGEST = 1e100
"""Beyond this no quantity of a run is real, and squares in the solver would overflow."""
_ONE_KIND = {
    "loss_dataset": ("losses on different data sets", "Their losses cannot be compared"),
    "tokenizer": ("different tokenizers", "Their losses and tokens cannot be compared"),
    "flops_convention": ("FLOPs counted in different ways", "Their C cannot be compared"),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Selection:
    """Runs that may be fitted together.

    Parameters
    ----------
    rows : NDArray of int, shape (n_runs,)
        Rows of the table, in its order.
    variables : mapping of str to NDArray, shape (n_runs,)
        Value of each of the law's variables, in base units.
    response : NDArray, shape (n_runs,)
        What the law predicts, in its unit.
    labels : tuple of str, length n_runs
        What to call each run; untrusted text.
    run_uids : tuple of str, length n_runs
        Their ids in a registry; empty where the table has none.
    left_out : tuple of LeftOut
        The others with their reasons.
    family, loss_dataset : str
        What the runs share; empty where unknown.
    """

    rows: NDArray[np.int64]
    variables: Mapping[str, Floats]
    response: Floats
    labels: tuple[str, ...]
    run_uids: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    family: str
    loss_dataset: str


def select_runs(
    law: Law,
    runs: RunTable,
    *,
    family: str | None = None,
    using: Mapping[str, str] | None = None,
    log_response: bool = True,
) -> Selection:
    """Return the runs that can be fitted together.

    Parameters
    ----------
    law : Law
        Names the columns a run needs, positive but for those in `law.signed`.
    runs : RunTable
        Any table; columns that are missing count as null.
    family : str or None
        Family to keep; ``""`` for runs without one; None where the table holds at most one.
    using : mapping of str to str, or None
        Column that stands for a variable, or for the response, of the law.
    log_response : bool
        True where the response has to be positive.

    Raises
    ------
    UnknownNameError
        No run is of this family, or there is no such variable or column.
    UnitError
        The usable runs are of several families, loss data sets, tokenizers, or FLOP conventions.
    TooFewRunsError
        Fewer usable runs than the law has parameters plus one; also for an empty table.
    """
    using = dict(using or {})
    for name in using:
        if name not in law.needs:
            raise UnknownNameError(f"variable of law {law.name!r}", name, law.needs)
    columns = {name: using.get(name, name) for name in law.needs}
    values = {name: fitted_values(runs, column) for name, column in columns.items()}
    reasons = _unfinished(law, runs)
    for name, column in columns.items():
        signed = name in law.signed or (name == law.response and not log_response)
        _drop_unusable(runs, column, values[name], reasons, signed=signed)
    _keep_family(runs, reasons, family)
    for kind in _kinds(columns.values()):
        _keep_one(kind, runs.texts(kind), reasons)
    kept = np.array([i for i, why in enumerate(reasons) if not why], dtype=np.int64)
    labels, uids = runs.labels(), runs.texts("run_uid")
    left_out = tuple(LeftOut(subject=labels[i], reason=why) for i, why in enumerate(reasons) if why)
    _enough(law, kept.size, left_out)
    return Selection(
        rows=kept,
        variables={name: values[name][kept] for name in law.variables},
        response=values[law.response][kept],
        labels=tuple(labels[i] for i in kept),
        run_uids=tuple(uids[i] or "" for i in kept),
        left_out=left_out,
        family=_shared(runs.texts("family"), kept),
        loss_dataset=_shared(runs.texts("loss_dataset"), kept),
    )


def _kinds(columns: Iterable[str]) -> list[str]:
    """Return the columns in which runs have to agree, for what is fitted."""
    used = set(columns)
    out = ["tokenizer"]
    if "loss" in used:
        out.insert(0, "loss_dataset")
    if "flops" in used:
        out.append("flops_convention")
    return out


def _unfinished(law: Law, runs: RunTable) -> list[str]:
    """Return why the kind of each run rules it out; empty where it does not."""
    reasons = [""] * len(runs)
    for i, lifecycle in enumerate(runs.texts("lifecycle")):
        if lifecycle == "deleted":
            reasons[i] = "deleted in its source"
    for i, status in enumerate(runs.texts("status")):
        if status in _NOT_FINISHED:
            reasons[i] = reasons[i] or f"status is {status}"
    for i, stage in enumerate(runs.texts("stage")):
        if law.stages and stage and stage not in law.stages:
            reasons[i] = reasons[i] or f"stage is {stage}, not {' or '.join(law.stages)}"
    return reasons


def _drop_unusable(
    runs: RunTable, column: str, values: Floats, reasons: list[str], *, signed: bool
) -> None:
    usable = np.abs(values) < _LARGEST if signed else (values > 0) & (values < _LARGEST)
    mixture = runs.is_mixture()
    for i in np.flatnonzero(~usable).tolist():
        shown = "n_params_active" if column == "n_params" and mixture[i] else column
        reasons[i] = reasons[i] or _why_not(shown, float(values[i]))


def _why_not(name: str, value: float) -> str:
    if np.isnan(value):
        return f"{name} is null"
    if 0 < value < np.inf:
        return f"{name} is {value:g}, too large to be true"
    return f"{name} is {value:g}, not positive and finite"


def _keep_family(runs: RunTable, reasons: list[str], family: str | None) -> None:
    """Leave out other families, or refuse where nobody said which one."""
    families = runs.texts("family")
    if family is not None:
        known = {f or "" for f in families}
        if family not in known:
            raise UnknownNameError("family", family, known)
        for i, other in enumerate(families):
            if (other or "") != family:
                reasons[i] = reasons[i] or f"family is {other!r}, not {family!r}"
        return
    counts = _counts(families, reasons)
    if len(counts) > 1:
        shown = ", ".join(f"{name!r} ({plural(n, 'usable run')})"
                          for name, n in counts.most_common(8))  # fmt: skip
        more = f" and {len(counts) - 8} more" if len(counts) > 8 else ""
        first = counts.most_common(1)[0][0]
        raise UnitError(
            f"The runs are of {len(counts)} families: {shown}{more}. Families are never mixed in "
            f"one fit: choose one, for example --family {shlex.quote(first)} (in Python: "
            f"family={first!r})."
        )
    _drop_nulls("family", families, reasons, counts)


def _keep_one(column: str, values: list[str | None], reasons: list[str]) -> None:
    counts = _counts(values, reasons)
    if len(counts) > 1:
        shown = ", ".join(f"{name!r} ({n} runs)" for name, n in counts.most_common(8))
        words, so = _ONE_KIND[column]
        other = ""
        if column == "flops_convention":
            other = ", or fit --using flops=flops_6nd (in Python: using={'flops': 'flops_6nd'})"
        raise UnitError(
            f"The runs have {words}: {shown}. {so}: keep the rows of one {column}, "
            f"in Python with runs.take(...){other}."
        )
    _drop_nulls(column, values, reasons, counts)


def _counts(values: Sequence[str | None], reasons: list[str]) -> Counter[str]:
    return Counter(v for v, why in zip(values, reasons, strict=True) if v and not why)


def _drop_nulls(
    column: str, values: Sequence[str | None], reasons: list[str], counts: Counter[str]
) -> None:
    if not counts:
        return
    (known,) = counts
    for i, value in enumerate(values):
        if not value:
            reasons[i] = reasons[i] or f"{column} is null while others have {known!r}"


def _shared(values: Sequence[str | None], kept: NDArray[np.int64]) -> str:
    return next((v for v in (values[i] for i in kept) if v), "")


def _enough(law: Law, n_usable: int, left_out: tuple[LeftOut, ...]) -> None:
    needed = len(law.names) + 1
    if n_usable >= needed:
        return
    why = ", ".join(f"{n} x {reason}" for reason, n in reasons_by_count(left_out)[:4])
    raise TooFewRunsError(
        f"Law {law.name!r} has {len(law.names)} parameters and needs at least {needed} usable "
        f"runs, got {n_usable} of {n_usable + len(left_out)}"
        f"{f' (left out: {why})' if why else ''}. "
        "Add runs, or fill in what they lack."
    )


def reasons_by_count(left_out: Sequence[LeftOut]) -> list[tuple[str, int]]:
    """Return the reasons with the number of runs each, most frequent first."""
    return Counter(item.reason for item in left_out).most_common()
