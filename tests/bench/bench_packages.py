"""The same 240 points through the packages that a user would pick: time and objective reached."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import tempfile
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from bench_estimation import points

from isoflop.estimation import fit_law
from isoflop.tables import RunTable

MISSING = "not installed: pip install 'isoflop[bench]'"


def rows(quick: bool) -> list[tuple[str, str, str, str]]:
    """Return (what, ours, other, ratio); `quick` gives `chinchilla` 32 of its 3,125 starts."""
    from isoflop_plugins.laws.chinchilla import CHINCHILLA

    runs = points()
    out = []
    for n_boot in (0, 1000):
        spent, fit = _timed(lambda n=n_boot: fit_law(CHINCHILLA, runs, n_boot=n))
        out.append((n_boot, spent, fit))
    plain, boot = out[0][1], out[1][1]
    found = []
    if importlib.util.find_spec("chinchilla"):
        found.append(_chinchilla(runs, plain, grid=2 if quick else 5))
    else:
        found.append(("PyPI chinchilla", "-", MISSING, "-"))
    if importlib.util.find_spec("simple_scaling_laws"):
        found.append(_simple(runs, boot, n_draws=100 if quick else 1000))
    else:
        found.append(("PyPI simple-scaling-laws", "-", MISSING, "-"))
    return found


def _chinchilla(runs: RunTable, ours: float, *, grid: int) -> tuple[str, str, str, str]:
    """Fit with the grid of its README and the paper's loss; its own default is a lower envelope."""
    from chinchilla import Chinchilla
    from chinchilla._metrics import log_huber

    with tempfile.TemporaryDirectory() as folder:
        frame = pd.DataFrame(
            {
                "C": 6 * runs.numbers("n_params") * runs.numbers("n_tokens"),
                "N": runs.numbers("n_params"),
                "D": runs.numbers("n_tokens"),
                "loss": runs.numbers("loss"),
            }
        )
        frame.to_csv(f"{folder}/df.csv", index=False)
        logging.disable(logging.CRITICAL)
        begin = time.process_time()
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            other = Chinchilla(
                folder,
                param_grid={
                    "E": np.linspace(1, 2, grid),
                    "a": np.linspace(1, 10, grid),
                    "b": np.linspace(1, 10, grid),
                    "alpha": np.linspace(0.1, 0.7, grid),
                    "beta": np.linspace(0.1, 0.7, grid),
                },
                loss_fn=lambda y, p: log_huber(y, p, delta=1e-3),
            )
            other.fit(parallel=False)
        spent = time.process_time() - begin
        logging.disable(logging.NOTSET)
        theirs = _objective(runs, other.params)
    best = _objective(runs, _ours(runs, "log-huber"))
    return (
        f"PyPI chinchilla, {grid**5:,} starts, log-Huber 1e-3",
        f"{1e3 * ours:.1f} ms CPU, {best:.10f}",
        f"{spent:.1f} s CPU, {theirs:.10f}",
        f"{spent / ours:,.0f} x; objective {theirs / best - 1:+.1e}",
    )


def _simple(runs: RunTable, ours: float, *, n_draws: int) -> tuple[str, str, str, str]:
    """Fit its separable power law; it minimizes squares of the raw loss, so ours does here."""
    import simple_scaling_laws

    frame = pd.DataFrame(
        {
            "training_run_id": [f"run{i}" for i in range(len(runs))],
            "model_size__params": runs.numbers("n_params"),
            "dataset_size__tokens": runs.numbers("n_tokens"),
            "test_loss__cross_entropy": runs.numbers("loss"),
        }
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spent, model = _timed(lambda: simple_scaling_laws.fit(frame, n_draws=n_draws, seed=0))
    theirs = _squares(runs, _uncentered(runs, model.params("test_loss__cross_entropy")))
    best = _squares(runs, _ours(runs, "squares"))
    ours = ours * n_draws / 1000
    return (
        f"PyPI simple-scaling-laws, {n_draws:,} draws, squares",
        f"{ours:.2f} s CPU, {best:.8f}",
        f"{spent:.2f} s CPU, {theirs:.8f}",
        f"{spent / ours:,.1f} x; objective {theirs / best - 1:+.1e}",
    )


def _uncentered(runs: RunTable, p: Any) -> dict[str, float]:
    """Return parameters for N and D in base units; theirs are measured at geometric means."""
    n, d = (float(np.log(runs.numbers(c)).mean()) for c in ("n_params", "n_tokens"))
    return {**p, "A": p["A"] * np.exp(p["alpha"] * n), "B": p["B"] * np.exp(p["beta"] * d)}


def _ours(runs: RunTable, objective: str) -> dict[str, float]:
    from isoflop_plugins.laws.chinchilla import CHINCHILLA

    fit = fit_law(CHINCHILLA, runs, objective=objective, n_boot=0)
    return {name: e.value for name, e in fit.params.items()}


def _loss(runs: RunTable, p: Any) -> np.ndarray:
    n, d = runs.numbers("n_params"), runs.numbers("n_tokens")
    return p["E"] + p["A"] / n ** p["alpha"] + p["B"] / d ** p["beta"]


def _objective(runs: RunTable, p: Any) -> float:
    from scipy.special import huber

    return float(huber(1e-3, np.log(_loss(runs, p)) - np.log(runs.numbers("loss"))).sum())


def _squares(runs: RunTable, p: Any) -> float:
    return float(0.5 * ((_loss(runs, p) - runs.numbers("loss")) ** 2).sum())


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    work()
    begin = time.process_time()
    found = work()
    return time.process_time() - begin, found
