"""Filters: what the viewer asked for, checked against what there is to choose from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

import numpy as np
from numpy.typing import NDArray

from isoflop_plugins.page.views import Choices, Filters
from isoflop_plugins.page.visibility import RunIndex

_LONGEST = 8_000  # as long as a tag of MLflow can be
_NAMES = ("experiment", "family", "since", "until")


def read_filters(query: Mapping[str, str]) -> Filters:
    """Return the filters of a query; parameters of other names are ignored."""
    return Filters(**{name: query.get(name, "")[:_LONGEST] for name in _NAMES})


def meant_by(filters: Filters, choices: Choices) -> Filters:
    """Return the filters with names as they are: on its way through a form a line end changes."""
    return Filters(
        experiment=_meant(filters.experiment, choices.experiments),
        family=_meant(filters.family, choices.families),
        since=filters.since.strip(),
        until=filters.until.strip(),
    )


def _meant(sent: str, known: tuple[str, ...]) -> str:
    if sent in known:
        return sent
    words = sent.split()
    return next((name for name in known if name.split() == words), sent.strip())


def choices_of(index: RunIndex, visible: NDArray[np.bool_]) -> Choices:
    """Return the experiments and families of the runs that the viewer may see."""
    return Choices(
        experiments=tuple(sorted(set(index.experiments[visible]) - {""})),
        families=tuple(sorted(set(index.families[visible]) - {""})),
    )


def problems_of(filters: Filters, choices: Choices) -> list[str]:
    """Return what of the filters cannot be used, in sentences; nothing is computed for these."""
    found = []
    for what, value, known in (
        ("experiment", filters.experiment, choices.experiments),
        ("family", filters.family, choices.families),
    ):
        if value and value not in known:
            found.append(f"None of the runs that you can see has this {what}: {value!r}.")
    for what, value in (("first", filters.since), ("last", filters.until)):
        if value and _day(value) is None:
            found.append(f"The {what} day, {value!r}, is no date such as 2026-11-21.")
    since, until = _day(filters.since), _day(filters.until)
    if since and until and since > until:
        found.append(f"The first day, {since}, is after the last day, {until}.")
    return found


def chosen_runs(index: RunIndex, visible: NDArray[np.bool_], filters: Filters) -> NDArray[np.bool_]:
    """Return which of the visible runs the filters let through. Shape (n_runs,).

    A run whose day is not known passes no filter on days.
    """
    mask = visible
    if filters.experiment:
        mask = mask & (index.experiments == filters.experiment)
    if filters.family:
        mask = mask & (index.families == filters.family)
    if since := _day(filters.since):
        mask = mask & (index.days >= np.datetime64(since))
    if until := _day(filters.until):
        mask = mask & (index.days <= np.datetime64(until))
    return mask


def _day(text: str) -> date | None:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
