import json
import re

import altair as alt
import numpy as np
import pandas as pd
import pytest

import isoflop
from isoflop import figures
from isoflop.drawing.static import svg
from isoflop.errors import SchemaError, UnknownNameError
from isoflop.figures.curve_points import curve_points, moving_average
from isoflop.figures.thinning import even_sample, log_spaced, points_a_curve
from isoflop.results import Figure, Figures
from isoflop.tables import CurveTable, FitTable

HOSTILE = "</script><b>]]>'\"\x08"


def rows(chart, *columns):
    spec = chart.to_dict()
    return [row for data in spec["datasets"].values() for row in data if set(columns) <= set(row)]


@pytest.fixture(scope="module")
def emergence():
    flops = np.geomspace(1e18, 1e24, 20)
    per_token = 1 - 0.6 * (flops / 1e18) ** -0.14

    def scores(metric, values, **columns):
        return pd.DataFrame(
            {"run_uid": [f"r{i}" for i in range(20)], "family": "f", "task": "sums",
             "metric": metric, "value": values, "flops": flops, "higher_is_better": True}
        ).assign(**columns)  # fmt: skip

    both = pd.concat(
        [
            scores("exact", per_token**10, n_examples=500, chance_level=0.05, is_continuous=False),
            scores("per_token", per_token, is_continuous=True),
        ]
    )
    table = isoflop.ScoreTable.from_pandas(both)
    return isoflop.analyze("emergence", table, n_boot=99)


@pytest.fixture(scope="module")
def budgets():
    rng = np.random.default_rng(0)
    parts = []
    for flops in (1e18, 1e19, 1e20):
        n = np.geomspace(0.1, 10, 9) * 0.1 * flops**0.5
        d = flops / 6 / n
        loss = 1.7 + 400 / n**0.34 + 410 / d**0.34 + rng.normal(0, 1e-3, 9)
        parts.append(pd.DataFrame({"n_params": n.round(), "n_tokens": d.round(), "loss": loss}))
    frame = pd.concat(parts, ignore_index=True).assign(family=HOSTILE)
    return isoflop.analyze("isoflop-profiles", isoflop.RunTable.from_pandas(frame), n_boot=20)


@pytest.fixture(scope="module")
def kept(fit):
    moments = pd.to_datetime(["2026-01-01", "2026-02-01", "2026-03-01"], utc=True)
    dated = [fit.to_row(created_at=m.to_pydatetime()) | {"fit_id": m.isoformat()} for m in moments]
    dated.append({**dated[0], "status": "not-converged", "fit_id": "bad"})
    return FitTable.from_pandas(pd.DataFrame(dated).map(_text))


def _text(value):
    return json.dumps(value) if isinstance(value, dict | list | tuple) else value


@pytest.fixture(scope="module")
def charts(fit, runs, curves, emergence, budgets, kept):
    undertrained = isoflop.analyze("undertrained", runs, law="besiroglu-2024")
    return {
        "loss_vs_compute": figures.loss_vs_compute(fit, runs, curves=curves, published=runs),
        "contours": figures.contours(fit, runs),
        "residuals": figures.residuals(fit, runs),
        "parameter_draws": figures.parameter_draws(fit),
        "loss_curves": figures.loss_curves(curves),
        "isoflop_parabolas": figures.isoflop_parabolas(budgets),
        "emergence_curve": figures.emergence_curve(emergence, "sums"),
        "token_ratio": figures.token_ratio(undertrained),
        "drift": figures.drift(kept),
    }


NAMES = sorted(set(figures.__all__) - {"save", "show"})


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_figure_becomes_svg_and_pdf_without_an_address(charts, name, tmp_path):
    spec = charts[name].to_dict()
    spec.pop("$schema")
    assert not re.search(r"https?://", json.dumps(spec))
    text = svg(charts[name])
    assert "<text" in text
    assert "NaN" not in text
    assert len(text) < 500_000
    path = figures.save(charts[name], tmp_path / "f.pdf", width_mm=180)
    assert path.read_bytes().startswith(b"%PDF")


