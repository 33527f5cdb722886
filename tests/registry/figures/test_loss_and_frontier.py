import json

import numpy as np
import pandas as pd
import pytest

import isoflop
from isoflop import figures
from isoflop.drawing.palette import GRAY
from isoflop.drawing.static import svg
from isoflop.errors import SchemaError, UnknownNameError
from isoflop.figures.frontier_rows import frontier_rows


def rows(chart, *columns):
    """Return all data rows of a chart that have these columns."""
    spec = chart.to_dict()
    return [row for data in spec["datasets"].values() for row in data if set(columns) <= set(row)]


def note(chart):
    return " ".join(chart.to_dict().get("title", {}).get("text", []))


def test_the_line_is_the_frontier_of_the_fit_and_the_band_its_interval(fit, runs):
    drawn = rows(figures.loss_vs_compute(fit, runs), "segment", "loss_low")
    assert len(drawn) > 40
    for row in drawn[::17]:
        best = fit.optimal(row["x"])
        assert row["loss"] == pytest.approx(best.loss.value, rel=1e-9)
        assert row["loss_low"] == pytest.approx(best.loss.low, rel=1e-6)
        assert row["loss_high"] == pytest.approx(best.loss.high, rel=1e-6)
        assert row["n_params"] == pytest.approx(best.n_params.value, rel=1e-9)


def test_the_solid_part_is_the_compute_of_the_runs_and_the_dashed_part_is_outside(fit, runs):
    chart = figures.loss_vs_compute(fit, runs)
    low, high = fit.ranges["flops"]
    for row in rows(chart, "segment", "loss_low"):
        inside = low * (1 - 1e-9) <= row["x"] <= high * (1 + 1e-9)
        assert inside if row["segment"] == "inside" else row["x"] >= high * (1 - 1e-9)
    lines = [layer for layer in chart.to_dict()["layer"] if "strokeDash" in layer["encoding"]]
    scale = lines[0]["encoding"]["strokeDash"]["scale"]
    dashes = dict(zip(scale["domain"], scale["range"], strict=True))
    assert dashes["inside"] == [1, 0]
    assert dashes["above"] != [1, 0]
    assert "1 decade beyond" in note(chart)


def test_on_tokens_the_line_is_the_loss_at_d_with_its_best_n(fit):
    for row in frontier_rows(fit, "tokens")[::11]:
        at_its_compute = fit.optimal(row["flops"])
        assert at_its_compute.n_tokens.value == pytest.approx(row["x"], rel=1e-9)
        assert at_its_compute.loss.value == pytest.approx(row["loss"], rel=1e-9)
        assert row["loss_low"] <= row["loss"] <= row["loss_high"]


@pytest.mark.parametrize(
    ("x", "column", "factor"),
    [("flops", None, 1.0), ("tokens", "n_tokens", 1.0), ("steps", "n_steps", 1.0),
     ("hours", "wall_time_s", 1 / 3600)],
    ids=["flops", "tokens", "steps", "hours"],
)  # fmt: skip
def test_the_axis_holds_the_quantity_of_the_runs(fit, runs, frame, x, column, factor):
    chart = figures.loss_vs_compute(fit, runs, x=x)
    shown = {r["run"]: r["x"] for r in rows(chart, "tokens_per_param") if r["run"]}
    expected = 6.0 * frame["n_params"] * frame["n_tokens"] if column is None else frame[column]
    assert len(shown) == len(frame)
    assert shown["run 3"] == pytest.approx(expected[3] * factor)
    has_line = bool(rows(chart, "segment", "loss_low"))
    assert has_line == (x in ("flops", "tokens"))


def test_runs_without_the_quantity_are_counted(fit, frame):
    frame = frame.assign(n_steps=frame["n_steps"].where(frame.index >= 3).astype("Int64"))
    chart = figures.loss_vs_compute(fit, isoflop.RunTable.from_pandas(frame), x="steps")
    assert "3 of 40 runs lack a number of steps" in note(chart)


