"""Forecasts: verdicts, bands, the baseline beside them, refusals, real ladders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from isoflop.errors import SchemaError, UnknownNameError
from isoflop.estimation import fit_law
from isoflop.hookspecs import AnalysisContext
from isoflop.laws import Law, Parameter, PowerSum, PowerTerm
from isoflop.results import AnalysisResult
from isoflop.tables import RunTable
from isoflop_plugins.analyzers.forecast.analyzer import FORECAST
from isoflop_plugins.laws.chinchilla import CHINCHILLA

OLMO_SIZES = {
    "190M": 190354176, "370M": 371262464, "760M": 758220288, "1B": 1279395840, "3B": 3169537280,
}  # fmt: skip

OF_COMPUTE = Law(
    name="of-compute",
    summary="Loss of compute.",
    equation="loss = E + K / flops^gamma",
    parameters=(
        Parameter(name="E"),
        Parameter(name="K"),
        Parameter(name="gamma", low=0.01, high=2.5),
    ),
    form=PowerSum(
        constant="E", terms=(PowerTerm(coefficient="K", exponent="gamma", variable="flops"),)
    ),
    variables=("flops",),
    cannot_say="",
    source="test",
)  # fmt: skip


def ladder(family: str = "f", *, noise: float = 0.002, seed: int = 0) -> pd.DataFrame:
    """Six sizes at four token counts each, of L = 1.8 + 480/N^0.35 + 2100/D^0.37."""
    rng = np.random.default_rng(seed)
    n = np.repeat(np.round(np.geomspace(3e7, 3e9, 6)), 4)
    d = np.round(n * np.tile([5.0, 20.0, 80.0, 320.0], 6))
    loss = (1.8 + 480 / n**0.35 + 2100 / d**0.37) * np.exp(noise * rng.normal(size=n.size))
    names = [f"{family}-{i}" for i in range(n.size)]
    return pd.DataFrame(
        {"run_name": names, "family": family, "n_params": n, "n_tokens": d, "loss": loss}
    )


def analyze(frame: pd.DataFrame, **options: Any) -> AnalysisResult:
    settings = {k: o.default for k, o in FORECAST.options.items()} | {"n_boot": 100, "steps": 2}
    context = AnalysisContext(
        laws={"chinchilla": CHINCHILLA, "of-compute": OF_COMPUTE}, published={}
    )
    return FORECAST.run(RunTable.from_pandas(frame), context, **(settings | options))


@pytest.fixture(scope="module")
def result() -> AnalysisResult:
    return analyze(pd.concat([ladder("good"), ladder("few").iloc[:4]]))


def test_the_verdict_gives_both_bands_and_the_steps_won(result: AnalysisResult) -> None:
    assert "Family 'good' (24 runs): at 1.7e23 FLOPs, 1.0 decades beyond the runs" in result.verdict
    assert "40 tokens per parameter" in result.verdict
    assert "beat carrying the lowest loss on 2 of 2 steps" in result.verdict
    assert "Family 'few': no forecast" in result.verdict


def test_the_forecast_holds_the_loss_that_the_law_gives(result: AnalysisResult) -> None:
    path = result.tables["forecast"].query("kind == 'law'")
    truth = 1.8 + 480 / path["n_params"] ** 0.35 + 2100 / path["n_tokens"] ** 0.37
    assert path["extrapolation_decades"].max() == pytest.approx(1.0)
    assert ((path["run_low"] < truth) & (truth < path["run_high"])).all()
    assert ((path["value_low"] >= path["run_low"]) & (path["value_high"] <= path["run_high"])).all()
    number = result.numbers["loss_ahead"]
    assert number.low <= truth.iloc[-1] <= number.high


def test_carrying_the_lowest_loss_stands_beside_it(result: AnalysisResult) -> None:
    ahead = result.tables["forecast"].query("segment == 'above'")
    assert ahead["carried"].unique().tolist() == [ladder("good")["loss"].min()]


def test_every_step_has_errors_bands_and_distance(result: AnalysisResult) -> None:
    steps = result.tables["steps"]
    assert set(steps["by"]) == {"n_params", "flops"}
    assert (steps["mean_error"] < steps["mean_carried_error"]).mean() > 0.8
    assert (steps["extrapolation_decades"] > 0).all()
    held = result.tables["held_out"].query("by == 'n_params' and sizes_ahead == 1")
    inside = (held["measured"] >= held["run_low"]) & (held["measured"] <= held["run_high"])
    assert inside.mean() > 0.7
    assert result.tables["held_out"].attrs["units"]["measured"] == "nat/token"


@pytest.mark.parametrize("name", ["forecast", "rollout"])
def test_figures_render_and_name_their_table(result: AnalysisResult, name: str) -> None:
    import vl_convert

    figure = next(f for f in result.figures.specs() if f.name == name)
    assert figure.table in result.tables
    svg = vl_convert.vegalite_to_svg(result.figures[name].to_json())
    assert "<svg" in svg
    assert "NaN" not in svg


def test_the_line_is_solid_inside_the_runs_and_dashed_outside(result: AnalysisResult) -> None:
    spec = result.figures["forecast"].to_dict()
    dash = next(
        layer["encoding"]["strokeDash"]["scale"]
        for layer in spec["layer"]
        if "strokeDash" in layer["encoding"]
    )
    dashes = dict(zip(dash["domain"], dash["range"], strict=True))
    assert dashes["inside"] == [1, 0]
    assert dashes["above"] == [6, 4]


def test_a_law_that_does_not_foretell_gives_no_number() -> None:
    frame = ladder()
    # The last two sizes are no better than the best of the others.
    frame.loc[frame["n_params"] > 1e9, "loss"] = frame["loss"].min()
    result = analyze(frame)
    assert "no forecast, the law does not foretell the larger runs" in result.verdict
    assert not result.numbers
    assert set(result.tables["forecast"]["kind"]) == {"run"}
    assert len(result.tables["steps"])
    result.figures["forecast"].to_dict()


def test_one_size_is_judged_by_compute_or_refused() -> None:
    result = analyze(ladder().assign(n_params=1e8))
    assert "no forecast" in result.verdict
    assert not result.numbers


def test_a_law_of_compute_alone_is_forecast_too() -> None:
    frame = ladder().assign(flops=lambda f: 6 * f["n_params"] * f["n_tokens"])
    frame = frame[frame["n_tokens"] / frame["n_params"] == 20]
    frame = pd.concat([frame, frame.assign(loss=frame["loss"] * 1.001)])
    result = analyze(frame, law="of-compute")
    assert "the law says loss" in result.verdict


def test_tokens_per_parameter_and_distance_can_be_chosen() -> None:
    result = analyze(ladder(), tokens_per_param=20.0, decades=2.0)
    last = result.tables["forecast"].iloc[-1]
    assert last["tokens_per_param"] == 20.0
    assert last["flops"] == pytest.approx(
        100 * (6 * ladder()["n_params"] * ladder()["n_tokens"]).max()
    )
    assert any("the forecast reaches 2.0 decades" in text for text, _ in result.checks)


def test_another_column_can_be_forecast() -> None:
    frame = ladder().assign(bits_per_byte=lambda f: f["loss"] / 3)
    result = analyze(frame.drop(columns="loss"), response="bits_per_byte")
    assert "the law says bits_per_byte" in result.verdict
    assert result.tables["forecast"].attrs["units"]["value"] == "bit/byte"
    assert list(result.numbers) == ["bits_per_byte_ahead"]


def test_without_resamples_the_bands_are_missing_and_not_judged() -> None:
    result = analyze(ladder(), n_boot=0)
    assert np.isnan(result.numbers["loss_ahead"].low)
    assert not any("band of a single run" in text for text, _ in result.checks)
    result.figures["forecast"].to_dict()


def test_an_unknown_law_or_column_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="chinchilla"):
        analyze(ladder(), law="chinchila")
    with pytest.raises(UnknownNameError):
        analyze(ladder(), response="no_such_column")


@pytest.mark.parametrize(
    "options", [{"decades": 0.0}, {"tokens_per_param": -1.0}, {"steps": -1}], ids=str
)
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(SchemaError, match="decades must be above 0"):
        analyze(ladder(), **options)


@pytest.mark.parametrize("kept", [slice(0), slice(1)], ids=["empty", "one run"])
def test_a_table_with_nothing_to_say_says_so(kept: slice) -> None:
    result = analyze(ladder().iloc[kept])
    assert "There are no runs" in result.verdict or "needs at least 6 usable runs" in result.verdict
    assert len(result.figures) == 0
    assert "mean_carried_error" in result.tables["steps"].columns


def test_runs_that_cannot_be_used_are_left_out_with_reasons() -> None:
    frame = ladder()
    frame["status"] = "finished"
    frame.loc[3, "status"] = "diverged"
    frame.loc[5, "loss"] = np.nan
    reasons = {item.subject: item.reason for item in analyze(frame, n_boot=0).left_out}
    assert reasons["f-3"] == "status is diverged"
    assert "loss is null" in reasons["f-5"]


def test_names_of_families_are_kept_as_text() -> None:
    assert "Family '<script>\\n'" in analyze(ladder("<script>\n"), n_boot=0).verdict


def olmo(shared_data: Path, column: str) -> pd.DataFrame:
    raw = pd.read_parquet(shared_data / "olmo_ladder" / "curves.parquet")
    last = raw.sort_values("_step").groupby("run").tail(1).reset_index(drop=True)
    return pd.DataFrame(
        {
            "run_name": last["run"],
            "n_params": last["size"].map(OLMO_SIZES),
            "n_tokens": last["throughput/total_tokens"],
            "loss": last[column],
        }
    )


@pytest.mark.slow
def test_olmo_ladder_predicts_well_though_its_floor_is_not_identified(shared_data: Path) -> None:
    frame = olmo(shared_data, "eval/c4_en-validation/CrossEntropyLoss")
    result = analyze(frame[frame["n_params"] < 3e9], n_boot=100)
    assert "E is not identified: the predictions are good, the parameters are not" in result.verdict
    assert "beat carrying the lowest loss on 1 of 1 step" in result.verdict
    held = analyze(frame, n_boot=0).tables["held_out"].query("by == 'n_params'")
    at_3b = held[(held["n_params"] > 3e9) & (held["sizes_ahead"] == 1)]["error"]
    # data/olmo_ladder/PROVENANCE.md: -2.5 % (0.5x) to -0.2 % (5x).
    assert (at_3b.min(), at_3b.max()) == pytest.approx((-0.025, -0.002), abs=5e-4)


@pytest.mark.slow
def test_step_1_of_the_olmo_ladder_foretells_3b_on_every_task(shared_data: Path) -> None:
    """Bhagia et al. 2024, arXiv 2412.04403: fits to the ends of the 1x, 2x, 5x and 10x runs.

    Their targets, 7B on 4 T and 13B on 5 T tokens, are held out of the data, so the printed chained
    errors cannot be had; the 3B runs, which the paper does not fit either, stand in. Errors below
    are measured here.
    """
    raw = pd.read_parquet(shared_data / "olmo_ladder" / "curves.parquet")
    tasks = [c for c in raw.columns if c.startswith("eval/downstream_bpb/")]
    own, carried = [], []
    for task in tasks:
        frame = olmo(shared_data, task)
        frame = frame[frame["run_name"].str.contains(r"-(?:1|2|5|10)xC$")]
        small, large = frame[frame["n_params"] < 3e9], frame[frame["n_params"] > 3e9]
        assert (len(small), len(large)) == (16, 4)
        fit = fit_law(CHINCHILLA, RunTable.from_pandas(small), n_boot=0)
        at = large[["n_params", "n_tokens"]].to_numpy(dtype=float).T
        own.append(np.abs(fit.predict(*at).value / large["loss"] - 1).mean())
        carried.append(np.abs(small["loss"].min() / large["loss"] - 1).mean())
    assert len(tasks) == 20
    assert (np.array(own) < np.array(carried)).all()
    assert np.median(own) == pytest.approx(0.0137, abs=1e-3)
