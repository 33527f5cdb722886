"""Runs to fit: Epoch's points, and synthetic ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from isoflop.laws import Law, Parameter, PowerSum, PowerTerm
from isoflop.tables import RunTable


@pytest.fixture(scope="session")
def two_term() -> Law:
    """The law of most tests, under a name of its own: the core knows no named law."""
    return Law(
        name="two-term",
        summary="A floor and two falling powers.",
        equation="loss = E + A / n_params^alpha + B / n_tokens^beta",
        parameters=(
            Parameter(name="E", unit="nat/token"),
            Parameter(name="A"),
            Parameter(name="B"),
            Parameter(name="alpha", low=0.01, high=2.5),
            Parameter(name="beta", low=0.01, high=2.5),
        ),
        form=PowerSum(
            constant="E",
            terms=(
                PowerTerm(coefficient="A", exponent="alpha", variable="n_params"),
                PowerTerm(coefficient="B", exponent="beta", variable="n_tokens"),
            ),
        ),
        variables=("n_params", "n_tokens"),
        cannot_say="Anything else.",
        source="Hoffmann et al. 2022, arXiv 2203.15556",
    )


@pytest.fixture(scope="session")
def anchors(shared_data: Path) -> dict[str, Any]:
    """Published and recomputed minima of Epoch's points."""
    text = (shared_data / "epoch_chinchilla" / "anchors.json").read_text()
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@pytest.fixture(scope="session")
def epoch_245(shared_data: Path) -> RunTable:
    """Every point that Epoch extracted, in the file's order."""
    frame = pd.read_csv(shared_data / "epoch_chinchilla" / "svg_extracted_data.csv")
    n, c = frame["Model Size"], frame["Training FLOP"]
    runs = pd.DataFrame({"n_params": n, "n_tokens": c / (6 * n), "loss": frame["loss"]})
    return RunTable.from_pandas(runs)


@pytest.fixture(scope="session")
def epoch(epoch_245: RunTable) -> RunTable:
    """The 240 points that are left without the five highest losses."""
    loss = epoch_245.numbers("loss")
    return epoch_245.take(loss < np.sort(loss)[-5])


@pytest.fixture(scope="session")
def make_runs() -> Callable[..., RunTable]:
    """A function that makes runs under the law with known parameters."""

    def make(n: int = 60, *, noise: float = 0.0, seed: int = 0, **columns: Any) -> RunTable:
        rng = np.random.default_rng(seed)
        n_params = np.round(10 ** rng.uniform(7, 10, n))
        n_tokens = np.round(10 ** rng.uniform(9, 11.5, n))
        loss = 1.8 + 480 / n_params**0.35 + 2100 / n_tokens**0.37
        loss = loss * np.exp(noise * rng.normal(size=n))
        frame = pd.DataFrame({"n_params": n_params, "n_tokens": n_tokens, "loss": loss} | columns)
        return RunTable.from_pandas(frame)

    return make
