"""Verbs that gather: init, collect, watch, fold."""

from __future__ import annotations

import dataclasses
import os
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isoflop.cli.arguments import DEFAULT_REGISTRY, JsonOption, RegistryOption
from isoflop.cli.output import print_json, say
from isoflop.errors import CollectError
from isoflop.progress import progress

if TYPE_CHECKING:
    from isoflop.collection import CollectReceipt


def init(registry: RegistryOption = DEFAULT_REGISTRY, json: JsonOption = False) -> None:
    """Make an empty registry; one that is there already stays as it is.

    Examples
    --------
    isoflop init
    isoflop init -r /data/registry
    """
    from isoflop.store import open_registry

    opened = open_registry(registry, create=True)
    if json:
        print_json({"uri": opened.uri, "id": opened.registry_id, "n_runs": len(opened.runs())})
        return
    say(f"Registry {opened.uri}: {len(opened.runs()):,} runs.")
    say("Next: `isoflop collect SOURCE`, or set ISOFLOP_REGISTRY where you train.")


def collect(
    sources: Annotated[
        list[str],
        typer.Argument(help="Folders, files, tracking URIs, or dataset:NAME."),
    ],
    registry: RegistryOption = DEFAULT_REGISTRY,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Leave out runs that ended before, UTC."
        ),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Read every run again, also unchanged ones.")
    ] = False,
    forget: Annotated[
        bool,
        typer.Option(
            "--forget", help="Read nothing: reports end to read these sources; their runs stay."
        ),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Gather new and changed runs from sources into the registry, made if it is not there.

    A folder is searched for whatever training stacks, trackers and evaluation harnesses leave;
    several sources of one run become one run (`isoflop sources` shows which). A table that nobody
    knows is read by a map: `isoflop map FILE`.

    Running it again reads only what changed. A source that cannot be read does not stop the others.
    Reports read the same sources again, until one is forgotten.

    Examples
    --------
    isoflop collect ~/experiments
    isoflop collect sqlite:///mlflow.db
    isoflop collect http://localhost:5000 mlruns/ wandb/ -r ~/registry
    isoflop collect dataset:published-models
    isoflop collect --forget ~/experiments/of-last-year
    """  # fmt: skip
    if forget:
        _forget(sources, registry, as_json=json)
        return
    from isoflop.collection import collect as gather

    after = since.replace(tzinfo=UTC) if since else None
    with progress("Collecting") as tick:
        receipt = gather(sources, registry, since=after, full=full, progress=tick)
    if json:
        print_json(_plain_receipt(receipt))
    else:
        say(repr(receipt))
        _say_next(receipt, registry)


def _forget(sources: Sequence[str], registry: str, *, as_json: bool) -> None:
    from isoflop.gathering.remembering import forget
    from isoflop.store import open_registry

    opened = open_registry(registry)
    for source in sources:
        forget(opened, source)
    if as_json:
        print_json({"forgotten": sources})
    else:
        say(f"Reports on {opened.uri} no longer read {', '.join(sources)}.")


def _say_next(receipt: CollectReceipt, registry: str) -> None:
    """Say which verbs come next, and how they find the registry."""
    where = ""
    if registry != DEFAULT_REGISTRY and os.environ.get("ISOFLOP_REGISTRY") != registry:
        place = registry if "://" in registry else str(Path(registry).absolute())
        where = f" So that they find it: export ISOFLOP_REGISTRY={shlex.quote(place)}"
    if receipt.n_new:
        say(f"Next: `isoflop ls`, then `isoflop report`.{where}", style="dim")


def watch(
    sources: Annotated[
        list[str], typer.Argument(help="Folders of live runs, tracking URIs, database files.")
    ],
    registry: RegistryOption = DEFAULT_REGISTRY,
    interval: Annotated[
        float, typer.Option("--interval", min=0.1, help="Seconds between looks.")
    ] = 30.0,
    json: JsonOption = False,
) -> None:
    """Follow live runs: look again and again, read what changed, until interrupted.

    A line is printed when something changed; with --json it is one JSON object. What needs
    attention is said once.

    Examples
    --------
    isoflop watch runs/ wandb/
    isoflop watch http://localhost:5000 --interval 300
    """
    from isoflop.store import open_registry
    from isoflop.watching import watch as follow

    opened = open_registry(registry, create=True)
    if not json:
        say(f"Watching {', '.join(sources)} for {opened.uri}; stop with Ctrl-C.")
    said: set[tuple[str, str]] = set()
    for told in follow(sources, opened, interval_s=interval):
        if json:
            print_json(_plain_round(told), in_one_line=True)
        else:
            _say_round(told, said)


def _plain_round(told: CollectReceipt | CollectError) -> dict[str, object]:
    if isinstance(told, CollectError):
        return {"error": str(told), "source": told.source}
    return _plain_receipt(told)


def _say_round(told: CollectReceipt | CollectError, said: set[tuple[str, str]]) -> None:
    """Print one round of a watch; `said` takes up what needs attention, so that it is said once."""
    from isoflop.gathering.summary import attention_lines, headline

    if isinstance(told, CollectError):
        say(f"{datetime.now():%H:%M:%S} {told}")
        return
    changes = f"{told.n_new:,} new, {told.n_changed:,} changed"
    say(f"{datetime.now():%H:%M:%S} {headline(told)} ({changes})")
    fresh = [one for one in told.attention if one not in said]
    said.update(fresh)
    for line in attention_lines(fresh):
        say(f"  {line}")


def _plain_receipt(receipt: CollectReceipt) -> dict[str, object]:
    sources = [dataclasses.asdict(s) for s in receipt.sources]
    for source in sources:
        source["attention"] = [{"what": w, "why": y} for w, y in source["attention"]]
    return {
        "n_new": receipt.n_new,
        "n_changed": receipt.n_changed,
        "n_unchanged": receipt.n_unchanged,
        "n_runs": receipt.n_runs,
        "n_merged": receipt.n_merged,
        "n_attention": len(receipt.attention),
        "sources": sources,
    }


def fold(registry: RegistryOption = DEFAULT_REGISTRY, json: JsonOption = False) -> None:
    """Merge what live hooks have dropped into the tables.

    Other verbs do this by themselves; a schedule may do it to keep the inbox small.

    Examples
    --------
    isoflop fold -r /data/registry
    """
    from isoflop.store import open_registry

    opened = open_registry(registry)
    with progress("Folding"):
        receipt = opened.fold()
    if json:
        print_json(dataclasses.asdict(receipt))
    else:
        say(repr(receipt))
