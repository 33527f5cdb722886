"""The two-term law per family: verdict, tables, figures, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from isoflop.errors import SchemaError
from isoflop.hookspecs import AnalysisContext
from isoflop.results import AnalysisResult
from isoflop.schema import FITS
from isoflop.tables import RunTable
from isoflop_plugins.analyzers.chinchilla.parametric import CHINCHILLA_PARAMETRIC
from isoflop_plugins.laws.chinchilla import CHINCHILLA


def family_of(name: str, n: int, *, seed: int, alpha: float = 0.35) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n_params = np.round(10 ** rng.uniform(7, 10, n))
    n_tokens = np.round(10 ** rng.uniform(9, 11.5, n))
    loss = 1.8 + 10 ** (7.7 * alpha) / n_params**alpha + 2100 / n_tokens**0.37
    return pd.DataFrame(
        {
            "run_name": [f"{name}-{i}" for i in range(n)],
            "family": name,
            "n_params": n_params,
            "n_tokens": n_tokens,
            "loss": loss * np.exp(0.003 * rng.normal(size=n)),
            "loss_dataset": "c4",
        }
    )


def analyze(frame: pd.DataFrame, **options: Any) -> AnalysisResult:
    context = AnalysisContext(laws={"chinchilla": CHINCHILLA}, published={})
    settings = {k: o.default for k, o in CHINCHILLA_PARAMETRIC.options.items()}
    return CHINCHILLA_PARAMETRIC.run(
        RunTable.from_pandas(frame), context, **(settings | {"n_boot": 200} | options)
    )


@pytest.fixture(scope="module")
def result() -> AnalysisResult:
    line = family_of("line", 20, seed=2)
    line["n_tokens"] = 20 * line["n_params"]
    frames = [family_of("good", 50, seed=0), family_of("few", 4, seed=1), line]
    return analyze(pd.concat(frames))


def test_a_good_family_gets_its_exponent_with_an_interval(result: AnalysisResult) -> None:
    number = result.numbers["good/exponent_n"]
    assert number.low < 0.37 / (0.35 + 0.37) < number.high
    assert "Family 'good' (50 runs): the best N grows as C^" in result.verdict


def test_a_family_on_one_line_is_refused_in_words(result: AnalysisResult) -> None:
    assert "Family 'line' (20 runs): not identifiable, the runs lie on one line" in result.verdict
    fits = result.tables["fits"].set_index("family")
    assert fits.loc["line", "status"] == "not-identifiable"
    assert "line" not in set(result.tables["allocation"]["family"])


def test_a_family_of_too_few_runs_is_listed_with_its_runs(result: AnalysisResult) -> None:
    assert "1 family had too few or mixed runs" in result.verdict
    left = [item for item in result.left_out if item.subject.startswith("few-")]
    assert len(left) == 4
    assert "needs at least 6 usable runs, got 4" in left[0].reason


def test_held_out_runs_stand_beside_the_baseline(result: AnalysisResult) -> None:
    held = result.tables["held_out"]
    good = held[held["family"] == "good"]
    assert len(good) == 10
    assert good["error"].abs().mean() < good["baseline_error"].abs().mean()


def test_allocation_reaches_two_decades_beyond_the_runs(result: AnalysisResult) -> None:
    table = result.tables["allocation"]
    assert table["extrapolation_decades"].max() == pytest.approx(2.5, abs=0.5)
    assert np.allclose(6 * table["n_params"] * table["n_tokens"], table["flops"])
    assert (table["n_params_low"] <= table["n_params"]).all()
    assert table.attrs["units"]["n_tokens_low"] == "token"


def test_tables_have_the_promised_columns(result: AnalysisResult) -> None:
    assert list(result.tables["params"].columns) == [
        "family", "parameter", "value", "low", "high", "unit",
    ]  # fmt: skip
    assert set(result.tables) == {
        "params", "fits", "variants", "held_out", "allocation", "loss_vs_compute", "contours",
        "residuals", "outliers", "parameter_draws",
    }  # fmt: skip


def test_rows_for_the_registry_fit_its_schema(result: AnalysisResult) -> None:
    assert len(result.fits) == 2
    assert all(tuple(row) == FITS.names for row in result.fits)


@pytest.mark.parametrize("name", ["loss_vs_compute", "contours", "residuals", "parameter_draws"])
def test_figures_render_and_name_their_table(result: AnalysisResult, name: str) -> None:
    import vl_convert

    figure = next(f for f in result.figures.specs() if f.name == name)
    assert figure.table in result.tables
    svg = vl_convert.vegalite_to_svg(result.figures[name].to_json())
    assert "<svg" in svg
    assert "NaN" not in svg


def test_compute_axis_hugs_the_data_with_ticks_at_decades(result: AnalysisResult) -> None:
    spec = result.figures["loss_vs_compute"].to_dict()
    x = spec["layer"][1]["encoding"]["x"]
    table = result.tables["loss_vs_compute"]
    low, high = x["scale"]["domain"]
    assert table["flops"].min() / 1.5 < low < table["flops"].min()
    assert table["flops"].max() < high < table["flops"].max() * 1.5
    assert x["axis"]["title"] == "Training compute C = 6ND [FLOP]"
    assert all(np.log10(v) == pytest.approx(round(np.log10(v))) for v in x["axis"]["values"])


def test_an_empty_table_says_so() -> None:
    result = analyze(family_of("x", 3, seed=0).iloc[:0])
    assert result.verdict == "There are no runs."
    assert len(result.figures) == 0
    assert next(iter(result.tables["params"].columns)) == "family"


def test_one_run_is_refused_with_the_numbers() -> None:
    result = analyze(family_of("x", 1, seed=0))
    assert "No law could be fitted" in result.verdict
    assert "got 1 of 1" in result.verdict


def test_names_of_families_are_kept_as_text() -> None:
    frame = family_of("<script>\n", 30, seed=0)
    assert "Family '<script>\\n'" in analyze(frame).verdict


def test_objective_and_delta_are_named_in_verdict_and_captions() -> None:
    result = analyze(family_of("x", 40, seed=0), delta=1e-2, tied=("alpha", "beta"))
    assert "(log-huber 0.01, alpha = beta)" in result.verdict
    captions = [figure.caption for figure in result.figures.specs()]
    assert all("Minimized: log-huber 0.01, alpha = beta." in caption for caption in captions)


def test_one_exponent_stands_beside_two_with_what_the_data_prefer() -> None:
    near = family_of("near", 60, seed=0, alpha=0.365)
    result = analyze(pd.concat([near, family_of("apart", 80, seed=1, alpha=0.25)]))
    variants = result.tables["variants"].set_index(["family", "variant"])
    assert list(variants.loc["near"].index) == ["free", "alpha = beta"]
    assert variants.loc[("near", "alpha = beta"), "alpha"] == pytest.approx(
        variants.loc[("near", "alpha = beta"), "beta"]
    )
    assert variants.loc[("near", "alpha = beta"), "exponent_n"] == pytest.approx(0.5)
    assert "one exponent will do" in variants.loc[("near", "free"), "preference"]
    assert "want two exponents" in variants.loc[("apart", "free"), "preference"]
    assert variants["held_out_error"].notna().all()


def test_fixed_exponents_stand_in_every_draw_and_in_the_row_for_the_registry() -> None:
    result = analyze(family_of("x", 40, seed=0), fixed={"alpha": 0.35})
    draws = result.tables["parameter_draws"]
    assert (draws["alpha"] == 0.35).all()
    assert draws["beta"].notna().all()
    assert "alpha = 0.35" in set(result.tables["variants"]["variant"])
    assert "alpha" not in set(result.tables["params"]["parameter"])


def test_checkpoints_are_resampled_and_held_out_with_their_run() -> None:
    ends = family_of("x", 30, seed=0)
    steps = [ends.assign(n_tokens=np.round(ends["n_tokens"] * part)) for part in (0.5, 0.7, 1.0)]
    frame = pd.concat(steps, ignore_index=True)
    bend = (
        2100 / frame["n_tokens"] ** 0.37
        - 2100 / pd.concat([ends] * 3)["n_tokens"].to_numpy() ** 0.37
    )
    frame["loss"] += bend
    rows, runs = analyze(frame), analyze(frame, clusters="run_name")
    wide = [r.tables["params"].set_index("parameter").loc["alpha"] for r in (rows, runs)]
    assert wide[0]["value"] == wide[1]["value"]
    assert wide[1]["high"] - wide[1]["low"] > 1.1 * (wide[0]["high"] - wide[0]["low"])
    held = runs.tables["held_out"]["run"].value_counts()
    assert len(held) == 6
    assert (held == 3).all()
    assert "clusters of run_name" in runs.verdict


def test_the_best_run_of_a_sweep_is_kept_and_the_others_say_which_beat_them() -> None:
    best = family_of("x", 30, seed=0)
    worse = best.assign(loss=best["loss"] * 1.05, run_name=best["run_name"] + "-slow")
    result = analyze(pd.concat([worse, best]), best_of_sweep=True)
    assert "The runs" not in result.verdict
    assert "(30 runs)" in result.verdict
    reasons = {left.subject: left.reason for left in result.left_out}
    assert reasons["x-4-slow"] == "run 'x-4' reached a lower loss at the same N and D"
    assert result.tables["fits"]["n_left_out"].item() == 30


def spoiled(kind: str) -> pd.DataFrame:
    frame = family_of("x", 50, seed=0)
    largest = (frame["n_params"] * frame["n_tokens"]).idxmax()
    if kind == "likely-diverged":
        frame.loc[largest, "loss"] = 7.0
    elif kind == "residual":
        frame.loc[largest, "loss"] *= 0.8
    elif kind == "off-ladder":
        frame.loc[largest, "n_params"] = 3e11
        frame.loc[largest, "loss"] = (
            1.8 + 10 ** (7.7 * 0.35) / 3e11**0.35 + 2100 / (frame.loc[largest, "n_tokens"] ** 0.37)
        )
    else:
        frame = pd.concat([frame, frame.iloc[[7]].assign(run_name="again")], ignore_index=True)
    return frame


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("likely-diverged", "which is no larger and saw no more tokens"),
        ("residual", "below the law"),
        ("off-ladder", "decades from the nearest N of the other runs"),
        ("copy", "an exact copy of run 'x-7'"),
    ],
)
def test_runs_that_stand_apart_are_named_with_the_reason(kind: str, words: str) -> None:
    result = analyze(spoiled(kind))
    found = result.tables["outliers"]
    assert list(found["kind"]) == [kind]
    assert words in found["reason"].item()
    assert not found["is_left_out"].any()
    assert any("1 run stands apart" in text and not ok for text, ok in result.checks)


@pytest.mark.parametrize("kind", ["likely-diverged", "residual", "copy"])
def test_outliers_can_be_left_out_with_their_reason(kind: str) -> None:
    result = analyze(spoiled(kind), drop_outliers=True)
    assert result.tables["outliers"]["is_left_out"].all()
    assert result.tables["fits"]["n_left_out"].item() == 1
    assert [left.reason.startswith("outlier: ") for left in result.left_out] == [True]


def test_a_run_off_the_ladder_stays_in_the_fit() -> None:
    result = analyze(spoiled("off-ladder"), drop_outliers=True)
    assert not result.tables["outliers"]["is_left_out"].any()
    assert not result.left_out


def test_clean_runs_have_no_outliers() -> None:
    table = analyze(family_of("x", 50, seed=3)).tables["outliers"]
    assert table.empty
    assert list(table.columns)[:3] == ["family", "run", "kind"]


def test_contours_join_points_of_equal_loss(result: AnalysisResult) -> None:
    table = result.tables["contours"]
    lines = table[(table["kind"] == "contour") & (table["family"] == "good")]
    params = result.tables["params"]
    p = params[params["family"] == "good"].set_index("parameter")["value"]
    loss = (
        p["E"] + p["A"] / lines["n_params"] ** p["alpha"] + p["B"] / lines["n_tokens"] ** p["beta"]
    )
    assert np.allclose(loss, lines["level"], rtol=1e-9)
    assert lines["level"].nunique() == 8
    assert "line" not in set(table.loc[table["kind"] != "run", "family"])


def test_a_limit_that_is_not_positive_is_refused() -> None:
    with pytest.raises(SchemaError, match="outlier_limit must be positive, got 0"):
        analyze(family_of("x", 20, seed=0), outlier_limit=0)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ({"loss": 2.5}, "not identifiable"),
        ({"n_params": 1e9}, "not identifiable"),
        ({"loss": float("nan")}, "needs at least 6 usable runs, got 0"),
        ({"status": "diverged"}, "30 x status is diverged"),
    ],
    ids=["constant loss", "one N", "NaN", "diverged"],
)
def test_what_cannot_be_fitted_is_said(spoil: dict[str, Any], said: str) -> None:
    result = analyze(family_of("x", 30, seed=0).assign(**spoil))
    assert said in result.verdict
    assert result.tables["allocation"].empty
