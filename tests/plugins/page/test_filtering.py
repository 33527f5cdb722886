"""Filters are free text: only what can be chosen counts."""

from __future__ import annotations

import numpy as np
import pytest

from isoflop_plugins.page.filtering import (
    choices_of,
    chosen_runs,
    meant_by,
    problems_of,
    read_filters,
)
from isoflop_plugins.page.views import Choices, Filters
from isoflop_plugins.page.visibility import RunIndex

INDEX = RunIndex(
    digest="d",
    versions={},
    uids=np.array(["u", "v", "w"], dtype=object),
    experiments=np.array(["a", "b", ""], dtype=object),
    families=np.array(["f", "f", "<b>"], dtype=object),
    days=np.array(["2026-01-01", "2026-01-05", "NaT"], dtype="datetime64[D]"),
    group=np.zeros(3, dtype=np.int64),
)
ALL = np.ones(3, dtype=bool)
CHOICES = Choices(experiments=("a", "b"), families=("<b>", "f"))


def test_choices_are_those_of_visible_runs_only() -> None:
    assert choices_of(INDEX, ALL) == CHOICES
    assert choices_of(INDEX, np.array([True, False, False])) == Choices(
        experiments=("a",), families=("f",)
    )
    assert choices_of(INDEX, ~ALL) == Choices()


def test_unknown_parameters_are_ignored() -> None:
    assert read_filters({"experiment": "a", "sql": "DROP"}) == Filters(experiment="a")


def test_a_long_value_is_cut() -> None:
    assert len(read_filters({"family": "x" * 100_000}).family) == 8_000


@pytest.mark.parametrize(
    "name", ["  lead", "trail\t", "two\nlines", "\u00a0x", "x" * 5_000, "a  b"]
)
def test_every_name_that_the_form_offers_can_be_chosen(name: str) -> None:
    choices = Choices(experiments=("a b", name))
    sent = name.replace("\n", "\r\n")  # as a browser does
    asked = meant_by(read_filters({"experiment": sent, "since": " 2026-01-01 "}), choices)
    assert asked == Filters(experiment=name, since="2026-01-01")
    assert not problems_of(asked, choices)


def test_spaces_choose_nothing() -> None:
    assert meant_by(Filters(experiment=" ", family=" x "), CHOICES) == Filters(family="x")


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(), [True, True, True]),
        (Filters(experiment="a"), [True, False, False]),
        (Filters(family="f"), [True, True, False]),
        (Filters(since="2026-01-02"), [False, True, False]),
        (Filters(until="2026-01-01"), [True, False, False]),
        (Filters(since="2026-01-01", until="2026-01-05"), [True, True, False]),
        (Filters(experiment="b", until="2026-01-01"), [False, False, False]),
    ],
)
def test_filters_choose_runs(filters: Filters, expected: list[bool]) -> None:
    assert chosen_runs(INDEX, ALL, filters).tolist() == expected


def test_filters_never_show_what_is_not_visible() -> None:
    mask = chosen_runs(INDEX, np.array([False, True, False]), Filters(experiment="a"))
    assert not mask.any()


@pytest.mark.parametrize(
    ("filters", "word"),
    [
        (Filters(experiment="secret"), "experiment: 'secret'"),
        (Filters(family="g"), "family: 'g'"),
        (Filters(since="yesterday"), "first day, 'yesterday', is no date"),
        (Filters(until="2026-02-30"), "last day, '2026-02-30', is no date"),
        (Filters(since="20260101"), "is no date"),
        (Filters(since="\u0662\u0660\u0662\u0666-\u0660\u0661-\u0660\u0661"), "is no date"),
        (Filters(since="2026-02-01", until="2026-01-01"), "is after the last day"),
    ],
)
def test_a_filter_that_cannot_be_used_says_why(filters: Filters, word: str) -> None:
    (said,) = problems_of(filters, CHOICES)
    assert word in said


def test_usable_filters_have_no_problem() -> None:
    assert not problems_of(
        Filters(experiment="a", family="<b>", since="2026-01-01", until="2026-01-01"), CHOICES
    )
