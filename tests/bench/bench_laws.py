"""Every law that ships: time of a point fit and of a bootstrap, beside a SciPy multi-start."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "plugins" / "laws"))
from specimens import specimen

from isoflop.estimation import FitResult, fit_law
from isoflop.laws import Law

_LARGE = """
import resource
import numpy as np, pandas as pd
from isoflop.estimation import fit_law
from isoflop.tables import RunTable
from isoflop_plugins.laws.chinchilla import CHINCHILLA
rng = np.random.default_rng(0)
n, d = 10 ** rng.uniform(7, 10, 100_000), 10 ** rng.uniform(9, 12, 100_000)
loss = (1.8 + 480 / n**0.35 + 2100 / d**0.37) * np.exp(0.01 * rng.normal(size=n.size))
runs = RunTable.from_pandas(pd.DataFrame({"n_params": n, "n_tokens": d, "loss": loss}))
fit_law(CHINCHILLA, runs, n_boot=20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def rows(quick: bool) -> list[tuple[str, str, str, str]]:
    """Return a row for each law at 240 rows, and the largest case; `quick` takes a few laws."""
    from isoflop_plugins.laws import LAWS

    laws = [law for law in LAWS if isinstance(law, Law)]
    chosen = laws[:: 6 if quick else 1]
    out = [_row(law, n_starts=4 if quick else 40) for law in chosen]
    broken = next(law for law in laws if law.name == "broken-1")
    runs = specimen(broken, n=50, noise=0.01).runs
    spent, _ = _cpu(lambda: fit_law(broken, runs, n_boot=100 if quick else 1000))
    times = 10 if quick else 1
    out.append(
        ("broken-1, 50 points, 1,000 replicates", f"{spent * times:.1f} s CPU", "-", "bar 20 s")
    )
    done = subprocess.run(
        [sys.executable, "-c", _LARGE], capture_output=True, text=True, check=True
    )
    out.append(
        ("chinchilla, 100,000 rows, peak memory", f"{int(done.stdout)} MB", "-", "bar 500 MB")
    )
    return out


def _row(law: Law, *, n_starts: int) -> tuple[str, str, str, str]:
    runs = specimen(law, noise=0.005).runs
    options = {"quantile": 0.1} if "quantile" in law.objective else {}
    spent, fit = _cpu(lambda: fit_law(law, runs, n_boot=0, **options))
    both, _ = _cpu(lambda: fit_law(law, runs, n_boot=200, **options), times=1)
    lowest, theirs = _scipy(fit, n_starts)
    gap = lowest / fit.solution.value - 1
    agree = f"{fit.certificate.n_agree} of {fit.certificate.n_starts} starts"
    boot = 5 * max(both - spent, 0.0)
    return (
        f"{law.name}, 240 rows ({agree} agree)",
        f"{1e3 * spent:.0f} ms CPU, 1,000 replicates {boot:.1f} s",
        f"{theirs:.1f} s, {n_starts} SciPy L-BFGS-B starts",
        f"{theirs / spent:,.0f} x, theirs {gap:+.0e} (bars 100 ms, 2 s)",
    )


def _scipy(fit: FitResult, n_starts: int) -> tuple[float, float]:
    """Return the lowest objective of SciPy from random starts in the box, and the time it took.

    It is given our exact gradient; what a user writes takes differences.
    """
    from scipy.optimize import minimize

    problem = fit.problem
    rng = np.random.default_rng(0)
    low = np.where(np.isfinite(problem.low), problem.low, -3.0)
    high = np.where(np.isfinite(problem.high), problem.high, 3.0)
    scale = 1.0 / fit.solution.value  # an objective of 1e-3 stops too early under its tolerances

    def both(theta: np.ndarray) -> tuple[float, np.ndarray]:
        here = problem.derivatives(theta[None], None)
        value = here.value[0] if np.isfinite(here.value[0]) else 1e30
        return scale * value, scale * here.gradient[0]

    begin = time.process_time()
    found = [
        minimize(both, rng.uniform(low, high), jac=True, method="L-BFGS-B",
                 bounds=list(zip(problem.low, problem.high, strict=True))).fun
        for _ in range(n_starts)
    ]  # fmt: skip
    return min(found) / scale, time.process_time() - begin


def _cpu(work: Callable[[], Any], *, times: int = 3) -> tuple[float, Any]:
    """Return the least CPU time of a few runs, the first not counted, and what came out."""
    found = work()
    spent = []
    for _ in range(times):
        begin = time.process_time()
        work()
        spent.append(time.process_time() - begin)
    return min(spent), found
