"""What a fit was asked for, into text and back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoflop.estimation.settings import FitSettings

_NAMES = st.text("abcdefgh_", min_size=1, max_size=8)
_FINITE = st.floats(allow_nan=False, allow_infinity=False)

_SETTINGS = st.builds(
    FitSettings,
    objective=st.none() | st.sampled_from(["log-huber", "squares", "log-quantile"]),
    delta=st.floats(min_value=0, exclude_min=True, allow_nan=False),
    quantile=st.none() | st.floats(0, 1),
    n_boot=st.integers(0, 10_000),
    seed=st.integers(0, 2**32 - 1),
    level=st.floats(0, 1),
    family=st.none() | st.text(max_size=5),
    fixed=st.dictionaries(_NAMES, _FINITE, max_size=3),
    tied=st.lists(_NAMES, max_size=3).map(tuple),
    using=st.dictionaries(_NAMES, _NAMES, max_size=3),
    weights=st.none() | _NAMES,
    clusters=st.none() | _NAMES,
)


@given(_SETTINGS)
def test_settings_survive_text_and_the_text_is_strict_json(settings):
    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    text = settings.to_json()
    json.loads(text, parse_constant=refuse)
    assert FitSettings.from_json(text) == settings
    assert FitSettings.from_json(text).to_json() == text


def test_the_text_does_not_depend_on_the_order_or_type_of_what_was_given():
    one = FitSettings(fixed={"a": 1, "b": 2.0}, n_boot=np.int64(5), delta=np.float64(1e-3))
    other = FitSettings(fixed={"b": 2.0, "a": np.float32(1.0)}, n_boot=5)
    assert one.to_json() == other.to_json()


def test_a_name_of_a_newer_isoflop_is_left_out_and_a_missing_one_has_its_default():
    settings = FitSettings.from_json('{"seed": 3, "prior": "flat"}')
    assert settings == FitSettings(seed=3)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (FitSettings(), ""),
        (FitSettings(fixed={"beta": 0.5, "alpha": 0.25}), "alpha = 0.25, beta = 0.5"),
        (FitSettings(tied=("alpha", "beta")), "alpha = beta"),
        (
            FitSettings(using={"n_params": "n_params_nonembedding"}, weights="w", clusters="run"),
            "n_params from n_params_nonembedding, weighted by w, clusters of run",
        ),
    ],
    ids=["plain", "fixed", "tied", "columns"],
)
def test_a_variant_is_told_in_words(settings, words):
    assert settings.variant == words


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (FitSettings(objective="log-huber"), "log-huber 0.001"),
        (FitSettings(objective="log-quantile", quantile=0.1), "log-quantile 0.1"),
        (FitSettings(objective="log-squares"), "log-squares"),
    ],
    ids=["huber", "quantile", "squares"],
)
def test_an_objective_is_told_with_the_number_it_depends_on(settings, words):
    assert settings.objective_words == words
