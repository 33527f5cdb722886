"""Data of every law that ships: parameters as published or usual, variables as runs have them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from isoflop.laws import Law
from isoflop.tables import RunTable

Floats = np.ndarray
TWO_TERM = {"E": 1.8, "A": 480.0, "B": 2100.0, "alpha": 0.35, "beta": 0.37}


def decades(low: float, high: float) -> Callable[[np.random.Generator, int], Floats]:
    return lambda rng, n: 10 ** rng.uniform(low, high, n)


RANGES: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "n_params": decades(7, 10),
    "n_params_nonembedding": decades(6.5, 9.5),
    "n_tokens": decades(9, 11.5),
    "n_tokens_unique": decades(8, 9),
    "n_steps_min": decades(3.3, 5.3),
    "flops": decades(17, 22),
    "flops_min": decades(17, 22),
    "flops_6nd": decades(17, 22),
    "loss": lambda rng, n: rng.uniform(2.2, 6.0, n),
    "n_experts": lambda rng, n: 2.0 ** rng.integers(0, 10, n),
    "n_kept": decades(3, 6),
    "repetitions": decades(0, 3),
    "context": decades(1.5, 3),
    "n_layers": lambda rng, n: rng.integers(2, 40, n).astype(float),
    "d_model": lambda rng, n: 64.0 * rng.integers(2, 40, n),
}

TRUE: dict[str, dict[str, float]] = {
    "chinchilla": TWO_TERM,
    "quantile-frontier": TWO_TERM,
    "kaplan-n": {"N_c": 8.8e13, "alpha_N": 0.076},
    "kaplan-d": {"D_c": 5.4e13, "alpha_D": 0.095},
    "kaplan-c": {"C_c": 1.4e27, "alpha_C": 0.057},
    "kaplan-c-min": {"C_min_c": 2.7e28, "alpha_C_min": 0.050},
    "kaplan-nd": {"N_c": 6.4e13, "D_c": 1.8e13, "alpha_N": 0.076, "alpha_D": 0.103},
    "kaplan-nd-constant": {
        "L_inf": 1.2, "N_c": 6.4e11, "D_c": 1.8e12, "alpha_N": 0.2, "alpha_D": 0.25,
    },
    "kaplan-ns": {"N_c": 6.5e13, "S_c": 2.1e3, "alpha_N": 0.077, "alpha_S": 0.76},
    "kaplan-ns-constant": {
        "L_inf": 1.2, "N_c": 6.5e12, "S_c": 2.1e3, "alpha_N": 0.12, "alpha_S": 0.76,
    },
    "kaplan-critical-batch": {"B_star": 2.1e8, "alpha_B": 0.21},
    "henighan-n": {"L_inf": 1.9, "x_0": 3e8, "alpha": 0.24},
    "henighan-d": {"L_inf": 1.9, "x_0": 3e10, "alpha": 0.3},
    "henighan-c": {"L_inf": 1.9, "x_0": 3e19, "alpha": 0.16},
    "data-constrained": {
        "E": 1.87, "A": 521.0, "B": 1488.0, "alpha": 0.35, "beta": 0.35, "R_D": 15.4, "R_N": 5.3,
    },
    "data-saturation": {"E_N": 2.3, "B": 2100.0, "beta": 0.37},
    "over-training": {"E": 1.5, "a": 113.0, "b": 189.0, "eta": 0.121},
    "downstream-error": {"k": 2.08, "gamma": 0.756, "eps": 0.85},
    "mixed-modal": {"C": 0.2, "A": 60.0, "B": 90.0, "alpha": 0.3, "beta": 0.25},
    "routed": {
        "a": -0.082, "b": -0.108, "c": 0.009, "d": 2.6, "E_start": 1.85, "E_max": 314.0,
    },
    "transfer": {"k": 1.9e4, "a": 0.18, "b": 0.38},
    "broken-1": {"a": 1.5, "b": 5000.0, "c0": 0.2, "c1": 0.15, "d1": 1e20, "f1": 0.4},
    "m1-power": {"A": 60.0, "c": 0.07},
    "m2-floor": {"E": 1.5, "A": 5000.0, "c": 0.2},
    "m3-saturating": {"A": 3e4, "c": 0.2, "x_s": 3e17},
    "m4-capped": {"E": 1.5, "eps_0": 9.0, "alpha": 1.2, "k": 1e18, "c": 0.3},
    "pruning-power": {"E": 0.05, "A": 4.0, "p": 0.35},
    "pruning-exponential": {"E": 0.05, "A": 0.6, "s": 1e5},
    "memorization": {"c": -1.6, "a": 0.19, "b": 0.1, "d": 0.05},
    "shape": {"c": 3.0, "a_N": -0.08, "a_shape": 0.02},
    "shape-tokens": {"c": 4.0, "a_N": -0.06, "a_shape": 0.02, "a_D": -0.05},
    "shape-downstream": {"c": -0.2, "a_N": 0.04, "a_shape": -0.01},
    "shape-downstream-tokens": {"c": -0.6, "a_N": 0.03, "a_shape": -0.01, "a_D": 0.02},
    "memorization-n-params": {"c": -1.2, "a": 0.19},
    "memorization-repetitions": {"c": 0.1, "b": 0.1},
    "memorization-context": {"c": 0.1, "d": 0.05},
    "memorization-n-params-repetitions": {"c": -1.4, "a": 0.19, "b": 0.1},
    "memorization-n-params-context": {"c": -1.3, "a": 0.19, "d": 0.05},
    "memorization-repetitions-context": {"c": 0.1, "b": 0.1, "d": 0.05},
    "broken-2": {
        "a": 1.2, "b": 40.0, "c0": 0.08, "c1": 0.25, "d1": 1e19, "f1": 0.3,
        "c2": -0.2, "gap2": 50.0, "f2": 0.3,
    },
    "broken-3": {
        "a": 1.0, "b": 40.0, "c0": 0.08, "c1": 0.25, "d1": 3e18, "f1": 0.2,
        "c2": -0.25, "gap2": 20.0, "f2": 0.2, "c3": 0.3, "gap3": 20.0, "f3": 0.2,
    },
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Specimen:
    law: Law
    true: dict[str, float]
    runs: RunTable


def specimen(law: Law, *, n: int = 240, noise: float = 0.0, seed: int = 0) -> Specimen:
    """Return runs under a law with its parameters of `TRUE`.

    Noise is relative where the objective is of logarithms, else in the response's own unit.
    """
    rng = np.random.default_rng(seed)
    values = {name: RANGES[name](rng, n) for name in law.variables}
    true = TRUE[law.name]
    response = np.asarray(law.form(true, values), dtype=float)
    error = noise * rng.normal(size=n)
    noisy = response * np.exp(error) if law.objective.startswith("log-") else response + error
    frame = pd.DataFrame({**values, law.response: noisy})
    return Specimen(law=law, true=true, runs=RunTable.from_pandas(frame))
