"""The table of fits: parameters as estimates, JSON columns, ids."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from isoflop import FitTable
from isoflop.errors import UnknownNameError
from isoflop.estimate import Estimate, as_estimate
from isoflop.tables import fit_params


def fits(**columns):
    return FitTable.from_pandas(pd.DataFrame(columns))


def test_parameters_are_read_in_every_form_that_was_ever_written():
    table = fits(
        level=[0.9, 0.9, 0.9, None],
        params=[
            '{"alpha": [0.35, 0.3, 0.4]}',
            '{"alpha": [0.35, null, "Infinity"]}',
            '{"alpha": {"value": 0.35, "low": 0.3, "high": 0.4, "level": 0.8}}',
            None,
        ],
    )
    listed, open_end, named, nothing = table.params()
    assert listed == {"alpha": Estimate(value=0.35, low=0.3, high=0.4, level=0.9)}
    assert math.isnan(open_end["alpha"].low)
    assert open_end["alpha"].high == math.inf
    assert named["alpha"].level == 0.8
    assert nothing == {}


def test_estimates_of_a_row_are_taken_as_they_are():
    alpha = Estimate(value=0.35, low=0.3, high=0.4)
    assert fit_params({"params": {"alpha": alpha}}) == {"alpha": alpha}
    assert math.isnan(as_estimate([None, 1.0]).value)


def test_json_columns_are_read_and_a_missing_one_is_nothing():
    table = fits(settings=['{"seed": 1}', None])
    assert table.objects("settings") == [{"seed": 1}, None]
    assert table.objects("unidentified") == [None, None]


def test_a_fit_is_found_by_its_id_or_the_start_that_it_alone_has():
    table = fits(fit_id=["abcd1111", "abcd2222", "abc"])
    assert table.find("abc") == 2
    assert table.find("abcd2") == 1
    for word, words in (("abcd", "2 fits start with 'abcd'"), ("ab", "no fit 'ab'")):
        with pytest.raises(UnknownNameError, match=words):
            table.find(word)


def test_an_empty_table_has_no_fit():
    with pytest.raises(UnknownNameError, match="Known: none"):
        fits(fit_id=[]).find("abcd")
    assert fits(params=[]).params() == []
