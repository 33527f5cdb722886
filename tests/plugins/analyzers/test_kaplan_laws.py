"""Kaplan's laws on families of runs: verdict, tables, figure, refusals, real ladders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from isoflop.hookspecs import AnalysisContext
from isoflop.laws import Law, PublishedLaw
from isoflop.results import AnalysisResult
from isoflop.schema import FITS
from isoflop.tables import RunTable
from isoflop_plugins.analyzers.kaplan_laws.analyzer import KAPLAN_LAWS
from isoflop_plugins.analyzers.kaplan_laws.columns import kaplan_columns
from isoflop_plugins.laws import henighan, kaplan
from isoflop_plugins.laws.kaplan_batch import critical_batch

EVERY = (*kaplan.LAWS, *henighan.LAWS)
CONTEXT = AnalysisContext(
    laws={law.name: law for law in EVERY if isinstance(law, Law)},
    published={law.name: law for law in EVERY if isinstance(law, PublishedLaw)},
)


def family_of(name: str, *, seed: int = 0, sizes: int = 8, noise: float = 0.002) -> pd.DataFrame:
    """Runs of L(N, D) with Kaplan's own constants on a grid of sizes and tokens."""
    rng = np.random.default_rng(seed)
    n, d = (
        m.ravel() for m in np.meshgrid(np.geomspace(1e6, 1e9, sizes), np.geomspace(1e9, 1e12, 6))
    )
    n, d = np.round(n), np.round(d)
    params = dict(CONTEXT.published["kaplan-2020-nd"].params)
    loss = np.asarray(CONTEXT.laws["kaplan-nd"].form(params, {"n_params": n, "n_tokens": d}))
    return pd.DataFrame(
        {
            "run_name": [f"{name}-{i}" for i in range(n.size)],
            "family": name,
            "n_params": np.round(1.2 * n),
            "n_params_nonembedding": n,
            "n_tokens": d,
            "batch_tokens": 2**19,
            "loss": loss * np.exp(noise * rng.normal(size=n.size)),
            "loss_dataset": "webtext",
        }
    )


def curves_of(name: str) -> pd.DataFrame:
    """Runs of L(N, S) with Kaplan's own constants, at a batch of 2^19 tokens."""
    n, least = (
        m.ravel() for m in np.meshgrid(np.geomspace(1e6, 1e9, 5), np.geomspace(3e3, 1e5, 5))
    )
    law, own = CONTEXT.laws["kaplan-ns"], CONTEXT.published["kaplan-2020-ns"]
    at = {"n_params_nonembedding": np.round(n), "n_steps_min": least}
    loss = np.asarray(law.form(dict(own.params), at))
    steps = np.round(least * (1 + critical_batch(loss, b_star=2.1e8, alpha_b=0.21) / 2**19))
    return pd.DataFrame(
        {
            "family": name, "n_params_nonembedding": np.round(n), "n_params": np.round(n),
            "n_steps": steps, "batch_tokens": 2**19, "n_tokens": steps * 2**19, "loss": loss,
        }
    )  # fmt: skip


def analyze(frame: pd.DataFrame, **options: Any) -> AnalysisResult:
    return KAPLAN_LAWS.run(
        RunTable.from_pandas(frame, source="made up"), CONTEXT, **({"n_boot": 60} | options)
    )


@pytest.fixture(scope="module")
def result() -> AnalysisResult:
    return analyze(pd.concat([family_of("good"), family_of("few").iloc[:2]]))


def test_constants_of_the_paper_come_back_from_runs_of_its_law(result: AnalysisResult) -> None:
    params = result.tables["params"]
    own = params[(params["law"] == "L(N, D)") & (params["form"] == "power law")]
    assert own["published"].notna().all()
    exponents = own[own["parameter"].str.startswith("alpha")]
    assert exponents["value"].to_numpy() == pytest.approx(exponents["published"], rel=0.05)


def test_the_verdict_names_exponents_beside_the_papers(result: AnalysisResult) -> None:
    assert "Family 'good' (48 runs): the lowest loss falls as N^-0.07" in result.verdict
    assert "(Kaplan 0.076)" in result.verdict
    assert "1 family had too few or mixed runs" in result.verdict


def test_each_run_that_was_not_fitted_has_its_laws_and_reason(result: AnalysisResult) -> None:
    reasons = {(left.subject, left.reason) for left in result.left_out}
    assert len(reasons) == len(result.left_out)
    few = [reason for subject, reason in reasons if subject == "few-0"]
    assert any("needs at least 3 usable runs, got 2" in reason for reason in few)
    beaten = "L(N): another run of as little n_params_nonembedding has a lower loss"
    assert sum(reason == beaten for _, reason in reasons) == 48 - 8


