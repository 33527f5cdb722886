"""Curves carried on: verdict, tables, figures, curves from clouds of runs, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from isoflop.errors import SchemaError, UnknownNameError
from isoflop.hookspecs import AnalysisContext
from isoflop.results import AnalysisResult
from isoflop.schema import FITS
from isoflop.tables import RunTable
from isoflop_plugins.analyzers.extrapolation.analyzer import EXTRAPOLATION
from isoflop_plugins.laws.broken import BROKEN_1, BROKEN_2, BROKEN_3
from isoflop_plugins.laws.shifted import M1, M2, M3, M4

LAWS = {law.name: law for law in (M1, M2, M3, M4, BROKEN_1, BROKEN_2, BROKEN_3)}


def analyze(frame: pd.DataFrame, **options: Any) -> AnalysisResult:
    context = AnalysisContext(laws=LAWS, published={})
    settings = {k: o.default for k, o in EXTRAPOLATION.options.items()}
    return EXTRAPOLATION.run(
        RunTable.from_pandas(frame), context, **(settings | {"n_boot": 50} | options)
    )


def ladder(name: str, n: int = 14, *, floor: float = 1.8, seed: int = 0) -> pd.DataFrame:
    """Return runs of 20 tokens per parameter, one a size."""
    n_params = np.geomspace(2e7, 3e9, n)
    flops = 120 * n_params**2
    noise = 0.002 * np.random.default_rng(seed).normal(size=n)
    return pd.DataFrame(
        {
            "run_name": [f"{name}-{i}" for i in range(n)],
            "family": name,
            "n_params": n_params,
            "n_tokens": 20 * n_params,
            "loss": (floor + 2000 * flops**-0.17) * np.exp(noise),
            "loss_dataset": "c4",
        }
    )


@pytest.fixture(scope="module")
def result() -> AnalysisResult:
    stuck = ladder("stuck")
    stuck["loss"] = np.maximum(stuck["loss"], stuck["loss"].iloc[10])
    return analyze(pd.concat([ladder("good"), stuck, ladder("tiny", 2)]))


def test_a_curve_is_carried_on_by_the_law_that_made_it(result: AnalysisResult) -> None:
    laws = result.tables["laws"].set_index(["family", "law"])
    assert laws.loc[("good", "m2-floor"), "error"] < 0.2 * laws.loc[("good", "last value"), "error"]
    assert laws.loc["good"]["chosen"].sum() == 1
    assert "Family 'good' (14 points, the last 3 held out): m" in result.verdict
    ahead = result.numbers["good/loss_ahead"]
    truth = 1.8 + 2000 * (10 * 120 * 3e9**2) ** -0.17
    assert ahead.value == pytest.approx(truth, rel=0.01)


def test_it_says_so_where_carrying_the_last_value_wins(result: AnalysisResult) -> None:
    assert "Family 'stuck' (14 points, the last 3 held out): no law predicts" in result.verdict
    assert "Do not extrapolate these runs by a law." in result.verdict
    assert "stuck/loss_ahead" not in result.numbers
    laws = result.tables["laws"].set_index(["family", "law"])
    assert laws.loc[("stuck", "last value"), "chosen"]


def test_a_family_of_two_runs_has_no_curve(result: AnalysisResult) -> None:
    assert "1 family had no curve to judge." in result.verdict
    reasons = [left.reason for left in result.left_out if left.subject.startswith("tiny")]
    assert len(reasons) == 2
    assert "needs at least 3 usable runs, got 2" in reasons[0]


def test_laws_with_too_many_parameters_are_listed_as_not_tried(result: AnalysisResult) -> None:
    reasons = {left.subject: left.reason for left in result.left_out}
    assert reasons["law broken-2"] == "not tried: it needs 16 points to fit, and 11 points are left"
    assert "broken-2" not in set(result.tables["laws"]["law"])


def test_forecast_reaches_one_decade_with_a_band(result: AnalysisResult) -> None:
    table = result.tables["forecast"]
    ahead = table[(table["family"] == "good") & (table["segment"] == "above")]
    law = ahead[ahead["kind"] == "law"]
    assert law["x"].max() / law["x"].min() == pytest.approx(10.0)
    assert (law["y_low"] <= law["y"] * (1 + 1e-12)).all()
    assert (law["y"] <= law["y_high"] * (1 + 1e-12)).all()
    assert ahead[ahead["kind"] == "last value"]["y"].nunique() == 1
    assert table.attrs["units"]["y_low"] == "nat/token"
    assert table.attrs["units"]["x"] == "FLOP"


def test_held_out_runs_are_told_apart(result: AnalysisResult) -> None:
    table = result.tables["forecast"]
    kinds = table[table["family"] == "good"]["kind"].value_counts()
    assert (kinds["run"], kinds["held-out run"]) == (11, 3)
    held = result.tables["held_out"]
    assert set(held[held["family"] == "good"]["run"]) == {"good-11", "good-12", "good-13"}


def test_rows_for_the_registry_fit_its_schema(result: AnalysisResult) -> None:
    assert len(result.fits) == 2
    assert all(tuple(row) == FITS.names for row in result.fits)


def test_tested_distance_stands_beside_the_forecast(result: AnalysisResult) -> None:
    texts = [text for text, _ in result.checks]
    assert "Family 'good': held out over 1 decades, forecast over 1" in texts


@pytest.mark.parametrize("name", ["curve", "held_out_error"])
def test_figures_render_and_name_their_table(result: AnalysisResult, name: str) -> None:
    import vl_convert

    figure = next(f for f in result.figures.specs() if f.name == name)
    assert figure.table in result.tables
    assert "28 runs, loss on c4" in figure.caption
    svg = vl_convert.vegalite_to_svg(result.figures[name].to_json())
    assert "<svg" in svg
    assert "NaN" not in svg


def test_the_best_run_at_each_x_makes_the_curve() -> None:
    worse = ladder("a")
    worse["loss"] *= 1.1
    worse["run_name"] = "worse"
    found = analyze(pd.concat([worse, ladder("a")]))
    assert len(found.tables["forecast"].query("kind in ('run', 'held-out run')")) == 14
    left = [item for item in found.left_out if item.subject == "worse"]
    assert len(left) == 14
    assert left[0].reason == "another run at the same flops_6nd has a lower loss"


def test_a_failed_run_does_not_hide_a_good_one() -> None:
    failed = ladder("a")
    failed["loss"] *= 0.5
    failed["status"] = "failed"
    found = analyze(pd.concat([failed, ladder("a").assign(status="finished")]))
    assert len(found.tables["forecast"].query("kind in ('run', 'held-out run')")) == 14
    assert found.tables["forecast"]["y"].min() > 2.0


def test_a_curve_at_fixed_size_along_tokens() -> None:
    tokens = np.geomspace(1e9, 1e12, 16)
    frames = [
        pd.DataFrame(
            {"run_name": "r", "n_params": n, "n_tokens": tokens,
             "loss": 1.7 + 400 / n**0.34 + 410 / tokens**0.28}
        )
        for n in (1e8, 1e9)
    ]  # fmt: skip
    found = analyze(pd.concat(frames), x="n_tokens", n_params=1e9)
    assert "m2-floor predicts the held-out end best" in found.verdict
    assert [i.reason for i in found.left_out if i.subject == "r"] == [
        "n_params is not 1.0 B parameters"
    ] * 16
    params = found.tables["params"].set_index("parameter")
    assert params.loc["c", "value"] == pytest.approx(0.28, rel=1e-4)
    assert params.loc["A", "unit"] == "loss x n_tokens^c"


def test_a_cloud_of_runs_is_named() -> None:
    rng = np.random.default_rng(0)
    frame = ladder("a", 60)
    frame["loss"] *= np.exp(0.2 * rng.normal(size=60))
    checks = dict(analyze(frame, laws=("m1-power", "m2-floor")).checks)
    (text,) = [t for t in checks if "loss rises at" in t]
    assert not checks[text]
    assert "take a curve at fixed n_params, or a larger same" in text


def test_authors_example_is_chosen_and_carried_on(shared_data: Path) -> None:
    """Caballero et al. 2022, figure 4 left: 14 points and 3 held out; theirs errs by 0.0109."""
    points = pd.read_csv(shared_data / "bnsl_4digit_addition" / "points.csv")
    points.columns = pd.Index(["n_tokens", "loss"])
    found = analyze(points, x="n_tokens", holdout=3 / 17, decades=0.3)
    laws = found.tables["laws"].set_index("law")
    assert laws.index[laws["chosen"]].tolist() == ["broken-1"]
    assert laws.loc["broken-1", "error"] == pytest.approx(0.010916, abs=5e-4)
    assert "to 1.1 % (carrying the last value: 42 %)" in found.verdict
    params = found.tables["params"].set_index("parameter")
    assert (params.loc["d1", "unit"], params.loc["a", "unit"]) == ("token", "nat/token")


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        pytest.param(pd.DataFrame({"n_params": [], "loss": []}), "There are no runs.", id="empty"),
        pytest.param(ladder("a", 1), "needs at least 3 usable runs, got 1", id="one-run"),
        pytest.param(ladder("a").assign(loss=np.nan), "14 x loss is null", id="no-loss"),
        pytest.param(ladder("a").drop(columns="n_tokens"), "14 x flops_6nd is null", id="no-x"),
        pytest.param(
            ladder("a").assign(loss_dataset=[*["c4"] * 7, *["pile"] * 7]),
            "losses on different data sets",
            id="mixed-losses",
        ),
        pytest.param(ladder("a").assign(n_params=1e8, n_tokens=2e9), "got 1", id="one-place"),
    ],
)
def test_without_a_curve_the_verdict_says_what_is_missing(frame: pd.DataFrame, words: str) -> None:
    found = analyze(frame)
    assert words in found.verdict
    assert not found.numbers
    assert set(found.tables) == {"laws", "held_out", "forecast", "params"}
    assert all(len(table.columns) > 5 for table in found.tables.values())


def test_a_constant_loss_is_best_carried_on() -> None:
    found = analyze(ladder("a").assign(loss=2.0))
    assert "no law predicts the held-out end better" in found.verdict


def test_names_of_laws_are_checked() -> None:
    with pytest.raises(UnknownNameError, match="law"):
        analyze(ladder("a"), laws=("no-such-law",))
    with pytest.raises(SchemaError, match="must be a list of names"):
        analyze(ladder("a"), laws="m1-power")


@pytest.mark.parametrize(
    ("option", "words"),
    [({"decades": 0.0}, "decades must be positive"), ({"same": -1.0}, "same must be 0 or more"),
     ({"n_params": -1.0}, "n_params must be positive")],
)  # fmt: skip
def test_numbers_out_of_range_are_refused(option: dict[str, float], words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        analyze(ladder("a"), **option)
