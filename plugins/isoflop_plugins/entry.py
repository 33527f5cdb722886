"""Entry module of the built-in plugin: light imports only, each hook loads what it returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from isoflop.hookspecs import hookimpl

if TYPE_CHECKING:
    from isoflop.hookspecs import (
        AliasMap,
        Analyzer,
        AutoLogger,
        Collector,
        Command,
        Device,
        FileCollector,
        LiveTarget,
        Notifier,
        Publisher,
        Reporter,
        Resolver,
    )
    from isoflop.laws import Law, PublishedLaw


@hookimpl
def isoflop_collectors() -> Sequence[Collector | FileCollector]:
    """Return the collectors that ship with isoflop."""
    from isoflop_plugins.bundled_datasets import DATASETS
    from isoflop_plugins.collectors.shipped import COLLECTORS
    from isoflop_plugins.mlflow_pull import MLFLOW

    # MLflow takes every http address, so those that know theirs are asked first.
    return (*COLLECTORS, MLFLOW, DATASETS)


@hookimpl
def isoflop_aliases() -> Sequence[AliasMap]:
    """Return the alias maps that ship with isoflop."""
    from isoflop_plugins.aliases import ALIASES

    return ALIASES


@hookimpl
def isoflop_resolvers() -> Sequence[Resolver]:
    """Return the resolvers that ship with isoflop."""
    from isoflop_plugins.resolvers import RESOLVERS

    return RESOLVERS


@hookimpl
def isoflop_devices() -> Sequence[Device]:
    """Return the device table."""
    from isoflop_plugins.devices import DEVICES

    return DEVICES


@hookimpl
def isoflop_laws() -> Sequence[Law | PublishedLaw]:
    """Return laws and published parameter sets."""
    from isoflop_plugins.laws import LAWS

    return LAWS


@hookimpl
def isoflop_analyzers() -> Sequence[Analyzer]:
    """Return the analyzers that ship with isoflop."""
    from isoflop_plugins.analyzers import ANALYZERS

    return ANALYZERS


@hookimpl
def isoflop_reporters() -> Sequence[Reporter]:
    """Return the report formats."""
    from isoflop_plugins.reporters import REPORTERS

    return REPORTERS


@hookimpl
def isoflop_publishers() -> Sequence[Publisher]:
    """Return the tracking server, for reports."""
    from isoflop_plugins.publishers import PUBLISHERS

    return PUBLISHERS


@hookimpl
def isoflop_notifiers() -> Sequence[Notifier]:
    """Return the channels that people are told through."""
    from isoflop_plugins.notifiers import NOTIFIERS

    return NOTIFIERS


@hookimpl
def isoflop_commands() -> Sequence[Command]:
    """Return the verbs that name an analyzer or a tracker."""
    from isoflop_plugins.commands import COMMANDS

    return COMMANDS


@hookimpl
def isoflop_autologgers() -> Sequence[AutoLogger]:
    """Return the training libraries that tell of their runs."""
    from isoflop_plugins.autologgers import AUTOLOGGERS

    return AUTOLOGGERS


@hookimpl
def isoflop_live_targets() -> Sequence[LiveTarget]:
    """Return MLflow, for tracked runs where it is in use."""
    from isoflop_plugins.autologgers.mlflow_target import MLFLOW_TARGET

    return (MLFLOW_TARGET,)


@hookimpl
def isoflop_run_tags() -> Mapping[str, str]:
    """Return hardware and environment."""
    from isoflop_plugins.mlflow_hooks.hardware import Hardware

    return Hardware().tags()
