"""Hands a report to publishers and notices to notifiers; each one's failure stays its own."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from isoflop.credentials import without_addresses
from isoflop.errors import IsoflopError
from isoflop.reporting.delivering.targets import shown_target

if TYPE_CHECKING:
    from isoflop.hookspecs import Notice
    from isoflop.plugin_host import PluginHost
    from isoflop.reporting.report import Report

_log = logging.getLogger(__name__)


def publish_report(
    report: Report, files: Sequence[Path], host: PluginHost
) -> tuple[list[str], list[str]]:
    """Return where publishers that are in use keep the report, and a sentence for each failure."""
    places, problems = [], []
    for publisher in host.publishers.values():
        try:
            place = publisher.publish(report, files)
        except Exception as error:  # noqa: BLE001 - the border around plugins
            words = without_addresses(_words(error))
            _log.warning("Publisher %r failed: %s", publisher.name, words)
            problems.append(f"The report could not be published by {publisher.name!r}: {words}")
        else:
            places += [place] if place else []
    return places, problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of a notice; no address is in it.

    Parameters
    ----------
    n_told : int
        Addresses that took it. [1]
    failed : tuple of str
        Addresses that did not, each by its place and scheme.
    problems : tuple of str
        Why.
    """

    n_told: int
    failed: tuple[str, ...]
    problems: tuple[str, ...]


def send(
    notice: Notice,
    targets: Sequence[str],
    host: PluginHost,
    *,
    among: Sequence[str] | None = None,
) -> Sent:
    """Deliver a notice to every address; no log, warning or sentence holds one.

    Parameters
    ----------
    notice : Notice
        What to say.
    targets : sequence of str
        Addresses; none sends nothing.
    host : PluginHost
        Notifiers; where several recognize an address the next one is tried when one fails.
    among : sequence of str or None
        All addresses as people gave them, where these are some of them: messages count by it.
    """
    failed, problems = [], []
    for target in targets:
        why_not = _deliver(notice, target, host)
        if why_not:
            name = shown_target(target, among or targets)
            failed.append(name)
            problems.append(f"The notice to {name} failed: {why_not}")
    return Sent(n_told=len(targets) - len(failed), failed=tuple(failed), problems=tuple(problems))


def _deliver(notice: Notice, target: str, host: PluginHost) -> str:
    """Return why the notice was not delivered; empty where it was."""
    reasons = []
    for notifier in host.notifiers.values():
        try:
            if not notifier.recognizes(target):
                continue
            notifier.notify(notice, target)
        except Exception as error:  # noqa: BLE001 - the border around plugins
            # Only our own errors promise words without the address.
            own = isinstance(error, IsoflopError)
            words = without_addresses(str(error)).replace(target, "...") if own else ""
            reasons.append(words or f"notifier {notifier.name!r} raised {type(error).__name__}.")
        else:
            return ""
    known = ", ".join(repr(n) for n in host.notifiers) or "none"
    return " ".join(reasons) or (
        f"no notifier recognizes it. Known are: {known}. Check its scheme, the part before '://'."
    )


def _words(error: Exception) -> str:
    if isinstance(error, IsoflopError):
        return str(error)
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
