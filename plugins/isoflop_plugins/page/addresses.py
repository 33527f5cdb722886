"""Addresses: of the page, and of runs in the MLflow UI, only http, https and relative ones."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

PAGE = "/isoflop/"
"""Where the page is on its server, below the static prefix."""

_RUN_ID = re.compile(r"[0-9a-fA-F]{32}")


def run_page_here(prefix: str, experiment: str, run: str) -> str:
    """Return the address of a run of this server, below its static prefix.

    Examples
    --------
    >>> run_page_here("/pre", "3", "ab12")
    '/pre/#/experiments/3/runs/ab12'
    """
    return f"{prefix}/#/experiments/{quote(experiment, safe='')}/runs/{quote(run, safe='')}"


def run_page_elsewhere(server: str, run: str) -> str:
    """Return the address of a run of another MLflow server; empty where that is none.

    Parameters
    ----------
    server : str
        Where the run was read: untrusted text. A file, a database and an address with another
        scheme have no page.
    run : str
        Id of the run, untrusted text.

    Examples
    --------
    >>> run_page_elsewhere("https://mlflow.example/a", "0" * 32)[:36]
    'https://mlflow.example/a/#/runs/0000'
    >>> run_page_elsewhere("javascript:alert(1)", "0" * 32)
    ''
    """
    try:
        parts = urlsplit(server)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host or not _RUN_ID.fullmatch(run):
        return ""
    host = f"[{host}]" if ":" in host else quote(host, safe=".-_")
    path = quote(parts.path.rstrip("/"), safe="/%~")
    return f"{parts.scheme}://{host}{port}{path}/#/runs/{run}"
