"""What experts bring: verdict, effective sizes, figures, what cannot be said."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from isoflop.hookspecs import AnalysisContext
from isoflop.results import AnalysisResult
from isoflop.schema import FITS
from isoflop.tables import RunTable
from isoflop_plugins.analyzers.routed.analyzer import ROUTED_ANALYZER
from isoflop_plugins.laws.routed import CLARK, ROUTED, cutoff_params, effective_params

SIZES = (15e6, 55e6, 130e6, 370e6, 1.3e9)


def family_of(name: str, *, seed: int = 0, noise: float = 0.001, experts: Any = None) -> Any:
    rng = np.random.default_rng(seed)
    n, e = np.array(list(product(SIZES, experts or (1, 2, 4, 8, 32, 64, 128, 512)))).T
    loss = np.asarray(ROUTED.form(CLARK["S-BASE"], {"n_params": n, "n_experts": e}))
    return pd.DataFrame(
        {
            "run_name": [f"{name}-{int(s / 1e6)}M-{int(k)}" for s, k in zip(n, e, strict=True)],
            "family": name,
            "n_params": np.round(n * np.where(e > 1, 1 + 0.3 * (e - 1), 1)),
            "n_params_active": np.where(e > 1, n, np.nan),
            "n_experts": np.where(e > 1, e, np.nan),
            "n_tokens": 1.3e11,
            "loss": loss * np.exp(noise * rng.normal(size=n.size)),
        }
    )


def analyze(frame: pd.DataFrame, **options: Any) -> AnalysisResult:
    context = AnalysisContext(laws={"routed": ROUTED}, published={})
    settings = {k: o.default for k, o in ROUTED_ANALYZER.options.items()}
    table = RunTable.from_pandas(frame)
    return ROUTED_ANALYZER.run(table, context, **(settings | {"n_boot": 100} | options))


@pytest.fixture(scope="module")
def result() -> AnalysisResult:
    dense = family_of("dense", experts=(1, 1))
    one = family_of("one", experts=(1, 8))
    return analyze(pd.concat([family_of("moe"), dense, one]))


def test_routed_runs_get_the_dense_size_they_are_worth(result: AnalysisResult) -> None:
    runs = result.tables["runs"]
    truth = effective_params(CLARK["S-BASE"], runs["n_params"], runs["n_experts"])
    assert runs["n_params_effective"].to_numpy() == pytest.approx(truth, rel=0.05)
    assert (runs["n_params_effective_low"] <= runs["n_params_effective"]).all()
    assert (runs["n_params_effective"] <= runs["n_params_effective_high"]).all()


def test_dense_runs_count_as_one_expert_and_are_worth_themselves(result: AnalysisResult) -> None:
    runs = result.tables["runs"]
    dense = runs[runs["n_experts"] == 1]
    assert len(dense) == len(SIZES)
    assert dense["gain"].to_numpy() == pytest.approx(1.0)


def test_the_verdict_says_where_experts_stop_helping(result: AnalysisResult) -> None:
    found = result.numbers["cutoff_params"]
    assert found.low < float(cutoff_params(CLARK["S-BASE"])) < found.high
    assert "experts stop helping at" in result.verdict
    assert "decades beyond the largest run" in result.verdict


def test_families_that_cannot_tell_say_what_is_missing(result: AnalysisResult) -> None:
    reasons = result.tables["fits"].set_index("family")["reason"]
    assert "none of 10 runs says that it has more than one expert" in reasons["dense"]
    assert "1 and 8 experts alone" in reasons["one"]
    assert len(result.fits) == 1


def test_runs_of_different_length_are_pointed_out() -> None:
    frame = family_of("moe")
    frame["n_tokens"] = np.geomspace(1e9, 1e12, len(frame))
    checks = dict(analyze(frame).checks)
    assert any("one training length" in text and not ok for text, ok in checks.items())


def test_gains_are_drawn_beyond_the_largest_size(result: AnalysisResult) -> None:
    gain = result.tables["gain"]
    outside = gain[gain["segment"] == "outside"]
    assert outside["n_params"].min() == pytest.approx(max(SIZES))
    assert (outside["gain"] < gain["gain"].max()).all()


def test_rows_for_the_registry_fit_its_schema(result: AnalysisResult) -> None:
    assert [tuple(row) for row in result.fits] == [FITS.names]


@pytest.mark.parametrize("name", ["loss_by_effective_params", "gain_by_size"])
def test_figures_render_and_name_their_table(result: AnalysisResult, name: str) -> None:
    import vl_convert

    figure = next(f for f in result.figures.specs() if f.name == name)
    assert figure.table in result.tables
    svg = vl_convert.vegalite_to_svg(result.figures[name].to_json())
    assert "<svg" in svg
    assert "NaN" not in svg


def test_unknown_numbers_of_experts_are_asked_for() -> None:
    frame = family_of("moe").assign(n_params=np.nan, n_experts=np.nan)
    assert "n_experts is null in all of 40 runs" in analyze(frame).verdict


@pytest.mark.parametrize("rows", [0, 1, 4])
def test_hardly_any_run_gives_a_sentence(rows: int) -> None:
    result = analyze(family_of("x").iloc[:rows])
    assert "no runs" in result.verdict or "Nothing can be said" in result.verdict
    assert next(iter(result.tables["runs"].columns)) == "family"
    assert len(result.figures) == 0


def test_constant_loss_and_one_size_are_no_law() -> None:
    frame = family_of("x")
    assert "all of 40 runs have one and the same loss" in analyze(frame.assign(loss=2.5)).verdict
    assert "not identifiable" in analyze(frame[frame["n_params_active"] == 15e6]).verdict
