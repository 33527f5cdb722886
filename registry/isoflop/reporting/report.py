"""What a report is: data that reporters render and never recompute."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from isoflop.estimate import Estimate
from isoflop.plugin_host import PluginInfo
from isoflop.results import PRESSING, AnalysisResult, Finding
from isoflop.words import moment, plural

Audience = Literal["yours", "reference"]
SectionState = Literal["answered", "cannot-answer", "failed"]
FlagKey = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A finding with the analyzer that raised it.

    Parameters
    ----------
    analyzer : str
        Name of the analyzer.
    finding : Finding
        The flag itself.
    """

    analyzer: str
    finding: Finding

    @property
    def key(self) -> FlagKey:
        """What makes two flags the same one: analyzer, kind, subject, law, family."""
        f = self.finding
        return (self.analyzer, f.kind, f.subject, f.law, f.family)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A number that left the interval it had in the last report.

    Parameters
    ----------
    name : str
        What moved, for example ``"my-law: alpha (family web)"``.
    before, after : Estimate
        Then and now, in the unit of the number.
    """

    name: str
    before: Estimate
    after: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is new since the last report recorded in the registry.

    Parameters
    ----------
    since : datetime or None
        Time of that report; None for the first.
    previous_id : str
        Its id; empty for the first.
    runs_added, runs_changed, runs_removed : tuple of str
        Names of the user's runs; untrusted text.
    raised, cleared : tuple of Flag
        Flags that stand now and did not, or less gravely, and flags that stood and do not.
    moved : tuple of Moved
        Numbers outside their last interval.
    notes : tuple of str
        What could not be compared and why.
    is_compared : bool
        False where the report is on a part of the runs and stands alone.
    """

    since: datetime | None = None
    previous_id: str = ""
    runs_added: tuple[str, ...] = ()
    runs_changed: tuple[str, ...] = ()
    runs_removed: tuple[str, ...] = ()
    raised: tuple[Flag, ...] = ()
    cleared: tuple[Flag, ...] = ()
    moved: tuple[Moved, ...] = ()
    notes: tuple[str, ...] = ()
    is_compared: bool = True

    @property
    def is_first(self) -> bool:
        """True where there is no earlier report, or none as early as was asked for."""
        return self.is_compared and self.since is None

    @property
    def anything(self) -> bool:
        """True where somebody should be told."""
        runs = self.runs_added or self.runs_changed or self.runs_removed
        return bool(self.is_first or runs or self.raised or self.cleared or self.moved)

    @property
    def sentence(self) -> str:
        """All of it in one sentence; empty where nothing was compared."""
        if not self.is_compared:
            return ""
        if self.since is None:
            flags, runs = len(self.raised), len(self.runs_added)
            which = "No earlier report to compare with" if self.notes else "First report"
            raised = f"{plural(flags, 'flag')} raised{self._of_them_pressing}"
            return f"{which}: {plural(runs, 'run')}, {raised}."
        counts = (
            (len(self.runs_added), "run added", "runs added"),
            (len(self.runs_changed), "run changed", "runs changed"),
            (len(self.runs_removed), "run removed", "runs removed"),
            (len(self.raised), f"flag raised{self._of_them_pressing}",
             f"flags raised{self._of_them_pressing}"),
            (len(self.cleared), "flag cleared", "flags cleared"),
            (len(self.moved), "number outside its last interval",
             "numbers outside their last intervals"),
        )  # fmt: skip
        parts = [plural(n, one, many) for n, one, many in counts if n]
        when = f"since the report of {moment(self.since)}"
        return f"{', '.join(parts)} {when}." if parts else f"Nothing changed {when}."

    @property
    def _of_them_pressing(self) -> str:
        if not self.raised:
            return ""
        n = sum(flag.finding.severity in PRESSING for flag in self.raised)
        return f" ({n or 'none'} clear or severe)"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Section:
    """What one analyzer said, or why it could not.

    Parameters
    ----------
    analyzer, title, summary : str
        Name, heading, and the analyzer's one sentence.
    audience : str
        ``"yours"`` for the user's runs; ``"reference"`` for published models, which no count and
        no headline includes.
    state : str
        ``"answered"``, ``"cannot-answer"`` (the data do not allow it) or ``"failed"`` (the
        analyzer broke).
    result : AnalysisResult or None
        None unless answered.
    failure, trace : str
        Reason and traceback, empty where answered.
    """

    analyzer: str
    title: str
    summary: str
    audience: Audience = "yours"
    state: SectionState = "answered"
    result: AnalysisResult | None = None
    failure: str = ""
    trace: str = ""

    @property
    def anchor(self) -> str:
        """Id of the section in a page."""
        return re.sub(r"[^A-Za-z0-9-]", "-", f"{self.audience}-{self.analyzer}")

    @property
    def flags(self) -> tuple[Flag, ...]:
        """Its findings, each with the analyzer's name."""
        found = self.result.findings if self.result else ()
        return tuple(Flag(analyzer=self.analyzer, finding=f) for f in found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What the report was made from and with.

    Parameters
    ----------
    software : mapping of str to str
        Package to version, Python included.
    plugins : tuple of PluginInfo
        Plugins found, broken ones included.
    data_versions : mapping of str to int
        Version of each table that was read.
    options : mapping of str to mapping
        Options that differ from the defaults, by analyzer.
    command : str
        Shell command that makes the report again.
    """

    software: Mapping[str, str] = field(default_factory=dict)
    plugins: tuple[PluginInfo, ...] = ()
    data_versions: Mapping[str, int] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    command: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Report:
    """A report, ready to render.

    Parameters
    ----------
    id : str
        Hash of results and data versions: an unchanged registry gives the same id.
    created_at : datetime
        When, UTC.
    registry_uri, registry_id : str
        Which registry.
    n_runs, n_reference : int
        The user's runs, and published models kept apart.
    headline : tuple of str
        Sentences that answer "do I need to do something?", most pressing first.
    changes : Changes
        What is new since the last report.
    sections : tuple of Section
        The user's sections by position, then the reference ones.
    provenance : Provenance
        Versions and the command that makes it again.
    problems : tuple of str
        What could not be done while it was made: a source that could not be read, an analyzer that
        broke, a format that could not be written. They are no part of the id.
    """

    id: str
    created_at: datetime
    registry_uri: str
    registry_id: str
    n_runs: int
    n_reference: int
    headline: tuple[str, ...]
    changes: Changes
    sections: tuple[Section, ...]
    provenance: Provenance
    problems: tuple[str, ...] = ()

    def with_problems(self, problems: Sequence[str]) -> Report:
        """Return the report with what could not be done, and a headline that says so.

        Its own problems must be none; an empty sequence changes nothing.
        """
        if not problems:
            return self
        told = f"{plural(len(problems), 'thing')} could not be done; see below."
        headline = (self.headline[0], told, *self.headline[1:])
        return dataclasses.replace(self, problems=tuple(problems), headline=headline)

    @property
    def unanswered(self) -> tuple[Section, ...]:
        """Sections on the user's runs whose question these runs cannot answer."""
        return tuple(s for s in self.yours if s.state == "cannot-answer")

    @property
    def yours(self) -> tuple[Section, ...]:
        """Sections on the user's runs."""
        return tuple(s for s in self.sections if s.audience == "yours")

    @property
    def reference(self) -> tuple[Section, ...]:
        """Sections on published models."""
        return tuple(s for s in self.sections if s.audience == "reference")

    @property
    def flags(self) -> tuple[Flag, ...]:
        """Flags on the user's runs; the reference ones are not among them."""
        return tuple(flag for section in self.yours for flag in section.flags)
