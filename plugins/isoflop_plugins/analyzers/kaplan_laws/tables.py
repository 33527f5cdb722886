"""Tables of Kaplan's laws: parameters, parts of the loss, errors, growth with compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.estimation.variables import fitted_values
from isoflop_plugins.analyzers.by_family.loss_parts import loss_parts
from isoflop_plugins.analyzers.kaplan_laws.families import (
    CRITICAL,
    SHORT,
    KaplanFamily,
    Pair,
    family_growth,
    growth_holds,
)
from isoflop_plugins.laws.kaplan import PF_DAY
from isoflop_plugins.laws.kaplan_batch import PRINTED_GROWTH, growth

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimate import Estimate
    from isoflop.estimation import FitResult
    from isoflop_plugins.analyzers.by_family.reached_fits import LawFit

_GRID = 30
_AHEAD = 1.0  # decades beyond the runs that a line is drawn

AXES = {"kaplan-n": "N", "kaplan-d": "D", "kaplan-c": "C"}
"""Laws in the figure, and its axis."""

PLAIN, FLOOR = "power law", "with a constant"

UNITS = {
    "published": "unit of the parameter", "loss": "nat/token", "reducible": "nat/token",
    "irreducible": "nat/token", "error": "1", "error_with_constant": "1", "baseline_error": "1",
    "exponent": "1", "printed": "1", "from_printed_constants": "1",
}  # fmt: skip


def _ends(name: str) -> tuple[str, str, str]:
    return name, f"{name}_low", f"{name}_high"


_COLUMNS: dict[str, tuple[str, ...]] = {
    "params": (
        "family", "law", "form", "parameter", *_ends("value"), "unit", "published", "status",
    ),
    "fits": (
        "family", "law", "form", "status", "n_runs", "n_left_out", "columns", "objective",
        "n_starts", "n_agree", "gradient_norm", "condition_number", "reason",
    ),
    "parts": (
        "family", "law", "form", "at", *_ends("loss"), *_ends("reducible"), *_ends("irreducible"),
        "note",
    ),
    "held_out": (
        "family", "law", "n_held_out", "error", "error_with_constant", "baseline_error", "reason",
    ),
    "growth": (
        "family", "from_law", "quantity", *_ends("exponent"), "printed", "from_printed_constants",
        "holds",
    ),
    "lines": (
        "family", "axis", "kind", "form", "segment", "run", "x", *_ends("loss"),
    ),
}  # fmt: skip


def tables(
    families: Sequence[KaplanFamily], published: Mapping[str, Mapping[str, float]]
) -> dict[str, pd.DataFrame]:
    """Return all tables by name, empty ones with their columns."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _COLUMNS}
    for item in families:
        made: dict[str, list[dict[str, Any]]] = {name: [] for name in _COLUMNS}
        for name, pair in item.pairs.items():
            told = {"law": SHORT[name]}
            for form, fitted in _forms(pair):
                made["fits"].append({**told, "form": form, **_fit_row(fitted)})
                made["params"] += [
                    {**told, "form": form, **row}
                    for row in _params(fitted, published[name] if form == PLAIN else {})
                ]
                made["parts"] += [{**told, "form": form, **row} for row in _parts(name, fitted)]
            made["held_out"] += [{**told, **row} for row in _held_out(pair)]
            made["lines"] += _lines(AXES[name], pair) if name in AXES else []
        made["growth"] = _growth(item, published)
        for name, found in made.items():
            rows[name] += [{"family": item.family, **row} for row in found]
    return {name: _frame(name, found) for name, found in rows.items()}


def _frame(name: str, rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(_COLUMNS[name]))
    stems = {c: c.removesuffix("_low").removesuffix("_high") for c in frame.columns}
    frame.attrs["units"] = {c: UNITS[s] for c, s in stems.items() if s in UNITS}
    return frame


def _forms(pair: Pair) -> list[tuple[str, LawFit]]:
    return [(PLAIN, pair.plain), *([(FLOOR, pair.floor)] if pair.floor is not None else [])]


def _fit_row(item: LawFit) -> dict[str, Any]:
    fit = item.fit
    columns = ", ".join(item.using.get(v, v) for v in item.law.variables)
    if fit is None:
        return {
            "status": "not-fitted", "n_runs": 0, "n_left_out": len(item.runs), "columns": columns,
            "reason": item.refusal,
        }  # fmt: skip
    c = fit.certificate
    return {
        "status": fit.status,
        "n_runs": fit.n_runs,
        "n_left_out": len(item.left_out),
        "columns": columns,
        "objective": fit.objective,
        "n_starts": c.n_starts,
        "n_agree": c.n_agree,
        "gradient_norm": fit.gradient_norm,
        "condition_number": c.condition_number,
        "reason": "; ".join(fit.warnings),
    }


def _three(name: str, e: Estimate, *, unit: float = 1.0) -> dict[str, float]:
    return dict(zip(_ends(name), (e.value / unit, e.low / unit, e.high / unit), strict=True))


