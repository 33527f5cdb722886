"""Results whose look is held as golden files: real objects from seeded data."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd
import pyarrow as pa

from isoflop.display.card import ShowsCard
from isoflop.estimate import Estimate
from isoflop.estimation import FitResult, fit_law, plan_compute
from isoflop.laws import Law, Parameter, PowerSum, PowerTerm
from isoflop.records import ResolvedRun
from isoflop.results import AnalysisResult, Figure, Figures, Finding, LeftOut
from isoflop.schema import FINDINGS
from isoflop.store import Registry, open_registry
from isoflop.tables import RunTable

HOSTILE = (
    "<script>alert(1)</script>",
    "</style></div><img src=x onerror=alert(1)>",
    "\x1b[2J\x1b]0;owned\x07 cleared",
    "safe\u202egnp.exe\u2066",
    "n" * 10_000,
    "🧪🚀 run 👩‍🔬 with \ud800 half",
    "line one\n  [ok] everything is fine\r\nline three",
    "\"quoted\" & 'ticked' `code`",
)

LAW = Law(
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


def some_runs(n: int = 60, *, noise: float = 0.005, floor: float = 1.8) -> RunTable:
    """Return runs around a law, two failed, three without loss."""
    rng = np.random.default_rng(5)
    size, length = 10 ** rng.uniform(7, 9.5, n), 10 ** rng.uniform(8.5, 11, n)
    loss = floor + 480 / size**0.35 + 2_000 / length**0.36
    loss *= np.exp(noise * rng.standard_normal(n))
    frame = pd.DataFrame(
        {
            "run_uid": [f"{i:032x}" for i in range(n)],
            "run_name": [f"run-{i}" for i in range(n)],
            "family": "mine",
            "n_params": size.round(),
            "n_tokens": length.round(),
            "flops": 6 * size * length,
            "loss": loss,
            "loss_dataset": "c4",
            "status": "finished",
        }
    )
    frame.loc[frame.index[:3], "loss"] = np.nan
    frame["null_reasons"] = [
        '{"loss": "no training loss was logged"}' if i < 3 else None for i in range(n)
    ]
    frame.loc[frame.index[-2:], "status"] = "failed"
    return RunTable.from_pandas(frame, source="a seeded sweep")


def hostile_runs() -> RunTable:
    """Return runs whose names want to be more than names."""
    arrow = pa.table(
        {
            "run_name": pa.array([_storable(name) for name in HOSTILE]),
            "family": pa.array([_storable(name)[:300] for name in reversed(HOSTILE)]),
            "n_params": [int(1e6 * 2**i) for i in range(len(HOSTILE))],
            "loss": [3.0 - i / 10 for i in range(len(HOSTILE))],
            "null_reasons": ['{"n_tokens": "<b>said</b> nothing\\u001b[31m"}'] * len(HOSTILE),
        }
    )
    return RunTable.from_arrow(arrow, source="<a href='javascript:alert(1)'>here</a>")


def _storable(name: str) -> str:
    return name.encode("utf-8", "replace").decode()


def fit(status: str) -> FitResult:
    """Return a fit that ends in this status."""
    if status == "converged":
        return fit_law(LAW, some_runs(), n_boot=100)
    if status == "partly-identified":
        return fit_law(LAW, some_runs(30, noise=0.01, floor=0.05), n_boot=100)
    runs = some_runs(40)
    size = runs.numbers("n_params")
    # Nearly one line of N and D: far from it would be identified, on it is a matter of rounding.
    rng = np.random.default_rng(3)
    off = 10 ** (0.01 * rng.standard_normal(len(runs)))
    loss = 1.8 + 480 / size**0.35 + 2_000 / (20 * size * off) ** 0.36
    loss *= np.exp(0.005 * rng.standard_normal(len(runs)))
    frame = runs.to_pandas().assign(n_tokens=(20 * size * off).round(), loss=loss)
    return fit_law(LAW, RunTable.from_pandas(frame, source="one line"), n_boot=0)


def finding() -> Finding:
    """Return a flag with a number and what it stands on."""
    return Finding(
        kind="undertrained",
        subject="0" * 32,
        subject_name="run-7 <b>bold</b>",
        severity="severe",
        law="chinchilla",
        message="It saw 0.12 [0.09, 0.17] times its compute-optimal tokens.",
        value=Estimate(value=0.1234, low=0.0912, high=0.1661),
        family="mine",
        evidence={"n_params": 7e9, "n_tokens": 2e10, "runs": ["a", "b"], "verdict": "too short"},
    )


def answer() -> AnalysisResult:
    """Return an analysis that answers, with everything that one can have."""
    frame = pd.DataFrame(
        {
            "run": [f"run-{i}" for i in range(25)],
            "n_params": [1e7 * 1.5**i for i in range(25)],
            "token_ratio": [0.1 + i / 50 for i in range(25)],
            "token_ratio_low": [0.05 + i / 50 for i in range(25)],
            "token_ratio_high": [0.2 + i / 50 for i in range(25)],
            "excess_loss": [0.31 - i / 100 for i in range(25)],
        }
    )
    frame.attrs["units"] = {"n_params": "1", "token_ratio": "1", "excess_loss": "nat/token"}
    chart = Figure(
        name="ratios", caption="Tokens seen over compute-optimal tokens, 25 runs.",
        table="verdicts", build=lambda: alt.Chart(frame).mark_bar(),
    )  # fmt: skip
    return AnalysisResult(
        name="undertrained",
        title="Undertrained models",
        verdict="1 run of 25 saw far too few tokens.",
        source="Hoffmann et al. 2022, arXiv 2203.15556",
        checks=[("25 of 31 runs can be judged", False), ("laws agree on every run", True)],
        findings=[finding()],
        tables={"verdicts": frame, "by_law": frame.head(0)},
        figures=Figures([chart]),
        left_out=[
            *(LeftOut(subject=f"gone-{i}", reason=f"loss of {i} is null") for i in range(4)),
            LeftOut(subject="moe", reason="active parameters are not known"),
            LeftOut(subject="ft", reason="fine-tuned: the verdict of its base model holds"),
        ],
        numbers={"lowest_token_ratio": Estimate(value=0.1234, low=0.0912, high=0.1661)},
    )


def silent() -> AnalysisResult:
    """Return an analysis that cannot answer."""
    return AnalysisResult(
        name="emergence",
        title="Emergence",
        verdict="No task has scores on four scales or more; log scores of more runs.",
        source="Wei et al. 2022, arXiv 2206.07682",
        tables={"verdicts": pd.DataFrame({"task": pd.Series([], dtype=object)})},
    )


def registry(folder: Path) -> Registry:
    """Return a registry with six runs, a flag that stands, and something set aside."""
    opened = open_registry(folder / "registry", create=True)
    rows = []
    for i in range(6):
        uid = f"{i:032x}"
        row = {
            "run_uid": uid, "run_name": f"run-{i}", "source_kind": "dataset" if i > 3 else "a",
            "native_run_id": f"r{i}", "source_uri": "a", "source_digest": "d",
            "family": "mine" if i % 2 else "other", "n_params": 10**7, "loss": 3.0,
            "created_at": datetime(2026, 1, 1 + i, tzinfo=UTC),
        }  # fmt: skip
        curve = {"split": np.array(["train"] * 5), "step": np.arange(5), "loss": np.ones(5)}
        rows.append(ResolvedRun(row=row, curves=curve))
    opened.writer().drop_runs(rows)
    _record(opened)
    opened.fold()
    return opened


def _record(opened: Registry) -> None:
    from isoflop.schema import EVENTS

    at = datetime(2026, 2, 3, 4, 5, tzinfo=UTC)
    flag = {
        "finding_id": "f1", "report_id": "r1", "created_at": at, "analyzer": "undertrained",
        "kind": "undertrained", "subject": "0" * 32, "state": "raised", "severity": "severe",
        "law": "chinchilla",
    }  # fmt: skip
    event = {"event_id": "e1", "created_at": at, "kind": "report", "message": "First report."}
    writer = opened.writer()
    writer.drop_table("findings", pa.Table.from_pylist([flag], schema=FINDINGS.to_arrow()))
    writer.drop_table("events", pa.Table.from_pylist([event], schema=EVENTS.to_arrow()))


def steady(text: str, folder: Path) -> str:
    """Return the text without what is another on another machine: a path, the gradient's rounding.

    Displayed numbers were compared under three kernels of OpenBLAS and keep their digits.
    """
    text = text.replace(str(folder), "FOLDER")
    return re.sub(r"scaled gradient \d+e-\d+", "scaled gradient 0", text) + "\n"


Maker = Callable[[Path], ShowsCard]

SHOWN: Mapping[str, Maker] = {
    "runs": lambda _: some_runs(),
    "runs_empty": lambda _: some_runs().take([]),
    "runs_one": lambda _: some_runs().take([5]),
    "runs_hostile": lambda _: hostile_runs(),
    "fit_converged": lambda _: fit("converged"),
    "fit_partly_identified": lambda _: fit("partly-identified"),
    "fit_not_identifiable": lambda _: fit("not-identifiable"),
    "plan": lambda _: plan_compute(1e24, law=fit("converged")),
    "analysis_answer": lambda _: answer(),
    "analysis_silent": lambda _: silent(),
    "finding": lambda _: finding(),
    "registry": registry,
    "sql": lambda folder: registry(folder).sql(
        "SELECT run_name, n_params, loss FROM runs ORDER BY 1"
    ),
}
