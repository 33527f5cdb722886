"""CPU time of the two-term fit, beside the usual grid of SciPy starts."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from isoflop.estimation import fit_law
from isoflop.laws import Law
from isoflop.tables import RunTable

N_STARTS = 4500
"""Starts of the grid of Hoffmann et al. 2022 and Besiroglu et al. 2024."""


def rows(quick: bool) -> list[tuple[str, str, str, str]]:
    """Return (what, ours, other, ratio or bar) in CPU seconds; `quick` runs 100 of 4,500 starts."""
    from isoflop_plugins.laws.chinchilla import CHINCHILLA

    runs = points()
    n_starts = 100 if quick else N_STARTS
    ours = _best_of(5, lambda: fit_law(CHINCHILLA, runs, n_boot=0))
    found = fit_law(CHINCHILLA, runs, n_boot=0).objective
    spent, lowest = _scipy_grid(runs, n_starts)
    scaled = spent * N_STARTS / n_starts
    note = f" (scaled from {n_starts} starts)" if n_starts < N_STARTS else ""
    boot = _best_of(1 if quick else 3, lambda: _bootstrap(CHINCHILLA, runs)) - ours
    return [
        (
            f"one fit, {len(runs)} points",
            f"{1e3 * ours:.1f} ms CPU",
            f"{scaled:.1f} s CPU, {N_STARTS:,} SciPy L-BFGS-B starts{note}",
            f"{scaled / ours:,.0f} x (bar 1,000 x and 20 ms)",
        ),
        ("objective reached", f"{found:.13f}", f"{lowest:.13f}", f"{lowest - found:+.1e}"),
        ("4,000 bootstrap replicates", f"{boot:.2f} s CPU", "-", "bar 2 s"),
    ]


def _bootstrap(law: Law, runs: RunTable) -> None:
    fit_law(law, runs, n_boot=4000, seed=42)


def _best_of(times: int, work: Callable[[], object]) -> float:
    work()
    spent = []
    for _ in range(times):
        begin = time.process_time()
        work()
        spent.append(time.process_time() - begin)
    return min(spent)


def points() -> RunTable:
    """Return 240 points like those of Epoch: N 57M to 16B, 0.5 % noise, some outliers."""
    rng = np.random.default_rng(0)
    c = 10 ** rng.uniform(18, 22, 240)
    n = np.clip(np.sqrt(c / 120) * 10 ** rng.uniform(-0.8, 0.8, 240), 5.7e7, 1.6e10)
    loss = 1.8172 + 477.8 / n**0.3473 + 2143.4 / (c / (6 * n)) ** 0.3672
    loss *= np.exp(0.005 * rng.standard_t(3, 240))
    frame = pd.DataFrame({"n_params": n, "n_tokens": c / (6 * n), "loss": loss})
    return RunTable.from_pandas(frame)


def _scipy_grid(runs: RunTable, n_starts: int) -> tuple[float, float]:
    """Return seconds and lowest objective of the published grid with numerical gradients."""
    from scipy.optimize import minimize
    from scipy.special import huber, logsumexp

    log_n, log_d = np.log(runs.numbers("n_params")), np.log(runs.numbers("n_tokens"))
    log_loss = np.log(runs.numbers("loss"))

    def objective(p: np.ndarray) -> float:
        a, b, e, alpha, beta = p
        terms = np.stack([a - alpha * log_n, b - beta * log_d, np.full_like(log_n, e)])
        return float(huber(1e-3, logsumexp(terms, axis=0) - log_loss).sum())

    grid = list(
        itertools.product(
            np.linspace(0, 25, 6), np.linspace(0, 25, 6), np.linspace(-1, 1, 5),
            np.linspace(0, 2, 5), np.linspace(0, 2, 5),
        )
    )  # fmt: skip
    chosen = np.linspace(0, len(grid) - 1, n_starts).round().astype(int)
    begin = time.process_time()
    lowest = min(minimize(objective, grid[i], method="L-BFGS-B").fun for i in chosen)
    return time.process_time() - begin, float(lowest)


if __name__ == "__main__":
    import sys

    for row in rows(quick="--quick" in sys.argv):
        sys.stdout.write("  ".join(row) + "\n")
