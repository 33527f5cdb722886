"""Findings: one per flagged run, and one where the laws contradict each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from isoflop.estimate import Estimate, format_interval
from isoflop.results import Finding
from isoflop.words import plural

if TYPE_CHECKING:
    import pandas as pd

    from isoflop_plugins.analyzers.undertrained.tables import Sheet


def findings(sheet: Sheet, rows: pd.DataFrame) -> list[Finding]:
    """Return a finding for every undertrained run (by waste) and overtrained one (as info)."""
    uids = sheet.runs.texts("run_uid")
    flagged = rows[rows["verdict"].isin(["undertrained", "overtrained"])]
    order = ["verdict", "far_outside", "token_ratio"]
    ordered = flagged.sort_values(order, ascending=[False, True, True])
    return [
        _finding(row, uids[i] or str(row["run"]), sheet.level)
        for i, row in zip(ordered.index, ordered.to_dict("records"), strict=True)
    ]


def _finding(row: dict[Any, Any], subject: str, level: float) -> Finding:
    return Finding(
        kind=row["verdict"],
        subject=subject,
        subject_name=str(row["run"]),
        severity=row["severity"],
        law=row["law"],
        message=_message(row),
        value=Estimate(
            value=row["token_ratio"],
            low=row["token_ratio_low"],
            high=row["token_ratio_high"],
            level=level,
        ),
        family=row["family"],
        evidence={
            k: row[k]
            for k in ("n_params", "n_tokens", "n_tokens_needed", "compute_waste", "excess_loss",
                      "extra_flops", "reason")
        },
    )  # fmt: skip


def _message(row: dict[Any, Any]) -> str:
    law = row["law"]
    saw = f"{row['run']} saw {times(row, 'token_ratio')} times its compute-optimal tokens under"
    if row["far_outside"]:
        return (
            f"{saw} {law}, but lies far outside the data of {law}: extrapolated, so no excess loss "
            "and no waste is given."
        )
    known = row["compute_waste"] == row["compute_waste"]  # NaN under an allocation
    cost = f", {times(row, 'compute_waste')} times the compute its loss needs" if known else ""
    outside = f"; extrapolated, outside the data of {law}" if row["extrapolated"] else ""
    return f"{saw} {law}{cost}{outside}."


def times(row: Mapping[Any, Any], name: str) -> str:
    """Return a ratio of a row with its interval."""
    return format_interval(row[name], row[f"{name}_low"], row[f"{name}_high"])


def disagreement(rows: pd.DataFrame) -> list[Finding]:
    """Return one finding that lists the runs on which the parametric laws contradict."""
    differ = rows[(rows["verdict"] != "not-assessable") & ~rows["laws_agree"]]
    if differ.empty:
        return []
    laws = ", ".join(dict.fromkeys(differ["law"]))
    return [
        Finding(
            kind="law-disagreement",
            subject="laws",
            subject_name=plural(len(differ), "run"),
            severity="info",
            law=laws,
            message=f"Other parametric laws contradict {laws} on {plural(len(differ), 'run')}; the "
            "column reason says which.",
            evidence={"runs": [str(r) for r in differ["run"]]},
        )
    ]
