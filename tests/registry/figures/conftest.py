"""A fit to forty synthetic runs, with their curves."""

import numpy as np
import pandas as pd
import pytest

import isoflop
from isoflop.tables import CurveTable


def runs_frame(n: int = 40) -> pd.DataFrame:
    """Runs around a two-term law, half a percent of noise."""
    rng = np.random.default_rng(0)
    size, tokens = 10 ** rng.uniform(7, 9, n), 10 ** rng.uniform(8.5, 10.5, n)
    loss = 1.7 + 400 / size**0.34 + 410 / tokens**0.28
    return pd.DataFrame(
        {
            "run_uid": [f"u{i}" for i in range(n)],
            "run_name": [f"run {i}" for i in range(n)],
            "family": "f",
            "n_params": size.astype(int),
            "n_tokens": tokens.astype(int),
            "n_steps": (tokens / 1e5).astype(int),
            "wall_time_s": size * tokens / 1e13,
            "loss": loss * np.exp(rng.normal(0, 0.005, n)),
        }
    )


@pytest.fixture(scope="session")
def frame() -> pd.DataFrame:
    return runs_frame()


@pytest.fixture(scope="session")
def runs(frame: pd.DataFrame) -> isoflop.RunTable:
    return isoflop.RunTable.from_pandas(frame)


@pytest.fixture(scope="session")
def fit(runs: isoflop.RunTable) -> isoflop.FitResult:
    return isoflop.fit("chinchilla", runs, n_boot=40)


@pytest.fixture(scope="session")
def curves(frame: pd.DataFrame) -> CurveTable:
    parts = []
    for run in frame.head(6).to_dict("records"):
        tokens = np.geomspace(1e6, run["n_tokens"], 500)
        parts.append(
            pd.DataFrame(
                {
                    "run_uid": run["run_uid"],
                    "run_name": run["run_name"],
                    "split": "train",
                    "step": np.arange(1, 501),
                    "n_tokens": tokens.astype(int),
                    "n_params": run["n_params"],
                    "loss": 1.8 + 410 / tokens**0.28,
                    "logged_at": pd.Timestamp("2026-01-01", tz="UTC")
                    + pd.to_timedelta(np.arange(500), unit="s"),
                }
            )
        )
    return CurveTable.from_pandas(pd.concat(parts, ignore_index=True))
