"""Kept fits against the ones before them: verdict, tables, findings, figures, one date only."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import isoflop
from isoflop.hookspecs import AnalysisContext
from isoflop.results import AnalysisResult
from isoflop.schema import FITS
from isoflop.tables import FitTable
from isoflop_plugins.analyzers.drift.analyzer import DRIFT
from isoflop_plugins.laws.chinchilla import CHINCHILLA

MARCH = datetime(2026, 3, 1, tzinfo=UTC)


def kept(
    week: int, alpha: float, *, low: float | None = -0.02, high: float | None = 0.02, **cells: Any
) -> dict[str, Any]:
    """Return a row of `fits`; the ends are given as distances from the value."""
    params = {"alpha": [alpha, None if low is None else alpha + low,
                        None if high is None else alpha + high]}  # fmt: skip
    row = dict.fromkeys(FITS.names) | {
        "fit_id": f"{week:08d}-{alpha}", "created_at": MARCH + timedelta(weeks=week),
        "law": "chinchilla", "family": "web", "loss_dataset": "c4", "objective": "log-huber 0.001",
        "status": "converged", "n_runs": 30 + 10 * week, "level": 0.95,
        "params": json.dumps(params), "unidentified": "[]",
    }  # fmt: skip
    return row | cells


def analyze(*rows: dict[str, Any]) -> AnalysisResult:
    context = AnalysisContext(laws={"chinchilla": CHINCHILLA}, published={})
    frame = pd.DataFrame(list(rows), columns=list(FITS.names))
    return DRIFT.run(FitTable.from_pandas(frame, source="a test"), context)


GOLDEN = """\
Drift of fitted laws: 1 of 2 parameters left the interval of the fit before. chinchilla \
(family 'web'): alpha is 0.400 [0.380, 0.420] and was 0.360 [0.340, 0.380]. In one direction at \
every date: alpha of chinchilla (family 'web') (rising, 4 dates).
  [mild] chinchilla (family 'web'): alpha is 0.400 [0.380, 0.420] and was 0.360 [0.340, 0.380] \
on 2026-03-15 00:00 UTC: outside that interval.
  [no] chinchilla (family 'web'): 0 of 1 parameter inside the interval of the fit before, 4 dates
  [ok] chinchilla (family 'web', alpha = 0.3): 1 of 1 parameter inside the interval of the fit \
before, 2 dates
  tables: drift (2 rows), params (6 rows)
  left out: 1; first: it is not-identifiable, so its parameters mean nothing
  source: percentile intervals: Efron and Tibshirani 1993, chapter 13 (from memory of the book); \
