"""Verbs that name an analyzer or a tracker."""

from isoflop.hookspecs import Command
from isoflop_plugins.commands.demo import demo
from isoflop_plugins.commands.emergence import emergence
from isoflop_plugins.commands.frontier import frontier
from isoflop_plugins.commands.map import map_file
from isoflop_plugins.page.serve import serve

COMMANDS = (
    Command(
        name="map",
        summary="Say what the keys of a file mean, and propose a map.",
        function=map_file,
    ),
    Command(
        name="demo",
        summary="Train a ladder of small models here, gather them, write the report.",
        function=demo,
    ),
    Command(
        name="frontier",
        summary="Say which runs are undertrained or overtrained, by how much, under which law.",
        function=frontier,
    ),
    Command(
        name="emergence",
        summary="Say which abilities emerged, where, and whether the jump is real.",
        function=emergence,
    ),
    Command(
        name="serve",
        summary="Show the page of a registry in the browser, on this machine only.",
        function=serve,
    ),
)

__all__ = ["COMMANDS"]