def test_contours_have_the_loss_they_say_and_runs_their_tokens_per_parameter(charts, fit):
    every = rows(charts["contours"], "level")
    contour = [r for r in every if r["kind"] == "contour"]
    frontier = [r for r in every if r["kind"] == "frontier"]
    runs = [r for r in every if r["kind"] == "run"]
    found = fit.predict([r["n_params"] for r in contour], [r["n_tokens"] for r in contour])
    assert found.value == pytest.approx([r["level"] for r in contour], rel=1e-9)
    best = fit.optimal(frontier[5]["flops"])
    assert frontier[5]["n_tokens"] == pytest.approx(best.n_tokens.value)
    assert runs[0]["tokens_per_param"] == runs[0]["n_tokens"] / runs[0]["n_params"]


@pytest.mark.parametrize("against", ["flops", "n_params", "n_tokens"])
def test_residuals_are_of_the_fit_and_the_second_panel_ranks_them(fit, runs, against):
    chart = figures.residuals(fit, runs, against=against)
    shown = [r["residual"] for r in rows(chart, "residual", against, "run")]
    assert shown == pytest.approx(np.expm1(fit.residuals), rel=1e-9)
    ranked = [r["residual"] for r in rows(chart, "residual", "expected") if "run" not in r]
    assert sorted(shown) == pytest.approx(sorted(ranked)[: len(shown)], abs=0.05)
    with pytest.raises(UnknownNameError, match="no axis 'epochs'"):
        figures.residuals(fit, runs, against="epochs")


def test_draws_are_those_of_the_bootstrap(fit):
    chart = figures.parameter_draws(fit, names=("alpha", "beta"))
    drawn = [r["x"] for r in rows(chart, "x", "y") if r["kind"] == "draw"]
    assert drawn == pytest.approx(fit.draws[:, fit.law.names.index("alpha")])
    (cross,) = [r for r in rows(chart, "x", "y") if r["kind"] == "fit"]
    assert cross["y"] == fit.params["beta"].value


def test_draws_that_are_not_there_are_refused(runs, fit):
    with pytest.raises(SchemaError, match="n_boot=1000"):
        figures.parameter_draws(isoflop.fit("chinchilla", runs, n_boot=0))
    with pytest.raises(UnknownNameError, match="'gamma'"):
        figures.parameter_draws(fit, names=("alpha", "gamma"))
    with pytest.raises(SchemaError, match="two parameters"):
        figures.parameter_draws(fit, names=("alpha",))


def test_an_emergence_curve_stands_beside_its_continuous_twin(charts, emergence):
    panels = charts["emergence_curve"].to_dict()["hconcat"]
    titles = [p["title"]["text"] for p in panels]
    assert titles[0].startswith("exact: ")
    assert titles[1].startswith("per token (partial credit): ")
    floor = [r["score"] for r in rows(charts["emergence_curve"], "part") if r["part"] == "floor"]
    assert floor[:2] == [0.05, 0.05]
    points = emergence.tables["curves"].query("kind == 'point' and metric == 'per_token'")
    shown = [r for r in rows(charts["emergence_curve"], "part")
             if r["part"] == "point" and r["metric"] == "per_token"]  # fmt: skip
    assert [r["score"] for r in shown] == points["score"].tolist()
    with pytest.raises(UnknownNameError, match="no task with a curve of scores 'sum'"):
        figures.emergence_curve(emergence, "sum")


def test_a_task_without_a_twin_says_that_the_metric_is_not_cleared(emergence):
    chart = figures.emergence_curve(emergence, "sums", metric="per_token")
    assert isinstance(chart, alt.LayerChart)
    assert "the metric is not cleared" in " ".join(chart.to_dict()["title"]["text"])


