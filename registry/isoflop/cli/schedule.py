"""Verbs of `isoflop schedule`: print, run."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isoflop.cli.arguments import DEFAULT_REGISTRY, JsonOption, RegistryOption
from isoflop.cli.output import print_json
from isoflop.display.harmless import harmless
from isoflop.scheduling.calls import Kind

if TYPE_CHECKING:
    from isoflop.scheduling.rounds import Round

SUMMARY = "Make reports by the clock: print what cron, systemd or a CI server needs, or run one."

_WEEKLY = "0 8 * * 1"
_CronOption = Annotated[
    str,
    typer.Option(
        "--cron",
        help="When: minute, hour, day of month, month, day of week (0 and 7 are Sunday).",
    ),
]
_OutOption = Annotated[Path, typer.Option("--out", "-o", help="Folder for the files.")]
_NotifyFileOption = Annotated[
    Path | None,
    typer.Option(
        "--notify-file",
        help="File of mode 600 with an address a line to tell, beside those in ISOFLOP_NOTIFY.",
    ),
]


def print_clock(
    cron: _CronOption = _WEEKLY,
    kind: Annotated[
        Kind | None,
        typer.Option(help="Only for this clock."),
    ] = None,
    registry: RegistryOption = DEFAULT_REGISTRY,
    out: _OutOption = Path("report"),
    notify_file: _NotifyFileOption = None,
    json: JsonOption = False,
) -> None:
    """Print what cron, systemd, GitHub or GitLab needs to make reports; nothing is changed.

    Paths are absolute, so that it works from any folder. No secret is printed: addresses of notices
    come from a file of mode 600 or from a secret of the clock.

    Examples
    --------
    isoflop schedule print
    isoflop schedule print --kind systemd -r /data/registry -o /srv/www/scaling
    isoflop schedule print --cron "30 6 * * 1-5" --notify-file ~/.notify
    """
    from isoflop.scheduling import clock_files, parse_cron, report_call
    from isoflop.store.location import locate

    call = report_call(locate(registry).root, out, notify_file=notify_file)
    files = clock_files(parse_cron(cron), call, kind=kind)
    if json:
        print_json({"files": [{"kind": f.kind, "place": f.place, "text": f.text} for f in files]})
        return
    for n, file in enumerate(files):
        sys.stdout.write("\n" * (n > 0) + f"# ==== For {file.place} ====\n{file.text}")


def run(
    cron: _CronOption = _WEEKLY,
    registry: RegistryOption = DEFAULT_REGISTRY,
    out: _OutOption = Path("report"),
    timezone: Annotated[
        str | None,
        typer.Option(help="Time zone of --cron, as Europe/Berlin; the machine's by default."),
    ] = None,
    notify_file: _NotifyFileOption = None,
    json: JsonOption = False,
) -> None:
    """Stay and make a report whenever it is time, in this process.

    A report that was due since the last one is made at once, so a restart loses none. Two never run
    on one registry at the same time. A report that fails is told to the same addresses, once, and
    the schedule goes on. Ctrl-C or SIGTERM ends it after the report under way, a second one at
    once. One line a report goes to stderr; with --json it is one object on stdout.

    Examples
    --------
    isoflop schedule run
    isoflop schedule run --cron "30 6 * * 1-5" --timezone Europe/Berlin -r /data/registry
    ISOFLOP_NOTIFY="slack://..." isoflop schedule run --json
    """
    from isoflop.reporting.delivering import notify_targets
    from isoflop.scheduling import parse_cron
    from isoflop.scheduling.running import run_schedule

    expression = parse_cron(cron)
    # What it would say of a time that is left out is said by us.
    logging.getLogger("apscheduler").addHandler(logging.NullHandler())
    run_schedule(
        expression,
        registry=registry,
        out=out.expanduser().absolute(),
        timezone=timezone,
        targets=notify_targets(notify_file),
        on_start=_say_start,
        on_round=_print_round if json else _say_round,
        on_ending=_say_ending,
    )


def _say_start(following: datetime, is_overdue: bool) -> None:
    first = "A report is overdue and made now. " if is_overdue else ""
    _log(f"{first}Next: {_moment(following)}. Ctrl-C or SIGTERM ends it.")


def _say_ending(is_under_way: bool) -> None:
    if is_under_way:
        _log("Ending after the report under way; again to end at once.")
    else:
        _log("Ended; no report was under way.")


def _say_round(done: Round, following: datetime) -> None:
    words = {
        "made": "Report made",
        "flagged": "Report made, a flag was raised",
        "incomplete": "Report made, not all could be done",
        "flagged-incomplete": "Report made, a flag was raised, not all could be done",
        "busy": "No report",
        "failed": "Report failed",
    }
    problems = "".join(f" Problem: {' '.join(p.split())}" for p in done.problems)
    _log(
        f"{words[done.outcome]} ({done.duration_s:.0f} s): {done.message}{problems} "
        f"Next: {_moment(following)}."
    )


def _print_round(done: Round, following: datetime) -> None:
    print_json(
        {
            "outcome": done.outcome,
            "began_at": done.began_at,
            "duration_s": done.duration_s,
            "message": done.message,
            "problems": done.problems,
            "report_id": done.report_id,
            "files": [str(f) for f in done.files],
            "next": following,
        },
        in_one_line=True,
    )


def _log(line: str) -> None:
    sys.stderr.write(f"{_moment(datetime.now().astimezone())} {harmless(line)}\n")
    sys.stderr.flush()


def _moment(at: datetime) -> str:
    return f"{at:%a %Y-%m-%d %H:%M:%S %Z}"


VERBS: Mapping[str, Callable[..., None]] = {"print": print_clock, "run": run}
