"""The verbs fit, fits, refit and analyze drift, on a real registry."""

from __future__ import annotations

import json

import pytest

from isoflop.errors import IsoflopWarning, RegistryError
from isoflop.records import ResolvedRun, run_uid
from isoflop.store import open_registry


def loaded(result):
    def refuse(text):
        raise AssertionError(f"{text} is not JSON")

    return json.loads(result.stdout, parse_constant=refuse)


@pytest.fixture
def fitted(invoke, registry):
    """A fit that `isoflop fit` kept; its registry then got one more run."""
    told = loaded(invoke("fit", "chinchilla", "-r", registry, "--n-boot", "20", "--json"))
    opened = open_registry(registry)
    row = opened.runs("run_name = 'run-1-1'").to_arrow().to_pylist()[0]
    kept = {k: row[k] for k in ("family", "status", "lifecycle", "loss_dataset", "created_at")}
    new = {"run_uid": run_uid("mlflow", "new"), "source_kind": "mlflow", "native_run_id": "new",
           "run_name": "new", "n_params": 10**9, "n_tokens": 10**10, "loss": 2.9}  # fmt: skip
    opened.writer().drop_runs([ResolvedRun(row=kept | new)])
    opened.fold()
    return told["fit_id"]


def test_fit_says_where_it_is_kept_and_keeps_it_once(invoke, registry):
    arguments = ("fit", "chinchilla", "-r", registry, "--n-boot", "20")
    first = invoke(*arguments).stdout
    (fit_id,) = open_registry(registry).fits().texts("fit_id")
    assert f"Kept as fit {fit_id[:8]}: `isoflop refit {fit_id[:8]}` makes it again" in first
    assert f"Kept already as fit {fit_id[:8]}" in invoke(*arguments).stdout
    assert loaded(invoke(*arguments, "--json"))["fit_id"] == fit_id
    assert len(open_registry(registry).fits()) == 1


def test_fit_leaves_the_registry_alone_where_told(invoke, registry):
    told = invoke("fit", "chinchilla", "-r", registry, "--n-boot", "20", "--no-store")
    assert "Kept" not in told.stdout
    assert len(open_registry(registry).fits()) == 0


def test_refit_of_an_older_fit_gives_the_same_bytes(invoke, registry, fitted):
    said = invoke("refit", fitted[:6], "-r", registry).stdout
    assert "is reproduced to the last bit." in said
    told = loaded(invoke("refit", fitted, "-r", registry, "--json"))
    assert (told["fit_id"], told["reproduced"], told["identical"]) == (fitted, True, True)
    recorded = json.loads(open_registry(registry).fits().texts("params")[0])
    now = {n: [e["now"][k] for k in ("value", "low", "high")] for n, e in told["params"].items()}
    assert now == recorded


def test_a_fit_that_is_not_reproduced_has_its_exit_code(invoke, registry, fitted):
    import pyarrow as pa

    from isoflop.schema import FITS

    opened = open_registry(registry)
    (row,) = opened.fits().to_arrow().to_pylist()
    params = json.loads(row["params"]) | {"alpha": [0.9, 0.8, 1.0]}
    row |= {"fit_id": "f" * 32, "params": json.dumps(params)}
    opened.writer().drop_table("fits", pa.Table.from_pylist([row], schema=FITS.to_arrow()))
    said = invoke("refit", "ffff", "-r", registry, code=3).stdout
    assert "is not reproduced: alpha was 0.90 [0.80, 1.00] and is 0.34" in said
    assert "Data and settings are the same." in said


def test_fits_lists_the_newest_first_without_coefficients(invoke, registry, fitted):
    invoke("fit", "chinchilla", "-r", registry, "--n-boot", "20")
    shown = invoke("fits", "-r", registry).stdout
    lines = shown.splitlines()
    (place,) = (i for i, line in enumerate(lines) if line.startswith(fitted[:8]))
    assert place > 1
    assert "chinchilla  c4" in lines[place]
    assert "alpha 0.34" in lines[place]
    assert ", A " not in shown
    told = loaded(invoke("fits", "-r", registry, "--where", "n_runs = 20", "--json"))
    assert [t["fit_id"] for t in told] == [fitted]
    assert told[0]["settings"]["n_boot"] == 20
    assert len(told[0]["run_uids"]) == 20


def test_fits_of_an_empty_registry_says_what_to_do(invoke, registry):
    assert "Make one: `isoflop fit LAW`." in invoke("fits", "-r", registry).stdout
    assert loaded(invoke("fits", "-r", registry, "--json")) == []
    assert "known" in invoke("refit", "abcd", "-r", registry, code=1).stderr.lower()


def test_drift_reads_the_fits_of_ones_own_runs(invoke, registry, fitted):
    told = loaded(invoke("analyze", "drift", "-r", registry, "--json"))
    assert told["verdict"].startswith("Drift needs two dates, and each of 1 law was fitted on one")
    invoke("fit", "chinchilla", "-r", registry, "--n-boot", "20")
    told = loaded(invoke("analyze", "drift", "-r", registry, "--family", "c4", "--json"))
    assert len(told["tables"]["drift"]["rows"]) == 8
    assert "No fits are kept yet" in invoke(
        "analyze", "drift", "-r", registry, "--published"
    ).stdout  # fmt: skip


def test_a_fit_that_cannot_be_kept_is_printed_all_the_same(invoke, registry, monkeypatch):
    def full(*_args, **_kwargs):
        raise RegistryError("the disk is full")

    monkeypatch.setattr("isoflop.refitting.store_fit", full)
    with pytest.warns(IsoflopWarning, match="The fit was not kept: the disk is full"):
        told = loaded(invoke("fit", "chinchilla", "-r", registry, "--n-boot", "5", "--json"))
    assert told["status"] == "converged"
    assert told["fit_id"] is None
