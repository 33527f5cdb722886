"""Laws judged on the held-out end of a curve, beside the last value."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from isoflop.errors import SchemaError, TooFewRunsError
from isoflop.estimation.foretelling.extrapolating import (
    SLACK,
    Extrapolation,
    extrapolate,
    log_error,
)
from isoflop.laws import Law, Parameter, PowerSum, PowerTerm
from isoflop.tables import RunTable

X = np.geomspace(1e17, 1e21, 20)
FALLING = 1.7 + 4000 * X**-0.2


def a_law(name: str, *, constant: str = "", variable: str = "flops_6nd") -> Law:
    parameters = [Parameter(name="A"), Parameter(name="c", low=1e-3, high=5.0)]
    if constant:
        parameters.insert(0, Parameter(name=constant))
    term = PowerTerm(coefficient="A", exponent="c", variable=variable)
    return Law(
        name=name, summary="", equation="", cannot_say="", source="", variables=(variable,),
        parameters=tuple(parameters), objective="log-squares",
        form=PowerSum(terms=(term,), constant=constant),
    )  # fmt: skip


STRAIGHT, FLOORED = a_law("straight"), a_law("floored", constant="E")


def judged(
    y: NDArray[np.float64], x: NDArray[np.float64] = X, *, holdout: float = 0.2
) -> Extrapolation:
    runs = RunTable.from_pandas(pd.DataFrame({"flops_6nd": x, "loss": y}))
    return extrapolate([STRAIGHT, FLOORED], runs, holdout=holdout, n_boot=0)


def test_the_law_that_made_the_curve_is_chosen() -> None:
    found = judged(FALLING)
    assert found.best.law is FLOORED
    assert found.best.error == pytest.approx(0.0, abs=1e-9)
    assert found.beats_last_value


def test_only_the_largest_x_are_held_out_whatever_the_order() -> None:
    shuffled = np.random.default_rng(0).permutation(X.size)
    found = judged(FALLING[shuffled], X[shuffled])
    assert found.x == pytest.approx(X[-4:])
    assert X[shuffled][found.fitted_rows] == pytest.approx(X[:16])
    assert [c.error for c in found.contenders] == [c.error for c in judged(FALLING).contenders]


def test_last_value_is_that_at_the_largest_x_before_the_end() -> None:
    found = judged(FALLING)
    assert found.last_value == FALLING[15]
    assert found.last_error == pytest.approx(log_error(np.full(4, FALLING[15]), FALLING[-4:]))


def test_a_curve_that_stops_falling_is_best_carried_on_by_its_last_value() -> None:
    flat = 3000 * np.minimum(X, X[15]) ** -0.18
    assert not judged(flat).beats_last_value


def test_points_of_equal_x_are_not_parted() -> None:
    x = np.repeat(X[:8], 3)
    found = judged(np.repeat(FALLING[:8], 3) * np.tile([1.0, 1.01, 0.99], 8), x, holdout=0.05)
    assert found.x == pytest.approx([X[7]] * 3)
    assert found.last_value == pytest.approx(FALLING[6])


def test_fewer_parameters_win_within_the_slack() -> None:
    """On a pure power law both are exact but for noise."""
    y = 50 * X**-0.07 * np.exp(1e-4 * np.random.default_rng(1).normal(size=X.size))
    found = judged(y)
    errors = {c.law.name: c.error for c in found.contenders}
    assert errors["straight"] <= SLACK * min(errors.values())
    assert found.best.law is STRAIGHT


def test_a_law_that_cannot_be_fitted_says_why_and_loses() -> None:
    found = judged(FALLING[:5], X[:5])
    straight, floored = found.contenders
    assert floored.fit is not None
    few = judged(FALLING[:4], X[:4], holdout=0.25).contenders[1]
    assert (few.fit, few.predicted, few.error) == (None, None, math.inf)
    assert "has 3 parameters and needs at least 4 usable runs, got 3" in few.refusal
    assert straight.error < math.inf


def test_rows_without_a_number_are_left_out() -> None:
    y = FALLING.copy()
    y[[2, 19]] = np.nan
    found = judged(y)
    assert [left.subject for left in found.left_out] == ["run 2", "run 19"]
    assert 19 not in found.held_rows


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_points_are_refused(n: int) -> None:
    with pytest.raises(TooFewRunsError, match="needs at least"):
        judged(FALLING[:n], X[:n])


def test_one_place_alone_is_no_curve() -> None:
    with pytest.raises(TooFewRunsError, match="got 6 at 1 places"):
        judged(FALLING[:6], np.full(6, 1e18))


@pytest.mark.parametrize("holdout", [0.0, 1.0, -0.1])
def test_a_share_outside_0_to_1_is_refused(holdout: float) -> None:
    with pytest.raises(SchemaError, match="holdout must lie between 0 and 1"):
        judged(FALLING, holdout=holdout)


def test_laws_of_different_variables_are_refused() -> None:
    runs = RunTable.from_pandas(pd.DataFrame({"flops_6nd": X, "loss": FALLING}))
    with pytest.raises(SchemaError, match="must be of one variable and one response"):
        extrapolate([STRAIGHT, a_law("other", variable="n_tokens")], runs)


def test_error_of_a_prediction_that_is_no_size_is_infinite() -> None:
    one = np.ones(2)
    assert log_error(np.array([1.0, -1.0]), one) == math.inf
    assert log_error(np.array([1.0, np.nan]), one) == math.inf
    assert math.isnan(log_error(np.array([]), np.array([])))
