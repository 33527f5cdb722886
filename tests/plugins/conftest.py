"""One report whose look is held as golden files, on a small fixed registry with hostile names."""

from __future__ import annotations

import dataclasses
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import altair as alt
import pandas as pd
import pytest

from isoflop import PluginHost, hookimpl, open_registry
from isoflop.errors import TooFewRunsError
from isoflop.estimate import Estimate
from isoflop.hookspecs import Analyzer
from isoflop.records import ResolvedRun
from isoflop.reporting import Provenance, Report, build_report
from isoflop.results import AnalysisResult, Figure, Figures, Finding, LeftOut
from isoflop_plugins.reporters import REPORTERS

# Fixtures of all folders below.
from .browsers import browser  # noqa: F401
from .mlflow_servers import empty_database  # noqa: F401

SCRIPT = "<script>alert(document.domain)</script>"
HOSTILE = (SCRIPT, '" onmouseover="alert(1)', "safe\u202egnp.exe\x1b[2J", "javascript:alert(1)")
NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def golden():
    """Compare text with a golden file; with ISOFLOP_WRITE_GOLDEN=1 write it, to be looked at."""

    def compare(path: Path, text: str) -> None:
        for part, kept in (("svg", "<!-- picture -->"), ("style", "<style></style>")):
            text = re.sub(rf"<{part}[ >].*?</{part}>", kept, text, flags=re.DOTALL)
        if os.environ.get("ISOFLOP_WRITE_GOLDEN") == "1":
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture(scope="session")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Registry, host and report; nothing in the report depends on versions or on the machine."""
    where = tmp_path_factory.mktemp("fixed") / "registry"
    registry = open_registry(where, create=True)
    runs = [ResolvedRun(row=_row(i)) for i in range(8)]
    registry.writer().drop_runs(runs, known_revs=registry.revs())
    registry.fold()
    registry = open_registry(where)
    host = _host(
        _analyzer("small-runs", _small_runs, position=10),
        _analyzer("line", _line, position=20),
        _analyzer("broken", _broken, position=30),
        _analyzer("hungry", _hungry, position=40),
    )
    made = build_report(registry, host=host, now=NOW)
    return SimpleNamespace(
        registry=registry, where=where, host=host, report=_settled(made), hostile=HOSTILE,
        script=SCRIPT, now=NOW,
    )  # fmt: skip


def _settled(report: Report) -> Report:
    sections = tuple(
        dataclasses.replace(s, trace="Traceback, line by line" * bool(s.trace))
        for s in report.sections
    )
    return dataclasses.replace(
        report, id="0123456789abcdef", registry_uri="/registry", registry_id="rid",
        sections=sections,
        provenance=Provenance(software={"isoflop": "1"}, data_versions={"runs": 1},
                              command="isoflop report --registry /registry"),
    )  # fmt: skip


def _row(index: int) -> dict[str, object]:
    n_params = int(1e6 * 2**index)
    return {
        "run_uid": f"uid-{index}", "source_kind": "dataset" if index == 7 else "mlflow",
        "native_run_id": str(index), "family": "web", "status": "finished", "lifecycle": "active",
        "run_name": HOSTILE[index] if index < len(HOSTILE) else f"run-{index}",
        "n_params": n_params, "n_tokens": 20 * n_params, "flops": 120.0 * n_params**2,
        "loss": 4 - 0.1 * index,
    }  # fmt: skip


def _small_runs(runs, context, /):
    """Flag every run below 10 M parameters."""
    n_params, labels, uids = runs.numbers("n_params"), runs.labels(), runs.texts("run_uid")
    frame = pd.DataFrame({"run": labels, "n_params": n_params, "loss": runs.numbers("loss")})
    frame.attrs["units"] = {"n_params": "1", "loss": "nat/token"}

    def build():
        chart = alt.Chart(frame).mark_point()
        return chart.encode(x="n_params", y="loss", color="run", tooltip="run")

    figure = Figure(name="scatter", caption="Loss against size.", table="sizes", build=build)
    flagged = [i for i, n in enumerate(n_params) if n < 1e7]
    return AnalysisResult(
        name="small-runs", title=f"Small runs {SCRIPT}", source="made for a test",
        verdict=f"{len(flagged)} of {len(runs)} runs are small.",
        checks=[("every run has a size", True), (f"no run is called {SCRIPT}", False)],
        findings=[
            Finding(kind="small", subject=uids[i] or "", subject_name=labels[i],
                    severity="severe" if i == 0 else "clear", law="size-limit",
                    message=f"{labels[i]} is small.")
            for i in flagged
        ],
        tables={"sizes": frame, "nothing": frame.head(0)},
        figures=Figures((figure,)),
        left_out=[LeftOut(subject=labels[0], reason="has a name that no one would give")],
    )  # fmt: skip


def _line(runs, context, /):
    """Return a law with numbers, its fit, and what became of it since a date before."""
    estimate = Estimate(value=0.5, low=0.4, high=0.6)
    drift = pd.DataFrame(
        {"law": ["line"], "family": ["web"], "parameter": ["exponent_n"], "verdict": ["inside"],
         "n_dates": [3]}
    )  # fmt: skip
    return AnalysisResult(
        name="line", title="Law of the line", verdict="The best N grows as C^0.5.",
        source="made for a test", tables={"drift": drift}, numbers={"exponent_n": estimate},
        fits=[{"fit_id": "f", "law": "line", "family": "web", "status": "partly-identified",
               "n_runs": len(runs), "equation": "N = C^a", "params": {"exponent_n": estimate},
               "unidentified": '["E"]'}],
    )  # fmt: skip


def _broken(runs, context, /):
    """Break."""
    raise ZeroDivisionError(f"third party {SCRIPT}")


def _hungry(runs, context, /):
    """Cannot answer."""
    raise TooFewRunsError("7 usable runs, the law needs 99. Add runs.")


def _analyzer(name, run, *, position):
    return Analyzer(name=name, summary=f"Does {name}.", source="made for a test", table="runs",
                    requires=(), run=run, position=position, shows_published=name == "small-runs",
                    options={})  # fmt: skip


def _host(*analyzers) -> PluginHost:
    class Plugin:
        @hookimpl
        def isoflop_analyzers(self):
            return analyzers

        @hookimpl
        def isoflop_reporters(self):
            return REPORTERS

    host = PluginHost(load_entry_points=False)
    host.register(Plugin(), name="made-for-a-test", version="1")
    return host