fits: a test"""


@pytest.fixture
def moved() -> AnalysisResult:
    plain = [kept(week, alpha) for week, alpha in enumerate((0.34, 0.35, 0.36, 0.40))]
    fixed = [kept(week, 0.3 + week / 100, variant="alpha = 0.3") for week in (0, 1)]
    return analyze(*plain, *fixed, kept(4, 0.9, status="not-identifiable"))


def test_what_it_says_is_this(moved: AnalysisResult) -> None:
    assert repr(moved) == GOLDEN


def test_a_parameter_outside_its_last_interval_is_a_finding(moved: AnalysisResult) -> None:
    (finding,) = moved.findings
    assert (finding.kind, finding.law, finding.family) == ("drift", "chinchilla", "web")
    assert finding.subject == "c4/log-huber 0.001/alpha"
    assert finding.severity == "mild"
    assert finding.message == (
        "chinchilla (family 'web'): alpha is 0.400 [0.380, 0.420] and was 0.360 [0.340, 0.380] on "
        "2026-03-15 00:00 UTC: outside that interval."
    )
    assert (finding.evidence["runs"], finding.evidence["before_runs"]) == (60, 50)


def test_intervals_that_are_apart_are_a_clear_flag() -> None:
    (finding,) = analyze(kept(0, 0.3), kept(1, 0.4)).findings
    assert finding.severity == "clear"
    assert finding.message.endswith("and the two intervals are apart.")


def test_tables_hold_every_date_and_the_newest_against_the_one_before(
    moved: AnalysisResult,
) -> None:
    first = moved.tables["drift"].iloc[0]
    assert (first["verdict"], first["value"], first["before"]) == ("outside", 0.40, 0.36)
    assert (first["n_runs"], first["n_runs_before"], first["n_dates"]) == (60, 50, 4)
    assert (first["trend"], first["unit"]) == ("rising", "1")
    params = moved.tables["params"]
    plain = params[params["variant"] == ""]
    assert plain["created_at"].is_monotonic_increasing
    assert plain["value"].tolist() == [0.34, 0.35, 0.36, 0.40]


def test_no_fit_is_said_and_tables_keep_their_columns() -> None:
    result = analyze()
    assert result.verdict.startswith("No fits are kept yet, so nothing can have drifted.")
    assert len(result.figures) == 0
    assert list(result.tables["drift"].columns)[:6] == [
        "law", "family", "loss_dataset", "objective", "variant", "parameter",
    ]  # fmt: skip


def test_one_date_is_said_and_nothing_is_judged() -> None:
    result = analyze(kept(0, 0.3), kept(0, 0.5, family="code"))
    assert result.verdict == (
        "Drift needs two dates, and each of 2 laws was fitted on one so far: chinchilla (family "
        "'code'), chinchilla (family 'web'). Fit again when runs were added: `isoflop report` does."
    )
    assert set(result.tables["drift"]["reason"]) == {"it was fitted on one date only"}
    assert not result.findings
    assert len(result.figures) == 0


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([kept(0, 0.3, low=None, high=None), kept(1, 0.4)], "no fit before has an interval for it"),
        ([kept(0, 0.3, unidentified='["alpha"]'), kept(1, 0.4)], "no fit before has an interval"),
        ([kept(0, 0.3), kept(1, 0.4, unidentified='["alpha"]')], "newest fit does not identify it"),
        ([kept(0, 0.3), kept(1, float("nan"), low=None, high=None, params='{"alpha": [null]}')],
         "newest fit does not identify it"),
    ],
    ids=["no bootstrap", "was not identified", "is not identified", "null"],
)  # fmt: skip
def test_what_cannot_be_judged_says_why(rows: list[dict[str, Any]], reason: str) -> None:
    result = analyze(*rows)
    (row,) = result.tables["drift"].to_dict("records")
    assert row["verdict"] == "not-judged"
    assert reason in row["reason"]
    assert result.verdict.startswith("None of 2 kept fits can be compared with one before it")


def test_a_fit_without_an_interval_between_is_passed_over_for_the_last_that_has_one() -> None:
    result = analyze(kept(0, 0.30), kept(1, 0.35, low=None, high=None), kept(2, 0.31))
    (row,) = result.tables["drift"].to_dict("records")
    assert (row["verdict"], row["before"], row["n_runs_before"]) == ("inside", 0.30, 30)


def test_an_open_end_is_left_by_nothing_beyond_it() -> None:
    open_end = json.dumps({"alpha": [0.3, 0.28, "Infinity"]})
    assert not analyze(kept(0, 0.3, params=open_end), kept(1, 9.0)).findings
    assert analyze(kept(0, 0.3, params=open_end), kept(1, 0.2)).findings


def test_of_two_fits_of_one_date_that_with_more_runs_counts() -> None:
    result = analyze(kept(0, 0.3), kept(1, 0.9, n_runs=12), kept(1, 0.31, n_runs=40))
    assert not result.findings
    (left,) = result.left_out
    assert left.subject == "chinchilla, fit 00000001"
    assert "has the same date and as many runs or more" in left.reason


def test_fits_of_several_analyzers_to_the_same_numbers_are_one() -> None:
    same = {"data_digest": "d", "n_runs": 40}
    few = kept(1, 0.33, **same, n_boot=200, fit_id="few")
    result = analyze(kept(0, 0.3), few, kept(1, 0.31, **same, n_boot=1000, fit_id="many"))
    assert result.left_out == []
    assert result.tables["params"]["fit_id"].tolist() == ["00000000-0.3", "many"]


def test_a_fit_without_a_date_is_left_out() -> None:
    (left,) = analyze(kept(0, 0.3, created_at=None), kept(1, 0.3)).left_out
    assert left.reason == "it has no date"


def test_families_losses_and_objectives_are_never_compared_with_one_another() -> None:
    rows = [kept(0, 0.3), kept(1, 0.9, family="code"), kept(2, 0.9, loss_dataset="pile"),
            kept(3, 0.9, objective="log-squares"), kept(4, 0.9, law="kaplan-n")]  # fmt: skip
    result = analyze(*rows)
    assert not result.findings
    assert "chinchilla (family 'web', loss on 'c4', log-squares)" in result.verdict


def test_equal_values_of_a_sharp_fit_have_not_moved() -> None:
    sharp = {"low": 0.0, "high": 0.0}
    result = analyze(kept(0, 0.3, **sharp), kept(1, 0.3 * (1 + 1e-13), **sharp), kept(2, 0.3))
    assert not result.findings
    assert result.tables["drift"]["trend"].tolist() == ["steady"]


@given(
    st.lists(st.floats(0.1, 0.9), min_size=2, max_size=5, unique=True),
    st.permutations(range(5)),
)
def test_the_order_of_rows_is_irrelevant(values: list[float], order: list[int]) -> None:
    rows = [kept(week, alpha) for week, alpha in enumerate(values)]
    shuffled = [rows[i] for i in order if i < len(rows)]
    assert analyze(*rows).tables["drift"].equals(analyze(*shuffled).tables["drift"])
    outside = abs(values[-1] - values[-2]) > 0.02 * (1 + 1e-6)
    inside = abs(values[-1] - values[-2]) < 0.02 * (1 - 1e-6)
    assert bool(analyze(*rows).findings) == outside or not (outside or inside)


def test_names_of_families_are_kept_as_text() -> None:
    result = analyze(kept(0, 0.3, family="<script>\n"), kept(1, 0.9, family="<script>\n"))
    assert "family '<script>\\n'" in result.verdict


def test_the_figure_renders_with_a_panel_a_parameter(moved: AnalysisResult) -> None:
    import vl_convert

    (figure,) = moved.figures.specs()
    assert figure.name == "drift_chinchilla"
    assert figure.table in moved.tables
    assert "6 fits to 30 to 60 runs, loss on c4." in figure.caption
    spec = moved.figures[figure.name].to_dict()
    assert [panel["title"] for panel in spec["concat"]] == ["alpha [1]"]
    svg = vl_convert.vegalite_to_svg(moved.figures[figure.name].to_json())
    assert "<svg" in svg
    assert "NaN" not in svg


def test_a_figure_with_open_ends_and_wide_values_renders() -> None:
    import vl_convert

    wide = json.dumps({"A": [1e3, 1e2, "Infinity"], "alpha": [0.3, None, None]})
    wider = json.dumps({"A": [1e9, 1e8, 1e10], "alpha": [0.4, None, None]})
    rows = [kept(0, 0.3, params=wide, unidentified='["A"]'), kept(1, 0.3, params=wider)]
    chart = analyze(*rows).figures["drift_chinchilla"]
    axis = chart.to_dict()["concat"][0]["layer"][0]["encoding"]["y"]
    assert axis["scale"]["type"] == "log"
    assert "NaN" not in vl_convert.vegalite_to_svg(chart.to_json())


@pytest.mark.slow
def test_in_a_registry_a_law_that_changed_is_caught(tmp_path) -> None:
    """Kept by the report itself: no drift on the day, a finding once other runs came."""
    from isoflop.reporting import build_report, record_report

    registry = isoflop.open_registry(tmp_path / "registry", create=True)
    assert isinstance(registry.fits(), FitTable)
    first = build_report(registry, analyzers=["drift"], now=MARCH)
    assert first.yours[0].failure.startswith("No fits are kept yet")
    for week, alpha in enumerate((0.35, 0.25)):
        _add_runs(registry, alpha)
        report = build_report(
            registry, analyzers=["chinchilla-parametric", "drift"],
            options={"chinchilla-parametric": {"n_boot": 50}}, now=MARCH + timedelta(weeks=week),
        )  # fmt: skip
        record_report(report, registry)
    drift = next(s for s in report.yours if s.analyzer == "drift")
    assert drift.result is not None
    assert "left the interval of the fit before" in drift.result.verdict
    assert {f.finding.evidence["before_runs"] for f in drift.flags} == {40}
    assert registry.findings()["kind"].tolist().count("drift") == len(drift.flags)
    again = build_report(registry, analyzers=["chinchilla-parametric", "drift"],
                         options={"chinchilla-parametric": {"n_boot": 50}})  # fmt: skip
    assert again.id == report.id
    assert not again.changes.raised


def _add_runs(registry: isoflop.Registry, alpha: float) -> None:
    """Replace the runs of the registry by forty that follow another exponent."""
    import numpy as np

    from isoflop.records import ResolvedRun, run_uid

    rng = np.random.default_rng(0)
    n_params, n_tokens = 10 ** rng.uniform(7, 10, 40), 10 ** rng.uniform(9, 11.5, 40)
    loss = 1.8 + 10 ** (7.7 * alpha) / n_params**alpha + 2100 / n_tokens**0.37
    loss = loss * np.exp(0.003 * rng.normal(size=40))
    rows = [
        {"run_uid": run_uid("mlflow", str(i)), "source_kind": "mlflow", "native_run_id": str(i),
         "run_name": str(i), "family": "web", "status": "finished", "lifecycle": "active",
         "n_params": int(n_params[i]), "n_tokens": int(n_tokens[i]), "loss": float(loss[i]),
         "loss_dataset": "c4", "created_at": MARCH}
        for i in range(40)
    ]  # fmt: skip
    runs = [ResolvedRun(row=row) for row in rows]
    registry.writer().drop_runs(runs, known_revs=registry.revs())
    registry.fold()
