"""Verbs that think: fit, analyze."""

from __future__ import annotations

import dataclasses
import json as json_format
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isoflop.cli.arguments import (
    DEFAULT_REGISTRY,
    FamilyOption,
    JsonOption,
    PublishedOption,
    RegistryOption,
    RowsOption,
    TableOption,
)
from isoflop.cli.output import print_json, print_result, say
from isoflop.progress import progress
from isoflop.records import REFERENCE_KIND

if TYPE_CHECKING:
    from isoflop.estimation import FitResult
    from isoflop.refitting import KeptFit
    from isoflop.results import AnalysisResult
    from isoflop.store import Registry
    from isoflop.tables import ArrowTable


def fit(
    law: Annotated[str, typer.Argument(help="Name of a law; `isoflop plugins` lists them.")],
    registry: RegistryOption = DEFAULT_REGISTRY,
    family: FamilyOption = None,
    published: PublishedOption = False,
    objective: Annotated[
        str | None,
        typer.Option(
            help="What to minimize: log-huber, log-squares, log-absolute, log-quantile, or "
            "the same without log-; the law's own by default."
        ),
    ] = None,
    delta: Annotated[float, typer.Option(min=0, help="Huber threshold on the residual.")] = 1e-3,
    quantile: Annotated[
        float | None, typer.Option(help="Share of the runs below the fit, for log-quantile.")
    ] = None,
    fixed: Annotated[
        list[str] | None, typer.Option(help="Hold a parameter: alpha=0.5; repeatable.")
    ] = None,
    tied: Annotated[str | None, typer.Option(help="Parameters to hold equal: alpha,beta.")] = None,
    using: Annotated[
        list[str] | None,
        typer.Option(help="Another column: n_params=n_params_nonembedding; repeatable."),
    ] = None,
    weights: Annotated[str | None, typer.Option(help="Column with the weight of a run.")] = None,
    clusters: Annotated[
        str | None, typer.Option(help="Column with what is resampled together.")
    ] = None,
    n_boot: Annotated[int, typer.Option(min=0, help="Bootstrap replicates over runs.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    store: Annotated[
        bool, typer.Option("--store/--no-store", help="Keep the fit, dated, in the registry.")
    ] = True,
    json: JsonOption = False,
) -> None:
    """Fit a scaling law to your runs: parameters with intervals, status, what was left out.

    The fit is kept with all that it takes to make it again: `isoflop fits`, `isoflop refit`.

    Examples
    --------
    isoflop fit chinchilla
    isoflop fit chinchilla --family c4 --json
    isoflop fit chinchilla --tied alpha,beta
    isoflop fit chinchilla --using n_params=n_params_nonembedding --no-store
    """
    import isoflop
    from isoflop.store import open_registry

    opened = open_registry(registry)
    # Pinned, so that the version that is kept is the one that was read.
    then = opened.as_of(opened.versions())
    runs: Any = picked(then, "runs", family=family, published=published)
    with progress("Fitting"):
        result = isoflop.fit(
            law,
            runs,
            objective=objective,
            delta=delta,
            quantile=quantile,
            n_boot=n_boot,
            seed=seed,
            family=family,
            fixed=parsed(fixed or (), option="--fixed"),
            tied=tuple(name.strip() for name in tied.split(",")) if tied else (),
            using=parsed(using or (), option="--using"),
            weights=weights,
            clusters=clusters,
        )
    kept = _kept(opened, result, then.versions(), published=published) if store else None
    if not json:
        say(repr(result))
        if kept:
            say(f"\n{kept.sentence}", style="dim")
        return
    print_json({
        "law": result.law.name,
        "status": result.status,
        "params": result.params,
        "derived": result.derived,
        "units": result.units,
        "objective": result.objective,
        "gradient_norm": result.gradient_norm,
        "n_runs": result.n_runs,
        "left_out": [dataclasses.asdict(left) for left in result.left_out],
        "family": result.family,
        "loss_dataset": result.loss_dataset,
        "unidentified": result.unidentified,
        "warnings": result.warnings,
        "n_boot": result.n_boot,
        "seed": result.seed,
        "source": result.source,
        "fit_id": kept.fit_id if kept else None,
    })  # fmt: skip


def _kept(
    registry: Registry, result: FitResult, versions: Mapping[str, int], *, published: bool
) -> KeptFit | None:
    """Keep a fit; where the registry cannot be written, warn: the fit itself is worth printing."""
    from isoflop.errors import IsoflopWarning, RegistryError
    from isoflop.refitting import store_fit

    try:
        return store_fit(
            registry,
            result,
            runs_version=versions["runs"],
            audience="reference" if published else "yours",
        )
    except RegistryError as error:
        warnings.warn(f"The fit was not kept: {error}", IsoflopWarning, stacklevel=2)
        return None


def analyze(
    name: Annotated[str, typer.Argument(help="An analyzer; `isoflop plugins` lists them.")],
    registry: RegistryOption = DEFAULT_REGISTRY,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", "-o", help="Option of the analyzer as key=value; repeatable."),
    ] = None,
    family: FamilyOption = None,
    published: PublishedOption = False,
    table: TableOption = None,
    limit: RowsOption = 20,
    json: JsonOption = False,
) -> None:
    """Run one analyzer: verdict, numbers with intervals, a table, what was left out.

    Examples
    --------
    isoflop analyze undertrained -o law=besiroglu-2024
    isoflop analyze undertrained --table by_law
    isoflop analyze emergence -o x=loss --json
    """
    result = run_analyzer(
        name, registry, options=parsed(option or ()), family=family, published=published
    )
    show_result(result, json=json, limit=limit, table=table)


