"""What the inference-aware optimum says in words: verdict, checks, headline numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isoflop.estimate import Estimate
from isoflop.words import count, parameters, plural, tokens

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.tables import RunTable


def _headline(optimum: pd.DataFrame) -> dict[str, Any] | None:
    """Return the row of the largest run at the middle demand; None where there is none."""
    wanted = optimum[optimum["target"] == "largest run"]
    if wanted.empty:
        return None
    first = wanted[wanted["family"] == wanted["family"].iloc[0]]
    return {str(k): v for k, v in first.iloc[(len(first) - 1) // 2].items()}


def verdict(optimum: pd.DataFrame, table: RunTable, n_families: int) -> str:
    """Answer: what to train for the best quality of the runs and a demand, and what it saves."""
    row = _headline(optimum)
    if row is None:
        if not len(table):
            return "There are no runs."
        return (
            f"No quality to aim at: none of {plural(len(table), 'run')} has N and D of its own "
            "training. Fill in n_params and n_tokens, or see what was left out."
        )
    saved = Estimate(
        value=100 * row["saved_share"],
        low=100 * row["saved_share_low"],
        high=100 * row["saved_share_high"],
    )
    rest = f" {plural(n_families - 1, 'more family', 'more families')}: see the table."
    return (
        f"To be as good as {row['run']!r} and serve {tokens(row['inference_tokens'])}, train "
        f"{parameters(row['n_params'])} on {tokens(row['n_tokens'])} "
        f"({row['tokens_per_param']:.3g} tokens per parameter) and not the compute-optimal "
        f"{count(row['n_params_training'])} on {count(row['n_tokens_training'])}: {saved!r} % less "
        f"compute in training and inference, under {row['law']}{_outside(row)}."
        f"{rest if n_families > 1 else ''}"
    )


def _outside(row: dict[str, Any]) -> str:
    decades = row["extrapolation_decades"]
    return f" ({decades:.2g} decades outside the runs behind it)" if decades > 0 else ""


def checks(optimum: pd.DataFrame) -> list[tuple[str, bool]]:
    """Return whether the optima lie inside the data of their law and have intervals."""
    if optimum.empty:
        return []
    inside = int((optimum["extrapolation_decades"] == 0).sum())
    known = int(optimum["saved_share_low"].notna().sum())
    return [
        (
            f"{inside} of {plural(len(optimum), 'optimum', 'optima')} lie inside the runs behind "
            "their law; outside, laws fitted at usual tokens per parameter promise too much of "
            "more tokens (Sardana et al. 2024)",
            inside == len(optimum),
        ),
        (f"{known} of {len(optimum)} savings have an interval", known == len(optimum)),
    ]


def numbers(optimum: pd.DataFrame, level: float) -> dict[str, Estimate]:
    """Return the optimum that the verdict names."""
    row = _headline(optimum)
    if row is None:
        return {}
    return {
        name: Estimate(
            value=float(row[name]),
            low=float(row[f"{name}_low"]),
            high=float(row[f"{name}_high"]),
            level=level,
        )
        for name in ("n_params", "tokens_per_param", "saved_share")
    }
