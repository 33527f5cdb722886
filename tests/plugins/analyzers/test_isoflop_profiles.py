"""Approach 2 per family: published exponents, verdict, tables, figures, refusals."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from isoflop.errors import SchemaError
from isoflop.estimation import fit_law
from isoflop.estimation.isoflop_profiles.analysis import isoflop_profiles
from isoflop.hookspecs import AnalysisContext
from isoflop.results import AnalysisResult
from isoflop.tables import RunTable
from isoflop_plugins.analyzers.isoflop_profiles.analyzer import ISOFLOP_PROFILES
from isoflop_plugins.laws.chinchilla import CHINCHILLA

GOLDEN = Path(__file__).with_name("golden_isoflop_profiles.csv")


def golden(*, approach_3: bool) -> list[Any]:
    rows = [line for line in GOLDEN.read_text().splitlines() if not line.startswith("#")]
    return [
        pytest.param(row, id="-".join(row[k] for k in ("experiment", "method", "quantity", "kind")))
        for row in csv.DictReader(rows)
        if (row["method"] in ("approach 3", "huber")) == approach_3
    ]


@pytest.fixture(scope="module")
def experiments(shared_data: Path) -> dict[str, pd.DataFrame]:
    frame = pd.read_csv(shared_data / "isoflop_experiments" / "isoflops.csv")
    names = {"params": "n_params", "tokens": "n_tokens", "budget": "flops"}
    return {str(name): rows.rename(columns=names) for name, rows in frame.groupby("experiment")}


@pytest.fixture(scope="module")
def exponents(experiments: dict[str, pd.DataFrame]) -> dict[str, Any]:
    found = {}
    for name, rows in experiments.items():
        n, d, loss, flops = (rows[c].to_numpy() for c in ("n_params", "n_tokens", "loss", "flops"))
        found[name] = isoflop_profiles(n, d, loss, flops=flops).exponents
    return found


@pytest.mark.parametrize("row", golden(approach_3=False))
def test_approach_2_gives_the_golden_exponents(
    exponents: dict[str, Any], row: dict[str, str]
) -> None:
    value = getattr(exponents[row["experiment"]][row["method"]], row["quantity"]).value
    assert float(row["low"]) <= value <= float(row["high"]), row["source"]


@pytest.mark.parametrize("row", golden(approach_3=True))
def test_approach_3_gives_the_golden_values(
    experiments: dict[str, pd.DataFrame], row: dict[str, str]
) -> None:
    frame = experiments[row["experiment"]][["n_params", "n_tokens", "loss"]]
    objective = "huber" if row["method"] == "huber" else "log-huber"
    fit = fit_law(CHINCHILLA, RunTable.from_pandas(frame), objective=objective, n_boot=0)
    mean = 1e6 * fit.objective / fit.n_runs
    values = {**fit.params, **fit.derived}
    value = mean if row["quantity"] == "objective" else values[row["quantity"]].value
    assert float(row["low"]) <= value <= float(row["high"]), row["source"]


def test_hoffmann_s_exponents_lie_in_our_intervals(experiments: dict[str, pd.DataFrame]) -> None:
    """Hoffmann et al. 2022, table 2, approach 2: a 0.49, b 0.51."""
    rows = experiments["epochai_chinchilla__massivetext__chinchilla"]
    n, d, loss = (rows[c].to_numpy() for c in ("n_params", "n_tokens", "loss"))
    for method in ("parabola, equal weights", "akima"):
        fit = isoflop_profiles(n, d, loss).exponents[method]
        assert fit.exponent_n.low < 0.49 < fit.exponent_n.high
        assert fit.exponent_d.low < 0.51 < fit.exponent_d.high


def test_budgets_with_too_few_sizes_are_those_the_authors_flagged(
    experiments: dict[str, pd.DataFrame],
) -> None:
    for rows in experiments.values():
        n, d, loss, flops = (rows[c].to_numpy() for c in ("n_params", "n_tokens", "loss", "flops"))
        found = isoflop_profiles(n, d, loss, flops=flops, min_sizes=6, n_boot=0)
        ours = {p.flops for p in found.profiles if "too_few_points" in p.flags}
        assert ours == set(rows[rows["reason"] == "too_few_points"]["flops"])


def family_of(name: str, *, seed: int, noise: float = 0.002, budgets: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    flops = np.repeat(10.0 ** np.linspace(18, 21, budgets), 9)
    steps = np.tile(np.linspace(-1, 1, 9) * np.log(4), budgets)
    n = np.round(0.4 * flops**0.5 * np.exp(steps))
    d = np.round(flops / (6 * n))
    loss = (1.7 + 400 / n**0.34 + 410 / d**0.34) * np.exp(noise * rng.normal(size=n.size))
    return pd.DataFrame(
        {
            "run_name": [f"{name}-{i}" for i in range(n.size)],
            "family": name,
            "n_params": n,
            "n_tokens": d,
            "loss": loss,
            "loss_dataset": "c4",
        }
    )


def analyze(frame: pd.DataFrame, **options: Any) -> AnalysisResult:
    context = AnalysisContext(laws={"chinchilla": CHINCHILLA}, published={})
    settings = {k: o.default for k, o in ISOFLOP_PROFILES.options.items()}
    return ISOFLOP_PROFILES.run(
        RunTable.from_pandas(frame), context, **(settings | {"n_boot": 200} | options)
    )


@pytest.fixture(scope="module")
def result() -> AnalysisResult:
    spread = family_of("spread", seed=1)
    spread["n_tokens"] = spread["n_tokens"] * np.geomspace(1, 300, len(spread))
    good = family_of("good", seed=0)
    good.loc[3, "loss"] = np.nan
    return analyze(pd.concat([good, spread, family_of("two", seed=2, budgets=2)]))


def test_a_good_family_gets_its_exponents_and_approach_3_beside(result: AnalysisResult) -> None:
    assert result.numbers["exponent_n"].low < 0.5 < result.numbers["exponent_n"].high
    assert "family 'good', 5 of 5 budgets: N_opt grows as C^" in result.verdict
    assert "Approach 3 on the same runs gives" in result.verdict
    assert "2 families gave no exponents." in result.verdict


def test_a_continuum_is_said_and_not_grouped(result: AnalysisResult) -> None:
    texts = [text for text, ok in result.checks if not ok]
    assert any("family 'spread': their compute (6ND) is spread out" in text for text in texts)
    assert "spread" not in set(result.tables["optima"]["family"])


def test_two_budgets_give_optima_and_no_exponents(result: AnalysisResult) -> None:
    optima, exponents = result.tables["optima"], result.tables["exponents"]
    assert (optima["family"] == "two").sum() == 2
    assert set(exponents["family"]) == {"good"}
    assert any("2 budgets of 2 have an optimum, and an exponent needs 3" in t
               for t, _ in result.checks)  # fmt: skip


def test_left_out_runs_have_reasons(result: AnalysisResult) -> None:
    reasons = {left.subject: left.reason for left in result.left_out}
    assert reasons["good-3"] == "loss is null"
    assert reasons["spread-0"].startswith("no_budget: its compute belongs to no budget")


def test_bias_stands_beside_the_difference(result: AnalysisResult) -> None:
    bias = result.tables["bias"].set_index(["quantity", "flops"])
    assert bias.index.get_level_values("quantity").tolist() == [
        "exponent_n", "exponent_d", *["n_params", "n_tokens"] * 3,
    ]  # fmt: skip
    assert bias["expected_bias"].abs().max() < 0.1
    decades = bias["extrapolation_decades"].dropna().unique()
    assert decades.tolist() == pytest.approx([0, 1, 2])
    assert (bias["approach_3_low"] <= bias["approach_3"]).all()


def test_tables_have_units_and_agree_with_each_other(result: AnalysisResult) -> None:
    optima, profiles = result.tables["optima"], result.tables["profiles"]
    assert optima.attrs["units"]["n_tokens_low"] == "token"
    assert optima.loc[optima["used"], "n_runs"].sum() == profiles["used"].sum()
    assert np.allclose(
        6 * optima["n_params"] * optima["n_tokens"], optima["flops"], rtol=1e-4, equal_nan=True
    )
    assert profiles.loc[profiles["used"], "residual"].abs().max() < 0.02


def test_the_column_of_flops_groups_what_6nd_does_not() -> None:
    frame = family_of("own count", seed=3)
    frame["flops"] = 6 * frame["n_params"] * frame["n_tokens"]
    frame["flops_convention"] = "full"
    frame["n_tokens"] *= np.exp(-0.8 * np.tile(np.linspace(0, 1, 9), 5))
    result = analyze(frame)
    assert any("5 budgets of equal flops (full)" in text for text, _ in result.checks)
    assert any("6 N D differs by up to 123 %" in text for text, ok in result.checks if not ok)
    assert "give no exponents" in analyze(frame, compute="6ND").verdict


def test_mixed_conventions_fall_back_to_6nd() -> None:
    frame = family_of("mixed", seed=3)
    frame["flops"] = 1e20
    frame["flops_convention"] = ["full", "6ND", "6ND"] * 15
    result = analyze(frame)
    assert any("5 budgets of equal 6ND" in text for text, _ in result.checks)


def test_a_sweep_of_learning_rates_keeps_the_best_run() -> None:
    frame = family_of("sweep", seed=4).assign(learning_rate_peak=3e-4)
    worse = frame.assign(
        learning_rate_peak=3e-3, loss=frame["loss"] + 0.1, run_name=frame["run_name"] + "-high"
    )
    result = analyze(pd.concat([frame, worse]))
    assert len(result.left_out) == len(worse)
    assert {left.reason.split(":")[0] for left in result.left_out} == {"not_best_of_sweep"}


@pytest.mark.parametrize("name", ["isoflop_parabolas", "optima_vs_compute"])
def test_figures_render_and_name_their_table(result: AnalysisResult, name: str) -> None:
    import vl_convert

    figure = next(f for f in result.figures.specs() if f.name == name)
    assert figure.table in result.tables
    assert "62 runs" in figure.caption
    assert "c4" in figure.caption
    svg = vl_convert.vegalite_to_svg(result.figures[name].to_json())
    assert "<svg" in svg
    assert "NaN" not in svg


def test_an_empty_table_says_so_and_keeps_its_columns() -> None:
    result = analyze(family_of("x", seed=0).iloc[:0])
    assert result.verdict == "There are no runs."
    assert len(result.figures) == 0
    assert "exponent_n_low" in result.tables["exponents"].columns


def test_one_run_is_refused_with_the_numbers() -> None:
    result = analyze(family_of("x", seed=0).iloc[:1])
    assert "give no exponents" in result.verdict
    assert "got 1 of 1" in result.verdict
    assert len(result.left_out) == 1


@pytest.mark.parametrize("column", ["n_params", "n_tokens", "loss"])
def test_a_column_of_nulls_is_refused_with_its_name(column: str) -> None:
    frame = family_of("x", seed=0)
    frame[column] = np.nan
    assert f"{column} is null" in analyze(frame).verdict


def test_constant_loss_gives_no_confident_exponent() -> None:
    frame = family_of("flat", seed=0)
    frame["loss"] = 3.0
    result = analyze(frame)
    assert not any(np.isfinite(e.low) and e.high - e.low < 0.5 for e in result.numbers.values())


def test_names_of_families_are_kept_as_text() -> None:
    assert "family '<script>\\n'" in analyze(family_of("<script>\n", seed=0)).verdict


def test_an_unknown_compute_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SchemaError, match="compute must be one of"):
        analyze(family_of("x", seed=0), compute="C")
