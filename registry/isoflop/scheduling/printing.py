"""What cron, systemd and CI servers need to make reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import get_args

from isoflop.scheduling.calls import ClockFile, Kind, ReportCall
from isoflop.scheduling.ci_workflows import github_file, gitlab_file
from isoflop.scheduling.cron import CronExpression
from isoflop.scheduling.crontab import crontab_file
from isoflop.scheduling.systemd_units import systemd_files

KINDS: tuple[Kind, ...] = get_args(Kind)

_MAKERS: Mapping[Kind, Callable[[CronExpression, ReportCall], tuple[ClockFile, ...]]] = {
    "cron": lambda cron, call: (crontab_file(cron, call),),
    "systemd": systemd_files,
    "github": lambda cron, call: (github_file(cron, call),),
    "gitlab": lambda cron, call: (gitlab_file(cron, call),),
}


def clock_files(
    cron: CronExpression, call: ReportCall, *, kind: Kind | None = None
) -> tuple[ClockFile, ...]:
    """Return the files of one clock, or of every clock for None.

    Parameters
    ----------
    cron : CronExpression
        When.
    call : ReportCall
        What.
    kind : {'cron', 'systemd', 'github', 'gitlab'} or None
        Which clock.
    """
    kinds = KINDS if kind is None else (kind,)
    return tuple(file for name in kinds for file in _MAKERS[name](cron, call))
