"""Addresses that notices go to: from the environment or from a file that only its owner reads."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

from isoflop.errors import IsoflopError

VARIABLE = "ISOFLOP_NOTIFY"
"""Environment variable with the addresses, apart by white space."""

_SCHEME = re.compile(r"([a-z][a-z0-9.+-]{1,20})://", re.IGNORECASE)


class SecretFileError(IsoflopError, PermissionError):
    """A file with secrets cannot be read, or others may read it."""


def notify_targets(file: Path | None = None) -> list[str]:
    """Return the addresses of the environment and of a file, each once; none where none is set.

    Parameters
    ----------
    file : Path or None
        One address a line; lines that start with ``#`` are remarks. Its mode must be 600 or
        stricter.

    Raises
    ------
    SecretFileError
        The file cannot be read, or others may read it.
    """
    told = os.environ.get(VARIABLE, "").split()
    if file is not None:
        lines = (line.strip() for line in _secret_text(file).splitlines())
        told += [line for line in lines if line and not line.startswith("#")]
    return list(dict.fromkeys(told))


def shown_target(target: str, targets: Sequence[str]) -> str:
    """Return how messages name an address: its place and its scheme, nothing secret.

    Examples
    --------
    >>> shown_target("json://user:pass@host/path", ["json://user:pass@host/path"])
    'address 1 (json)'
    """
    scheme = _SCHEME.match(target)
    kind = f" ({scheme[1].lower()})" if scheme else " (no scheme)"
    return f"address {list(targets).index(target) + 1}{kind}"


def _secret_text(file: Path) -> str:
    try:
        with file.expanduser().open(encoding="utf-8") as stream:
            # Of the open file: the one that is checked is the one that is read.
            mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
            if mode & 0o077:
                raise SecretFileError(
                    f"{str(file)!r} holds secrets and others may read it (mode {mode:03o}); "
                    f"allowed is 600. Run `chmod 600 {file}`, and change what may have been read."
                )
            return stream.read()
    except UnicodeDecodeError:
        raise SecretFileError(
            f"{str(file)!r} is no text. Give a file with one address a line."
        ) from None
    except SecretFileError:
        raise
    except OSError as error:
        raise SecretFileError(
            f"{str(file)!r} cannot be read: {error.strerror}. Give a file with one address a "
            f"line and mode 600, or set {VARIABLE}."
        ) from None
