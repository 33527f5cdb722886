"""Labels are kept apart, in order, and close to their lines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoflop.drawing.end_labels import kept_apart

places = st.lists(st.floats(-100, 100), max_size=20)


@given(places=places, gap=st.floats(0.0, 10.0))
def test_labels_are_a_gap_apart_in_the_order_of_their_lines(places, gap):
    out = kept_apart(places, gap=gap)
    order = np.argsort(np.asarray(places), kind="stable")
    assert (np.diff(out[order]) >= gap - 1e-9).all()


@given(places=places, gap=st.floats(0.0, 10.0))
def test_labels_keep_their_mean(places, gap):
    if places:
        assert kept_apart(places, gap=gap).mean() == pytest.approx(np.mean(places), abs=1e-9)


def test_labels_that_are_apart_stay():
    assert kept_apart([3.0, 1.0, 5.0], gap=1.5).tolist() == [3.0, 1.0, 5.0]


def test_two_at_one_place_move_by_half_a_gap_each():
    assert kept_apart([1.0, 1.0], gap=1.0).tolist() == [0.5, 1.5]


def test_no_lines_have_no_labels():
    assert kept_apart([], gap=1.0).shape == (0,)