def test_a_result_of_another_analyzer_is_refused_with_its_tables(emergence, fit):
    with pytest.raises(SchemaError, match=r"needs a table 'profiles'.*\['curves', 'verdicts'\]"):
        figures.isoflop_parabolas(emergence)
    with pytest.raises(SchemaError, match="got FitResult"):
        figures.token_ratio(fit)
    with pytest.raises(SchemaError, match="needs a table 'verdicts'"):
        figures.token_ratio(emergence)


def test_drift_has_a_panel_a_parameter_and_counts_what_is_not_usable(charts, kept, fit):
    spec = charts["drift"].to_dict()
    assert {p["title"] for p in spec["concat"]} >= {"alpha", "beta", "exponent_n"}
    assert spec["title"]["text"] == ["3 fits of chinchilla. 1 more without a date or not usable."]
    alphas = [r["value"] for r in rows(charts["drift"], "parameter") if r["parameter"] == "alpha"]
    assert alphas == pytest.approx([fit.params["alpha"].value] * len(alphas))
    with pytest.raises(SchemaError, match="holds no fits"):
        figures.drift(kept.take([]))
    with pytest.raises(UnknownNameError, match="law with fits 'kaplan'"):
        figures.drift(kept, law="kaplan")


def test_the_moving_average_is_not_pulled_toward_zero():
    values = np.array([5.0, 5.0, 5.0])
    assert moving_average(values, 0.9) == pytest.approx(values)
    assert moving_average([4.0, 2.0], 0.5) == pytest.approx([4.0, (0.25 * 4 + 0.5 * 2) / 0.75])
    assert moving_average([], 0.9).size == 0
    with pytest.raises(SchemaError, match="below 1"):
        moving_average(values, 1.0)


@pytest.mark.parametrize("x", ["steps", "tokens", "flops", "hours"])
def test_curves_keep_their_ends_and_show_the_average_over_what_was_logged(curves, x):
    found = curve_points(curves, x, weight=0.5)
    for _, curve in found.table.groupby("curve"):
        assert len(curve) <= 200
        assert curve["x"].is_monotonic_increasing
    assert len(figures.loss_curves(curves, x=x, smoothing=0.5).to_dict()["layer"]) == 2
    assert len(figures.loss_curves(curves, x=x, smoothing=0.0).to_dict()["layer"]) == 1


def test_points_that_were_sent_at_one_time_are_one_point(curves):
    frame = curves.to_pandas()
    frame["logged_at"] = frame["logged_at"].dt.floor("100s")
    found = curve_points(CurveTable.from_pandas(frame), "hours")
    assert found.table.groupby("curve").size().tolist() == [4] * 6


def test_curves_of_nan_or_one_point_give_a_chart_that_says_so(curves):
    empty = figures.loss_curves(curves.take([]))
    assert "There is no curve to draw." in svg(empty)
    frame = curves.to_pandas().assign(loss=np.nan)
    assert "6 runs without two points" in svg(figures.loss_curves(CurveTable.from_pandas(frame)))
    assert "no curve to draw" in svg(figures.loss_curves(curves.take([0])))


def test_a_hundred_thousand_points_stay_light(curves):
    step = np.arange(1, 101)
    parts = [
        pd.DataFrame(
            {"run_uid": f"r{i}", "step": step, "loss": 2 + 1 / step, "n_params": 10**6 + i}
        )
        for i in range(1000)
    ]
    chart = figures.loss_curves(CurveTable.from_pandas(pd.concat(parts)), smoothing=0.0)
    drawn = rows(chart, "curve")
    assert len(drawn) <= 4800
    assert {r["n_params"] for r in drawn} >= {10**6, 10**6 + 999}
    assert "240 of 1,000 curves" in " ".join(chart.to_dict()["title"]["text"])


def test_thinning_keeps_both_ends():
    x = np.geomspace(1, 1e6, 10_000)
    kept = log_spaced(x, 50)
    assert kept[0] == 0
    assert kept[-1] == 9_999
    assert len(kept) <= 50
    assert np.diff(np.log(x[kept])) == pytest.approx(np.log(1e6) / 49, rel=0.05)
    order = np.array([3.0, 1.0, 2.0, 0.0])
    assert even_sample(order, 2).tolist() == [0, 3]
    assert [points_a_curve(n) for n in (1, 24, 80, 10_000)] == [200, 200, 60, 20]


