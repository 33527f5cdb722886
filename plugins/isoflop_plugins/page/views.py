"""What the page shows, ready to render."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from isoflop_plugins.page.addresses import PAGE

if TYPE_CHECKING:
    from isoflop.reporting import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the viewer asked for; empty is all.

    Parameters
    ----------
    experiment, family : str
        One of `Choices`, as the viewer wrote it; untrusted text.
    since, until : str
        Days (``2026-11-21``) between which runs were created, both included; untrusted text.
    """

    experiment: str = ""
    family: str = ""
    since: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """Values that a filter can have: those of the runs that the viewer may see, in order of name.

    Parameters
    ----------
    experiments, families : tuple of str
        Untrusted text.
    """

    experiments: tuple[str, ...] = ()
    families: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """The page as one viewer sees it.

    Parameters
    ----------
    report : Report or None
        On the runs that the viewer may see and asked for; None while it is being computed, and
        where it cannot be made, which `n_hidden_note` then explains.
    filters : Filters
        What was asked.
    choices : Choices
        What can be asked.
    as_of : datetime or None
        When the data behind the report were read, UTC.
    is_pending : bool
        True while the report is being computed and there is none to show.
    is_stale : bool
        True where the registry has newer data and a newer report is being computed.
    run_links : mapping of str to str
        `run_uid` to the address of its MLflow run page; only ``http``, ``https`` and relative ones.
    base : str
        Address of the page without query, ends with ``/``; the form's action.
    viewer : str
        Name that the viewer logged in with; empty where nobody logs in.
    n_hidden_note : str
        One or more sentences on what is not shown and why, or on what went wrong; may be empty.
    """

    report: Report | None
    filters: Filters = field(default_factory=Filters)
    choices: Choices = field(default_factory=Choices)
    as_of: datetime | None = None
    is_pending: bool = False
    is_stale: bool = False
    run_links: Mapping[str, str] = field(default_factory=dict)
    base: str = PAGE
    viewer: str = ""
    n_hidden_note: str = ""
