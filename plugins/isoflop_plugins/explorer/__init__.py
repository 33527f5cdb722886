"""An explorer for notebooks: brush runs in and out of a fit and see exponents and flags move.

Examples
--------
In a notebook (Jupyter, VS Code, marimo), with the extra ``isoflop[widget]``::

    from isoflop_plugins.explorer import explore

    explorer = explore(registry.runs(), law="chinchilla")
    explorer  # draw it; then explorer.fit, explorer.included, explorer.left_out
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isoflop.errors import PluginError

if TYPE_CHECKING:
    from isoflop.laws import Law
    from isoflop.plugin_host import PluginHost
    from isoflop.tables import RunTable
    from isoflop_plugins.explorer.widget import Explorer

FEW_REFITS = 200
"""Bootstrap replicates of a refit that has to feel immediate; `isoflop.fit` takes 1,000."""


def explore(
    runs: RunTable,
    law: str | Law = "chinchilla",
    *,
    family: str | None = None,
    n_boot: int = FEW_REFITS,
    seed: int = 0,
    level: float = 0.95,
    host: PluginHost | None = None,
) -> Explorer:
    """Return a widget in which runs are brushed in and out of a fit.

    Parameters
    ----------
    runs : RunTable
        Any table. An empty one, one run and runs of nulls show a widget that says what is missing.
    law : str or Law
        Name of a registered law, or a law. One that is not of N and D shows its parameters and
        status, and no flags.
    family : str or None
        Family to begin with; None for the one with the most runs that can be fitted.
    n_boot : int
        Bootstrap replicates of each refit; 0 for none, and then there are no intervals. Over 100
        runs, a fit that does not identify the law is not resampled.
    seed : int
        Seed of the resampling.
    level : float
        Level of the intervals. [1]
    host : PluginHost or None
        Plugins to look the law up in; all installed ones by default.

    Returns
    -------
    Explorer
        Shown where it is the last line of a cell.

    Raises
    ------
    PluginError
        anywidget is not installed.
    UnknownNameError
        No such law, or no such family in the table.
    SchemaError
        `runs` is no RunTable, or an option is out of range.
    """
    try:
        from isoflop_plugins.explorer.widget import Explorer
    except ModuleNotFoundError as error:
        if error.name not in {"anywidget", "ipywidgets", "traitlets"}:
            raise
        raise PluginError(
            f"The explorer needs the package {error.name!r}, which is not installed. "
            "Install it with: pip install 'isoflop[widget]'",
            plugin="builtin",
        ) from error
    return Explorer(runs, law=law, family=family, n_boot=n_boot, seed=seed, level=level, host=host)


def __getattr__(name: str) -> Any:
    if name == "Explorer":
        from isoflop_plugins.explorer.widget import Explorer

        return Explorer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["FEW_REFITS", "explore"]
