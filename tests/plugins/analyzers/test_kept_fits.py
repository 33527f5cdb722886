"""What the shipped analyzers keep in `fits` can be made again from its record."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

import isoflop
from isoflop.records import ResolvedRun, run_uid
from isoflop.reporting import build_report, record_report


@pytest.mark.slow
def test_every_fit_of_a_report_is_reproduced_to_the_last_bit(tmp_path: Path) -> None:
    registry = isoflop.open_registry(tmp_path / "registry", create=True)
    rng = np.random.default_rng(0)
    runs = [
        ResolvedRun(row={
            "run_uid": run_uid("mlflow", f"{family}-{i}"), "source_kind": "mlflow",
            "native_run_id": f"{family}-{i}", "run_name": f"{family}-{i}", "family": family,
            "status": "finished", "lifecycle": "active", "n_params": int(10 ** rng.uniform(7, 10)),
            "n_tokens": int(10 ** rng.uniform(9, 11.5)), "loss_dataset": "c4",
            "created_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        })
        for family in ("web", "code")
        for i in range(30)
    ]  # fmt: skip
    for run in runs:
        n, d = run.row["n_params"], run.row["n_tokens"]
        noise = np.exp(0.003 * rng.normal())
        run.row.update(
            flops=6.0 * n * d, loss=float((1.8 + 400 / n**0.35 + 2100 / d**0.37) * noise)
        )
    registry.writer().drop_runs(runs)
    registry.fold()
    record_report(build_report(registry), registry)
    fits = registry.fits()
    assert len(fits) >= 2
    results = [isoflop.refit(registry, fit_id) for fit_id in fits.texts("fit_id") if fit_id]
    assert [r.verdict for r in results if not r.identical] == []
