"""Verbs that tell: report, export."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from isoflop.cli.arguments import DEFAULT_REGISTRY, JsonOption, RegistryOption
from isoflop.cli.border import BUSY, FLAGGED, FLAGGED_INCOMPLETE, INCOMPLETE, complain
from isoflop.cli.output import print_json, say
from isoflop.progress import progress
from isoflop.words import plural

if TYPE_CHECKING:
    from isoflop.reporting.delivering import Delivery

_EXIT_CODES = {
    "made": 0,
    "flagged": FLAGGED,
    "incomplete": INCOMPLETE,
    "flagged-incomplete": FLAGGED_INCOMPLETE,
}


def report(
    registry: RegistryOption = DEFAULT_REGISTRY,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the files.")] = Path(
        "report"
    ),
    since: Annotated[
        str,
        typer.Option(help="Compare with the last report at or before this date, or with 'last'."),
    ] = "last",
    collect: Annotated[
        list[str] | None,
        typer.Option(
            "--collect",
            envvar="ISOFLOP_COLLECT",
            help="Collect this source first, instead of those that were collected before.",
        ),
    ] = None,
    no_collect: Annotated[
        bool, typer.Option("--no-collect", help="Report on what the registry holds.")
    ] = False,
    formats: Annotated[
        list[str] | None, typer.Option("--format", help="Only these formats, for example html.")
    ] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Write report.pdf, too.")] = False,
    notify_file: Annotated[
        Path | None,
        typer.Option(help="File of mode 600 with addresses to tell, one a line."),
    ] = None,
    always: Annotated[
        bool,
        typer.Option("--always", help="Tell people also when nothing changed, to try an address."),
    ] = False,
    publish: Annotated[
        bool, typer.Option("--publish/--no-publish", help="Keep the report in the tracker in use.")
    ] = True,
    record: Annotated[
        bool, typer.Option(help="Keep flags and fits in the registry, for the next comparison.")
    ] = True,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    json: JsonOption = False,
) -> None:
    """Collect what is new, run every analyzer, write the report, and tell people what changed.

    Read again are the sources that `isoflop collect` read before, but for those that
    `isoflop collect --forget` ended. Written are one HTML page,
    Markdown, JSON and the figures. Where a tracker is in use (as in the example) the report is kept
    there, too, in the experiment "_reports". The same registry twice gives the same report, kept
    and told once.

    Addresses to tell (Slack, Teams, e-mail, a webhook, ...) come from the variable ISOFLOP_NOTIFY
    or from a file that only you can read; they are told when runs are new, a flag was raised or
    cleared, or a number left its last interval.

    Exit codes: 0 nothing to act on; 3 a clear or severe flag was raised since the report before; 4
    something could not be done (a source, an analyzer, the tracker, a notice) and the report says
    what; 7 both, so that a notice of a new flag is not lost unseen; 5 another report on the
    registry is being made; 1 no report.

    Examples
    --------
    isoflop report
    isoflop report --out /srv/www/scaling --since 2026-11-01 --pdf
    isoflop report --json | jq .headline
    MLFLOW_TRACKING_URI=http://localhost:5000 isoflop report
    ISOFLOP_NOTIFY="slack://A/B/C mailto://me:pw@example.com" isoflop report
    crontab: 0 8 * * 1 isoflop report -r ~/registry -o ~/report --notify-file ~/.isoflop-notify
    """  # fmt: skip
    from isoflop.reporting.delivering import ReportBusyError, deliver_report, notify_targets

    if no_collect and collect:
        raise typer.BadParameter("--collect and --no-collect exclude each other.")
    targets = notify_targets(notify_file)
    try:
        with progress("Reporting") as tick:
            delivery = deliver_report(
                registry,
                out,
                since=_moment(since),
                sources=[] if no_collect else collect or None,
                formats=_formats(formats, pdf=pdf),
                record=record,
                publish=publish,
                notify_targets=targets,
                always=always,
                progress=tick,
            )
    except ReportBusyError as error:
        complain(str(error))
        raise typer.Exit(BUSY) from None
    _show(delivery, out, as_json=json)
    if open_page:
        _open(delivery.files)
    if code := _EXIT_CODES[delivery.outcome]:
        raise typer.Exit(code)


def _formats(formats: list[str] | None, *, pdf: bool) -> list[str] | None:
    """Return the names of formats to write; None for the usual ones."""
    if not pdf:
        return formats or None
    from isoflop.plugin_host import default_host

    usual = [r.name for r in default_host().reporters.values() if r.is_default]
    return [*(formats or usual), "pdf"]


def _show(delivery: Delivery, out: Path, *, as_json: bool) -> None:
    built = delivery.report
    if as_json:
        print_json(plain_delivery(delivery))
    else:
        for line in built.headline:
            say(line)
        pictures = [f for f in delivery.files if f.suffix == ".svg"]
        files = [str(f) for f in delivery.files if f.suffix != ".svg"]
        files += [f"{plural(len(pictures), 'figure')} in {pictures[0].parent}"] if pictures else []
        say("\nWritten: " + ", ".join(files))
        if older := _older(out, delivery.files):
            say(f"Of an earlier report, not written now: {', '.join(older)}")
        for place in delivery.published:
            say(f"Published: {place}")
        if delivery.notified:
            say(f"Told: {plural(delivery.notified, 'address', 'addresses')}")
    for problem in delivery.problems:
        complain(problem)


def _older(folder: Path, files: Sequence[Path]) -> list[str]:
    """Return files of formats that were not asked for this time and lie beside the new ones."""
    from isoflop.plugin_host import default_host

    known = [folder / r.filename for r in default_host().reporters.values()]
    return [str(path) for path in known if path.is_file() and path not in files]


def plain_delivery(delivery: Delivery) -> dict[str, Any]:
    """Return a delivery as `--json` prints it, with the report's metrics."""
    from isoflop.reporting.metrics import report_metrics

    built = delivery.report
    return {
        "report_id": built.id,
        "files": [str(f) for f in delivery.files],
        "headline": built.headline,
        "changed": built.changes.anything,
        "n_raised": len(built.changes.raised),
        "n_flags": len(built.flags),
        "metrics": report_metrics(built),
        "problems": delivery.problems,
        "published": delivery.published,
        "notified": delivery.notified,
        "recorded": delivery.is_recorded,
        "outcome": delivery.outcome,
        "exit_code": _EXIT_CODES[delivery.outcome],
    }


def _moment(since: str) -> datetime | None:
    if since == "last":
        return None
    try:
        moment = datetime.fromisoformat(since)
    except ValueError:
        raise typer.BadParameter(
            f"{since!r} is neither 'last' nor a date such as 2026-11-01.", param_hint="--since"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _open(files: Sequence[Path]) -> None:
    pages = [f for f in files if f.suffix == ".html"]
    if pages:
        typer.launch(pages[0].resolve().as_uri())


def export(
    folder: Annotated[Path, typer.Argument(help="Folder for one file a table.")],
    registry: RegistryOption = DEFAULT_REGISTRY,
    file_format: Annotated[
        Literal["parquet", "csv"], typer.Option("--format", help="Kind of file.")
    ] = "parquet",
    json: JsonOption = False,
) -> None:
    """Write every table as one flat file, for readers that know nothing of Delta.

    Examples
    --------
    isoflop export tables/
    isoflop export tables/ --format csv
    """
    from isoflop.store import open_registry

    with progress("Exporting"):
        files = open_registry(registry).export(folder, format=file_format)
    if json:
        print_json({"files": [str(f) for f in files]})
    else:
        say("\n".join(str(f) for f in files))
