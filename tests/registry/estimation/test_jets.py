"""Derivatives of any formula: first ones against complex steps, second ones against differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoflop.estimation.solver.jets import Jet, seeds

X = np.array([0.5, 1.0, 2.0, 7.0])

FORMULAS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "sum of powers": lambda a, b, c: a + b * X**-c,
    "power of a jet": lambda a, b, c: (a + b / X) ** c,
    "power of a number": lambda a, b, c: (a * b + c * X) ** 1.7,
    "quotient": lambda a, b, c: (a - X * b) / (1.0 + c * c),
    "number over jet": lambda a, b, c: X / (a + b * X) - 2.0 / c,
    "log and exp": lambda a, b, c: np.log(a + np.exp(-b * X)) * c,
    "log1p and expm1": lambda a, b, c: np.log1p(a * X) + np.expm1(-b * X / c),
    "sqrt and square": lambda a, b, c: np.sqrt(a + np.square(b) * X) - c,
    "tanh": lambda a, b, c: a * np.tanh(b * (X - c)),
    "array first": lambda a, b, c: X - X * a + np.power(X, b) + np.true_divide(X, c) - (-a),
}
# No complex numbers: compared with differences alone.
KINKED: dict[str, Callable[[Any, Any, Any], Any]] = {
    "logaddexp": lambda a, b, c: c * np.logaddexp(a - X, b * X),
    "logaddexp with a number": lambda a, b, c: c * np.logaddexp(0.0, a * X) + b,
    "minimum": lambda a, b, c: np.minimum(a * X, b + c),
    "maximum with a number": lambda a, b, c: np.maximum(a * X + b, 1.0) * c,
}
POINTS = st.tuples(st.floats(0.3, 3), st.floats(0.3, 3), st.floats(0.3, 3))


def jet_of(formula: Callable[..., Any], point: tuple[float, ...]) -> Jet:
    out = formula(*seeds(np.array([point])))
    assert isinstance(out, Jet)
    return out


def dense(jet: Jet) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.zeros((3, X.size)), np.zeros((3, 3, X.size))
    for j, slope in jet.first.items():
        first[j] = slope
    for (i, j), bend in jet.second.items():
        second[i, j] = second[j, i] = bend
    return first, second


@pytest.mark.parametrize("name", FORMULAS)
@settings(max_examples=20, deadline=None)
@given(point=POINTS)
def test_slopes_equal_complex_steps(name: str, point: tuple[float, ...]) -> None:
    first, _ = dense(jet_of(FORMULAS[name], point))
    for j in range(3):
        shifted = [p + (1e-30j if i == j else 0.0) for i, p in enumerate(point)]
        exact = np.imag(FORMULAS[name](*shifted)) / 1e-30
        assert first[j] == pytest.approx(exact, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", FORMULAS | KINKED)
@settings(max_examples=20, deadline=None)
@given(point=POINTS)
def test_bends_are_the_slopes_of_slopes(name: str, point: tuple[float, ...]) -> None:
    formula = (FORMULAS | KINKED)[name]
    jet = jet_of(formula, point)
    first, second = dense(jet)
    assert jet.value[0] == pytest.approx(formula(*point), rel=1e-12, abs=1e-12)
    for j in range(3):
        up, down = ([p + s * (i == j) for i, p in enumerate(point)] for s in (1e-5, -1e-5))
        near = [np.abs(dense(jet_of(formula, at))[0] - first).max() for at in (up, down)]
        if max(near) > 1e-2 * (1.0 + np.abs(second).max()):
            continue  # a kink lies within the step
        value = (formula(*up) - np.asarray(formula(*down))) / 2e-5
        assert first[j] == pytest.approx(value, rel=1e-6, abs=1e-6)
        bend = (dense(jet_of(formula, up))[0] - dense(jet_of(formula, down))[0]) / 2e-5
        assert second[j] == pytest.approx(bend, rel=1e-5, abs=1e-5)


def test_many_points_are_worked_on_at_once() -> None:
    points = np.random.default_rng(0).uniform(0.5, 2, (5, 3))
    together = FORMULAS["quotient"](*seeds(points))
    for row, point in enumerate(points):
        alone = FORMULAS["quotient"](*seeds(point[None]))
        assert np.array_equal(together.value[row], alone.value[0])


def test_what_knows_no_data_stays_small() -> None:
    a, b, _ = seeds(np.ones((50, 3)))
    assert (a * b).value.shape == (50, 1)
    assert (a * b).second[0, 1].size == 1


def test_an_unknown_function_is_refused() -> None:
    with pytest.raises(TypeError):
        np.arctan(seeds(np.ones((1, 1)))[0])
