"""Resamples are spent where a fit can be used, and refusals come back as words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from isoflop.estimation import FitResult
from isoflop.tables import RunTable
from isoflop_plugins.analyzers.by_family.scouted_fits import Resampling, scouted_fit
from isoflop_plugins.laws.chinchilla import CHINCHILLA

RESAMPLING = Resampling(n_boot=150, seed=0, level=0.9)


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n, d = np.round(10 ** rng.uniform([[7], [9]], [[10], [11.5]], (2, 40)))
    loss = (1.8 + 480 / n**0.35 + 2100 / d**0.37) * np.exp(0.002 * rng.normal(size=40))
    return pd.DataFrame({"n_params": n, "n_tokens": d, "loss": loss})


def test_a_usable_fit_gets_all_resamples(frame: pd.DataFrame) -> None:
    fit = scouted_fit(CHINCHILLA, RunTable.from_pandas(frame), RESAMPLING)
    assert isinstance(fit, FitResult)
    assert (fit.n_boot, fit.level) == (150, 0.9)


def test_a_fit_that_places_nothing_keeps_the_few_that_showed_it(frame: pd.DataFrame) -> None:
    frame["n_tokens"] = 20 * frame["n_params"]
    fit = scouted_fit(CHINCHILLA, RunTable.from_pandas(frame), RESAMPLING)
    assert isinstance(fit, FitResult)
    assert not fit.is_usable
    assert fit.n_boot == 100


def test_no_resamples_are_none(frame: pd.DataFrame) -> None:
    none = Resampling(n_boot=0, seed=0, level=0.9)
    fit = scouted_fit(CHINCHILLA, RunTable.from_pandas(frame), none)
    assert isinstance(fit, FitResult)
    assert fit.n_boot == 0


def test_a_refusal_comes_back_as_words(frame: pd.DataFrame) -> None:
    assert "got 3 of 3" in str(
        scouted_fit(CHINCHILLA, RunTable.from_pandas(frame.iloc[:3]), RESAMPLING)
    )
