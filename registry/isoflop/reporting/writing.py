"""Writes a report's files, each whole or not at all."""

from __future__ import annotations

import contextlib
import logging
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

from isoflop.errors import IsoflopError, PluginWarning, UnknownNameError
from isoflop.hookspecs import Reporter
from isoflop.plugin_host import PluginHost, default_host
from isoflop.reporting.report import Report
from isoflop.store.durable import unwritable, write_durably

_log = logging.getLogger(__name__)
_LEFTOVER = re.compile(r"\..+\.[0-9a-f]{8}\.tmp")
"""Temporary file of a writer that was killed (`isoflop.store.durable`)."""


def write_report(
    report: Report,
    folder: str | Path,
    *,
    host: PluginHost | None = None,
    formats: Sequence[str] | None = None,
) -> list[Path]:
    """Render a report into a folder, one file a format, and tell the plugins.

    Parameters
    ----------
    report : Report
        What to render.
    folder : str or Path
        Made where it is missing; files of an earlier report are replaced.
    host : PluginHost or None
        Plugins to take reporters from; all installed ones by default.
    formats : sequence of str or None
        Names of reporters; None for all that are not only for the asking.

    Returns
    -------
    list of Path
        Files written, in order of name.

    Raises
    ------
    UnknownNameError
        No reporter of this name.
    RegistryError
        The folder cannot be written.

    Warns
    -----
    PluginWarning
        A reporter failed; the others are written.
    """
    host, folder = host or default_host(), Path(folder)
    files, problems = write_formats(report, folder, chosen_reporters(host, formats))
    for problem in problems:
        warnings.warn(f"{problem} The other formats are written.", PluginWarning, stacklevel=2)
    host.notify("isoflop_report_ready", report_id=report.id, folder=str(folder))
    return files


def chosen_reporters(host: PluginHost, formats: Sequence[str] | None) -> list[Reporter]:
    """Return the reporters of these names in order of file name, the usual ones for None.

    Raises `UnknownNameError` where there is none of a name.
    """
    reporters = host.reporters
    for name in formats or ():
        if name not in reporters:
            raise UnknownNameError("report format", name, reporters)
    chosen = [
        r for r in reporters.values() if (r.is_default if formats is None else r.name in formats)
    ]
    return sorted(chosen, key=lambda r: r.filename)


def write_formats(
    report: Report, folder: Path, reporters: Sequence[Reporter]
) -> tuple[list[Path], list[str]]:
    """Render and write; return the files, and a sentence for each reporter that failed.

    Raises `RegistryError` where the folder cannot be written.
    """
    files, problems = [], []
    for reporter in reporters:
        content = _render(reporter, report)
        if isinstance(content, str):
            problems.append(content)
        else:
            files.append(place(folder / reporter.filename, content))
    remove_leftovers(folder)
    return files, problems


def _render(reporter: Reporter, report: Report) -> bytes | str:
    """Return the file's bytes, or why there are none in words."""
    failed = f"Format {reporter.name!r} failed and {reporter.filename!r} was not written"
    try:
        content = reporter.render(report)
        return content if isinstance(content, bytes) else content.encode("utf-8", "replace")
    except IsoflopError as error:
        return f"{failed}: {error}"
    except Exception as error:  # noqa: BLE001 - the border around plugins
        _log.warning("Reporter %r failed", reporter.name, exc_info=error)
        return f"{failed}: {type(error).__name__}: {error}. Tell its author."


def place(path: Path, content: bytes) -> Path:
    """Write a file whole or not at all, with its folder; raises `RegistryError` where it cannot."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error
    write_durably(path, lambda at: _write_bytes(at, content))
    return path


def _write_bytes(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files that a killed writer left; a folder that is not there is clean."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if _LEFTOVER.fullmatch(path.name):
                path.unlink(missing_ok=True)
