"""The lower envelope: named as such, beside the law, with the share of runs below."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from isoflop.errors import SchemaError
from isoflop.hookspecs import AnalysisContext
from isoflop.results import AnalysisResult
from isoflop.tables import RunTable
from isoflop_plugins.analyzers.quantile_frontier.analyzer import QUANTILE_FRONTIER_ANALYZER
from isoflop_plugins.laws.chinchilla import CHINCHILLA
from isoflop_plugins.laws.quantile_frontier import QUANTILE_FRONTIER

CONTEXT = AnalysisContext(
    laws={"chinchilla": CHINCHILLA, "quantile-frontier": QUANTILE_FRONTIER}, published={}
)


def family_of(name: str, n: int = 100, *, seed: int = 0) -> pd.DataFrame:
    """Return runs that badly tuned ones lift above the law by 3 % on average."""
    rng = np.random.default_rng(seed)
    n_params = np.round(10 ** rng.uniform(7, 10, n))
    n_tokens = np.round(10 ** rng.uniform(9, 11.5, n))
    loss = 1.8 + 480 / n_params**0.35 + 2100 / n_tokens**0.37
    return pd.DataFrame(
        {
            "run_name": [f"{name}-{i}" for i in range(n)],
            "family": name,
            "n_params": n_params,
            "n_tokens": n_tokens,
            "loss": loss * np.exp(rng.exponential(0.03, n)),
        }
    )


def analyze(frame: pd.DataFrame, **options: Any) -> AnalysisResult:
    defaults = {k: o.default for k, o in QUANTILE_FRONTIER_ANALYZER.options.items()}
    return QUANTILE_FRONTIER_ANALYZER.run(
        RunTable.from_pandas(frame), CONTEXT, **(defaults | {"n_boot": 100} | options)
    )


@pytest.fixture(scope="module")
def result() -> AnalysisResult:
    line = family_of("line", 20)
    line["n_tokens"] = 20 * line["n_params"]
    return analyze(pd.concat([family_of("good"), line, family_of("few", 4)]))


def test_the_verdict_says_that_it_is_an_envelope_and_not_the_law(result: AnalysisResult) -> None:
    assert "This is an envelope of the best runs, not the law of the runs." in result.verdict
    assert "Family 'good' (100 runs): the envelope that 10 % of runs stay below" in result.verdict
    assert "2 families had too few or mixed runs, or no optimum." in result.verdict


def test_the_gap_to_the_typical_run_is_that_of_the_scatter(result: AnalysisResult) -> None:
    # Of an exponential scatter of 0.03 the median is 0.0208 and the tenth percentile 0.0032.
    gap = result.numbers["gap"]
    assert gap.value == pytest.approx(0.0176, abs=0.004)
    assert gap.low < gap.value < gap.high


@pytest.mark.parametrize("quantile", [0.05, 0.1, 0.25])
def test_the_asked_share_of_runs_is_below(quantile: float) -> None:
    result = analyze(family_of("x"), quantile=quantile, n_boot=0)
    share = result.tables["fits"].set_index("fit").loc["envelope", "share_below"]
    assert share == pytest.approx(quantile, abs=0.05)
    assert result.tables["distance"]["is_below"].mean() == pytest.approx(share)


def test_fits_are_stored_under_a_name_of_their_own(result: AnalysisResult) -> None:
    assert {row["law"] for row in result.fits} == {"quantile-frontier"}


def test_envelope_and_law_stand_side_by_side(result: AnalysisResult) -> None:
    table = result.tables["loss_vs_compute"]
    lines = table[table["family"] == "good"].pivot_table(
        index="flops", columns="kind", values="loss"
    )[["envelope", "law"]].dropna()  # fmt: skip
    assert len(lines) > 50
    assert (lines["envelope"] < lines["law"]).all()
    params = result.tables["params"]
    assert set(params["fit"]) == {"envelope", "law"}


@pytest.mark.parametrize("quantile", [0.0, 0.5, 0.9])
def test_a_quantile_that_is_no_lower_envelope_is_refused(quantile: float) -> None:
    with pytest.raises(SchemaError, match=r"quantile must lie between 0 and 0\.5"):
        analyze(family_of("x"), quantile=quantile)


@pytest.mark.parametrize("name", ["loss_vs_compute", "distance"])
def test_figures_render_and_name_their_table(result: AnalysisResult, name: str) -> None:
    import vl_convert

    figure = next(f for f in result.figures.specs() if f.name == name)
    assert figure.table in result.tables
    assert "NaN" not in vl_convert.vegalite_to_svg(result.figures[name].to_json())


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (family_of("x").iloc[:0], "There are no runs."),
        (family_of("x", 1), "got 1 of 1"),
        (family_of("x", 30).assign(loss=2.5), "not identifiable"),
        (family_of("x", 30).assign(loss=float("nan")), "30 x loss is null"),
        (family_of("x", 30).assign(status="diverged"), "30 x status is diverged"),
    ],
    ids=["empty", "one run", "constant loss", "NaN", "diverged"],
)
def test_what_cannot_be_fitted_is_said(frame: pd.DataFrame, said: str) -> None:
    result = analyze(frame)
    assert said in result.verdict
    assert not result.numbers
