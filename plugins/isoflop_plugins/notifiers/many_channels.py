"""Notices through apprise: one address a channel, of some 170 kinds.

An address is a secret: Slack's is the token itself. Apprise and the HTTP library under it log
addresses, so their loggers are silent while a notice is on its way, and an error tells only what
kind of answer came.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import re
import warnings
from collections.abc import Iterator
from typing import Any

from isoflop.errors import PluginError
from isoflop.hookspecs import Notice

_TALKATIVE = ("apprise", "urllib3", "requests", "httpx", "httpcore", "aiohttp", "smtplib", "paho")
_IS_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9.+-]*://")
_CODE = re.compile(r"error[= ]+([45]\d\d)\b")


def recognizes(target: str) -> bool:
    """Return True for an address that apprise can read; for any where apprise is not installed."""
    if not _IS_ADDRESS.match(target):
        return False
    if importlib.util.find_spec("apprise") is None:
        return True
    with _silence():
        return _channel(target) is not None


def notify(notice: Notice, target: str) -> None:
    """Deliver a notice; pictures go with it where the channel takes files.

    Raises `PluginError`, which never holds the address.
    """
    if importlib.util.find_spec("apprise") is None:
        raise _error("apprise is not installed. Install it: pip install 'isoflop[notify]'.")
    with _silence() as heard:
        channel = _channel(target)
        if channel is None:
            raise _error("the address is none that apprise can read; see its list of services.")
        if not _send(channel, notice):
            raise _error(_reason(heard))


def _send(channel: Any, notice: Notice) -> bool:
    import apprise

    kind = apprise.NotifyType.WARNING if notice.is_problem else apprise.NotifyType.INFO
    files = [str(path) for path in notice.files if path.is_file()]
    return bool(
        channel.notify(
            body=notice.body,
            title=notice.title,
            notify_type=kind,
            body_format=apprise.NotifyFormat.MARKDOWN,
            attach=files or None,
        )
    )


def _channel(target: str) -> Any:
    """Return the channel of an address; None where there is none."""
    import apprise

    # Nothing on the disk: what apprise keeps there is named after the address.
    asset = apprise.AppriseAsset(app_id="isoflop", app_desc="isoflop", storage_mode="memory")
    channel = apprise.Apprise(asset=asset)
    try:
        return channel if channel.add(target) else None
    except Exception:  # noqa: BLE001 - its parsers see addresses of any shape
        return None


def _reason(heard: list[str]) -> str:
    """Return what apprise's log says of a failure, taken only where it cannot hold a secret."""
    codes = [found[1] for text in heard for found in _CODE.finditer(text)]
    if codes:
        return f"the channel answered with HTTP {codes[-1]}. Check the address and its rights."
    if any("onnection error" in text or "ocket error" in text for text in heard):
        return "no connection to the channel. Check its host and port, and the network."
    return "the channel did not take it. Check the address with apprise's own command line."


def _error(words: str) -> PluginError:
    return PluginError(words, plugin="apprise")


class _Listener(logging.Handler):
    """Keeps messages in memory and hands them to nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(Exception):
            self.heard.append(record.getMessage())


@contextlib.contextmanager
def _silence() -> Iterator[list[str]]:
    """Keep what talkative libraries log to themselves, and return what they said."""
    listener = _Listener()
    loggers = [
        logger
        for name, logger in list(logging.Logger.manager.loggerDict.items())
        if isinstance(logger, logging.Logger) and name.partition(".")[0] in _TALKATIVE
    ]
    known = {logger.name for logger in loggers}
    loggers += [logging.getLogger(name) for name in _TALKATIVE if name not in known]
    before = [(logger, logger.handlers, logger.propagate) for logger in loggers]
    for logger in loggers:
        # A child hands over to the listener of its root.
        is_root = "." not in logger.name
        logger.handlers, logger.propagate = ([listener], False) if is_root else ([], True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of apprise's own old imports
            yield listener.heard
    finally:
        for logger, handlers, propagate in before:
            logger.handlers, logger.propagate = handlers, propagate
