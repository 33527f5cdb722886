"""What people say about sources: these are one run, this one is its own, its N is that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from isoflop.errors import RegistryError, UnknownNameError
from isoflop.linking import BY_HAND
from isoflop.resolving import read_value
from isoflop.schema import EVENTS
from isoflop.store.events import event, event_rows
from isoflop.store.intents import Intent
from isoflop.store.location import Location
from isoflop.store.merge import merge_rows
from isoflop.store.relinking import relink


def say_by_hand(
    location: Location, kind: Literal["merge", "split"], sources: Sequence[str]
) -> None:
    """Keep a person's word on which sources are one run, and link them anew; the last counts."""
    what = "are one run" if kind == "merge" else "are runs of their own"
    _keep(location, kind, sources, message=f"By hand: {len(sources)} sources {what}.")


def say_values(location: Location, sources: Sequence[str], values: Mapping[str, Any]) -> None:
    """Keep what a person says of a run, and compose it anew; None takes back what was said.

    Raises `UnknownNameError` for a column that no person says, `RegistryError` for a value that it
    cannot hold.
    """
    read = {column: _readable(column, given) for column, given in values.items()}
    told = ", ".join(f"{column} = {value}" for column, value in read.items())
    _keep(location, "set", sources, values=read, message=f"By hand: {told}.")


def _readable(column: str, given: Any) -> Any:
    if column not in BY_HAND:
        raise UnknownNameError("column that can be set", column, BY_HAND)
    value, why = read_value(column, given)
    if value is None and given not in (None, ""):
        raise RegistryError(f"{column} cannot be set to {given!r}: {why}.")
    return value


def _keep(
    location: Location, kind: str, sources: Sequence[str], *, message: str, **more: Any
) -> None:
    told = event(kind, message, inputs={"sources": list(sources), **more})
    intent = Intent(location)
    intent.note(sources)
    merge_rows(location, EVENTS, event_rows([told]))
    relink(location, sources)
    intent.done()
