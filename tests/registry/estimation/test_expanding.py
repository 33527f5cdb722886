"""Expanding windows: what is fitted, what is predicted, what is beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from isoflop.errors import TooFewRunsError
from isoflop.estimation.foretelling.expanding import expanding_window
from isoflop.laws import Law
from isoflop.tables import RunTable

SIZES = (1e7, 3e7, 1e8, 3e8, 1e9)


def grid(*, noise: float = 1e-6, seed: int = 0) -> pd.DataFrame:
    """Five sizes at five token counts each."""
    rng = np.random.default_rng(seed)
    n = np.repeat(SIZES, 5)
    d = n * np.tile([5.0, 20.0, 80.0, 320.0, 1280.0], 5)
    loss = 1.8 + 480 / n**0.35 + 2100 / d**0.37
    loss *= np.exp(noise * rng.normal(size=n.size))
    return pd.DataFrame({"n_params": n, "n_tokens": d, "loss": loss})


def test_each_step_fits_up_to_a_size_and_predicts_all_larger_ones(two_term: Law) -> None:
    steps, _ = expanding_window(two_term, RunTable.from_pandas(grid()), by="n_params", n_boot=0)
    assert [step.fit.n_runs for step in steps] == [15, 20]
    assert [step.predicts for step in steps] == pytest.approx(SIZES[3:])
    assert steps[0].ahead.tolist() == [1] * 5 + [2] * 5
    assert steps[0].n_params[:5] == pytest.approx([3e8] * 5)


def test_a_law_that_holds_has_no_error_beyond_its_runs(two_term: Law) -> None:
    steps, _ = expanding_window(two_term, RunTable.from_pandas(grid()), by="n_params", n_boot=0)
    assert np.abs(steps[-1].error).max() < 1e-4
    assert steps[-1].beats_carrying
    carried = grid().query("n_params < 1e9")["loss"].min()
    assert steps[-1].carried == carried
    assert steps[-1].carried_error == pytest.approx(carried / steps[-1].measured - 1)


def test_distance_is_told_in_decades_of_compute(two_term: Law) -> None:
    steps, _ = expanding_window(two_term, RunTable.from_pandas(grid()), by="n_params", n_boot=0)
    assert steps[-1].decades.max() == pytest.approx(np.log10((1e9 / 3e8) ** 2))
    assert steps[-1].decades.min() == 0.0


def test_one_or_two_sizes_are_not_fitted_and_are_told(two_term: Law) -> None:
    _, refusals = expanding_window(two_term, RunTable.from_pandas(grid()), by="n_params", n_boot=0)
    assert [text[:40] for text in refusals] == [
        "up to 1e+07: the runs have 1 n_params on",
        "up to 3e+07: the runs have 2 n_params on",
    ]


def test_budgets_are_found_by_their_gaps(two_term: Law) -> None:
    frame = pd.concat(
        [grid().assign(n_tokens=c / 6 / grid()["n_params"]) for c in (1e18, 1e19, 1e20, 1e21)]
    )
    frame["loss"] = 1.8 + 480 / frame["n_params"] ** 0.35 + 2100 / frame["n_tokens"] ** 0.37
    frame = frame.drop_duplicates().round({"n_tokens": 0})
    steps, _ = expanding_window(two_term, RunTable.from_pandas(frame), by="flops", n_boot=0)
    assert [step.predicts for step in steps] == pytest.approx([1e20, 1e21], rel=1e-3)


def test_spread_compute_is_cut_into_stages_of_half_a_decade(two_term: Law) -> None:
    frame = grid()
    frame["n_tokens"] *= np.random.default_rng(0).uniform(0.5, 2, len(frame))
    frame = frame.round({"n_tokens": 0})
    steps, _ = expanding_window(two_term, RunTable.from_pandas(frame), by="flops", n_boot=0, most=3)
    assert len(steps) == 3
    assert all(step.flops.min() > 6e15 for step in steps)


def test_only_the_last_steps_are_made(two_term: Law) -> None:
    steps, _ = expanding_window(
        two_term, RunTable.from_pandas(grid()), by="n_params", n_boot=0, most=1
    )
    assert [step.fit.n_runs for step in steps] == [20]


def test_a_fit_that_is_impossible_is_told_and_the_others_go_on(two_term: Law) -> None:
    frame = grid().iloc[[0, 5, 10, 11, 15, 16, 17, 20, 21]]
    steps, refusals = expanding_window(
        two_term, RunTable.from_pandas(frame), by="n_params", n_boot=0
    )
    assert [step.fit.n_runs for step in steps] == [7]
    assert any("needs at least 6 usable runs, got 4" in text for text in refusals)


def test_order_of_rows_is_irrelevant(two_term: Law) -> None:
    frame = grid(noise=0.002)
    mixed = frame.sample(frac=1, random_state=0)
    plain, other = (
        expanding_window(two_term, RunTable.from_pandas(f), by="n_params", n_boot=0, most=1)[0][0]
        for f in (frame, mixed)
    )
    assert plain.error == pytest.approx(other.error, rel=1e-9)


def test_unknown_tokens_leave_nothing_to_fit(two_term: Law) -> None:
    with pytest.raises(TooFewRunsError):
        expanding_window(two_term, RunTable.from_pandas(grid().assign(n_tokens=None)), by="flops")


def test_one_size_gives_no_step(two_term: Law) -> None:
    frame = grid().assign(n_params=1e8)
    assert expanding_window(two_term, RunTable.from_pandas(frame), by="n_params", n_boot=0) == (
        [],
        [],
    )


def ladder(shared_data: Path) -> RunTable:
    raw = pd.read_parquet(shared_data / "olmo_ladder" / "curves.parquet")
    sizes = {"190M": 190354176, "370M": 371262464, "760M": 758220288, "1B": 1279395840,
             "3B": 3169537280}  # fmt: skip
    last = raw.sort_values("_step").groupby("run").tail(1)
    return RunTable.from_pandas(
        pd.DataFrame(
            {
                "run_name": last["run"],
                "n_params": last["size"].map(sizes),
                "n_tokens": last["throughput/total_tokens"],
                "loss": last["eval/c4_en-validation/CrossEntropyLoss"],
            }
        )
    )


def test_olmo_ladder_gives_the_measured_parameters_and_errors(
    two_term: Law, shared_data: Path
) -> None:
    """Published nowhere; measured for data/olmo_ladder/PROVENANCE.md and notes/fits.md section 4.

    24 runs up to 1.3B: objective 7.6994615e-05, E 0.635, alpha 0.0737, beta 0.1908, errors at 3B
    -2.5 % to -0.2 %. 18 runs up to 760M: E 2.06, alpha 0.248, beta 0.206, -1.2 % to +1.7 %.
    """
    steps, _ = expanding_window(two_term, ladder(shared_data), by="n_params", n_boot=0)
    small, large = steps[-2], steps[-1]
    assert (small.fit.n_runs, large.fit.n_runs) == (18, 24)
    assert large.fit.objective == pytest.approx(7.6994615e-05, rel=1e-8)
    named = {n: (small.fit.params[n].value, large.fit.params[n].value) for n in two_term.names}
    assert named["E"] == pytest.approx((2.06, 0.635), abs=0.005)
    assert named["alpha"] == pytest.approx((0.248, 0.0737), abs=5e-4)
    assert named["beta"] == pytest.approx((0.206, 0.1908), abs=5e-4)
    far = small.error[small.ahead == 2]
    assert (far.min(), far.max()) == pytest.approx((-0.012, 0.017), abs=5e-4)
    assert (large.error.min(), large.error.max()) == pytest.approx((-0.025, -0.002), abs=5e-4)
    assert "E" in large.fit.unidentified
