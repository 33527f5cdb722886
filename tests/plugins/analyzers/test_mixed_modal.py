"""Modalities together: interaction, barrier, figures, what cannot be said."""

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
from isoflop_plugins.analyzers.mixed_modal.analyzer import MIXED_MODAL_ANALYZER
from isoflop_plugins.laws.chinchilla import CHINCHILLA
from isoflop_plugins.laws.mixed_modal import AGHAJANYAN, MIXED_MODAL, barrier

TRUTH = {"C": 0.25, "A": 40.0, "B": 200.0, "alpha": 0.3, "beta": 0.28}


def alone(modality: str, n: float, d: float) -> float:
    p = AGHAJANYAN[modality]
    return float(p["E"] + p["A"] * n ** -p["alpha"] + p["B"] * d ** -p["beta"])


def runs_of(*, noise: float = 0.0, seed: int = 0, synergy: float = TRUTH["C"]) -> Any:
    rows: list[dict[str, Any]] = []
    truth = {**TRUTH, "C": synergy}
    for n in np.geomspace(8e6, 6.7e9, 6).round():
        for d in np.geomspace(5e9, 1e11, 4).round(-1):
            for m in ("text", "speech"):
                loss = alone(m, n, d)
                rows.append({f"tokens_{m}": d, "n_params": n, "loss": loss, "loss_dataset": m})
            mean = (alone("text", n, d / 2) + alone("speech", n, d / 2)) / 2
            both = MIXED_MODAL.form(truth, {"n_params": n, "n_tokens": d})
            rows.append({"tokens_text": d / 2, "tokens_speech": d / 2, "n_params": n,
                         "loss": mean + float(both), "loss_dataset": "both"})  # fmt: skip
    frame = pd.DataFrame(rows)
    frame["run_name"] = [f"r{i}" for i in range(len(frame))]
    frame["loss"] += noise * np.random.default_rng(seed).normal(size=len(frame))
    return frame


def analyze(frame: pd.DataFrame, **options: Any) -> AnalysisResult:
    laws = {"chinchilla": CHINCHILLA, "mixed-modal": MIXED_MODAL}
    settings = {k: o.default for k, o in MIXED_MODAL_ANALYZER.options.items()}
    return MIXED_MODAL_ANALYZER.run(
        RunTable.from_pandas(frame), AnalysisContext(laws=laws, published={}),
        **(settings | {"n_boot": 100} | options),
    )  # fmt: skip


@pytest.fixture(scope="module")
def result() -> AnalysisResult:
    return analyze(runs_of(noise=0.002), n_boot=200)


def test_noise_free_runs_give_back_interaction_and_barrier() -> None:
    found = analyze(runs_of())
    params = found.tables["params"].set_index(["modalities", "parameter"])["value"]
    for name, value in TRUTH.items():
        assert params[("text+speech", name)] == pytest.approx(value, rel=1e-6)
    for name, value in zip(("n_params", "n_tokens", "flops"), barrier(TRUTH), strict=True):
        assert found.numbers[f"barrier_{name}"].value == pytest.approx(float(value), rel=1e-5)


def test_the_barrier_has_an_interval_and_says_how_far_it_lies(result: AnalysisResult) -> None:
    row = result.tables["barrier"].iloc[0]
    assert row["n_params_low"] < float(barrier(TRUTH).n_params) * 1.3
    assert row["n_params_high"] > float(barrier(TRUTH).n_params) / 1.3
    assert row["extrapolation_decades"] == pytest.approx(np.log10(row["n_tokens"] / 1e11))
    assert "'text' and 'speech' (24 mixed runs): competition ends at" in result.verdict
    assert "decades outside the mixed runs" in result.verdict


def test_the_largest_run_says_whether_it_gains(result: AnalysisResult) -> None:
    assert "at the largest run the two gain 0.0" in result.verdict


def test_pure_competition_has_no_barrier() -> None:
    result = analyze(runs_of(noise=0.0005, synergy=-0.2))
    assert "together they only lose" in result.verdict
    assert np.isinf(result.tables["barrier"].iloc[0]["n_params"])


def test_intervals_are_said_to_hold_single_modalities_fixed(result: AnalysisResult) -> None:
    assert any("laws of the single modalities fixed" in text for text, ok in result.checks)


def test_without_runs_of_one_modality_there_is_nothing_to_compare_with() -> None:
    frame = runs_of()
    result = analyze(frame[frame["loss_dataset"] != "speech"])
    assert "no run is of 'speech' alone" in result.verdict
    assert len(result.left_out) == 24
    assert set(result.tables["fits"]["modalities"]) == {"text", "text+speech"}


def test_without_mixed_runs_there_is_no_pair() -> None:
    frame = runs_of()
    verdict = analyze(frame[frame["loss_dataset"] != "both"]).verdict
    assert verdict.endswith("no run mixes two of them.")


def test_one_column_of_tokens_is_not_enough() -> None:
    verdict = analyze(runs_of().drop(columns="tokens_text")).verdict
    assert "Give a column tokens_<modality> for each" in verdict


def test_runs_of_three_modalities_and_of_none_are_left_out() -> None:
    frame = runs_of()
    frame["tokens_image"] = 0.0
    frame.loc[2, "tokens_image"] = 1e9
    frame.loc[3, ["tokens_text", "tokens_speech"]] = np.nan
    reasons = {left.subject: left.reason for left in analyze(frame).left_out}
    assert reasons == {"r2": "three modalities or more", "r3": "no modality has tokens"}


@pytest.mark.parametrize("modalities", ["text", ("text", "smell")])
def test_modalities_without_a_column_are_refused(modalities: Any) -> None:
    with pytest.raises(SchemaError, match=r"\['text', 'speech'\]"):
        analyze(runs_of(), modalities=modalities)


def test_modalities_can_be_chosen() -> None:
    frame = runs_of().assign(tokens_image=0.0)
    result = analyze(frame, modalities=("text", "speech"))
    assert set(result.tables["fits"]["modalities"]) == {"text", "speech", "text+speech"}


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_hardly_any_run_gives_a_sentence(rows: int) -> None:
    result = analyze(runs_of().iloc[:rows])
    assert result.verdict
    assert not result.numbers
    assert len(result.figures) == 0


def test_rows_for_the_registry_fit_its_schema(result: AnalysisResult) -> None:
    assert [tuple(row) for row in result.fits] == [FITS.names] * 3


def test_the_figure_renders_and_names_its_table(result: AnalysisResult) -> None:
    import vl_convert

    (figure,) = result.figures.specs()
    assert figure.table in result.tables
    svg = vl_convert.vegalite_to_svg(result.figures["interaction"].to_json())
    assert "<svg" in svg
    assert "NaN" not in svg
