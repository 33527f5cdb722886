"""A real registry with a few runs, and a host with analyzers that are made for the tests."""

from __future__ import annotations

import dataclasses
import shutil
from types import SimpleNamespace

import altair as alt
import numpy as np
import pandas as pd
import pytest

from isoflop import PluginHost, hookimpl, open_registry
from isoflop.errors import TooFewRunsError
from isoflop.estimate import Estimate
from isoflop.hookspecs import Analyzer, Option
from isoflop.records import ResolvedRun
from isoflop.results import AnalysisResult, Figure, Figures, Finding, LeftOut
from isoflop_plugins.reporters import REPORTERS

HOSTILE = ("<script>alert(1)</script>", "| a | b `c`")


def drop_runs(registry, rows):
    """Drop rows of `runs` and fold them."""
    runs = [ResolvedRun(row=row) for row in rows]
    registry.writer().drop_runs(runs, known_revs=registry.revs())
    registry.fold()


def run_row(index, *, name=None, source_kind="mlflow", **columns):
    """Return one row of `runs`."""
    n_params = int(1e6 * 2**index)
    return {
        "run_uid": f"{source_kind}-{index:03d}", "source_kind": source_kind,
        "native_run_id": str(index), "run_name": name or f"run-{index}", "family": "web",
        "status": "finished", "lifecycle": "active", "n_params": n_params,
        "n_tokens": 20 * n_params, "flops": 120.0 * n_params**2, "loss": 4 - 0.1 * index,
    } | columns  # fmt: skip


@pytest.fixture(scope="session")
def cases():
    """Everything of this file by name: test modules cannot import each other."""
    return SimpleNamespace(
        HOSTILE=HOSTILE, analyzer=analyzer, breaks=breaks, drop_runs=drop_runs,
        make_host=make_host, refuses=refuses, returns_nonsense=returns_nonsense,
        run_row=run_row, small_runs=small_runs, undrawable=undrawable,
    )  # fmt: skip


@pytest.fixture(scope="session")
def filled(tmp_path_factory):
    """A registry with a few runs, to be copied: filling takes much longer."""
    folder = tmp_path_factory.mktemp("filled") / "registry"
    rows = [run_row(i, name=HOSTILE[i] if i < 2 else None) for i in range(6)]
    published = run_row(20, name="published-20B", source_kind="dataset")
    drop_runs(open_registry(folder, create=True), [*rows, published])
    return folder


@pytest.fixture
def registry(filled, tmp_path):
    return open_registry(shutil.copytree(filled, tmp_path / "registry"))


def small_runs(runs, context, /, *, limit=5e6):
    """Flag every run below a size: an analyzer as a third party writes it."""
    n_params, labels = runs.numbers("n_params"), runs.labels()
    frame = pd.DataFrame({"run": labels, "n_params": n_params, "loss": runs.numbers("loss")})
    frame.attrs["units"] = {"n_params": "1", "loss": "nat/token"}
    small = np.flatnonzero(n_params < limit)

    def build():
        return alt.Chart(frame).mark_point().encode(x="n_params", y="loss", tooltip="run")

    return AnalysisResult(
        name="small-runs",
        title="Small runs",
        verdict=f"{len(small)} of {len(runs)} runs are small; first {labels[:1]}.",
        source="made for a test",
        checks=[("every run has a size", bool(np.isfinite(n_params).all()))],
        findings=[
            Finding(
                kind="small", subject=runs.texts("run_uid")[i] or "", subject_name=labels[i],
                severity="clear", law="size-limit", message=f"{labels[i]} is small.",
                value=Estimate(value=n_params[i], low=np.nan, high=np.nan),
            )
            for i in small
        ],
        tables={"sizes": frame},
        figures=Figures(
            (Figure(name="scatter", caption="Loss against size.", table="sizes", build=build),)
        ),
        left_out=[LeftOut(subject="nobody", reason="to show the list")],
        numbers={"mean_loss": Estimate(value=float(np.mean(runs.numbers("loss"))), low=3.4,
                                       high=4.1)},
        fits=[
            {"fit_id": f"fit-of-{len(runs)}", "law": "size-law", "family": "web",
             "params": {"slope": Estimate(value=len(runs) / 10, low=0.5, high=0.7)},
             "status": "converged", "n_runs": len(runs)}
        ] if len(runs) else [],
    )  # fmt: skip


def undrawable(runs, context, /):
    """Bring a figure that breaks when it is drawn."""

    def build():
        raise RuntimeError("no pixels today")

    figure = Figure(name="f", caption="A caption.", table="sizes", build=build)
    return dataclasses.replace(small_runs(runs, context), figures=Figures((figure,)))


def refuses(table, context, /):
    """Cannot answer."""
    raise TooFewRunsError(f"{len(table)} usable runs, the law needs 99. Add runs.")


def breaks(table, context, /):
    """Breaks."""
    raise ZeroDivisionError("third party <b>bug</b>")


def returns_nonsense(table, context, /):
    """Return what no reporter can render."""
    return {"verdict": "42"}


def analyzer(name, run, *, position=500, table="runs", **options):
    """Return a descriptor."""
    return Analyzer(
        name=name, summary=f"Does {name}.", source="made for a test", table=table, requires=(),
        run=run, position=position, shows_published=True,
        options={k: Option(default=v, description="") for k, v in options.items()},
    )  # fmt: skip


def make_host(*analyzers, reporters=REPORTERS):
    """Return a host that holds only these."""

    class Plugin:
        @hookimpl
        def isoflop_analyzers(self):
            return analyzers

        @hookimpl
        def isoflop_reporters(self):
            return reporters

    host = PluginHost(load_entry_points=False)
    host.register(Plugin(), name="made-for-a-test", version="1")
    return host


@pytest.fixture
def host():
    return make_host(analyzer("small-runs", small_runs, position=10, limit=5e6))
