"""Approaches 2 and 3 on the runs of one family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.errors import FitError, SchemaError, UnitError
from isoflop.estimation import FitResult, fit_law
from isoflop.estimation.isoflop_profiles.analysis import IsoflopProfiles, isoflop_profiles
from isoflop.estimation.isoflop_profiles.bias import Bias, expected_bias
from isoflop.estimation.isoflop_profiles.budgets import find_budgets
from isoflop.estimation.isoflop_profiles.exponents import MIN_BUDGETS, PARABOLA, Exponents
from isoflop.estimation.selection import Selection, select_runs
from isoflop.words import plural

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isoflop.hookspecs import AnalysisContext
    from isoflop.results import LeftOut
    from isoflop.tables import RunTable

AHEAD = (1.0, 10.0, 100.0)
"""Times the largest budget at which approaches are compared."""

_SWEPT = ("learning_rate_peak", "batch_tokens", "batch_sequences")
"""Settings by which runs of equal N and D are a sweep and not repeats."""

_COMPUTE = ("auto", "6ND", "flops")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FamilyProfiles:
    """What came of one family.

    Parameters
    ----------
    family : str
        Name; ``""`` where runs have none.
    runs : RunTable
        Its runs.
    refusal : str
        Why there are no exponents; empty where there are.
    rows : NDArray of int, shape (n_used,)
        Rows of `runs` that were looked at, in the order of what `profiles` says of runs.
    n_params, n_tokens, loss, flops : NDArray, shape (n_used,)
        Of those rows: [1], [token], [nat/token], [FLOP].
    compute : str
        What `flops` is: ``"6ND"`` or ``"flops (measured)"``.
    left_out : tuple of LeftOut
        The other rows.
    profiles : IsoflopProfiles or None
        None where no run could be used.
    surface : FitResult or None
        Approach 3 on the runs behind the optima; None where `surface_refusal` says why.
    bias : Bias or None
        What approach 2 would get wrong on that surface, at `AHEAD` times the largest budget.
    """

    family: str
    runs: RunTable
    refusal: str
    rows: NDArray[np.int64]
    n_params: NDArray[np.float64]
    n_tokens: NDArray[np.float64]
    loss: NDArray[np.float64]
    flops: NDArray[np.float64]
    compute: str = ""
    left_out: tuple[LeftOut, ...] = ()
    loss_dataset: str = ""
    profiles: IsoflopProfiles | None = None
    surface: FitResult | None = None
    surface_refusal: str = ""
    bias: Bias | None = None

    @property
    def fit(self) -> Exponents | None:
        """The weighted fit to the vertices; None with under three of them."""
        return self.profiles.exponents.get(PARABOLA) if self.profiles else None


def profile_family(
    context: AnalysisContext,
    family: str,
    runs: RunTable,
    *,
    compute: str,
    settings: Mapping[str, Any],
) -> FamilyProfiles:
    """Return both approaches on the runs of one family.

    Raises
    ------
    SchemaError
        `compute` is not one of ``auto``, ``6ND``, ``flops``.
    """
    if compute not in _COMPUTE:
        raise SchemaError(f"compute must be one of {list(_COMPUTE)}, got {compute!r}.")
    none = np.empty(0)
    nothing: dict[str, Any] = {"n_params": none, "n_tokens": none, "loss": none, "flops": none}
    try:
        chosen = select_runs(context.laws["chinchilla"], runs, family=family)
    except (FitError, UnitError) as error:
        rows = np.empty(0, dtype=np.int64)
        return FamilyProfiles(family=family, runs=runs, refusal=str(error), rows=rows, **nothing)
    n, d = chosen.variables["n_params"], chosen.variables["n_tokens"]
    flops, words = _compute(runs.take(chosen.rows), n, d, compute, settings["min_sizes"])
    result = isoflop_profiles(
        n, d, chosen.response, flops=flops, setting=_settings(runs.take(chosen.rows)), **settings
    )
    surface, surface_refusal = _surface(context, runs, chosen, result, settings)
    return FamilyProfiles(
        family=family,
        runs=runs,
        refusal=_refusal(result, words, settings["min_sizes"]),
        rows=chosen.rows,
        n_params=n,
        n_tokens=d,
        loss=chosen.response,
        flops=flops,
        compute=words,
        left_out=chosen.left_out,
        loss_dataset=chosen.loss_dataset,
        profiles=result,
        surface=surface,
        surface_refusal=surface_refusal,
        bias=_bias(result, n, d, surface),
    )


def _compute(
    runs: RunTable,
    n: NDArray[np.float64],
    d: NDArray[np.float64],
    compute: str,
    min_sizes: int,
) -> tuple[NDArray[np.float64], str]:
    """Return C of each run and what it is; the column only where it is whole and of one kind."""
    derived = 6.0 * n * d
    column = runs.numbers("flops")
    conventions = set(runs.texts("flops_convention"))
    whole = bool(((column > 0) & np.isfinite(column)).all()) and len(conventions) == 1
    if compute == "6ND" or not whole:
        return derived, "6ND"
    named = f"flops ({next(iter(conventions)) or 'convention not known'})"
    if compute == "flops":
        return column, named
    held = [
        int((find_budgets(c, n, min_sizes=min_sizes).index >= 0).sum()) for c in (column, derived)
    ]
    return (column, named) if held[0] >= held[1] else (derived, "6ND")


def _settings(runs: RunTable) -> NDArray[np.int64]:
    """Return a code of learning rate and batch, equal where both are."""
    values = np.stack([np.nan_to_num(runs.numbers(name), nan=-1.0) for name in _SWEPT], axis=1)
    return np.asarray(np.unique(values, axis=0, return_inverse=True)[1], dtype=np.int64).reshape(-1)


def _refusal(result: IsoflopProfiles, compute: str, min_sizes: int) -> str:
    if PARABOLA in result.exponents:
        return ""
    if not result.profiles:
        return (
            f"their compute ({compute}) is spread out and not grouped in budgets, so there are no "
            f"profiles. Train {min_sizes} or more model sizes at each of {MIN_BUDGETS} or more "
            "equal budgets, or use approach 3 (chinchilla-parametric), which needs no budgets."
        )
    flags = [flag for p in result.profiles for flag in p.flags if not p.has_optimum]
    why = ", ".join(f"{flags.count(flag)} x {flag}" for flag in dict.fromkeys(flags))
    return (
        f"{plural(len(result.optima), 'budget')} of {len(result.profiles)} "
        f"{'has' if len(result.optima) == 1 else 'have'} an optimum{f' ({why})' if why else ''}, "
        f"and an exponent needs {MIN_BUDGETS}. Add budgets, or model sizes on both sides of the "
        "best one."
    )


def _surface(
    context: AnalysisContext,
    runs: RunTable,
    chosen: Selection,
    result: IsoflopProfiles,
    settings: Mapping[str, Any],
) -> tuple[FitResult | None, str]:
    """Return approach 3 on the runs behind the optima, or why there is none."""
    if PARABOLA not in result.exponents:
        return None, "approach 2 has no exponents."
    used = np.array([not reason for reason in result.reasons], dtype=bool)
    options = {name: settings[name] for name in ("n_boot", "seed", "level")}
    try:
        fit = fit_law(context.laws["chinchilla"], runs.take(chosen.rows[used]), **options)
    except (FitError, UnitError) as error:
        return None, str(error)
    if not fit.is_usable:
        return None, f"its fit is {fit.status.replace('-', ' ')}, {fit.warnings[0]}."
    return fit, ""


def _bias(
    result: IsoflopProfiles,
    n: NDArray[np.float64],
    d: NDArray[np.float64],
    surface: FitResult | None,
) -> Bias | None:
    if surface is None:
        return None
    fit = result.exponents[PARABOLA]
    return expected_bias(
        fit,
        result.profiles,
        n_params=n,
        n_tokens=d,
        surface=surface.frontier,
        flops=fit.flops[-1] * np.array(AHEAD),
    )
