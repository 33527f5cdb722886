"""A fit as a row of the table `fits`."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from isoflop.estimation import fit_law
from isoflop.schema import FITS
from isoflop.tables import FitTable, RunTable
from isoflop_plugins.laws.chinchilla import CHINCHILLA


def table(*, n=40, seed=0, noise=0.003, order=None, **columns):
    rng = np.random.default_rng(seed)
    n_params, n_tokens = (
        np.round(10 ** rng.uniform(7, 10, n)),
        np.round(10 ** rng.uniform(9, 11, n)),
    )
    loss = (1.8 + 400 / n_params**0.35 + 2100 / n_tokens**0.37) * np.exp(noise * rng.normal(size=n))
    frame = pd.DataFrame({
        "run_uid": [f"u{i}" for i in range(n)], "n_params": n_params, "n_tokens": n_tokens,
        "loss": loss,
    } | columns)  # fmt: skip
    return RunTable.from_pandas(frame if order is None else frame.iloc[order])


def row(runs, **settings):
    return fit_law(CHINCHILLA, runs, **({"n_boot": 10} | settings)).to_row()


def test_a_row_has_every_column_in_order():
    assert tuple(row(table())) == FITS.names


def test_the_id_depends_on_numbers_and_settings_and_not_on_the_order_of_runs():
    first = row(table())["fit_id"]
    assert row(table(order=np.arange(40)[::-1]))["fit_id"] == first
    others = [
        row(table(seed=1)), row(table(), seed=1), row(table(), fixed={"beta": 0.37}),
        row(table(), level=0.9), row(table(), delta=1e-2), row(table(family="web")),
    ]  # fmt: skip
    assert len({first, *(other["fit_id"] for other in others)}) == 7


def test_parameters_stand_in_the_order_of_the_law_and_survive_to_the_last_bit():
    fit = fit_law(CHINCHILLA, table(), n_boot=10)
    text = fit.to_row()["params"]
    assert list(json.loads(text))[:5] == list(CHINCHILLA.names)
    kept = FitTable.from_pandas(pd.DataFrame([fit.to_row()])).params()[0]
    assert {n: e.value for n, e in kept.items() if n in fit.params} == {
        n: e.value for n, e in fit.params.items()
    }
    assert kept["alpha"] == fit.params["alpha"]


def test_without_a_bootstrap_the_ends_are_null_and_nothing_is_not_json():
    told = row(table(), n_boot=0)
    json.loads(told["params"], parse_constant=pytest.fail)
    assert json.loads(told["params"])["alpha"][1:] == [None, None]


def test_an_end_that_is_open_is_kept_as_open():
    line = table()
    frame = line.to_pandas()
    frame["n_tokens"] = 20 * frame["n_params"]
    told = row(RunTable.from_pandas(frame))
    json.loads(told["params"], parse_constant=pytest.fail)
    assert json.loads(told["unidentified"])
    ends = [e for entry in json.loads(told["params"]).values() for e in entry[1:]]
    assert "Infinity" in ends
    assert any(np.isinf(e.high) for e in FitTable.from_pandas(pd.DataFrame([told])).params()[0]
               .values())  # fmt: skip


def test_runs_without_ids_are_not_named():
    frame = table().to_pandas().drop(columns="run_uid")
    assert row(RunTable.from_pandas(frame))["run_uids"] is None
    assert json.loads(row(table())["run_uids"])[:2] == ["u0", "u1"]
