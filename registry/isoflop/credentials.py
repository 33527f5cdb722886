"""Addresses without what nobody may read: user, password, token."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>)]+")
_HARMLESS_QUERY = ("host", "port", "dbname")


def without_credentials(source: str) -> str:
    """Return a path or URI without user, password, token or secret options.

    A path comes back as it is. Of a query only ``host``, ``port`` and ``dbname`` stay.

    Examples
    --------
    >>> without_credentials("postgresql://ada:pa@ss@db.example/mlflow?sslpassword=x")
    'postgresql://db.example/mlflow'
    """
    scheme, separator, rest = source.partition("://")
    if not separator:
        return source
    rest, _, query = rest.partition("#")[0].partition("?")
    authority, slash, path = rest.partition("/")
    port = authority.rpartition(":")[2]
    if "@" in path and "@" not in authority and ":" in authority and not port.isdigit():
        authority, slash, path = rest.rpartition("@")[2].partition("/")  # a slash in the password
    authority = authority.rpartition("@")[2]
    kept = urlencode([p for p in parse_qsl(query) if p[0].lower() in _HARMLESS_QUERY], safe="/")
    return f"{scheme}://{authority}{slash}{path}{'?' if kept else ''}{kept}"


def without_addresses(text: str) -> str:
    """Return words for people in which every URL is cut down to its scheme and web host.

    The path of a webhook is a secret, and a token may stand where others have the host.

    Examples
    --------
    >>> without_addresses("POST https://ada:pw@chat.example/hooks/T0/secret failed")
    'POST https://chat.example/... failed'
    """
    return _URL.sub(_host_only, text)


def _host_only(found: re.Match[str]) -> str:
    scheme, _, rest = without_credentials(found[0]).partition("://")
    host, more, _ = rest.partition("/")
    is_web = scheme.lower() in ("http", "https")
    return f"{scheme}://{host if is_web else ''}{'/...' if more or not is_web else ''}"
