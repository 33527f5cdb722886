"""Worth of repeated tokens per family: verdict, tables, figures, what cannot be said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoflop.errors import SchemaError
from isoflop.estimate import Estimate
from isoflop.hookspecs import AnalysisContext
from isoflop.results import AnalysisResult
from isoflop.schema import FITS
from isoflop.tables import RunTable
from isoflop_plugins.analyzers.data_constrained.analyzer import DATA_CONSTRAINED_ANALYZER
from isoflop_plugins.analyzers.data_constrained.half_lives import last_worth, mean_worth, worth_at
from isoflop_plugins.laws.chinchilla import CHINCHILLA
from isoflop_plugins.laws.data_constrained import DATA_CONSTRAINED, MUENNIGHOFF_C4, effective

CONTEXT = AnalysisContext(
    laws={"chinchilla": CHINCHILLA, "data-constrained": DATA_CONSTRAINED}, published={}
)


def family_of(name: str, n: int, *, seed: int = 0, noise: float = 0.004, epochs: float = 80) -> Any:
    rng = np.random.default_rng(seed)
    unique = 10 ** rng.uniform(8.5, 10.5, n)
    repeats = np.where(np.arange(n) % 3 == 0, 1.0, epochs ** rng.uniform(0, 1, n))
    frame = pd.DataFrame(
        {
            "n_params": 10 ** rng.uniform(7.5, 9.8, n),
            "n_tokens": unique * repeats,
            "n_tokens_unique": unique,
        }
    ).round()
    loss = DATA_CONSTRAINED.form(
        MUENNIGHOFF_C4, {c: frame[c].to_numpy() for c in DATA_CONSTRAINED.variables}
    )
    return frame.assign(
        run_name=[f"{name}-{i}" for i in range(n)],
        family=name,
        loss_dataset="c4",
        loss=np.asarray(loss) * np.exp(noise * rng.normal(size=n)),
    )


def analyze(frame: pd.DataFrame, **options: Any) -> AnalysisResult:
    settings = {k: o.default for k, o in DATA_CONSTRAINED_ANALYZER.options.items()}
    table = RunTable.from_pandas(frame)
    return DATA_CONSTRAINED_ANALYZER.run(table, CONTEXT, **(settings | {"n_boot": 100} | options))


@pytest.fixture(scope="module")
def result() -> AnalysisResult:
    once = family_of("once", 20, seed=1).assign(n_tokens=lambda f: f["n_tokens_unique"])
    silent = family_of("silent", 12, seed=2).assign(n_tokens_unique=np.nan)
    few = family_of("few", 4, seed=3)
    return analyze(pd.concat([family_of("many", 60), once, silent, few]))


def test_a_family_that_repeats_gets_its_half_life(result: AnalysisResult) -> None:
    found = result.numbers["R_D"]
    assert found.low < MUENNIGHOFF_C4["R_D"] < found.high
    assert "Family 'many' (60 runs, " in result.verdict
    assert "after 4 epochs a repeated token is worth" in result.verdict


def test_families_that_cannot_tell_say_what_is_missing(result: AnalysisResult) -> None:
    reasons = result.tables["fits"].set_index("family")["reason"]
    assert "repeats its data (more than 1.01 epochs)" in reasons["once"]
    assert "n_tokens_unique is null in all of 12 runs" in reasons["silent"]
    assert "needs at least 8 usable" in reasons["few"]
    assert len([x for x in result.left_out if x.subject.startswith("silent-")]) == 12


def test_runs_that_repeat_are_marked(result: AnalysisResult) -> None:
    runs = result.tables["runs"]
    assert (runs["repeats"] == (runs["epochs"] > 1.01)).all()
    assert ((runs["worth"] < 1) == (runs["epochs"] > 1 + 1e-9)).all()


def test_best_epochs_lie_at_the_minimum_of_the_law(result: AnalysisResult) -> None:
    best = result.tables["optimum"].iloc[0]
    assert 6 * best["n_params"] * best["n_tokens"] == pytest.approx(best["flops"])
    assert best["epochs_low"] <= best["epochs"] <= best["epochs_high"]
    params = result.tables["params"]
    p = dict(zip(params["parameter"], params["value"], strict=True))
    losses = [
        DATA_CONSTRAINED.form(
            p,
            {
                "n_params": best["n_params"] / off,
                "n_tokens": best["n_tokens"] * off,
                "n_tokens_unique": best["n_tokens_unique"],
            },
        )
        for off in (0.9, 1.0, 1.1)
    ]
    assert min(losses) == losses[1] == pytest.approx(best["loss"])
    assert best["loss_fresh"] <= best["loss"]


def test_a_budget_and_distinct_tokens_can_be_given() -> None:
    result = analyze(family_of("many", 60), flops=[1e20, 1e21], n_tokens_unique=1e9)
    table = result.tables["optimum"]
    assert table["flops"].tolist() == [1e20, 1e21]
    assert (table["n_tokens_unique"] == 1e9).all()
    assert table["epochs"].is_monotonic_increasing


@pytest.mark.parametrize("options", [{"flops": -1.0}, {"n_tokens_unique": 0.0}, {"level": 2}])
def test_options_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SchemaError):
        analyze(family_of("many", 30), **options)


def test_two_stages_hold_the_law_of_unique_data() -> None:
    small = family_of("many", 90).assign(
        n_params=lambda f: np.round(np.minimum(f["n_params"], f["n_tokens_unique"] / 25))
    )
    loss = DATA_CONSTRAINED.form(
        MUENNIGHOFF_C4,
        {c: small[c].to_numpy() for c in ("n_params", "n_tokens", "n_tokens_unique")},
    )
    result = analyze(small.assign(loss=np.asarray(loss)), two_stage=True)
    assert result.numbers["R_D"].value == pytest.approx(MUENNIGHOFF_C4["R_D"], rel=1e-3)
    assert any("held at the fit of the 30 runs that repeat nothing" in t for t, _ in result.checks)
    assert set(result.tables["params"]["parameter"]) <= {"R_D", "R_N"}


def test_models_within_their_data_leave_the_second_half_life_to_the_paper() -> None:
    frame = family_of("small", 60)
    frame["n_params"] = np.round(frame["n_tokens_unique"] / 200 * 4 ** (np.arange(60) % 3 - 1.0))
    values = {c: frame[c].to_numpy() for c in DATA_CONSTRAINED.variables}
    frame["loss"] = np.asarray(DATA_CONSTRAINED.form(MUENNIGHOFF_C4, values)) * np.exp(
        0.002 * np.random.default_rng(0).normal(size=60)
    )
    result = analyze(frame)
    assert any("R_N is held at 5.31" in text for text, _ in result.checks)
    assert "R_N" not in set(result.tables["params"]["parameter"])
    assert result.numbers["R_D"].low < MUENNIGHOFF_C4["R_D"] < result.numbers["R_D"].high


def test_a_half_life_that_is_open_is_called_so() -> None:
    frame = family_of("few repeats", 60, epochs=1.3, noise=0.01)
    result = analyze(frame)
    assert not result.fits or "not identif" in result.verdict or "R_D* is not" in result.verdict


def test_rows_for_the_registry_fit_its_schema(result: AnalysisResult) -> None:
    assert [tuple(row) for row in result.fits] == [FITS.names]


@pytest.mark.parametrize("name", ["worth", "residuals"])
def test_figures_render_and_name_their_table(result: AnalysisResult, name: str) -> None:
    import vl_convert

    figure = next(f for f in result.figures.specs() if f.name == name)
    assert figure.table in result.tables
    svg = vl_convert.vegalite_to_svg(result.figures[name].to_json())
    assert "<svg" in svg
    assert "NaN" not in svg


@pytest.mark.parametrize("rows", [0, 1])
def test_hardly_any_run_gives_a_sentence(rows: int) -> None:
    result = analyze(family_of("x", 3).iloc[:rows])
    assert "no runs" in result.verdict or "Nothing can be said" in result.verdict
    assert next(iter(result.tables["params"].columns)) == "family"
    assert len(result.figures) == 0


def test_names_of_families_are_kept_as_text() -> None:
    assert "Family '<b>\\n'" in analyze(family_of("<b>\n", 5)).verdict


@given(epochs=st.floats(1.0, 1e3), half_life=st.floats(0.1, 1e4))
def test_mean_worth_is_effective_over_seen_tokens(epochs: float, half_life: float) -> None:
    expected = effective(1.0, epochs, half_life) / epochs
    assert float(mean_worth(epochs, half_life)) == pytest.approx(expected)
    assert float(last_worth(epochs, half_life)) <= float(mean_worth(epochs, half_life)) + 1e-12


def test_open_half_lives_bound_the_worth() -> None:
    worth = worth_at(4.0, Estimate(value=10.0, low=0.0, high=np.inf))
    assert (worth.low, worth.high) == (0.0, 1.0)
    assert float(mean_worth(4.0, 0.0)) == 0.25
    assert float(mean_worth(4.0, np.inf)) == 1.0
