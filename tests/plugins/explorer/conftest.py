"""Runs to explore, and what looks at them being explored."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from isoflop.tables import RunTable

if TYPE_CHECKING:
    from playwright.sync_api import Page

MakeRuns = Callable[..., RunTable]


def _runs(n: int, *, seed: int = 0, noise: float = 0.0005, **columns: Any) -> RunTable:
    random = np.random.default_rng(seed)
    n_params = 10 ** random.uniform(7.5, 10, n)
    n_tokens = n_params * 10 ** random.uniform(0.3, 2.3, n)
    loss = 1.82 + 482.0 / n_params**0.3478 + 2085.0 / n_tokens**0.3658
    frame = pd.DataFrame(
        {
            "run_uid": [f"uid-{i}" for i in range(n)],
            "run_name": [f"run-{i}" for i in range(n)],
            "family": "ladder",
            "status": "finished",
            "n_params": n_params,
            "n_tokens": n_tokens,
            "loss": loss * np.exp(random.normal(0, noise, n)),
        }
    )
    return RunTable.from_pandas(frame.assign(**columns), source="synthetic ladder")


@pytest.fixture(scope="session")
def make_runs() -> MakeRuns:
    """Return the maker of a ladder of runs: how many, and columns to set."""
    return _runs


@pytest.fixture
def shoot(tmp_path: Path) -> Callable[[Page, str], Path]:
    """Return what takes a screenshot to look at; ISOFLOP_SCREENSHOTS names the folder."""

    def shot(page: Page, name: str) -> Path:
        file = Path(os.environ.get("ISOFLOP_SCREENSHOTS") or tmp_path) / f"{name}.png"
        page.screenshot(path=str(file))
        return file

    return shot


@pytest.fixture(scope="session")
def notebook_server() -> Iterator[ModuleType]:
    """Return the module beside this file that serves notebooks; tests are no package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        yield importlib.import_module("notebook_server")
