"""isoflop: gather training runs, refit scaling laws, flag undertrained models, detect emergence.

Everything public is here and loaded at first use, so that ``import isoflop`` is light enough for a
training process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "AnalysisResult": "isoflop.results",
    "CollectReceipt": "isoflop.collection",
    "CurveTable": "isoflop.tables",
    "Estimate": "isoflop.estimate",
    "FitResult": "isoflop.estimation",
    "FitTable": "isoflop.tables",
    "Finding": "isoflop.results",
    "IsoflopError": "isoflop.errors",
    "Plan": "isoflop.estimation",
    "PluginHost": "isoflop.plugin_host",
    "Registry": "isoflop.store",
    "RunTable": "isoflop.tables",
    "ScoreTable": "isoflop.tables",
    "analyze": "isoflop.analysis",
    "autolog": "isoflop.live.autologging",
    "collect": "isoflop.collection",
    "fit": "isoflop.analysis",
    "hookimpl": "isoflop.hookspecs",
    "open_registry": "isoflop.store",
    "plan": "isoflop.analysis",
    "refit": "isoflop.refitting",
    "track": "isoflop.live.tracking",
}

__all__ = [
    "AnalysisResult",
    "CollectReceipt",
    "CurveTable",
    "Estimate",
    "Finding",
    "FitResult",
    "FitTable",
    "IsoflopError",
    "Plan",
    "PluginHost",
    "Registry",
    "RunTable",
    "ScoreTable",
    "analyze",
    "autolog",
    "collect",
    "fit",
    "hookimpl",
    "open_registry",
    "plan",
    "refit",
    "track",
]

if TYPE_CHECKING:
    from isoflop.analysis import analyze, fit, plan
    from isoflop.collection import CollectReceipt, collect
    from isoflop.errors import IsoflopError
    from isoflop.estimate import Estimate
    from isoflop.estimation import FitResult, Plan
    from isoflop.hookspecs import hookimpl
    from isoflop.live.autologging import autolog
    from isoflop.live.tracking import track
    from isoflop.plugin_host import PluginHost
    from isoflop.refitting import refit
    from isoflop.results import AnalysisResult, Finding
    from isoflop.store import Registry, open_registry
    from isoflop.tables import CurveTable, FitTable, RunTable, ScoreTable


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'isoflop' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