def test_runs_that_the_fit_left_out_are_hollow(frame, runs):
    bad = frame.assign(status="finished")
    bad.loc[0, "n_tokens"] = 0
    table = isoflop.RunTable.from_pandas(bad)
    fitted = isoflop.fit("chinchilla", table.take(np.arange(1, 38)), n_boot=0)
    chart = figures.loss_vs_compute(fitted, runs)
    assert "Hollow: 3 runs that the fit left out." in note(chart)
    assert "loss_low" not in json.dumps(chart.to_dict()["layer"])


def test_curves_are_thinned_and_break_where_they_leave_the_picture(fit, runs, curves):
    chart = figures.loss_vs_compute(fit, runs, curves=curves)
    drawn = rows(chart, "curve")
    assert {row["curve"] for row in drawn} == set(range(6))
    assert len(drawn) <= 6 * 200
    assert "up to 200 points" in note(chart)
    low, high = chart.to_dict()["layer"][0]["encoding"]["y"]["scale"]["domain"]
    assert all(row["loss"] is None or low <= row["loss"] <= high for row in drawn)


def test_published_models_stand_behind_in_gray_with_labels(fit, runs):
    published = isoflop.RunTable.from_pandas(
        pd.DataFrame(
            {"run_name": ["A <b>", "B"], "n_params": [10**9] * 2, "n_tokens": [10**10, None],
             "loss": [2.5, 2.4], "loss_dataset": ["other", "other"]}
        )
    )  # fmt: skip
    chart = figures.loss_vs_compute(fit, runs, published=published)
    first = chart.to_dict()["layer"][0]
    assert first["mark"]["color"] == GRAY
    assert "Gray: 1 of 2 published models, loss on other" in note(chart)
    assert "A &lt;b&gt;" in svg(chart)


def test_a_fit_without_an_optimum_says_why_and_draws_the_runs(frame):
    one_ray = frame.assign(n_tokens=20 * frame["n_params"])
    one_ray["loss"] = 1.7 + 400 / one_ray["n_params"] ** 0.34
    table = isoflop.RunTable.from_pandas(one_ray)
    fitted = isoflop.fit("chinchilla", table, n_boot=0)
    assert not fitted.is_usable
    chart = figures.loss_vs_compute(fitted, table)
    assert "No frontier is drawn" in note(chart)
    assert not rows(chart, "segment", "loss_low")
    assert len(rows(figures.contours(fitted, table), "tokens_per_param")) == len(frame)


def test_a_law_without_a_frontier_says_so(runs):
    fitted = isoflop.fit("kaplan-n", runs, n_boot=0, using={"n_params_nonembedding": "n_params"})
    assert "has no compute-optimal frontier" in note(figures.loss_vs_compute(fitted, runs))


def test_other_tables_and_axes_are_refused(fit, runs, frame):
    with pytest.raises(UnknownNameError, match="no axis 'epochs'"):
        figures.loss_vs_compute(fit, runs, x="epochs")
    with pytest.raises(SchemaError, match="must be a RunTable, got DataFrame"):
        figures.loss_vs_compute(fit, frame)
    with pytest.raises(SchemaError, match="used 40 runs, of which the table of 1 rows holds 1"):
        figures.loss_vs_compute(fit, runs.take([0]))


def test_no_run_with_a_place_on_the_axis_gives_a_chart_that_says_so(fit, frame):
    bare = isoflop.RunTable.from_pandas(frame.drop(columns="wall_time_s"))
    text = svg(figures.loss_vs_compute(fit, bare, x="hours"))
    assert "There is nothing to draw. 40 of 40 runs lack a wall time" in text


def test_thousands_of_runs_stay_light_and_keep_the_lowest_loss(fit, frame):
    many = pd.concat([frame] * 100, ignore_index=True)
    many["run_uid"] = [f"v{i}" for i in range(len(many))]
    many.loc[:39, "run_uid"] = frame["run_uid"]
    many["run_name"] = [f"run {i}" for i in range(len(many))]
    many.loc[2_345, "loss"] = 1.01
    chart = figures.loss_vs_compute(fit, isoflop.RunTable.from_pandas(many))
    shown = rows(chart, "tokens_per_param", "n_steps")
    assert len(shown) <= 2000
    assert min(r["loss"] for r in shown) == 1.01
    assert "of 4,000 runs are drawn" in note(chart)
