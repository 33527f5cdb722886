"""The tables: a verdict per run, the undertrained ones worst first, all runs under every law."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.words import count, tokens
from isoflop_plugins.analyzers.health.checks import FLOPS_RANGE
from isoflop_plugins.analyzers.undertrained.laws import Judge, Measures, measure
from isoflop_plugins.analyzers.undertrained.rules import (
    FAR,
    NOT_ASSESSABLE,
    rule_text,
    severity,
    verdicts,
)

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from isoflop.tables import RunTable
    from isoflop_plugins.analyzers.undertrained.inputs import Inputs

_QUANTITIES = ("token_ratio", "excess_loss", "compute_waste")

UNITS = {
    "n_params": "1", "n_tokens": "token", "token_ratio": "1", "excess_loss": "nat/token",
    "compute_waste": "1", "tokens_per_param": "token", "n_tokens_needed": "token",
    "extra_flops": "FLOP", "n_params_used": "1", "n_tokens_effective": "token",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sheet:
    """Everything the tables are made of; lists have one entry a run."""

    runs: RunTable
    inputs: Inputs
    families: list[str]
    chosen: list[Judge]
    refits: Mapping[str, Judge]
    published: Mapping[str, Judge]
    level: float


def by_law_table(sheet: Sheet) -> pd.DataFrame:
    """Return one row a run and law: the refit of the run's family, and every published law."""
    import pandas as pd

    judges: dict[str, Judge] = dict(sheet.published)
    judges |= {j.name: j for j in (*sheet.refits.values(), *sheet.chosen)}
    refit_of = {j.name: f for f, j in sheet.refits.items()}
    frames = [_law_frame(sheet, judge, refit_of.get(judge.name)) for judge in judges.values()]
    table = pd.concat(frames, ignore_index=True)
    table.attrs["units"] = UNITS
    return table


def _law_frame(sheet: Sheet, judge: Judge, family: str | None) -> pd.DataFrame:
    """Rows of one law; a refit only judges the runs of its own family."""
    import pandas as pd

    measures = measure(judge, sheet.inputs, level=sheet.level)
    words = verdicts(measures)
    frame = pd.DataFrame(
        {
            "run": sheet.runs.labels(),
            "family": sheet.families,
            "law": judge.name,
            **_spread("token_ratio", measures.token_ratio),
            **_spread("excess_loss", measures.excess_loss),
            **_spread("compute_waste", measures.compute_waste),
            "n_tokens_needed": measures.d_opt,
            "verdict": words,
            "note": [_law_note(judge, sheet.inputs, i) for i in range(len(sheet.runs))],
            "far_outside": measures.is_far,
            "row": np.arange(len(sheet.runs)),
            "has_loss": judge.has_loss,
        }
    )
    if family is None:
        return frame
    return frame[[f == family for f in sheet.families]]


def _law_note(judge: Judge, inputs: Inputs, i: int) -> str:
    if inputs.blocked[i]:
        return inputs.blocked[i]
    notes = list(inputs.treatments[i])
    if judge.nonembedding and not np.isfinite(inputs.n_nonembedding[i]):
        notes.append("total N used: the count without embeddings is unknown")
    if not judge.has_loss:
        notes.append("allocation only: no loss, no waste")
    if judge.draws is None:
        notes.append("no interval: the law has no covariance")
    return "; ".join([*notes, *_outside(judge, inputs, i)])


def _outside(judge: Judge, inputs: Inputs, i: int) -> list[str]:
    """Say where a run lies outside the data behind the law, and what is not told for it."""
    n, d = judge.counted(inputs)[i], inputs.d_seen[i]
    said = []
    for name, value, (low, high) in (("N", n, judge.n_range), ("D", d, judge.d_range)):
        if np.isfinite(value) and not low <= value <= high:
            far = "far " * bool(value * FAR < low or value > high * FAR)
            said.append(
                f"{name} {count(value)} {far}outside the law's data ({count(low)} to "
                f"{count(high)}): extrapolated"
            )
    if any(" far outside " in words for words in said):
        said.append("so far outside, no excess loss and no waste is given")
    return said


