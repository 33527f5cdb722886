"""Channels that people are told through."""

from isoflop.hookspecs import Notifier
from isoflop_plugins.notifiers.many_channels import notify, recognizes

NOTIFIERS = (
    Notifier(
        name="apprise",
        summary="Slack, Teams, Discord, e-mail, webhooks and many more: isoflop[notify].",
        recognizes=recognizes,
        notify=notify,
    ),
)

__all__ = ["NOTIFIERS"]
