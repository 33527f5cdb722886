"""The command that every clock runs."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import sysconfig
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from isoflop.scheduling.cron import ScheduleError

Kind = Literal["cron", "systemd", "github", "gitlab"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportCall:
    """A call of ``isoflop report`` that works from any folder.

    Parameters
    ----------
    program : tuple of str
        What starts isoflop; the first word is an absolute path.
    registry : str
        Folder of the registry, absolute.
    out : str
        Folder for the files, absolute.
    notify_file : str or None
        File with the addresses of notices, absolute; its content is secret, its path is not.
    """

    program: tuple[str, ...]
    registry: str
    out: str
    notify_file: str | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """Program and arguments, unquoted."""
        words = (*self.program, "report", "--registry", self.registry, "--out", self.out)
        return words if self.notify_file is None else (*words, "--notify-file", self.notify_file)

    @property
    def shell(self) -> str:
        """The call as a POSIX shell reads it."""
        return shlex.join(self.words)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockFile:
    """What one clock needs.

    Parameters
    ----------
    kind : {'cron', 'systemd', 'github', 'gitlab'}
        The clock.
    place : str
        Where the text belongs.
    text : str
        The file, or the lines of it.
    """

    kind: Kind
    place: str
    text: str


def report_call(
    registry: str | Path, out: str | Path, *, notify_file: str | Path | None = None
) -> ReportCall:
    """Return the call with absolute paths.

    Raises
    ------
    ScheduleError
        A path holds a line break or another character that no crontab or unit file can hold.
    """
    paths = [registry, out, *([] if notify_file is None else [notify_file])]
    absolute = [os.path.abspath(Path(path).expanduser()) for path in paths]  # noqa: PTH100 - keeps symbolic links
    call = ReportCall(
        program=isoflop_program(),
        registry=absolute[0],
        out=absolute[1],
        notify_file=absolute[2] if notify_file is not None else None,
    )
    for word in call.words:
        if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in word):
            raise ScheduleError(
                f"The path {word!r} holds a line break or a control character, which no crontab, "
                "unit or workflow can hold. Rename the folder, or reach it by a symbolic link."
            )
    return call


def isoflop_program() -> tuple[str, ...]:
    """Return what starts this isoflop: its script, or Python where no script is installed."""
    script = Path(sysconfig.get_path("scripts")) / "isoflop"
    found = str(script) if script.is_file() else shutil.which("isoflop")
    if found is not None:
        return (os.path.abspath(found),)  # noqa: PTH100 - keeps symbolic links
    return (sys.executable, "-c", "from isoflop.cli import main; main()")