def verdict_table(sheet: Sheet, by_law: pd.DataFrame) -> pd.DataFrame:
    """Return one row a run: numbers and verdict under its own law, and the reason in words."""
    import pandas as pd

    own = _own_rows(sheet, by_law)
    runs, inputs = sheet.runs, sheet.inputs
    contrary = _contrary(by_law, len(runs))
    computed, claimed = _compute_notes(sheet), _other_claims(sheet)
    extrapolated = [bool(_outside(j, inputs, i)) for i, j in enumerate(sheet.chosen)]
    d_opt = own["n_tokens_needed"].to_numpy()
    frame = pd.DataFrame({"run": runs.labels()})
    frame["n_params"], frame["n_tokens"] = runs.numbers("n_params"), runs.numbers("n_tokens")
    numbers = [f"{q}{end}" for q in _QUANTITIES for end in ("", "_low", "_high")]
    frame = pd.concat([frame, own[["law", *numbers, "verdict"]]], axis=1)
    ratios = own[numbers[:3]].to_numpy(dtype=np.float64)
    frame["reason"] = [
        _reason(sheet, i, word, ratios[i], notes=[computed[i], claimed[i], contrary[i]])
        for i, word in enumerate(own["verdict"])
    ]
    frame["severity"] = [
        severity(verdict, waste, is_failed=bool(failed))
        for verdict, waste, failed in zip(
            own["verdict"], own["compute_waste"], inputs.is_failed, strict=True
        )
    ]
    frame["family"] = sheet.families
    frame["tokens_per_param"] = inputs.d_seen / inputs.n_used
    frame["n_tokens_needed"] = d_opt
    frame["extra_flops"] = 6 * inputs.n_used * np.maximum(d_opt - inputs.d_effective, 0.0)
    frame["n_params_used"], frame["n_tokens_effective"] = inputs.n_used, inputs.d_effective
    frame["laws_agree"] = [
        v != NOT_ASSESSABLE and not c for v, c in zip(own["verdict"], contrary, strict=True)
    ]
    frame["extrapolated"] = np.array(extrapolated, dtype=bool)
    frame["far_outside"] = own["far_outside"]
    frame.attrs["units"] = UNITS
    return frame


