"""Real data sets that fit well and still cannot place an optimum, and those that can."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from isoflop.errors import NotIdentifiableError
from isoflop.estimation import fit_law, rollout
from isoflop.laws import Law
from isoflop.tables import RunTable


def pile_models(shared_data: Path) -> RunTable:
    """Cerebras-GPT and Pythia: 15 points on two lines of the N-D plane."""
    models = pd.read_csv(shared_data / "published_models" / "models.csv")
    names = models["model"]
    chosen = names.str.match(r"^(Cerebras-GPT|Pythia) \d") & models["loss"].notna()
    frame = models[chosen].rename(columns={"N_total": "n_params", "D_tokens": "n_tokens"})
    return RunTable.from_pandas(frame[["n_params", "n_tokens", "loss"]])


def olmo_ladder(shared_data: Path, largest: float) -> RunTable:
    """Last point of each run up to a size, loss on C4."""
    folder = shared_data / "olmo_ladder"
    sizes = {k: v["n"] for k, v in json.loads((folder / "sizes.json").read_text()).items()}
    sizes |= {"1B": sizes["1.3B"], "3B": sizes["3.2B"]}
    curves = pd.read_parquet(folder / "curves.parquet")
    last = curves.sort_values("_step").groupby("run").last()
    frame = pd.DataFrame(
        {
            "n_params": last["size"].map(sizes),
            "n_tokens": last["throughput/total_tokens"],
            "loss": last["eval/c4_en-validation/CrossEntropyLoss"],
        }
    )
    return RunTable.from_pandas(frame[frame["n_params"] <= largest])


@pytest.mark.parametrize("n_boot", [0, 500])
def test_models_on_two_lines_are_refused(shared_data: Path, two_term: Law, n_boot: int) -> None:
    runs = pile_models(shared_data)
    assert len(runs) == 15
    fit = fit_law(two_term, runs, n_boot=n_boot)
    assert fit.residual_scale < 0.03  # a good fit ...
    assert fit.status == "not-identifiable"  # ... and a useless frontier
    assert "the 15 runs lie on two lines of n_params and n_tokens" in fit.warnings[0]
    with pytest.raises(NotIdentifiableError, match="no usable optimum"):
        fit.optimal(1e23)


def test_a_ladder_predicts_well_with_a_meaningless_constant(
    shared_data: Path, two_term: Law
) -> None:
    everything = olmo_ladder(shared_data, 1e11)
    small = olmo_ladder(shared_data, 1.3e9)
    assert len(small) == 24
    fit = fit_law(two_term, small, n_boot=500)
    assert fit.objective == pytest.approx(7.6994615e-05, rel=1e-4)
    assert fit.estimate[[0, 3, 4]] == pytest.approx([0.635, 0.0737, 0.1908], abs=6e-4)
    assert any("E is not identified" in text for text in fit.warnings)
    large = everything.take(everything.numbers("n_params") > 2e9)
    n, d, loss = (large.numbers(c) for c in ("n_params", "n_tokens", "loss"))
    error = fit.predict(n, d).value / loss - 1
    assert error.min() == pytest.approx(-0.025, abs=2e-3)
    assert error.max() == pytest.approx(-0.002, abs=2e-3)


def test_the_bootstrap_spread_of_the_optimum_refuses(
    two_term: Law, make_runs: Callable[..., RunTable]
) -> None:
    fit = fit_law(two_term, make_runs(n=12, noise=0.05), n_boot=200)
    assert fit.status == "not-identifiable"
    assert any("optimal tokens" in text for text in fit.warnings)


def gadre(shared_data: Path, dataset: str) -> RunTable:
    folder = shared_data / "gadre"
    runs = pd.read_csv(folder / "runs.csv")
    losses = pd.read_parquet(folder / "losses.parquet")
    c4 = losses[losses["eval_set"] == "c4_val"][["run", "loss"]]
    frame = runs[runs["dataset"] == dataset].merge(c4, on="run")
    frame = frame.rename(
        columns={"run": "run_name", "params": "n_params", "tokens": "n_tokens"}
    ).assign(loss_dataset="c4_val")
    return RunTable.from_pandas(frame[["run_name", "n_params", "n_tokens", "loss", "loss_dataset"]])


def held_out_errors(runs: RunTable, two_term: Law, least_multiplier: float) -> dict[str, float]:
    """Fit the runs under 1B; return relative errors in percent on larger runs that were held out.

    The authors fit five runs of at most 411M, none with fewer than 20 tokens per parameter.
    """
    n, d, loss = (runs.numbers(c) for c in ("n_params", "n_tokens", "loss"))
    fit = fit_law(two_term, runs.take((n < 1e9) & (d / n > 0.99 * least_multiplier)), n_boot=0)
    out = {}
    for size, multiplier in ((1.44e9, 640), (6.9e9, 20)):
        hit = (abs(n / size - 1) < 0.05) & (abs(d / n / multiplier - 1) < 0.05)
        for i in np.flatnonzero(hit):
            error = fit.predict(n[i], d[i]).value / loss[i] - 1
            baseline = loss[n < 1e9].min() / loss[i] - 1
            out[f"{size / 1e9:.1f}B M={multiplier}"] = 100 * float(error)
            out[f"{size / 1e9:.1f}B M={multiplier}, lowest loss seen"] = 100 * float(baseline)
    return out


def test_gadre_held_out_runs_are_predicted(
    shared_data: Path, two_term: Law, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print(
            "\nErrors on held-out runs [%]; the authors print 0.71 (1.4B) and 0.73 (6.9B) for rpj"
        )
        for dataset in ("c4_original", "rpj", "rw_original"):
            for least in (0.0, 20.0):
                errors = held_out_errors(gadre(shared_data, dataset), two_term, least)
                shown = "; ".join(f"{k}: {v:+.2f}" for k, v in errors.items())
                print(f"  {dataset}, {least:g} tokens per parameter or more: {shown}")
    like_authors = held_out_errors(gadre(shared_data, "rpj"), two_term, 20.0)
    assert abs(like_authors["1.4B M=640"]) < 0.71
    assert abs(like_authors["6.9B M=20"]) < 1.3
    everything = held_out_errors(gadre(shared_data, "rpj"), two_term, 0.0)
    for size in ("1.4B M=640", "6.9B M=20"):
        assert abs(everything[size]) < abs(everything[f"{size}, lowest loss seen"]) / 2


def test_rollout_holds_out_the_largest_compute(
    two_term: Law, make_runs: Callable[..., RunTable]
) -> None:
    runs = make_runs(n=50, noise=0.002)
    held = rollout(two_term, runs, holdout=0.2, n_boot=50)
    compute = runs.numbers("n_params") * runs.numbers("n_tokens")
    assert set(held.rows.tolist()) == set(np.argsort(compute)[-10:].tolist())
    assert held.fit.n_runs == 40
    assert np.abs(held.error).max() < 0.02
    assert held.baseline == pytest.approx(
        np.delete(runs.numbers("loss"), held.rows).min(), rel=1e-12
    )
    assert held.beats_baseline
