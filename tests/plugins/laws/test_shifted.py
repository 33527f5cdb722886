"""M1 to M4: recovery, the capped form's root and derivatives, units, bad input."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from isoflop.errors import TooFewRunsError
from isoflop.estimation import FitResult, fit_law
from isoflop.estimation.solver.jets import seeds
from isoflop.laws import Law
from isoflop.tables import RunTable
from isoflop_plugins.laws.capped_form import capped_form
from isoflop_plugins.laws.shifted import M1, M2, M3, M4, capped_power_law

X = np.geomspace(1e15, 1e21, 80)

POWER = {"A": 50.0, "c": 0.07}
FLOOR = {"E": 1.7, "A": 2000.0, "c": 0.2}
SATURATING = {"A": 50.0, "c": 0.07, "x_s": 1e19}
CAPPED = {"E": 0.2, "eps_0": 1.0, "alpha": 2.0, "k": 1e18, "c": 0.4}
CASES = [
    pytest.param(M1, POWER, id="m1"),
    pytest.param(M2, FLOOR, id="m2"),
    pytest.param(M3, SATURATING, id="m3"),
    pytest.param(M4, CAPPED, id="m4"),
    pytest.param(M4, CAPPED | {"alpha": 0.7, "eps_0": 9.0}, id="m4-lower-alpha"),
    pytest.param(M4, CAPPED | {"alpha": 1.0}, id="m4-logistic"),
]


def values(law: Law, truth: Mapping[str, float], x: NDArray[np.float64] = X) -> NDArray[np.float64]:
    return np.asarray(law.form({k: np.float64(v) for k, v in truth.items()}, {"flops_6nd": x}))


def fitted(
    law: Law, x: NDArray[np.float64], y: NDArray[np.float64], *, n_boot: int = 0
) -> FitResult:
    runs = RunTable.from_pandas(pd.DataFrame({"flops_6nd": x, "loss": y}))
    return fit_law(law, runs, n_boot=n_boot, level=0.9)


@pytest.mark.parametrize(("law", "truth"), CASES)
def test_noise_free_curves_are_recovered(law: Law, truth: Mapping[str, float]) -> None:
    fit = fitted(law, X, values(law, truth))
    assert dict(zip(law.names, fit.estimate, strict=True)) == pytest.approx(truth, rel=1e-6)
    assert fit.status == "converged"


@pytest.mark.parametrize("alpha", [0.05, 0.5, 1.0, 2.0, 5.0])
def test_capped_form_solves_the_equation_of_the_paper(alpha: float) -> None:
    """(y - E) / (eps_0 - y)^alpha = A x^-c with A = (eps_0 - E)^(1 - alpha) k^c."""
    truth = CAPPED | {"alpha": alpha}
    x = np.geomspace(0.5, 1e3, 30) * truth["k"]  # closer to the cap, cap - y is all rounding
    y = values(M4, truth, x)
    e, cap, k, c = (truth[name] for name in ("E", "eps_0", "k", "c"))
    left = np.log(y - e) - alpha * np.log(cap - y)
    right = (1 - alpha) * np.log(cap - e) + c * np.log(k / x)
    assert left == pytest.approx(right, abs=1e-7)


def test_capped_form_stays_between_floor_and_cap_at_any_size() -> None:
    y = values(M4, CAPPED, np.geomspace(1e-60, 1e90, 40))
    assert y[0] == pytest.approx(CAPPED["eps_0"])
    assert y[-1] == pytest.approx(CAPPED["E"])
    assert (np.diff(y) <= 1e-15).all()


def test_derivatives_of_the_capped_form_are_those_of_finite_differences() -> None:
    form, x = capped_form("x"), {"x": np.geomspace(1.0, 1e4, 9)}
    theta = np.array([0.3, 2.0, 0.4, 30.0, 0.7])

    def at(point: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(form(dict(zip(M4.names, point, strict=True)), x))

    jet = form(dict(zip(M4.names, seeds(theta[None]), strict=True)), x)
    for i, step in enumerate(np.diag(1e-5 * theta)):
        slope = (at(theta + step) - at(theta - step)) / (2 * step[i])
        assert np.broadcast_to(jet.first[i], (1, 9))[0] == pytest.approx(slope, abs=1e-8)
    steps = np.diag(3e-4 * theta)
    for i in range(5):
        for j in range(i, 5):
            p, q = steps[i], steps[j]
            four = at(theta + p + q) - at(theta + p - q) - at(theta - p + q) + at(theta - p - q)
            found = np.broadcast_to(jet.second.get((i, j), 0.0), (1, 9))[0]
            assert found == pytest.approx(four / (4 * p[i] * q[j]), abs=2e-6)


def test_logistic_case_has_a_closed_form() -> None:
    truth = CAPPED | {"alpha": 1.0}
    share = 1 / (1 + (X / truth["k"]) ** truth["c"])
    expected = truth["E"] + (truth["eps_0"] - truth["E"]) * share
    assert values(M4, truth) == pytest.approx(expected, rel=1e-12)


def test_saturating_law_is_that_of_the_paper() -> None:
    plain = 50.0 * (1 / X + 1 / 1e19) ** 0.07
    assert values(M3, SATURATING) == pytest.approx(plain, rel=1e-12)


@settings(max_examples=5)
@given(st.floats(-6.0, 6.0), st.floats(-3.0, 3.0), st.sampled_from([0, 1, 2, 3]))
def test_units_move_only_what_has_them(log_x: float, log_y: float, which: int) -> None:
    law, truth = [(M1, POWER), (M2, FLOOR), (M3, SATURATING), (M4, CAPPED)][which]
    y = values(law, truth) * np.exp(0.002 * np.random.default_rng(0).normal(size=X.size))
    one, other = fitted(law, X, y), fitted(law, X * 10**log_x, y * 10**log_y)
    found = dict(zip(law.names, one.estimate.tolist(), strict=True))
    scale = {"A": 10 ** (log_y + found["c"] * log_x), "E": 10**log_y, "eps_0": 10**log_y,
             "x_s": 10**log_x, "k": 10**log_x}  # fmt: skip
    expected = [value * scale.get(name, 1.0) for name, value in found.items()]
    assert other.estimate == pytest.approx(expected, rel=1e-5)


def test_a_pure_power_law_has_no_place_where_it_levels_off() -> None:
    fit = fitted(M3, X, values(M1, POWER))
    assert fit.status == "at-bound"
    assert "x_s ended at its bound" in fit.warnings[0]


def test_a_curve_below_its_cap_does_not_identify_the_cap() -> None:
    y = values(M2, FLOOR) * np.exp(0.002 * np.random.default_rng(1).normal(size=X.size))
    fit = fitted(M4, X, y)
    assert fit.status != "converged"
    assert fit.predict_at({"flops_6nd": X}).value == pytest.approx(values(M2, FLOOR), rel=0.01)


@pytest.mark.parametrize("law", [M1, M2, M3, M4], ids=lambda law: law.name)
def test_too_few_points_are_refused(law: Law) -> None:
    n = len(law.names)
    with pytest.raises(TooFewRunsError, match=f"needs at least {n + 1} usable runs, got {n}"):
        fitted(law, X[:n], np.linspace(3.0, 2.0, n))


@pytest.mark.parametrize("law", [M1, M2, M3, M4], ids=lambda law: law.name)
def test_a_constant_curve_is_never_a_converged_law(law: Law) -> None:
    fit = fitted(law, X, np.full(X.size, 2.0))
    assert fit.status != "converged"


def test_other_columns_give_their_units() -> None:
    law = capped_power_law(x="n_tokens", y="bits_per_byte")
    assert law.needs == ("n_tokens", "bits_per_byte")
    assert law.units["k"] == "token"


@pytest.mark.soak
@pytest.mark.parametrize(
    ("law", "truth", "noise"),
    [(M1, POWER, 0.01), (M2, FLOOR, 0.005), (M3, SATURATING, 0.005)],
    ids=["m1", "m2", "m3"],
)
def test_intervals_cover_the_truth(law: Law, truth: Mapping[str, float], noise: float) -> None:
    exact = values(law, truth)
    hits = np.zeros(len(truth))
    for seed in range(200):
        scatter = noise * np.random.default_rng(seed).normal(size=X.size)
        fit = fitted(law, X, exact * np.exp(scatter), n_boot=200)
        hits += [fit.params[k].low <= v <= fit.params[k].high for k, v in truth.items()]
    assert ((hits >= 170) & (hits <= 190)).all(), hits / 200