def worst_first(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return the undertrained runs by token ratio, those far outside their law's data last."""
    flagged = verdicts[verdicts["verdict"] == "undertrained"]
    return flagged.sort_values(["far_outside", "token_ratio"])


def undertrained_table(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return the undertrained runs, worst first, with what each would have needed.

    N is the one that was judged by: the active parameters of a mixture of experts.
    """
    numbers = [f"{q}{end}" for q in _QUANTITIES for end in ("", "_low", "_high")]
    shown = ["run", "severity", "n_params_used", "n_tokens", "tokens_per_param", "n_tokens_needed",
             "extra_flops", *numbers, "law", "far_outside"]  # fmt: skip
    table = worst_first(verdicts)[shown].reset_index(drop=True)
    table.attrs["units"] = UNITS
    return table


def _own_rows(sheet: Sheet, by_law: pd.DataFrame) -> pd.DataFrame:
    """Rows of `by_law` under the law that each run is judged by, in the order of the runs."""
    wanted = np.array([j.name for j in sheet.chosen], dtype=object)
    laws, rows = by_law["law"].to_numpy(dtype=object), by_law["row"].to_numpy(dtype=np.int64)
    own = by_law[laws == wanted[rows]] if rows.size else by_law
    return own.sort_values("row").reset_index(drop=True)


def _spread(name: str, values: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    return {name: values[:, 0], f"{name}_low": values[:, 1], f"{name}_high": values[:, 2]}


def _contrary(by_law: pd.DataFrame, n_runs: int) -> list[str]:
    """Of each run the parametric laws' verdicts where they contradict; empty where they do not.

    Leaning contradicts nothing. Allocations are not counted: Kaplan's calls nearly every model of
    its time too small, which would drown what the laws with a loss disagree about.
    """
    said: list[dict[str, list[str]]] = [{} for _ in range(n_runs)]
    clear = by_law[by_law["has_loss"] & ~by_law["verdict"].isin(["leaning", NOT_ASSESSABLE])]
    for row, law, word in zip(clear["row"], clear["law"], clear["verdict"], strict=True):
        said[row].setdefault(word, []).append(law)
    return [
        "laws disagree: " + "; ".join(f"{w}: {', '.join(laws)}" for w, laws in words.items())
        if len(words) > 1
        else ""
        for words in said
    ]


def _reason(
    sheet: Sheet, i: int, verdict: str, ratio: NDArray[np.float64], *, notes: list[str]
) -> str:
    inputs, judge = sheet.inputs, sheet.chosen[i]
    if inputs.blocked[i]:
        return inputs.blocked[i]
    parts = [rule_text(verdict, ratio, judge.name), *inputs.treatments[i]]
    if judge.nonembedding and not np.isfinite(inputs.n_nonembedding[i]):
        parts.append("total N used: the count without embeddings is unknown")
    if not judge.has_loss:
        parts.append("waste unknown: the law is an allocation")
    parts += _outside(judge, inputs, i)
    parts += notes
    return "; ".join(p for p in parts if p)


def _compute_notes(sheet: Sheet) -> list[str]:
    """Say of each run where its C contradicts N and D; conventions that count more are let be."""
    counted = sheet.inputs.n_used * sheet.inputs.d_seen
    reported, flops = sheet.runs.numbers("flops_reported"), sheet.runs.numbers("flops")
    ratios = np.where(np.isfinite(reported), reported, flops) / (6 * counted)
    low, high = FLOPS_RANGE
    return [
        f"C is {ratio:.2f} x 6 N D: N, D or C may be wrong"
        if convention not in {"full", "kaplan"} and np.isfinite(ratio) and not low <= ratio <= high
        else ""
        for ratio, convention in zip(ratios, sheet.runs.texts("flops_convention"), strict=True)
    ]


def _other_claims(sheet: Sheet) -> list[str]:
    """Of each run the verdicts under other claims of D that its sources make."""
    texts = sheet.runs.texts("claims")
    found = [_claimed_tokens(text) if text else [] for text in texts]
    out = [""] * len(texts)
    for i, claims in enumerate(found):
        seen = sheet.inputs.d_seen[i]
        words = [
            f"another claim of D, {tokens(d)} ({source}), gives {_verdict_at(sheet, i, d)}"
            for d, source in claims
            if np.isfinite(seen) and abs(d / seen - 1) > 0.05
        ]
        out[i] = "; ".join(words)
    return out


def _claimed_tokens(text: str) -> list[tuple[float, str]]:
    """Claims of D that were not rejected; text that is not JSON of claims has none."""
    try:
        claims: Any = json.loads(text)
    except json.JSONDecodeError:
        return []
    return [
        (float(c["value"]), str(c.get("source", "")))
        for c in claims
        if isinstance(c, dict)
        and c.get("column") == "n_tokens"
        and not c.get("rejected")
        and isinstance(c.get("value"), (int, float))
        and c["value"] > 0
    ]


def _verdict_at(sheet: Sheet, i: int, tokens: float) -> str:
    one = slice(i, i + 1)
    d = np.array([tokens])
    inputs = replace(
        sheet.inputs,
        n_used=sheet.inputs.n_used[one],
        n_nonembedding=sheet.inputs.n_nonembedding[one],
        d_seen=d,
        d_effective=d,
    )
    measures: Measures = measure(sheet.chosen[i], inputs, level=sheet.level)
    return str(verdicts(measures)[0])
