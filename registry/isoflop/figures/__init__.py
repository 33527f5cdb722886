"""Figures of results: functions that return an Altair chart, draw offline and show nothing.

============================================  ==================================================
``loss_vs_compute(fit, runs)``                runs, training curves, frontier with its band,
                                              published models behind; against FLOPs, tokens,
                                              steps or hours
``contours(fit, runs)``                       L(N, D) with the frontier, runs colored by D / N
``residuals(fit, runs)``                      misfit against C, N or D, and a QQ panel
``parameter_draws(fit)``                      pairs of bootstrap draws
``loss_curves(curves)``                       training curves, smoothed over raw
``isoflop_parabolas(result)``                 runs of equal compute, parabolas and minima
``emergence_curve(result, task, scores)``     one task over scale, and its continuous twin
``token_ratio(result)``                       D over compute-optimal D, run by run
``drift(fits)``                               parameters of a law over the dates of its fits
``result.figures[name]``                      any figure that an analyzer brings itself
``show(chart)``                               in a notebook: a static picture, also air-gapped
``save(chart, path)``                         SVG, PDF or PNG, as wide as a column
============================================  ==================================================

`fit` is what `isoflop.fit` returns, `result` what `isoflop.analyze` returns; `runs`, `curves`,
`scores` and `fits` are the tables of a registry: ``reg.runs()``, ``reg.curves()``,
``reg.scores()``, ``reg.fits()``.

Lines are solid inside the data and dashed outside; bands are intervals. What is not drawn is
counted in the note under the chart. A chart is light whatever the registry holds: at most 2,000
points and 4,800 of curves are drawn, and the note says how many of how many.

Altair's own display of a chart loads JavaScript from the internet and is blank without it. `show`
is a static picture; to make Altair itself draw statically, once a session:
``altair.renderers.enable("svg")``.

Examples
--------
>>> import isoflop, isoflop_datasets
>>> from isoflop import figures
>>> models = isoflop_datasets.load_published_models()
>>> runs = models.by_family()["published:Pythia"]
>>> chart = figures.loss_vs_compute(isoflop.fit("chinchilla", runs, n_boot=20), runs)
>>> type(chart).__name__
'LayerChart'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

_HOME = {
    "contours": "contour_lines",
    "drift": "drift_panels",
    "emergence_curve": "task_scores",
    "isoflop_parabolas": "parabolas",
    "loss_curves": "training_curves",
    "loss_vs_compute": "loss_and_frontier",
    "parameter_draws": "draw_pairs",
    "residuals": "misfits",
    "save": "saving",
    "show": "showing",
    "token_ratio": "token_ratios",
}

__all__ = [
    "contours",
    "drift",
    "emergence_curve",
    "isoflop_parabolas",
    "loss_curves",
    "loss_vs_compute",
    "parameter_draws",
    "residuals",
    "save",
    "show",
    "token_ratio",
]

if TYPE_CHECKING:
    from isoflop.figures.contour_lines import contours
    from isoflop.figures.draw_pairs import parameter_draws
    from isoflop.figures.drift_panels import drift
    from isoflop.figures.loss_and_frontier import loss_vs_compute
    from isoflop.figures.misfits import residuals
    from isoflop.figures.parabolas import isoflop_parabolas
    from isoflop.figures.saving import save
    from isoflop.figures.showing import show
    from isoflop.figures.task_scores import emergence_curve
    from isoflop.figures.token_ratios import token_ratio
    from isoflop.figures.training_curves import loss_curves


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'isoflop.figures' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"isoflop.figures.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