def _params(item: LawFit, published: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return a row a parameter; a scale of compute in PF-days too, as the paper gives it."""
    fit = item.fit
    if fit is None:
        return []
    rows = []
    for name, e in fit.params.items():
        said, told = published.get(name, float("nan")), fit.units[name]
        row = {"parameter": name, "unit": told, "published": said, "status": fit.status}
        rows.append({**row, **_three("value", e)})
        if told == "FLOP":
            days = {"unit": "PF-day", "published": said / PF_DAY}
            rows.append({**row, **days, **_three("value", e, unit=PF_DAY)})
    return rows


def _largest(fit: FitResult) -> dict[str, float]:
    return {name: fit.ranges[name][1] for name in fit.law.variables}


def _parts(name: str, item: LawFit) -> list[dict[str, Any]]:
    """Return the parts of the loss at the largest values of the variables that were fitted."""
    fit = item.fit
    if fit is None or name == CRITICAL:
        return []
    largest = _largest(fit)
    at = ", ".join(f"{item.using.get(k, k)} = {v:.3g}" for k, v in largest.items())
    if "L_inf" not in fit.law.names:
        total = fit.predict_at({k: [v] for k, v in largest.items()})[0]
        return [
            {
                "at": at, **_three("loss", total), **_three("reducible", total),
                "irreducible": 0.0, "note": "the form has no irreducible part",
            }
        ]  # fmt: skip
    parts = loss_parts(fit, {k: [v] for k, v in largest.items()})
    return [
        {
            "at": at, **_three("loss", parts.total[0]), **_three("reducible", parts.reducible[0]),
            **_three("irreducible", parts.floor),
            "note": "" if parts.is_known else "the runs do not identify the floor",
        }
    ]  # fmt: skip


def _held_out(pair: Pair) -> list[dict[str, Any]]:
    held, floor = pair.plain.held_out, pair.floor
    if pair.plain.fit is None or floor is None:
        return []
    return [
        {
            "n_held_out": held.n_runs,
            "error": held.error,
            "error_with_constant": floor.held_out.error,
            "baseline_error": held.baseline,
            "reason": "; ".join(
                t for t in (held.reason, floor.refusal or floor.held_out.reason) if t
            ),
        }
    ]


def _growth(
    item: KaplanFamily, published: Mapping[str, Mapping[str, float]]
) -> list[dict[str, Any]]:
    said, batch = published["kaplan-ns"], published[CRITICAL]
    printed = growth(said["alpha_N"], said["alpha_S"], batch["alpha_B"]) if said and batch else None
    rows: list[dict[str, Any]] = [
        {
            "from_law": SHORT["kaplan-ns"],
            "quantity": name,
            **_three("exponent", e),
            "printed": PRINTED_GROWTH[name],
            "from_printed_constants": float(getattr(printed, name)) if printed else np.nan,
            "holds": growth_holds(item),
        }
        for name, e in family_growth(item).items()
    ]
    joint, constants = item.pairs["kaplan-nd"].plain.fit, published["kaplan-nd"]
    if joint is None or not joint.is_usable:
        return rows
    share = constants["alpha_N"] / constants["alpha_D"] if constants else np.nan
    of = {"N": ("exponent_n", 1 / (1 + share)), "D": ("exponent_d", share / (1 + share))}
    return rows + [
        {
            "from_law": SHORT["kaplan-nd"], "quantity": name, "printed": PRINTED_GROWTH[name],
            **_three("exponent", joint.derived[key]), "from_printed_constants": value,
            "holds": True,
        }
        for name, (key, value) in of.items()
    ]  # fmt: skip


def _lines(axis: str, pair: Pair) -> list[dict[str, Any]]:
    if pair.plain.fit is None:
        return []
    rows = _points(pair.plain, "run")
    for form, item in _forms(pair):
        rows += [{"form": form, **row} for row in _line(item)]
    return [{"axis": axis, **row} for row in rows]


def _points(item: LawFit, kind: str) -> list[dict[str, Any]]:
    """Return the runs that were fitted, and those that another one beats."""
    assert item.fit is not None
    groups = [(kind, item.runs.take(item.fit.rows))]
    groups += [("beaten", item.beaten)] if item.beaten is not None else []
    (variable,) = item.law.variables
    return [
        {"kind": name, "form": "", "segment": "", "run": label, "x": x, "loss": loss}
        for name, runs in groups
        for label, x, loss in zip(
            runs.labels(), fitted_values(runs, item.using.get(variable, variable)).tolist(),
            runs.numbers("loss").tolist(), strict=True,
        )
    ]  # fmt: skip


def _line(item: LawFit) -> list[dict[str, Any]]:
    fit = item.fit
    if fit is None or not fit.is_usable:
        return []
    (variable,) = fit.law.variables
    low, high = np.log10(fit.ranges[variable])
    out = []
    for segment, decades in (
        ("inside", np.linspace(low, high, _GRID)),
        ("above", np.linspace(high, high + _AHEAD, _GRID // 3)),
    ):
        x = 10.0**decades
        found = fit.predict_at({variable: x})
        out += [
            {"kind": "line", "segment": segment, "run": "", "x": at, **_three("loss", e)}
            for at, e in zip(x.tolist(), found, strict=True)
        ]
    return out
