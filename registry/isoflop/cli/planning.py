"""The verb that says the next run: plan."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isoflop.cli.arguments import DEFAULT_REGISTRY, FamilyOption, JsonOption, RegistryOption
from isoflop.cli.estimating import chosen
from isoflop.cli.output import print_json, say
from isoflop.progress import progress

if TYPE_CHECKING:
    from collections.abc import Iterable

    from isoflop.laws import PublishedLaw


def plan(
    flops: Annotated[float, typer.Argument(help="Training compute, 6 N D, in FLOP: 1e21.")],
    law: Annotated[
        str | None, typer.Option(help="A published law, or a law to fit to your runs first.")
    ] = None,
    registry: RegistryOption = DEFAULT_REGISTRY,
    family: FamilyOption = None,
    json: JsonOption = False,
) -> None:
    """Say the compute-optimal next run for a budget: N, D and loss, with intervals.

    Examples
    --------
    isoflop plan 1e21 --law besiroglu-2024
    isoflop plan 1e21 --law chinchilla --family c4
    """
    import isoflop
    from isoflop.errors import UnknownNameError
    from isoflop.plugin_host import default_host

    if not 0 < flops < float("inf"):
        raise typer.BadParameter(f"{flops!r} is not a positive amount of compute, such as 1e21.")
    context = default_host().context
    if law is None:
        raise typer.BadParameter(_which_law(context.published.values(), registry),
                                 param_hint="--law")  # fmt: skip
    if law in context.published:
        result = isoflop.plan(flops, law=law)
    elif law in context.laws:
        runs: Any = chosen(registry, "runs", family=family)
        with progress("Fitting"):
            result = isoflop.plan(flops, law=isoflop.fit(law, runs, family=family))
    else:
        raise UnknownNameError("law", law, [*context.published, *context.laws])
    if json:
        print_json(dataclasses.asdict(result))
    else:
        say(repr(result))


def _which_law(published: Iterable[PublishedLaw], registry: str) -> str:
    """Return the laws a plan can stand on: published ones with intervals, and fitted ones."""
    from isoflop.estimation.frontier import has_frontier

    placing = [law for law in published if has_frontier(law)]
    printed = [law.name for law in placing if law.log_covariance]
    fitted = _fitted(registry) & {law.law for law in placing if law.law}
    choices = [f"--law {name} (fitted to your runs)" for name in sorted(fitted)]
    choices += [f"--law {name} (published, with intervals)" for name in printed]
    others = ", ".join(law.name for law in placing if law.name not in printed)
    return f"none is given. Take {' or '.join(choices)}; without intervals: {others}."


def _fitted(registry: str) -> set[str]:
    """Return the laws with a fit that the registry keeps; none where there is no registry."""
    from isoflop.errors import RegistryError
    from isoflop.store import open_registry

    try:
        fits = open_registry(registry).fits()
    except RegistryError:
        return set()
    pairs = zip(fits.texts("law"), fits.texts("audience"), strict=True)
    return {law for law, audience in pairs if law and audience != "reference"}
