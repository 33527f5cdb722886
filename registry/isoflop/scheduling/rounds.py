"""One round of a schedule: a report is made, or it is told why not; trouble is told once."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from isoflop.credentials import without_addresses
from isoflop.hookspecs import Notice
from isoflop.plugin_host import PluginHost, default_host
from isoflop.reporting.delivering import (
    Delivery,
    ReportBusyError,
    deliver_failure,
    deliver_report,
)
from isoflop.reporting.delivering.sending import send
from isoflop.reporting.markdown import escaped
from isoflop.scheduling.attempts import Attempt, last_attempt, record_attempt
from isoflop.scheduling.triggers import is_overdue

if TYPE_CHECKING:
    from isoflop.store import Registry

_log = logging.getLogger(__name__)

Outcome = Literal["made", "flagged", "incomplete", "flagged-incomplete", "busy", "failed"]
_LONGEST_LINE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What came of one scheduled report.

    Parameters
    ----------
    outcome : {'made', 'flagged', 'incomplete', 'flagged-incomplete', 'busy', 'failed'}
        As ``isoflop report`` ends with 0, 3, 4, 7, 5 and 1.
    began_at : datetime
        When, UTC.
    duration_s : float
        How long it took. [s]
    message : str
        One line without addresses.
    problems : tuple of str
        What could not be done, addresses left out.
    report_id : str
        Empty where no report was made.
    files : tuple of Path
        What was written.
    """

    outcome: Outcome
    began_at: datetime
    duration_s: float = 0.0
    message: str = ""
    problems: tuple[str, ...] = ()
    report_id: str = ""
    files: tuple[Path, ...] = ()


def present() -> datetime:
    """Return the present, UTC."""
    return datetime.now(UTC)


class ScheduledReports:
    """Makes the reports of one schedule, one after the other.

    What must outlive the process is in the registry; nothing is read before the first call.

    Parameters
    ----------
    registry, out : str
        As for `deliver_report`.
    targets : sequence of str
        Addresses of notices: secret, neither stored nor logged.
    host : PluginHost or None
        Plugins; all installed ones by default.
    now : callable
        The clock.
    """

    def __init__(
        self,
        *,
        registry: str,
        out: str | Path,
        targets: Sequence[str] = (),
        host: PluginHost | None = None,
        now: Callable[[], datetime] = present,
    ) -> None:
        self._registry, self._out = registry, out
        self._targets, self._host, self._now = tuple(targets), host, now
        self._trouble = ""

    def resume(self, trigger: Any) -> bool:
        """Read what an earlier process left; return whether a report is overdue.

        Raises
        ------
        RegistryError
            There is no registry, or it cannot be read.
        """
        last = last_attempt(self._open())
        self._trouble = last.trouble if last else ""
        return is_overdue(trigger, last=last.at if last else None, now=self._now())

    def make(self) -> Round:
        """Make one report; whatever goes wrong ends here and is told, and the schedule goes on."""
        began = self._now()
        try:
            delivery = deliver_report(
                self._registry, self._out, notify_targets=self._targets, host=self._host, now=began
            )
        except ReportBusyError as error:
            return self._round("busy", began, without_addresses(str(error)))
        except Exception as error:  # noqa: BLE001 - the border between a report and the next ones
            _log.debug("A scheduled report failed", exc_info=error)
            return self._failed(error, began)
        return self._delivered(delivery, began)

    def _failed(self, error: Exception, began: datetime) -> Round:
        words = without_addresses(f"{type(error).__name__}: {error}")
        problems = self._tell_trouble(words, lambda: self._tell_failure(error))
        self._record(began, f"A scheduled report failed ({type(error).__name__}).")
        return self._round("failed", began, words, problems=problems)

    def _delivered(self, delivery: Delivery, began: datetime) -> Round:
        problems = tuple(without_addresses(problem) for problem in delivery.problems)
        before = self._trouble
        if problems:
            # People read of the problems in the notice of a report in which something changed.
            is_told = delivery.notified > 0
            tell = (lambda: ()) if is_told else (lambda: self._tell_problems(problems))
            problems += self._tell_trouble(" ".join(problems), tell)
        elif self._trouble:
            problems = self._tell_recovery()
        if not delivery.is_recorded or self._trouble != before:
            self._record(began, "A scheduled report was made.")
        return self._round(
            delivery.outcome,
            began,
            delivery.report.changes.sentence,
            # An address that is down fails twice: for the report and for its problem.
            problems=tuple(dict.fromkeys(problems)),
            report_id=delivery.report.id,
            files=delivery.files,
        )

    def _round(self, outcome: Outcome, began: datetime, message: str, **rest: Any) -> Round:
        duration_s = (self._now() - began).total_seconds()
        return Round(outcome=outcome, began_at=began, duration_s=duration_s,
                     message=_one_line(message), **rest)  # fmt: skip

    def _tell_trouble(self, words: str, tell: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
        """Tell of a trouble unless it is the one that people know; return what could not be told.

        Where nobody could be reached it counts as untold.
        """
        trouble = _digest(words)
        if trouble == self._trouble:
            return ()
        problems = tell()
        if not self._targets or len(problems) < len(self._targets):
            self._trouble = trouble
        return problems

    def _tell_failure(self, error: Exception) -> tuple[str, ...]:
        return deliver_failure(error, self._targets, self._host)

    def _tell_problems(self, problems: Sequence[str]) -> tuple[str, ...]:
        # A run may be named @everyone.
        lines = (f"- {escaped(_one_line(problem))}" for problem in problems)
        body = "\n".join(lines).replace("@", "@\u200b")
        title = "The scaling report was made, but something could not be done"
        return self._send(Notice(title=title, body=body, is_problem=True))

    def _tell_recovery(self) -> tuple[str, ...]:
        title = "The scaling report works again"
        problems = self._send(Notice(title=title, body="It was made, and all of it could be done."))
        if not self._targets or len(problems) < len(self._targets):
            self._trouble = ""
        return problems

    def _send(self, notice: Notice) -> tuple[str, ...]:
        return send(notice, self._targets, self._host or default_host()).problems

    def _record(self, began: datetime, message: str) -> None:
        """Keep the attempt where the registry takes it; where not, it is tried again on restart."""
        try:
            record_attempt(self._open(), Attempt(at=began, trouble=self._trouble), message=message)
        except Exception as error:  # noqa: BLE001 - a registry that broke is already told of
            _log.debug("The attempt could not be kept", exc_info=error)

    def _open(self) -> Registry:
        from isoflop.store import open_registry

        return open_registry(self._registry, host=self._host)


def _digest(words: str) -> str:
    """Return what makes two troubles the same one: their words without counts, times, addresses."""
    return hashlib.sha256(re.sub(r"0x[0-9a-fA-F]+|\d+", "#", words).encode()).hexdigest()[:16]


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 3]}..."
