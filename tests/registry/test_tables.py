"""Tables of runs and scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from isoflop import RunTable, ScoreTable
from isoflop.errors import SchemaError, UnknownNameError
from isoflop.tables import CurveTable


def frame(**columns):
    return pd.DataFrame(columns)


def test_three_columns_are_enough():
    runs = RunTable.from_pandas(frame(n_params=[1e9, 2e9], n_tokens=[2e10, 4e10], loss=[3.0, 2.5]))
    assert len(runs) == 2
    assert runs.numbers("n_params").tolist() == [1e9, 2e9]
    assert runs.labels() == ["run 0", "run 1"]


def test_counts_beyond_2_to_53_survive_to_pandas():
    runs = RunTable.from_pandas(frame(n_params=[2**53 + 1, None], flops=[3e26, np.nan]))
    # pandas holds the mixed column as object, so nothing was rounded on the way in
    runs = RunTable.from_pandas(frame(n_params=pd.array([2**53 + 1, None], "Int64")))
    assert runs.to_pandas()["n_params"].tolist() == [2**53 + 1, pd.NA]


def test_units_travel_with_the_frame():
    runs = RunTable.from_pandas(frame(n_params=[1], flops=[1.0], mine=["x"]))
    assert runs.to_pandas().attrs["units"] == {"n_params": "1", "flops": "FLOP"}


def test_text_where_a_number_belongs_is_refused_by_column_name():
    with pytest.raises(SchemaError, match="Column 'n_params' of 'runs' must be int64"):
        RunTable.from_pandas(frame(n_params=["many"]))


def test_missing_column_is_unknown_and_misspelled_column_is_an_error():
    runs = RunTable.from_pandas(frame(n_params=[1]))
    assert np.isnan(runs.numbers("n_tokens")).all()
    assert runs.texts("family") == [None]
    with pytest.raises(UnknownNameError, match="Did you mean 'n_tokens'"):
        runs.numbers("n_token")


def test_non_finite_count_is_null():
    runs = RunTable.from_pandas(frame(n_params=[np.inf, np.nan, 5.0]))
    assert np.isnan(runs.numbers("n_params")).tolist() == [True, True, False]


def test_empty_table_has_no_families():
    runs = RunTable.from_pandas(frame(n_params=[], loss=[]))
    assert len(runs) == 0
    assert runs.by_family() == {}


def test_families_are_split_and_unknown_is_empty():
    runs = RunTable.from_pandas(frame(family=["b", None, "b"], n_params=[1, 2, 3]))
    assert {k: v.numbers("n_params").tolist() for k, v in runs.by_family().items()} == {
        "": [2.0],
        "b": [1.0, 3.0],
    }


def test_scores_may_carry_columns_of_the_run():
    scores = ScoreTable.from_pandas(frame(task=["a"], value=[0.5], flops=[1e20], family=["f"]))
    assert scores.numbers("flops").tolist() == [1e20]


def test_points_of_curves_tell_the_parameters_that_a_token_of_their_run_passes_through():
    points = CurveTable.from_pandas(
        frame(
            n_tokens=[1e9, 2e9, 1e9, 1e9],
            n_params=[8e9, 8e9, 1e9, 8e9],
            n_params_active=[1e9, 1e9, None, None],
            architecture=["moe", "moe", "dense", "moe"],
        )
    )
    expected = [1e9, 1e9, 1e9, np.nan]
    assert np.array_equal(points.params_per_token(), expected, equal_nan=True)
    assert points.is_mixture().tolist() == [True, True, False, True]


def test_polars_and_arrow_hold_the_same_rows():
    runs = RunTable.from_pandas(frame(n_params=[1, 2]))
    assert runs.to_polars()["n_params"].to_list() == runs.to_arrow()["n_params"].to_pylist()


def test_moments_of_any_zone_are_the_same_moments_in_utc():
    berlin = pd.Timestamp("2026-01-01 01:00", tz="Europe/Berlin")
    given = frame(created_at=[berlin, pd.NaT], loss=[3.0, 2.0])
    created = RunTable.from_pandas(given).to_arrow().column("created_at")
    assert created.to_pylist()[0] == berlin.to_pydatetime()
    assert created.to_pylist()[1] is None
    assert str(given["created_at"].dt.tz) == "Europe/Berlin"


@pytest.mark.parametrize(
    "given",
    [
        frame(loss=[1j]),
        frame(n_params=[10**30]),
        frame(run_name=pd.Series(["\ud800"], dtype=object)),
        frame(loss=[1e9, 2.0]).assign(run_name=pd.Series(["a", 1], dtype=object)),
        pd.concat([frame(loss=[3.0]), frame(loss=[2.0])], axis=1),
    ],
    ids=["complex", "beyond 64 bits", "half a character", "text and number", "name twice"],
)
def test_frame_that_is_no_table_is_refused(given):
    with pytest.raises(SchemaError, match="The frame cannot be read"):
        RunTable.from_pandas(given)
