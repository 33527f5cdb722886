"""Which runs are used, and the reasons of the others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from isoflop.errors import UnitError
from isoflop.estimation.selection import select_runs
from isoflop.laws import Law
from isoflop.tables import RunTable

MakeRuns = Callable[..., RunTable]


def with_first(runs: RunTable, column: str, value: object, rest: object) -> RunTable:
    values = [value] + [rest] * (len(runs) - 1)
    return RunTable.from_pandas(runs.to_pandas().assign(**{column: values}))


@pytest.mark.parametrize(
    ("column", "value", "rest", "reason"),
    [
        ("loss", np.nan, 2.5, "loss is null"),
        ("loss", -1.0, 2.5, "loss is -1, not positive"),
        ("loss", np.inf, 2.5, "loss is inf"),
        ("loss", 1e300, 2.5, "loss is 1e+300, too large"),
        ("n_params", 0, 10**8, "n_params is 0"),
        ("n_tokens", None, 10**10, "n_tokens is null"),
        ("status", "failed", "finished", "status is failed"),
        ("status", "diverged", "finished", "status is diverged"),
        ("status", "running", None, "status is running"),
        ("stage", "sft", "pretrain", "stage is sft"),
        ("stage", "distilled", None, "stage is distilled"),
        ("stage", "preference", "pretrain", "stage is preference"),
        ("stage", "reinforcement", "pretrain", "stage is reinforcement"),
        ("stage", "continued", "pretrain", "stage is continued"),
        ("stage", "eval", None, "stage is eval"),
        ("lifecycle", "deleted", "active", "deleted in its source"),
        ("loss_dataset", None, "c4", "loss_dataset is null while others have 'c4'"),
        ("family", None, "mine", "family is null while others have 'mine'"),
    ],
)
def test_a_run_is_left_out_with_its_reason(
    two_term: Law, make_runs: MakeRuns, column: str, value: object, rest: object, reason: str
) -> None:
    runs = with_first(make_runs(n=20), column, value, rest)
    chosen = select_runs(two_term, runs)
    (left,) = chosen.left_out
    assert left.subject == "run 0"
    assert reason in left.reason
    assert chosen.rows.tolist() == list(range(1, 20))


def test_families_are_never_mixed_silently(two_term: Law, make_runs: MakeRuns) -> None:
    runs = make_runs(n=20, family=["a"] * 12 + ["b"] * 8)
    with pytest.raises(
        UnitError, match=r"'a' \(12 usable runs\), .*--family a \(in Python: family='a'\)"
    ):
        select_runs(two_term, runs)
    assert select_runs(two_term, runs, family="b").rows.tolist() == list(range(12, 20))


@pytest.mark.parametrize("column", ["loss_dataset", "tokenizer"])
def test_losses_that_cannot_be_compared_are_refused(
    two_term: Law, make_runs: MakeRuns, column: str
) -> None:
    runs = make_runs(n=20, **{column: ["x"] * 10 + ["y"] * 10})
    with pytest.raises(UnitError, match=rf"'x' \(10 runs\), 'y' \(10 runs\).*{column}"):
        select_runs(two_term, runs)


def test_a_family_of_unusable_runs_does_not_count(two_term: Law, make_runs: MakeRuns) -> None:
    runs = with_first(make_runs(n=20, family=["b"] + ["a"] * 19), "status", "failed", "finished")
    assert select_runs(two_term, runs).family == "a"


def test_experts_count_active_parameters(two_term: Law, make_runs: MakeRuns) -> None:
    runs = make_runs(
        n=20, architecture=["moe"] * 2 + ["dense"] * 18, n_params_active=[5e8] + [None] * 19
    )
    chosen = select_runs(two_term, runs)
    assert chosen.variables["n_params"][0] == 5e8
    assert chosen.left_out[0].reason == "n_params_active is null"
