"""A line for cron."""

from __future__ import annotations

from isoflop.scheduling.calls import ClockFile, ReportCall
from isoflop.scheduling.cron import CronExpression

_REMARKS = """\
# Add these lines with `crontab -e`. The time is the machine's.
# cron mails what goes to stderr: errors, warnings, what could not be done. It ignores exit codes:
# 0 nothing to act on, 1 failed, 3 a clear or severe flag was raised, 4 made, but something could
# not be done (a source, an analyzer, the tracker, a notice), 7 both, 5 another report was being
# made. To act on a flag, put this after the command:
#   ; case $? in 3|7) /path/of/what/to/do ;; esac
# cron knows nothing of your shell's environment: write NAME=value lines above for what the report
# needs, such as MLFLOW_TRACKING_URI. No secrets here: addresses of notices belong in a file of
# mode 600, given to `isoflop schedule print` as --notify-file.
"""


def crontab_file(cron: CronExpression, call: ReportCall) -> ClockFile:
    """Return the line, with the percent signs escaped that cron would read as line breaks."""
    # A backslash of a path must not meet that of an escape: two of them mean one to some cron
    # daemons and two to others. It stands in single quotes; those are closed and opened after it.
    command = call.shell.replace("\\", "\\''").replace("%", "\\%")
    line = f"{cron.text} {command} >/dev/null\n"
    return ClockFile(kind="cron", place="your crontab", text=_REMARKS + line)
