"""Answers found once for several analyzers."""

import contextvars
import dataclasses
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from isoflop.estimation.fitting import fit_law
from isoflop.estimation.solver.sharing import shared, shared_solutions
from isoflop.laws import Formula, Law
from isoflop.tables import RunTable


class Counter:
    def __init__(self) -> None:
        self.calls = 0

    def asked(self) -> Callable[..., np.ndarray]:
        @shared
        def double(x: np.ndarray, *, by: float = 2.0, form: object = None) -> np.ndarray:
            self.calls += 1
            if by < 0:
                raise ValueError("no")
            return x * by

        return double


def _runs(n: int = 30) -> RunTable:
    rng = np.random.default_rng(1)
    size, data = 10 ** rng.uniform(7, 9, n), 10 ** rng.uniform(9, 11, n)
    loss = 1.8 + 480 / size**0.35 + 2100 / data**0.37
    loss *= np.exp(0.01 * rng.normal(size=n))
    return RunTable.from_pandas(pd.DataFrame({"n_params": size, "n_tokens": data, "loss": loss}))


def test_outside_nothing_is_kept() -> None:
    counter = Counter()
    double = counter.asked()
    double(np.ones(3))
    double(np.ones(3))
    assert counter.calls == 2


def test_the_same_numbers_are_asked_for_once_until_the_end() -> None:
    counter = Counter()
    double = counter.asked()
    for calls in (1, 2):
        with shared_solutions():
            for _ in range(3):
                assert double(np.ones(3)).tolist() == [2.0] * 3
        assert counter.calls == calls


@pytest.mark.parametrize(
    "other",
    [
        {"x": np.array([1.0, 1.0, np.nextafter(1.0, 2.0)])},
        {"x": np.ones((3, 1))},
        {"x": np.ones(3, np.float32)},
        {"by": 3.0},
        {"form": lambda: 0},
        {"form": ("a", "b")},
    ],
    ids=["last bit", "shape", "kind", "setting", "function", "form"],
)
def test_other_numbers_are_another_question(other: dict[str, object]) -> None:
    counter = Counter()
    double = counter.asked()
    asked: dict[str, object] = {"x": np.ones(3), "by": 2.0, "form": "ab"}
    with shared_solutions():
        double(**asked)
        double(**asked | other)
    assert counter.calls == 2


def test_writing_into_an_answer_changes_no_other() -> None:
    double = Counter().asked()
    with shared_solutions():
        for _ in range(3):
            answer = double(np.ones(2))
            assert answer.tolist() == [2.0, 2.0]
            answer[:] = 0.0


def test_an_error_is_raised_each_time_and_kept_never() -> None:
    counter = Counter()
    double = counter.asked()
    with shared_solutions():
        for _ in range(2):
            with pytest.raises(ValueError, match="no"):
                double(np.ones(2), by=-1.0)
    assert counter.calls == 2


def test_threads_in_a_copy_of_the_context_wait_for_one_answer() -> None:
    begun, go = threading.Event(), threading.Event()
    calls = []

    @shared
    def slow(x: np.ndarray) -> float:
        calls.append(1)
        begun.set()
        assert go.wait(10)
        return float(x.sum())

    with shared_solutions(), ThreadPoolExecutor(2) as pool:
        one = pool.submit(contextvars.copy_context().run, slow, np.ones(2))
        assert begun.wait(10)
        two = pool.submit(contextvars.copy_context().run, slow, np.ones(2))
        go.set()
        assert (one.result(10), two.result(10), len(calls)) == (2.0, 2.0, 1)


def test_a_fit_is_the_same_to_the_last_bit_first_and_again(two_term: Law) -> None:
    formula = Formula(
        function=lambda p, v: p["E"] + p["A"] * np.exp(-p["alpha"] * np.log(v["n_params"])),
        linear=("E", "A"),
    )
    kept = tuple(two_term.parameter(name) for name in ("E", "A", "alpha"))
    other = dataclasses.replace(
        two_term, name="one-term", form=formula, parameters=kept, variables=("n_params",)
    )
    runs = _runs()
    for law in (two_term, other):
        alone = fit_law(law, runs, n_boot=20)
        with shared_solutions():
            both = [fit_law(law, runs, n_boot=20) for _ in range(2)]
        for fit in both:
            assert fit.estimate.tobytes() == alone.estimate.tobytes()
            assert fit.draws.tobytes() == alone.draws.tobytes()
            assert (fit.status, fit.warnings, fit.objective) == (
                alone.status, alone.warnings, alone.objective,
            )  # fmt: skip