@pytest.mark.slow
def test_hostile_names_stay_text(frame, curves):
    named = frame.assign(run_name=HOSTILE, family=HOSTILE)
    table = isoflop.RunTable.from_pandas(named)
    fitted = isoflop.fit("chinchilla", table, n_boot=10)
    for chart in (
        figures.loss_vs_compute(fitted, table, published=table),
        figures.contours(fitted, table),
        figures.parameter_draws(fitted),
        figures.token_ratio(isoflop.analyze("undertrained", table, law="besiroglu-2024")),
    ):
        assert "<b>" not in svg(chart)


@pytest.mark.parametrize("kind", [".svg", ".pdf", ".png"])
def test_a_saved_figure_has_the_width_of_its_column(charts, kind, tmp_path):
    path = figures.save(charts["contours"], tmp_path / f"f{kind}", width_mm=88, height_mm=60)
    content = path.read_bytes()
    if kind == ".svg":
        assert b'width="88.106mm" height="60.060mm"' in content or b'width="88.' in content
        assert b"<text" in content
    elif kind == ".pdf":
        width = float(re.search(rb"/MediaBox ?\[0 0 ([\d.]+)", content)[1])
        assert width == pytest.approx(88 * 72 / 25.4, rel=0.01)
        assert b"/FontFile2" in content
        assert b"/ToUnicode" in content
    else:
        pixels = int.from_bytes(content[16:20], "big")
        assert pixels == pytest.approx(3 * 88 * 96 / 25.4, rel=0.01)


def test_the_note_is_broken_anew_for_a_column(charts, tmp_path):
    path = figures.save(charts["contours"], tmp_path / "f.svg", width_mm=88)
    lines = re.findall(r">([^<]+)</tspan>", path.read_text())
    assert "Thin lines join N and D" in " ".join(lines)
    assert max(len(line) for line in lines) <= 64


def test_a_figure_of_panels_is_scaled_as_it_is(charts, tmp_path):
    path = figures.save(charts["residuals"], tmp_path / "f.svg", width_mm=120)
    width = re.search(r'width="([\d.]+)mm"', path.read_text())[1]
    assert float(width) == pytest.approx(120, rel=1e-3)
    with pytest.raises(SchemaError, match="width_mm alone"):
        figures.save(charts["residuals"], path, height_mm=60)


def test_a_wrong_ending_or_size_is_refused(charts, tmp_path):
    with pytest.raises(SchemaError, match="must be one of"):
        figures.save(charts["contours"], tmp_path / "f.jpg")
    with pytest.raises(SchemaError, match="between 20 and 2000 mm, got 5"):
        figures.save(charts["contours"], tmp_path / "f.svg", width_mm=5)


def test_show_is_a_static_picture_with_captions_and_ids_of_its_own(charts):
    chart = charts["contours"]
    figure = Figure(name="f", caption="what <it> shows", table="t", build=lambda: chart)
    first, second = (figures.show(Figures((figure,)))._repr_html_() for _ in range(2))
    assert "<svg" in first
    assert "<script" not in first
    assert "what &lt;it&gt; shows" in first
    ids = [set(re.findall(r'\sid="([^"]+)"', text)) for text in (first, second)]
    assert not ids[0] & ids[1]
    assert repr(figures.show(chart)) == "<1 figure>"
    with pytest.raises(SchemaError, match="got int"):
        figures.show(3)


def test_figures_load_lazily():
    import subprocess
    import sys

    code = "import sys; from isoflop import figures; print('altair' in sys.modules, dir(figures))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.startswith("False ['contours'")
    with pytest.raises(AttributeError, match="no attribute 'plot'"):
        _ = figures.plot
