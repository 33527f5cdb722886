"""What an analysis says: verdict, findings, tables, figures, what was left out and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from isoflop.display.card import ShowsCard
from isoflop.errors import PluginError, UnknownNameError
from isoflop.estimate import Estimate

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

    from isoflop.display.card import Card

Severity = Literal["info", "mild", "clear", "severe"]
SEVERITIES: tuple[Severity, ...] = ("severe", "clear", "mild", "info")
"""Gravest first."""
PRESSING: tuple[Severity, ...] = SEVERITIES[:2]
"""Severities that a headline names and that an exit code tells a schedule of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A run or task that an analysis did not use.

    Parameters
    ----------
    subject : str
        Name of the run or task.
    reason : str
        Why, in words a user can act on.
    """

    subject: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Finding(ShowsCard):
    """A flag: something a person may want to act on.

    Parameters
    ----------
    kind : str
        What is flagged: ``undertrained``, ``overtrained``, ``abrupt``, ``onset``, ``conflict``, ...
    subject : str
        `run_uid` or task.
    subject_name : str
        Name people know it by; untrusted text.
    severity : Severity
        How much it matters.
    law : str
        Law or test it stands on; never empty.
    message : str
        One sentence.
    value : Estimate or None
        The number behind it.
    """

    kind: str
    subject: str
    subject_name: str
    severity: Severity
    law: str
    message: str
    value: Estimate | None = None
    family: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def _card(self) -> Card:
        from isoflop.display.result_cards import finding_card

        return finding_card(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A chart that is built when somebody looks.

    Parameters
    ----------
    name : str
        Key in `AnalysisResult.figures`.
    caption : str
        What is shown, with number of runs, data set, law and source.
    table : str
        Name of the table that holds the same numbers, shown under the chart.
    build : callable returning altair.Chart
        Pure; touches no global theme.
    """

    name: str
    caption: str
    table: str
    build: Callable[[], alt.TopLevelMixin]


class Figures(ShowsCard, Mapping[str, Any]):
    """Charts by name, each built at first look; it shows itself as names and captions."""

    def __init__(self, figures: Sequence[Figure]) -> None:
        self._figures = {f.name: f for f in figures}
        self._built: dict[str, Any] = {}
        self._drawn: dict[str, str] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._figures:
            raise UnknownNameError("figure", name, self._figures)
        if name not in self._built:
            self._built[name] = self._build(self._figures[name])
        return self._built[name]

    def _build(self, figure: Figure) -> Any:
        try:
            return figure.build()
        except SystemExit as error:
            # Nobody who draws expects that: it would end the report, or the kernel of a notebook.
            raise PluginError(f"Figure {figure.name!r} tried to end the program.") from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._figures)

    def __len__(self) -> int:
        return len(self._figures)

    def drawn(self, name: str, draw: Callable[[Any], str]) -> str:
        """Return a chart as the picture that `draw` makes of it, once for every format."""
        if name not in self._drawn:
            self._drawn[name] = draw(self[name])
        return self._drawn[name]

    def specs(self) -> tuple[Figure, ...]:
        """Return the figures with caption and table, unbuilt."""
        return tuple(self._figures.values())

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._figures)

    def _card(self) -> Card:
        from isoflop.display.result_cards import figures_card

        return figures_card(self.specs())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class AnalysisResult(ShowsCard):
    """What one analyzer says about one table.

    Parameters
    ----------
    name : str
        Analyzer.
    title : str
        Heading in a report.
    verdict : str
        One or two sentences that answer the question; says so when the data cannot tell.
    checks : sequence of (str, bool)
        Statements that were checked, and whether they hold.
    findings : sequence of Finding
        Flags.
    tables : mapping of str to DataFrame
        Numbers, units in `attrs["units"]`.
    figures : Figures
        Charts, built at first look.
    left_out : sequence of LeftOut
        What was not used and why.
    source : str
        Papers and tests it stands on, and the data.
    numbers : mapping of str to Estimate
        Headline numbers, for metrics and drift.
    fits : sequence of mapping
        Rows for the registry's table `fits`.
    is_answer : bool
        False where no row of the table bears on the question, so that the verdict is all there is.
    """

    name: str
    title: str
    verdict: str
    source: str
    checks: Sequence[tuple[str, bool]] = ()
    findings: Sequence[Finding] = ()
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    figures: Figures = field(default_factory=lambda: Figures(()))
    left_out: Sequence[LeftOut] = ()
    numbers: Mapping[str, Estimate] = field(default_factory=dict)
    fits: Sequence[Mapping[str, Any]] = ()
    is_answer: bool = True

    @property
    def is_silent(self) -> bool:
        """True where it is no answer or all its tables are empty: the verdict says what is missing.

        A result without tables is one whose verdict is the answer.
        """
        said = self.findings or self.numbers or self.fits or not self.tables
        empty = not said and all(table.empty for table in self.tables.values())
        return empty or not self.is_answer

    def _card(self) -> Card:
        from isoflop.display.result_cards import analysis_card

        return analysis_card(self)
