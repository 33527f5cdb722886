"""Verbs about fits that are kept: fits, refit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from isoflop.cli.arguments import DEFAULT_REGISTRY, JsonOption, RegistryOption
from isoflop.cli.border import FLAGGED
from isoflop.cli.output import print_frame, print_json, say
from isoflop.progress import progress

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.estimate import Estimate
    from isoflop.laws import Law
    from isoflop.tables import FitTable

_HEADLINE = 4  # parameters that a line of the list holds


def list_fits(
    registry: RegistryOption = DEFAULT_REGISTRY,
    where: Annotated[
        str | None, typer.Option(help="SQL expression over the columns of fits.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Rows to print.")] = 20,
    json: JsonOption = False,
) -> None:
    """List the fits that are kept, newest first: date, law, family, status, parameters.

    `isoflop fit` and `isoflop report` keep fits. A fit is never changed: what the same law says
    later is another one. `isoflop analyze drift` compares them.

    Examples
    --------
    isoflop fits
    isoflop fits --where "law = 'chinchilla' and family = 'c4'"
    isoflop fits --json
    """
    from isoflop.store import open_registry

    kept = open_registry(registry).fits(where)
    newest = kept.take(list(range(len(kept)))[::-1])
    if json:
        print_json(_plain(newest))
    elif not len(newest):
        say("No fits of this kind." if where else "No fits yet. Make one: `isoflop fit LAW`.")
    else:
        print_frame(_listed(newest), limit=limit)


def refit(
    fit_id: Annotated[str, typer.Argument(help="Id of a fit, or its start; `isoflop fits`.")],
    registry: RegistryOption = DEFAULT_REGISTRY,
    json: JsonOption = False,
) -> None:
    """Make a kept fit again from its record, on the runs as they were, and say what differs.

    Exit code 3 says that it is not reproduced: a parameter differs by more than 1e-9.

    Examples
    --------
    isoflop refit 3f9a2b1c
    isoflop refit 3f9a --json
    """
    import isoflop
    from isoflop.store import open_registry

    with progress("Fitting"):
        result = isoflop.refit(open_registry(registry), fit_id)
    if not json:
        say(repr(result))
    else:
        print_json({
            "fit_id": result.row["fit_id"],
            "created_at": result.row["created_at"],
            "runs_version": result.row["runs_version"],
            "reproduced": result.reproduced,
            "identical": result.identical,
            "verdict": result.verdict,
            "notes": result.notes,
            "params": {
                d.name: {
                    "recorded": d.recorded, "now": d.now, "relative_difference": d.of_value,
                    "relative_difference_of_interval": d.of_interval,
                }
                for d in result.differences
            },
        })  # fmt: skip
    if not result.reproduced:
        raise typer.Exit(FLAGGED)


def _plain(fits: FitTable) -> list[dict[str, Any]]:
    """Return the rows, JSON columns as what they hold."""
    texts = [c.name for c in fits.schema.columns if c.type == "json"]
    rows: list[dict[str, Any]] = fits.to_arrow().to_pylist()
    for name in texts:
        for row, told in zip(rows, fits.objects(name), strict=True):
            row[name] = told
    return rows


def _listed(fits: FitTable) -> pd.DataFrame:
    from isoflop.plugin_host import default_host

    laws = default_host().context.laws
    frame = fits.to_pandas()
    shown = frame[["created_at", "law", "family", "status", "n_runs"]].copy()
    shown.insert(0, "fit", frame["fit_id"].str[:8])
    shown["parameters"] = [
        _headline(params, laws.get(name or ""))
        for params, name in zip(fits.params(), fits.texts("law"), strict=True)
    ]
    shown["variant"] = frame["variant"]
    return shown.rename(columns={"created_at": "date"})


def _headline(params: dict[str, Estimate], law: Law | None) -> str:
    """Return the parameters in a line, without coefficients: alone they mean nothing."""
    from isoflop.laws import PowerSum

    form = law.form if law else None
    hidden = {t.coefficient for t in form.terms} if isinstance(form, PowerSum) else set()
    named = [f"{name} {e!r}" for name, e in params.items() if name not in hidden]
    more = len(named) - _HEADLINE
    return ", ".join(named[:_HEADLINE]) + (f" and {more} more" if more > 0 else "")
