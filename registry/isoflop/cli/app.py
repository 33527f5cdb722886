"""Builds the command line from the core's verbs and those of plugins."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer

from isoflop.cli.border import guarded
from isoflop.plugin_host import PluginHost, default_host

_EXIT_CODES = (
    "Exit codes: 0 done; 1 failed, the reason is on stderr; 2 wrong usage; "
    "3 done, and a flag was raised (report, frontier, emergence, refit); 4 reported, but something "
    "could not be done; 5 another report is being made; 130 interrupted."
)
_START = (
    "Start with `isoflop demo`, or `isoflop collect FOLDER`, `isoflop ls` and `isoflop report`."
)


def build_app(host: PluginHost | None = None) -> typer.Typer:
    """Return the Typer application.

    Parameters
    ----------
    host : PluginHost or None
        Plugins whose verbs are added; all installed ones by default. A plugin's verb of a core
        verb's name is left out: the core's meaning stays.
    """
    app = typer.Typer(
        name="isoflop",
        help="Gather training runs, refit scaling laws, flag undertrained models, detect "
        f"emergence.\n\n{_START}",
        epilog=_EXIT_CODES,
        no_args_is_help=True,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
    )
    app.callback()(_options)
    taken = set()
    for panel, verbs in _core_verbs().items():
        for name, function in verbs.items():
            _add(app, name, function, panel)
            taken.add(name)
    app.add_typer(_schedule(), name="schedule", rich_help_panel="Tell")
    taken.add("schedule")
    for command in (host or default_host()).commands.values():
        if command.name not in taken:
            _add(app, command.name, command.function, "From plugins", command.summary)
    return app


def _core_verbs() -> Mapping[str, Mapping[str, Callable[..., Any]]]:
    """Return the verbs by heading, in the order a newcomer needs them."""
    from isoflop.cli import (
        checking,
        estimating,
        fits,
        gathering,
        linking,
        looking,
        planning,
        telling,
    )

    return {
        "Gather": {
            "init": gathering.init,
            "collect": gathering.collect,
            "watch": gathering.watch,
            "fold": gathering.fold,
            "sources": linking.sources,
            "merge": linking.merge,
            "split": linking.split,
            "set": linking.set_values,
        },
        "Look": {
            "ls": looking.list_runs,
            "show": looking.show,
            "explain": looking.explain,
            "query": looking.query,
        },
        "Think": {
            "fit": estimating.fit,
            "fits": fits.list_fits,
            "refit": fits.refit,
            "plan": planning.plan,
            "analyze": estimating.analyze,
        },
        "Tell": {"report": telling.report, "export": telling.export},
        "Check": {"plugins": checking.plugins, "doctor": checking.doctor},
    }


def _schedule() -> typer.Typer:
    """Return the verbs of `isoflop schedule`."""
    from isoflop.cli import schedule

    group = typer.Typer(help=schedule.SUMMARY, no_args_is_help=True, rich_markup_mode="rich")
    for name, function in schedule.VERBS.items():
        _add(group, name, function)
    return group


def _add(
    app: typer.Typer,
    name: str,
    function: Callable[..., Any],
    panel: str | None = None,
    summary: str = "",
) -> None:
    text = help_text(inspect.getdoc(function) or summary)
    app.command(name, help=text, rich_help_panel=panel)(guarded(function))


def help_text(docstring: str) -> str:
    """Return a docstring for the terminal: its words, then its examples line by line."""
    words, _, examples = docstring.partition("\nExamples\n--------\n")
    paragraphs = words.partition("\nParameters\n")[0].strip().split("\n\n")
    words = "\n\n".join(" ".join(p.split()) for p in paragraphs)  # the terminal breaks the lines
    lines: Sequence[str] = [line.strip() for line in examples.splitlines() if line.strip()]
    if not lines:
        return words
    # The control character keeps the lines apart.
    return f"{words}\n\nExamples:\n\n\b\n" + "\n".join(f"  {line}" for line in lines)


def _show_version(value: bool) -> None:
    if value:
        from isoflop import __version__

        typer.echo(f"isoflop {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Hold the options that come before a verb."""