def test_compute_stands_in_flop_and_in_pf_days(result: AnalysisResult) -> None:
    params = result.tables["params"]
    rows = params[(params["parameter"] == "C_c")].set_index("unit")
    assert rows.loc["FLOP", "value"] == pytest.approx(rows.loc["PF-day", "value"] * 8.64e19)
    assert rows.loc["PF-day", "published"] == pytest.approx(1.6e7)


def test_growth_stands_beside_what_the_paper_prints() -> None:
    made = analyze(curves_of("curves"), n_boot=20)
    growth = made.tables["growth"].set_index(["from_law", "quantity"])
    for name, printed in {"N": 0.73, "B": 0.24, "S": 0.03}.items():
        row = growth.loc[("L(N, S)", name)]
        assert row["printed"] == printed
        assert row["exponent"] == pytest.approx(row["from_printed_constants"], abs=0.002)
    assert made.numbers["growth_N"].value == pytest.approx(0.681, abs=0.002)
    assert "by L(N, S) the best N grows as C^0.681" in made.verdict


def test_the_joint_law_has_a_growth_of_its_own(result: AnalysisResult) -> None:
    row = result.tables["growth"].set_index(["from_law", "quantity"]).loc[("L(N, D)", "N")]
    assert row["exponent_low"] <= row["from_printed_constants"] <= row["exponent_high"]


def test_pure_powers_have_no_irreducible_part_and_say_so(result: AnalysisResult) -> None:
    parts = result.tables["parts"]
    plain = parts[parts["form"] == "power law"]
    assert (plain["irreducible"] == 0).all()
    assert set(plain["note"]) == {"the form has no irreducible part"}
    other = parts[parts["form"] == "with a constant"]
    assert other["reducible"].to_numpy() == pytest.approx(
        (other["loss"] - other["irreducible"]).to_numpy(), abs=1e-9
    )


def test_errors_of_both_forms_stand_beside_the_baseline(result: AnalysisResult) -> None:
    held = result.tables["held_out"].set_index("law")
    assert held.loc["L(N, D)", "error"] < held.loc["L(N, D)", "baseline_error"]
    assert held["error_with_constant"].notna().any()


def test_tables_keep_their_columns_and_units(result: AnalysisResult) -> None:
    empty = analyze(family_of("x").iloc[:0])
    assert empty.verdict == "There are no runs."
    assert set(empty.tables) == set(result.tables)
    for name, table in result.tables.items():
        assert list(table.columns) == list(empty.tables[name].columns)
    assert result.tables["parts"].attrs["units"]["reducible_low"] == "nat/token"


def test_rows_for_the_registry_fit_its_schema(result: AnalysisResult) -> None:
    assert {row["law"] for row in result.fits} > {"kaplan-n", "kaplan-nd", "henighan-c"}
    assert all(tuple(row) == FITS.names for row in result.fits)


def test_the_figure_renders_with_a_panel_each(result: AnalysisResult) -> None:
    import vl_convert

    chart = result.figures["loss_against_scale"]
    assert len(chart.hconcat) == 3
    svg = vl_convert.vegalite_to_svg(chart.to_json())
    assert "NaN" not in svg
    for title in ("Parameters N", "Training tokens D", "Training compute C"):
        assert title in svg


@pytest.fixture(scope="module")
def bare() -> AnalysisResult:
    """What comes of runs that say neither their count without embeddings nor their batch."""
    frame = family_of("x", sizes=4).drop(columns=["n_params_nonembedding", "batch_tokens"])
    return analyze(frame, n_boot=20)


def test_counts_with_embeddings_are_said(bare: AnalysisResult) -> None:
    assert any("N is with embeddings" in text and not ok for text, ok in bare.checks)
    fits = bare.tables["fits"].set_index(["law", "form"])
    assert fits.loc[("L(N)", "power law"), "columns"] == "n_params"


def test_runs_whose_tokens_grow_with_size_are_said() -> None:
    frame = family_of("x")
    line = frame[np.isclose(frame["n_tokens"], 1e3 * frame["n_params_nonembedding"], rtol=0.9)]
    made = analyze(line, n_boot=20)
    assert any("L(N): along its runs D changes as a power" in t and not ok for t, ok in made.checks)


def test_without_batch_there_is_no_law_of_steps(bare: AnalysisResult) -> None:
    fits = bare.tables["fits"].set_index(["law", "form"])
    assert fits.loc[("L(N, S)", "power law"), "status"] == "not-fitted"
    assert "n_steps_min is null" in fits.loc[("L(N, S)", "power law"), "reason"]
    assert "L(N, S)" not in bare.verdict


