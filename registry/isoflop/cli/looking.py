"""Verbs that look: ls, show, explain, query."""

from __future__ import annotations

import dataclasses
import json as json_format
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isoflop.cli.arguments import DEFAULT_REGISTRY, JsonOption, RegistryOption
from isoflop.cli.output import print_frame, print_json, records, say
from isoflop.display.harmless import harmless

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.tables import RunTable

RunArgument = Annotated[
    str, typer.Argument(help="Name of a run, or the start of its run_uid or of a source's id.")
]
LimitOption = Annotated[int, typer.Option("--limit", "-n", min=1, help="Rows to print at most.")]

_LISTED = ("run_name", "family", "n_params", "n_tokens", "flops", "loss", "status", "run_uid")


def list_runs(
    registry: RegistryOption = DEFAULT_REGISTRY,
    where: Annotated[
        str | None, typer.Option(help="SQL expression over the columns of runs.")
    ] = None,
    limit: LimitOption = 50,
    json: JsonOption = False,
) -> None:
    """List runs: name, family, N, D, C, loss, tokens per parameter, status.

    Examples
    --------
    isoflop ls
    isoflop ls --where "family = 'c4' and n_params > 1e8"
    isoflop ls --where "loss is null" --limit 1000
    """
    from isoflop.store import open_registry

    table = open_registry(registry).runs(where)
    frame = _listed(table)
    if json:
        print_json(records(frame))
    elif frame.empty:
        say(
            "No runs of this kind."
            if where
            else "No runs yet. Collect some: `isoflop collect SOURCE`."
        )
    else:
        print_frame(frame, limit=limit)


def _listed(table: RunTable) -> pd.DataFrame:
    """Return the columns people ask for first, least compute first."""
    frame = table.to_pandas()[list(_LISTED)].sort_values("flops", na_position="last", kind="stable")
    ratio = frame["n_tokens"].astype("Float64") / frame["n_params"].astype("Float64")
    frame.insert(6, "tokens_per_param", ratio)
    frame["run_uid"] = frame["run_uid"].str[:8]
    frame = frame.rename(columns={"run_name": "run", "run_uid": "uid"}).reset_index(drop=True)
    frame.attrs["units"] = table.to_pandas().attrs["units"]
    return frame


def show(
    run: RunArgument,
    registry: RegistryOption = DEFAULT_REGISTRY,
    json: JsonOption = False,
) -> None:
    """Show one run: every column that is known, how, from where, and why the others are not.

    Examples
    --------
    isoflop show my-run
    isoflop show 3f9a --json
    """
    from isoflop.store import open_registry

    opened = open_registry(registry)
    runs = opened.runs(include_deleted=True)
    at = runs.texts("run_uid").index(opened.find(run))
    row = runs.take([at]).to_arrow().to_pylist()[0]
    if json:
        print_json(row)
        return
    _print_row(row)


def explain(
    run: RunArgument,
    column: Annotated[str, typer.Argument(help="Column of runs, for example n_tokens.")],
    registry: RegistryOption = DEFAULT_REGISTRY,
    json: JsonOption = False,
) -> None:
    """Say where one number of one run comes from: value, formula, raw keys, claims that lost.

    Examples
    --------
    isoflop explain my-run n_tokens
    isoflop explain my-run loss
    """
    from isoflop.store import open_registry

    told = open_registry(registry).explain(run, column)
    if json:
        print_json(dataclasses.asdict(told))
    else:
        say(repr(told))


def query(
    sql: Annotated[str, typer.Argument(help="A DuckDB query over the registry's tables.")],
    registry: RegistryOption = DEFAULT_REGISTRY,
    limit: LimitOption = 50,
    json: JsonOption = False,
) -> None:
    """Ask the tables runs, curves, metrics, scores, sources, links, ... in SQL (DuckDB).

    Examples
    --------
    isoflop query "select family, count(*) as n, min(loss) from runs group by family"
    isoflop query "from scores where task = 'hellaswag'" --json
    """
    from isoflop.store import open_registry

    frame = open_registry(registry).sql(sql).to_pandas()
    if json:
        print_json(records(frame))
    else:
        print_frame(frame, limit=limit, longest=None)


def _print_row(row: dict[str, Any]) -> None:
    from isoflop.display.table_view import cell
    from isoflop.schema import RUNS

    reasons = json_format.loads(row.get("null_reasons") or "{}")
    group, hidden = "", 0
    for column in RUNS.columns:
        value = row.get(column.name)
        beside = column.name.endswith(("_how", "_source")) and column.name[:-4] != "peak"
        if column.bookkeeping or column.group == "Evidence" or (beside and value is None):
            continue
        if value is None and column.name not in reasons:
            hidden += 1
            continue
        if column.group != group:
            group = column.group
            say(f"\n{group}", style="bold")
        text = reasons[column.name] if value is None else cell(
            value, name=column.name, unit=column.unit)  # fmt: skip
        unit = f" {column.unit}" if column.unit not in ("", "1", "s") and value is not None else ""
        say(f"  {column.name:<28} {'not known: ' * (value is None)}{harmless(text)}{unit}")
    uid = row["run_uid"][:8]
    say(f"\n{hidden} more columns are null. `isoflop explain {uid} n_tokens` says where a number "
        f"comes from, `isoflop sources {uid}` where the run was read.", style="dim")  # fmt: skip
