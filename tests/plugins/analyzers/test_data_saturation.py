"""What more tokens bring at one size: gain, floor, and saying that the runs cannot tell."""

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
from isoflop_plugins.analyzers.data_saturation.analyzer import DATA_SATURATION_ANALYZER
from isoflop_plugins.laws.data_saturation import DATA_SATURATION

CONTEXT = AnalysisContext(laws={"data-saturation": DATA_SATURATION}, published={})


def size_of(
    n_params: float, n: int = 12, *, decades: float = 3.0, noise: float = 0.0, family: str = "x"
) -> pd.DataFrame:
    n_tokens = np.round(np.geomspace(1e9, 1e9 * 10**decades, n))
    loss = 1.8 + 480 / n_params**0.35 + 2100 / n_tokens**0.37
    scatter = np.exp(noise * np.random.default_rng(0).normal(size=n))
    return pd.DataFrame(
        {
            "run_name": [f"{n_params:g}-{i}" for i in range(n)],
            "family": family,
            "n_params": n_params,
            "n_tokens": n_tokens,
            "loss": loss * scatter,
        }
    )


def analyze(frame: pd.DataFrame, **options: Any) -> AnalysisResult:
    defaults = {k: o.default for k, o in DATA_SATURATION_ANALYZER.options.items()}
    return DATA_SATURATION_ANALYZER.run(
        RunTable.from_pandas(frame), CONTEXT, **(defaults | {"n_boot": 100} | options)
    )


@pytest.fixture(scope="module")
def result() -> AnalysisResult:
    return analyze(
        pd.concat(
            [
                size_of(1e8, 30, noise=0.001),
                size_of(1e9, 30, noise=0.001),
                size_of(5e9, 3),
                size_of(1e9, 8, decades=0.5, noise=0.01, family="short"),
            ]
        )
    )


def test_noise_free_runs_give_gain_slope_and_floor() -> None:
    row = analyze(size_of(1e9)).tables["sizes"].iloc[0]
    floor = 1.8 + 480 / 1e9**0.35
    assert row["floor"] == pytest.approx(floor, rel=1e-6)
    assert row["gain_of_doubling"] == pytest.approx(2100 * (1e12**-0.37 - 2e12**-0.37), rel=1e-5)
    assert row["loss_per_token"] == pytest.approx(0.37 * 2100 * 1e12**-1.37, rel=1e-5)
    assert row["tokens_to_floor"] == pytest.approx((2100 / 0.01) ** (1 / 0.37), rel=1e-4)
    assert row["is_floor_known"]


def test_the_slope_is_that_of_one_token_more() -> None:
    row = analyze(size_of(1e9), n_boot=0).tables["sizes"].iloc[0]
    step = 1e9
    fit = lambda d: 2100 / d**0.37  # noqa: E731
    assert row["loss_per_token"] == pytest.approx((fit(1e12) - fit(1e12 + step)) / step, rel=1e-3)


def test_the_verdict_tells_the_floor_of_the_largest_size(result: AnalysisResult) -> None:
    assert "Of 3 sizes with four runs or more, the runs can tell the floor of 2." in result.verdict
    assert "Family 'x' at 1.0 B parameters (30 runs to 1.0 T tokens)" in result.verdict
    assert "comes within 0.01 of its floor" in result.verdict


def test_a_short_range_says_that_it_cannot_tell(result: AnalysisResult) -> None:
    assert "Family 'short'" in result.verdict
    assert "the runs cannot tell its floor" in result.verdict
    rows = result.tables["sizes"].set_index(["family", "n_params"])
    assert not rows.loc[("short", 1e9), "is_floor_known"]
    assert any("Family 'short'" in text and not ok for text, ok in result.checks)


def test_sizes_of_few_runs_are_left_out_with_the_reason(result: AnalysisResult) -> None:
    left = [item for item in result.left_out if item.subject.startswith("5e+09")]
    assert len(left) == 3
    assert left[0].reason == (
        "3 runs with tokens and loss of 5.0 B parameters, 4 needed to fit loss against tokens"
    )


def test_numbers_are_named_by_family_and_size(result: AnalysisResult) -> None:
    assert {"x/gain_of_doubling/100000000", "x/gain_of_doubling/1000000000"} <= set(result.numbers)


def test_loss_near_its_floor_is_said() -> None:
    verdict = analyze(size_of(1e9), within=0.2).verdict
    assert "it is within 0.2 of its floor already" in verdict


def test_no_size_of_four_runs_says_what_to_do() -> None:
    result = analyze(pd.concat([size_of(n, 2) for n in (1e8, 2e8, 4e8)]))
    assert "train one size for several lengths" in result.verdict
    assert len(result.left_out) == 6
    assert list(result.tables["sizes"].columns)[:2] == ["family", "n_params"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ({"loss": 2.5}, "the floor of 0"),
        ({"n_tokens": 1e10}, "the floor of 0"),
        ({"loss": float("nan")}, "No size has four runs"),
        ({"status": "diverged"}, "the floor of 0"),
        ({"n_params": None}, "No size has four runs"),
    ],
    ids=["constant loss", "one length", "NaN", "diverged", "no size"],
)
def test_what_cannot_be_told_is_said(spoil: dict[str, Any], said: str) -> None:
    result = analyze(size_of(1e9).assign(**spoil))
    assert said in result.verdict
    assert not result.numbers


def test_an_empty_table_says_so() -> None:
    assert analyze(size_of(1e9).iloc[:0]).verdict == "There are no runs."


def test_a_distance_that_is_not_positive_is_refused() -> None:
    with pytest.raises(SchemaError, match="within must be positive, got 0"):
        analyze(size_of(1e9), within=0)


def test_the_figure_renders_and_rows_fit_the_registry(result: AnalysisResult) -> None:
    import vl_convert

    svg = vl_convert.vegalite_to_svg(result.figures["loss_vs_tokens"].to_json())
    assert "NaN" not in svg
    assert all(tuple(row) == FITS.names for row in result.fits)
