"""Huber's function."""

from __future__ import annotations

import numpy as np
import pytest

from isoflop.estimation.solver.huber import huber


def test_square_inside_and_linear_outside() -> None:
    value, slope, curvature = huber(np.array([-3.0, -0.5, 0.0, 0.5, 3.0]), 1.0)
    assert value == pytest.approx([2.5, 0.125, 0.0, 0.125, 2.5])
    assert slope == pytest.approx([-1.0, -0.5, 0.0, 0.5, 1.0])
    assert curvature == pytest.approx([0.0, 1.0, 1.0, 1.0, 0.0])


def test_infinite_delta_is_least_squares() -> None:
    assert huber(np.array([4.0]), np.inf).value == pytest.approx([8.0])
