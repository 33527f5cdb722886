"""The plugin host: loads entry points one by one and calls hooks one implementation at a time.

One raising implementation aborts a whole pluggy call, so the host calls each implementation alone
and lists the plugin whose hook raised as broken; its other hooks and the other plugins go on.
"""

from __future__ import annotations

import functools
import importlib.metadata
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pluggy

from isoflop import hookspecs
from isoflop.errors import PluginWarning, UnknownNameError

ENTRY_POINT_GROUP = "isoflop"


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """A plugin as ``isoflop plugins`` lists it.

    Parameters
    ----------
    name, version : str
        Entry-point name, and version of its distribution.
    hooks : tuple of str
        Hooks it implements.
    state : str
        ``"ok"`` or ``"broken"``.
    error : str
        Last line of the error, empty where ok.
    traceback : str
        The whole error, empty where ok.
    """

    name: str
    version: str
    hooks: tuple[str, ...]
    state: Literal["ok", "broken"]
    error: str = ""
    traceback: str = ""


class PluginHost:
    """Plugins and what they registered.

    Parameters
    ----------
    load_entry_points : bool
        True to load the installed plugins; False for a host that holds only what is registered by
        hand (tests, notebooks).
    """

    def __init__(self, *, load_entry_points: bool = True) -> None:
        self._manager = pluggy.PluginManager("isoflop")
        self._manager.add_hookspecs(hookspecs)
        self._infos: dict[str, PluginInfo] = {}
        self._registered: dict[str, list[Any]] = {}
        if load_entry_points:
            entries = importlib.metadata.entry_points(group=ENTRY_POINT_GROUP)
            for entry in sorted(entries, key=lambda e: (e.name != "builtin", e.name)):
                self._load(entry)

    def _load(self, entry: importlib.metadata.EntryPoint) -> None:
        version = entry.dist.version if entry.dist else "unknown"
        try:
            self.register(entry.load(), name=entry.name, version=version)
        except Exception as error:  # noqa: BLE001 - the border around plugins
            self._break(entry.name, version, error)

    def register(self, plugin: object, *, name: str, version: str = "unknown") -> None:
        """Add a plugin: a module or object with `hookimpl` functions.

        Raises ``pluggy.PluginValidationError`` for a hook that does not exist or whose arguments
        differ, and removes the plugin again.
        """
        self._manager.register(plugin, name=name)
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError:
            self._manager.unregister(plugin)
            raise
        callers = self._manager.get_hookcallers(plugin) or []
        hooks = tuple(sorted(c.name for c in callers))
        self._infos[name] = PluginInfo(name=name, version=version, hooks=hooks, state="ok")
        self._registered.clear()

    def _break(self, name: str, version: str, error: BaseException) -> None:
        words = "".join(traceback.format_exception_only(error)).strip()
        whole = "".join(traceback.format_exception(error))
        hooks = self._infos[name].hooks if name in self._infos else ()
        self._infos[name] = PluginInfo(
            name=name, version=version, hooks=hooks, state="broken", error=words, traceback=whole
        )
        warnings.warn(
            f"Plugin {name!r} is broken and was left out: {words}. "
            "Run `isoflop plugins` for details, or uninstall it.",
            PluginWarning,
            stacklevel=3,
        )

    def plugins(self) -> tuple[PluginInfo, ...]:
        """Return every plugin that was found, broken ones included."""
        return tuple(self._infos.values())

    def notify(self, hook: str, **arguments: Any) -> None:
        """Call a notice hook in every plugin; one that raises is listed as broken."""
        self._call(hook, arguments, keep=lambda _name, _value: None)

    def _call(
        self, hook: str, arguments: Mapping[str, Any], keep: Callable[[str, Any], None]
    ) -> None:
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            name = implementation.plugin_name
            wanted = {k: arguments[k] for k in implementation.argnames}
            try:
                keep(name, implementation.function(**wanted))
            except Exception as error:  # noqa: BLE001 - the border around plugins
                self._break(name, self._infos[name].version, error)

    def _descriptors(self, hook: str) -> list[Any]:
        if hook not in self._registered:
            found: list[Any] = []
            self._call(hook, {}, keep=lambda _name, value: found.extend(value))
            self._registered[hook] = found
        return self._registered[hook]

    def _by_name(self, hook: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for descriptor in self._descriptors(hook):
            found.setdefault(descriptor.name, descriptor)
        return found

    @property
    def collectors(self) -> Mapping[str, hookspecs.Collector]:
        """Collectors of whole sources by name."""
        found = self._by_name("isoflop_collectors")
        return {n: c for n, c in found.items() if isinstance(c, hookspecs.Collector)}

    @property
    def file_collectors(self) -> Mapping[str, hookspecs.FileCollector]:
        """Collectors of files in a tree by name, in the order they are asked."""
        found = self._by_name("isoflop_collectors")
        files = [c for c in found.values() if isinstance(c, hookspecs.FileCollector)]
        return {c.name: c for c in sorted(files, key=lambda c: (c.position, c.name))}

    @property
    def aliases(self) -> Mapping[str, hookspecs.AliasMap]:
        """Alias maps by stack."""
        return self._by_name("isoflop_aliases")

    @property
    def resolvers(self) -> Mapping[str, hookspecs.Resolver]:
        """Resolvers by name."""
        return self._by_name("isoflop_resolvers")

    @property
    def devices(self) -> Mapping[str, hookspecs.Device]:
        """Devices by name."""
        return self._by_name("isoflop_devices")

    @property
    def analyzers(self) -> Mapping[str, hookspecs.Analyzer]:
        """Analyzers by name, in report order."""
        found = self._by_name("isoflop_analyzers")
        return dict(sorted(found.items(), key=lambda item: (item[1].position, item[0])))

    @property
    def reporters(self) -> Mapping[str, hookspecs.Reporter]:
        """Reporters by format."""
        return self._by_name("isoflop_reporters")

    @property
    def publishers(self) -> Mapping[str, hookspecs.Publisher]:
        """Publishers by name."""
        return self._by_name("isoflop_publishers")

    @property
    def notifiers(self) -> Mapping[str, hookspecs.Notifier]:
        """Notifiers by name."""
        return self._by_name("isoflop_notifiers")

    @property
    def datasets(self) -> Mapping[str, hookspecs.Dataset]:
        """Published tables by name."""
        return self._by_name("isoflop_datasets")

    @property
    def commands(self) -> Mapping[str, hookspecs.Command]:
        """Added verbs by name."""
        return self._by_name("isoflop_commands")

    @property
    def autologgers(self) -> Mapping[str, hookspecs.AutoLogger]:
        """Autologgers by name."""
        return self._by_name("isoflop_autologgers")

    @property
    def live_targets(self) -> Mapping[str, hookspecs.LiveTarget]:
        """Places where tracked runs go, by name."""
        return self._by_name("isoflop_live_targets")

    def run_tags(self) -> dict[str, str]:
        """Return the tags that every run tracked in this process carries; may wait a second."""
        found: dict[str, str] = {}
        self._call("isoflop_run_tags", {}, keep=lambda _name, told: found.update(told))
        return found

    @property
    def context(self) -> hookspecs.AnalysisContext:
        """What analyzers may use: laws to fit and published parameter sets."""
        from isoflop.laws import Law, PublishedLaw

        found = self._by_name("isoflop_laws").values()
        return hookspecs.AnalysisContext(
            laws={d.name: d for d in found if isinstance(d, Law)},
            published={d.name: d for d in found if isinstance(d, PublishedLaw)},
        )

    def analyzer(self, name: str) -> hookspecs.Analyzer:
        """Return an analyzer; raise `UnknownNameError` where there is none of this name."""
        if name not in self.analyzers:
            raise UnknownNameError("analyzer", name, self.analyzers)
        return self.analyzers[name]


@functools.cache
def default_host() -> PluginHost:
    """Return the host with all installed plugins, loaded once a process."""
    return PluginHost()
