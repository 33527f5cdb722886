"""``isoflop emergence``: abilities that appear, and the test that says so."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from isoflop.cli.arguments import (
    DEFAULT_REGISTRY,
    FamilyOption,
    JsonOption,
    RegistryOption,
    RowsOption,
    TableOption,
)
from isoflop.cli.border import FLAGGED
from isoflop.cli.estimating import run_analyzer, show_result


def emergence(
    registry: RegistryOption = DEFAULT_REGISTRY,
    x: Annotated[
        str | None, typer.Option(help="Axis of scale: flops, n_params, n_tokens or loss.")
    ] = None,
    family: FamilyOption = None,
    table: TableOption = None,
    limit: RowsOption = 20,
    json: JsonOption = False,
) -> None:
    """Say which abilities emerged, where, and whether the jump is real.

    Exit code 3 says that at least one task is flagged.

    Examples
    --------
    isoflop emergence
    isoflop emergence --x n_params --family c4 --json
    """
    options: dict[str, Any] = {} if x is None else {"x": x}
    result = run_analyzer("emergence", registry, options=options, family=family)
    show_result(result, json=json, limit=limit, table=table)
    if result.findings:
        raise typer.Exit(FLAGGED)
