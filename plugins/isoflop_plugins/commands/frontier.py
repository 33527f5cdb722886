"""``isoflop frontier``: undertrained and overtrained runs, and the law that says so."""

from __future__ import annotations

from typing import Annotated, Any

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
from isoflop.cli.border import FLAGGED
from isoflop.cli.estimating import run_analyzer, show_result
from isoflop.results import PRESSING


def frontier(
    registry: RegistryOption = DEFAULT_REGISTRY,
    law: Annotated[
        str | None,
        typer.Option(help="A published law, for example besiroglu-2024, or the analyzer's choice."),
    ] = None,
    family: FamilyOption = None,
    published: PublishedOption = False,
    table: TableOption = None,
    limit: RowsOption = 20,
    json: JsonOption = False,
) -> None:
    """Say which runs are undertrained or overtrained, by how much, under which law.

    Exit code 3 says that a run is undertrained and that the flag is clear or severe.

    Examples
    --------
    isoflop frontier
    isoflop frontier --law besiroglu-2024 --published
    isoflop frontier --json
    """
    options: dict[str, Any] = {} if law is None else {"law": law}
    result = run_analyzer(
        "undertrained", registry, options=options, family=family, published=published
    )
    show_result(result, json=json, limit=limit, table=table)
    if any(f.kind == "undertrained" and f.severity in PRESSING for f in result.findings):
        raise typer.Exit(FLAGGED)
