"""Fits kept in a real registry, and made again from their record."""

from __future__ import annotations

import datetime as dt
import json
import shutil

import numpy as np
import pyarrow as pa
import pytest
from deltalake import DeltaTable

import isoflop
from isoflop.errors import RegistryError, UnknownNameError
from isoflop.plugin_host import PluginHost
from isoflop.records import REFERENCE_KIND, ResolvedRun, run_uid
from isoflop.refitting import store_fit
from isoflop.schema import FITS, TableSchema
from isoflop.store import open_registry
from isoflop.tables import RunTable

_NEW = ("variant", "audience", "equation", "settings", "data_digest", "run_uids", "unidentified")


def some_runs(prefix, n, *, seed, kind="mlflow", family="web", **columns):
    rng = np.random.default_rng(seed)
    n_params = (10 ** rng.uniform(7, 10, n)).astype(int)
    n_tokens = (10 ** rng.uniform(9, 11.5, n)).astype(int)
    noise = np.exp(0.003 * rng.normal(size=n))
    loss = (1.8 + 400 / n_params**0.35 + 2100 / n_tokens**0.37) * noise
    return [
        ResolvedRun(row={
            "run_uid": run_uid(kind, f"{prefix}-{i}"), "source_kind": kind,
            "native_run_id": f"{prefix}-{i}", "run_name": f"{prefix}-{i}", "family": family,
            "status": "finished", "lifecycle": "active", "n_params": int(n_params[i]),
            "n_tokens": int(n_tokens[i]), "loss": float(loss[i]), "loss_dataset": "c4",
            "created_at": dt.datetime(2026, 1, 1, i % 24, tzinfo=dt.UTC),
        } | columns)
        for i in range(n)
    ]  # fmt: skip


def add(registry, runs):
    registry.writer().drop_runs(runs, known_revs=registry.revs())
    registry.fold()


def keep(registry, runs=None, **settings):
    """Fit and keep; return the id."""
    version = registry.versions()["runs"]
    fit = isoflop.fit("chinchilla", registry.runs() if runs is None else runs, n_boot=20,
                      **settings)  # fmt: skip
    return store_fit(registry, fit, runs_version=version).fit_id