@pytest.fixture(scope="module")
def measured() -> AnalysisResult:
    """What comes of runs whose critical batch was measured, in a family with a hostile name."""
    frame = family_of("<script>\n", sizes=4)
    frame["critical_batch_tokens"] = critical_batch(frame["loss"], b_star=5e7, alpha_b=0.3)
    return analyze(frame, n_boot=20)


def test_a_measured_critical_batch_replaces_the_papers(measured: AnalysisResult) -> None:
    params = measured.tables["params"].set_index("parameter")
    assert params.loc["B_star", "value"] == pytest.approx(5e7, rel=1e-6)
    assert params.loc["alpha_B", "value"] == pytest.approx(0.3, rel=1e-6)
    assert not any("with Kaplan's critical batch" in text for text, _ in measured.checks)


def test_compute_is_counted_without_embeddings_and_as_at_a_small_batch() -> None:
    frame = family_of("x", sizes=4)
    columns = kaplan_columns(RunTable.from_pandas(frame), {"B_star": 2.1e8, "alpha_B": 0.21})
    expected = 6 * frame["n_params_nonembedding"] * frame["n_tokens"]
    assert columns.flops == "flops_kaplan"
    assert columns.runs.numbers("flops_kaplan") == pytest.approx(expected)
    best = critical_batch(frame["loss"], b_star=2.1e8, alpha_b=0.21)
    assert columns.runs.numbers("flops_min") == pytest.approx(expected / (1 + 2**19 / best))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"loss": np.nan}, id="nan"),
        pytest.param({"loss": 3.0}, id="constant"),
        pytest.param({"status": "diverged"}, id="diverged"),
        pytest.param({"n_params_nonembedding": 10**8}, id="one-size", marks=pytest.mark.slow),
    ],
)
def test_bad_columns_give_words_and_never_a_growth(change: dict[str, Any]) -> None:
    made = analyze(family_of("x", sizes=4).assign(**change), n_boot=20)
    assert made.verdict
    assert "growth_N" not in made.numbers


def test_names_of_families_are_kept_as_text(measured: AnalysisResult) -> None:
    assert "Family '<script>\\n'" in measured.verdict


@pytest.mark.slow
def test_growth_on_the_olmo_ladder_is_that_of_the_papers_constants(shared_data: Path) -> None:
    """L(N, S) on 30 runs gives N ~ C^0.67; Kaplan's constants give 0.68 by the same formula."""
    made = analyze(olmo_ladder(shared_data), n_boot=100)
    n = made.numbers["growth_N"]
    assert n.value == pytest.approx(0.670, abs=0.005)
    assert n.low < 0.681 < n.high
    assert made.numbers["growth_B"].value == pytest.approx(0.213, abs=0.005)
    held = made.tables["held_out"].set_index("law")
    assert held.loc["L(C)", "error_with_constant"] < held.loc["L(C)", "error"]


@pytest.mark.slow
def test_joint_law_on_epochs_points_splits_compute_as_the_papers_constants(
    shared_data: Path,
) -> None:
    """L(N, D) on 245 points of Hoffmann's figure 4: N ~ C^0.577; Kaplan's constants give 0.575."""
    read = pd.read_csv(shared_data / "epoch_chinchilla" / "svg_extracted_data.csv")
    n = read["Model Size"]
    frame = pd.DataFrame(
        {
            "n_params": n.round(),
            "n_tokens": (read["Training FLOP"] / 6 / n).round(),
            "loss": read["loss"],
        }
    )
    made = analyze(frame, n_boot=100)
    growth = made.tables["growth"].set_index(["from_law", "quantity"])
    assert growth.loc[("L(N, D)", "N"), "exponent"] == pytest.approx(0.577, abs=0.003)


def olmo_ladder(folder: Path) -> pd.DataFrame:
    curves = pd.read_parquet(folder / "olmo_ladder" / "curves.parquet")
    sizes = json.loads((folder / "olmo_ladder" / "sizes.json").read_text())
    last = curves.sort_values("_step").groupby("run").tail(1)
    labels = {"1B": "1.3B", "3B": "3.2B"}
    n = [sizes[labels.get(size, size)]["n"] for size in last["size"]]
    return pd.DataFrame(
        {
            "run_name": last["run"],
            "family": "olmo-ladder",
            "n_params_nonembedding": n,
            "n_params": n,
            "n_tokens": last["throughput/total_tokens"].round(),
            "n_steps": last["_step"],
            "batch_tokens": last["batch_size_in_tokens"],
            "loss": last["eval/c4_en-validation/CrossEntropyLoss"],
            "loss_dataset": "c4_en",
        }
    )
