"""A service and a timer for systemd."""

from __future__ import annotations

from isoflop.scheduling.calendar_events import on_calendar
from isoflop.scheduling.calls import ClockFile, ReportCall
from isoflop.scheduling.cron import CronExpression

_FOLDER = "~/.config/systemd/user"

_SERVICE = """\
[Unit]
Description=isoflop report

[Service]
Type=oneshot
# Secrets are not written here but read from this file, mode 600, lines such as
# ISOFLOP_NOTIFY="..." and MLFLOW_TRACKING_PASSWORD="..."; without the file it works, too.
EnvironmentFile=-%h/.config/isoflop/report.env
ExecStart={command}
# Success, too: 3 says that a clear or severe flag was raised, 5 that another report was being made.
# Failures: 1, 4 (made, but a source, an analyzer, the tracker or a notice failed), 7 (3 and 4);
# OnFailure= can act on them, `journalctl --user -u isoflop-report` tells why.
SuccessExitStatus=3 5
"""

_TIMER = """\
# Start it:             systemctl --user daemon-reload
#                       systemctl --user enable --now isoflop-report.timer
# Also when logged out: loginctl enable-linger
[Unit]
Description=isoflop report, cron {cron}

[Timer]
{events}
# A report that was due while the machine was off is made once, at the next start.
Persistent=true

[Install]
WantedBy=timers.target
"""


def systemd_files(cron: CronExpression, call: ReportCall) -> tuple[ClockFile, ClockFile]:
    """Return the units of a user; `systemctl --user` starts them without root."""
    events = "\n".join(f"OnCalendar={event}" for event in on_calendar(cron))
    return (
        ClockFile(
            kind="systemd",
            place=f"{_FOLDER}/isoflop-report.service",
            text=_SERVICE.format(command=_command(call)),
        ),
        ClockFile(
            kind="systemd",
            place=f"{_FOLDER}/isoflop-report.timer",
            text=_TIMER.format(cron=cron.text, events=events),
        ),
    )


def _command(call: ReportCall) -> str:
    program, *arguments = call.words
    if set(program) & set("\"'\\"):
        # systemd takes no such character in a program's path, and every one in an argument.
        program, arguments = "/usr/bin/env", [program, *arguments]
    return " ".join((_quoted(program), *(_quoted(word).replace("$", "$$") for word in arguments)))


def _quoted(word: str) -> str:
    """Return a word as unit files hold it; a dollar sign means a variable in arguments only."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