def rewrite(registry, kept, /, **cells):
    """Keep the record of a fit once more with other cells, under the id ``"other"``."""
    fits = registry.fits()
    (row,) = fits.take([fits.find(kept)]).to_arrow().to_pylist()
    row |= {"fit_id": "other"} | cells
    registry.writer().drop_table("fits", pa.Table.from_pylist([row], schema=FITS.to_arrow()))
    registry.fold()


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A registry of 30 runs, to be copied: filling takes much longer."""
    folder = tmp_path_factory.mktemp("filled") / "registry"
    add(open_registry(folder, create=True), some_runs("a", 30, seed=0))
    return folder


@pytest.fixture
def registry(filled, tmp_path):
    return open_registry(shutil.copytree(filled, tmp_path / "registry"))


def test_a_fit_is_reproduced_to_the_last_bit_after_runs_were_added_and_changed(registry):
    fit_id = keep(registry)
    recorded = registry.fits().texts("params")[0]
    add(registry, some_runs("b", 10, seed=1))
    add(registry, [*some_runs("a", 5, seed=7), *some_runs("a", 9, seed=0, lifecycle="deleted")])
    again = isoflop.refit(registry, fit_id)
    assert again.reproduced
    assert again.identical
    assert again.fit.to_row()["params"] == recorded
    assert again.fit.to_row()["fit_id"] == fit_id
    assert again.notes == ()
    assert f"Fit {fit_id[:8]} of " in again.verdict
    assert "(chinchilla, 30 runs) is reproduced to the last bit." in again.verdict
    assert "data: version 1 of the table runs" in repr(again)


@pytest.mark.parametrize(
    "settings",
    [
        {"fixed": {"beta": 0.37}},
        {"tied": ("alpha", "beta")},
        {"objective": "log-quantile", "quantile": 0.1},
        {"objective": "log-absolute"},
        {"delta": float("inf"), "level": 0.8, "seed": 5},
        {"family": "web"},
    ],
    ids=str,
)
def test_every_setting_is_in_the_record(registry, settings):
    from isoflop.estimation import fit_law
    from isoflop.plugin_host import default_host

    fit = fit_law(default_host().context.laws["chinchilla"], registry.runs(), n_boot=10, **settings)
    kept = store_fit(registry, fit, runs_version=registry.versions()["runs"])
    again = isoflop.refit(registry, kept.fit_id)
    assert again.identical
    assert again.fit.settings.to_json() == fit.settings.to_json()


def test_a_fit_is_kept_once_and_never_changed(registry):
    fit_id = keep(registry)
    before = registry.fits().to_arrow()
    assert keep(registry) == fit_id
    rewritten = {"fit_id": fit_id, "params": "{}"}
    rewrite(registry, fit_id, **rewritten)
    assert registry.fits().to_arrow().equals(before)
    assert keep(registry, seed=1) != fit_id
    assert len(registry.fits()) == 2


def test_the_start_of_an_id_is_enough_and_two_with_one_start_are_told_apart(registry):
    fit_id = keep(registry)
    assert isoflop.refit(registry, fit_id[:4]).row["fit_id"] == fit_id
    rewrite(registry, fit_id, fit_id=fit_id[:20] + "0" * 12)
    with pytest.raises(UnknownNameError, match=r"2 fits start with .*: give more of the id"):
        isoflop.refit(registry, fit_id[:6])
    with pytest.raises(UnknownNameError, match=r"no fit 'zzzz'.*`isoflop fits` lists them"):
        isoflop.refit(registry, "zzzz")


def test_a_part_of_the_runs_is_found_again_by_id_and_in_order(registry):
    rows = np.arange(25)[::-1]
    fit_id = keep(registry, registry.runs().take(rows))
    add(registry, some_runs("b", 10, seed=1))
    again = isoflop.refit(registry, fit_id)
    assert again.identical
    assert again.fit.n_runs == 25


def test_one_family_of_several_and_one_loss_of_several_are_found_again(registry):
    add(registry, some_runs("code", 20, seed=2, family="code"))
    add(registry, some_runs("books", 20, seed=3, loss_dataset="books"))
    web = registry.runs("family = 'web' and loss_dataset = 'c4'")
    fit_id = keep(registry, web)
    for without in ({}, {"run_uids": None, "settings": None}):
        rewrite(registry, fit_id, fit_id=f"other{len(without)}", **without)
        again = isoflop.refit(registry, f"other{len(without)}")
        assert again.reproduced
        assert again.fit.n_runs == 30


def test_losses_that_evaluations_measured_are_found_again(registry):
    runs = some_runs("e", 12, seed=4)
    score = {"metric": "loss", "unit": "nat/token", "harness": "", "task": "pile"}
    scored = [
        ResolvedRun(row=r.row, scores=({**score, "value": 0.9 * r.row["loss"]},)) for r in runs
    ]
    add(registry, scored)
    fit_id = keep(registry, registry.runs("loss is not null", loss="pile"))
    add(registry, [ResolvedRun(row=r.row, scores=({**score, "value": 3.0},)) for r in runs])
    again = isoflop.refit(registry, fit_id)
    assert again.identical
    assert again.fit.loss_dataset == "pile"


def test_published_models_are_kept_apart(registry):
    add(registry, some_runs("p", 12, seed=5, kind=REFERENCE_KIND))
    published = registry.runs(f"source_kind = '{REFERENCE_KIND}'")
    fit = isoflop.fit("chinchilla", published, n_boot=10)
    version = registry.versions()["runs"]
    kept = store_fit(registry, fit, runs_version=version, audience="reference")
    assert registry.fits().texts("audience") == ["reference"]
    rewrite(registry, kept.fit_id, run_uids=None)
    assert isoflop.refit(registry, "other").fit.n_runs == 12


def test_numbers_that_are_not_the_registrys_are_said_to_differ(registry):
    frame = registry.runs().to_pandas()
    frame["loss"] *= 1.01
    fit_id = keep(registry, RunTable.from_pandas(frame))
    again = isoflop.refit(registry, fit_id)
    assert not again.reproduced
    assert "is not reproduced: " in again.verdict
    assert again.notes[0].startswith("The runs changed: version 1 of the table runs gives other")
    assert "[no] The runs changed" in repr(again)


def test_a_law_whose_formula_changed_is_named(registry):
    fit_id = keep(registry)
    rewrite(registry, fit_id, equation="loss = E", writer_version="0.0.1")
    notes = isoflop.refit(registry, "other").notes
    assert notes[0].startswith("The law was loss = E and is loss = E + A")
    assert notes[1] == f"isoflop 0.0.1 made it; this is {isoflop.__version__}."


def test_a_law_that_is_not_registered_is_answered_with_the_known_ones(registry):
    fit_id = keep(registry)
    with pytest.raises(UnknownNameError, match=r"no law 'chinchilla'.*Install the plugin"):
        isoflop.refit(registry, fit_id, host=PluginHost(load_entry_points=False))


def test_a_version_that_was_vacuumed_is_an_error_that_says_so(registry):
    fit_id = keep(registry)
    add(registry, some_runs("a", 30, seed=9))
    table = DeltaTable(f"{registry.uri}/runs")
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    with pytest.raises(RegistryError, match=r"Version 1 of 'runs' can no longer be read: maint"):
        isoflop.refit(registry, fit_id)


def test_a_fit_of_points_is_refused_with_what_to_do(registry):
    runs = registry.runs()
    fit_id = keep(registry, runs.take([*range(len(runs)), 0, 1]))
    with pytest.raises(RegistryError, match=r"32 rows of 30 runs.*Run the analyzer that made it"):
        isoflop.refit(registry, fit_id)


def test_a_record_without_a_version_or_with_foreign_runs_is_refused(registry):
    fit_id = keep(registry)
    rewrite(registry, fit_id, runs_version=None)
    with pytest.raises(RegistryError, match=r"names no version of the table runs"):
        isoflop.refit(registry, "other")
    rewrite(registry, fit_id, fit_id="foreign", run_uids=json.dumps(["x", "y"]))
    with pytest.raises(RegistryError, match=r"2 of 2 runs .* the first is 'x': the fit was not"):
        isoflop.refit(registry, "foreign")


def test_a_registry_of_before_the_new_columns_opens_reads_and_refits(tmp_path, monkeypatch):
    from isoflop import schema

    old = TableSchema(
        name="fits", row_is=FITS.row_is, key=FITS.key,
        columns=tuple(c for c in FITS.columns if c.name not in _NEW),
    )  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setitem(schema.TABLES, "fits", old)
        registry = open_registry(tmp_path / "old", create=True)
        add(registry, some_runs("a", 30, seed=0))
        fit = isoflop.fit("chinchilla", registry.runs(), n_boot=20)
        row = fit.to_row(created_at=dt.datetime(2026, 1, 2, tzinfo=dt.UTC), runs_version=1)
        arrow = pa.Table.from_pylist([row], schema=old.to_arrow())
        registry.writer().drop_table("fits", arrow)
        registry.fold()
    names = {f.name for f in DeltaTable(f"{registry.uri}/fits").schema().fields}
    assert not names & set(_NEW)
    for fold in (False, True):
        fits = open_registry(registry.uri, fold=fold).fits()
        assert fits.columns == FITS.names
        assert fits.texts("settings") == [None]
        assert fits.params()[0]["alpha"].value == fit.params["alpha"].value
    again = isoflop.refit(open_registry(registry.uri), row["fit_id"])
    assert again.identical
    assert keep(registry, seed=3) in registry.fits().texts("fit_id")
    assert registry.fits().texts("variant") == [None, None]
