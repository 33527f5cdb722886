"""Options that several verbs share, in one wording."""

from __future__ import annotations

from typing import Annotated

import typer

RegistryOption = Annotated[
    str,
    typer.Option("--registry", "-r", envvar="ISOFLOP_REGISTRY", help="Folder of the registry."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]
FamilyOption = Annotated[str | None, typer.Option("--family", help="Only runs of this family.")]
PublishedOption = Annotated[
    bool,
    typer.Option("--published", help="Read the published models instead of your own runs."),
]

RowsOption = Annotated[
    int, typer.Option("--limit", "-n", min=1, help="Rows of the table to print at most.")
]
TableOption = Annotated[
    str | None, typer.Option("--table", help="Print this table in place of the first one.")
]

DEFAULT_REGISTRY = "registry"