def run_analyzer(
    name: str,
    registry: str,
    *,
    options: dict[str, Any],
    family: str | None = None,
    published: bool = False,
) -> AnalysisResult:
    """Return what an analyzer says about a registry; for verbs of plugins too."""
    import isoflop
    from isoflop.plugin_host import default_host

    kind = default_host().analyzer(name).table
    table = chosen(registry, kind, family=family, published=published)
    with progress(f"Running {name}"):
        return isoflop.analyze(name, table, **options)


def show_result(
    result: AnalysisResult, *, json: bool, limit: int | None = None, table: str | None = None
) -> None:
    """Print a result for people or as JSON.

    A verb that has the options --limit and --table passes them on.
    """
    if json:
        from isoflop.reporting.plain import plain_result

        print_json(plain_result(result))
    else:
        print_result(result, limit=limit, table=table)


def chosen(
    registry: str, kind: str, *, family: str | None = None, published: bool = False
) -> ArrowTable:
    """Return the rows of a table of one's own runs, or of published models, of one family.

    Raises `UnknownNameError` where there is no such family.
    """
    from isoflop.store import open_registry

    return picked(open_registry(registry), kind, family=family, published=published)


def picked(
    registry: Registry, kind: str, *, family: str | None = None, published: bool = False
) -> ArrowTable:
    """Return the rows that `chosen` returns, of a registry that is open."""
    from isoflop.errors import UnknownNameError

    table: ArrowTable = getattr(registry, kind)()
    if kind == "fits":
        is_wanted = [(a == "reference") == published for a in table.texts("audience")]
    else:
        reference = _reference_uids(registry)
        is_wanted = [(uid in reference) == published for uid in table.texts("run_uid")]
    table = table.take(is_wanted)
    if family is None:
        return table
    families = table.by_family()
    if family not in families:
        raise UnknownNameError("family", family, families, hint="`isoflop ls` shows them.")
    return families[family]


def _reference_uids(registry: Registry) -> set[str | None]:
    runs = registry.runs()
    pairs = zip(runs.texts("run_uid"), runs.texts("source_kind"), strict=True)
    return {uid for uid, source in pairs if source == REFERENCE_KIND}


def parsed(options: list[str] | tuple[str, ...], *, option: str = "--option") -> dict[str, Any]:
    """Return ``key=value`` texts as a mapping; a value is JSON where it can be, else text."""
    found: dict[str, Any] = {}
    for text in options:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"{text!r} is not of the form key=value.", param_hint=option)
        try:
            found[key] = json_format.loads(value)
        except ValueError:
            found[key] = value
    return found
