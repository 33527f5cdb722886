"""The Python side of the explorer: what is taken out moves the fit, and nothing raises."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import resources

import numpy as np
import pandas as pd
import pytest
import traitlets

import isoflop
from isoflop.errors import PluginError, SchemaError, UnknownNameError
from isoflop.tables import RunTable
from isoflop_plugins import explorer as module

pytest.importorskip("anywidget", reason="anywidget is not installed")

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def explore(runs, **options):
    """Explore with few resamples: most facts here are not of the intervals."""
    return module.explore(runs, **{"n_boot": 20, **options})


def assert_is_plain_json(explorer) -> None:
    """A browser's JSON has neither NaN nor infinities."""
    shared = ("points", "families", "results", "message", "excluded", "reasons")
    json.dumps({name: getattr(explorer, name) for name in shared}, allow_nan=False)


def test_the_fit_is_isoflops_own_on_the_included_runs(make_runs):
    explorer = module.explore(make_runs(30))

    explorer.excluded = ["uid-3", "uid-7"]

    again = isoflop.fit("chinchilla", explorer.included, n_boot=module.FEW_REFITS, seed=0)
    assert len(explorer.included) == 28
    assert explorer.fit.params == again.params
    assert explorer.fit.run_uids == again.run_uids


def test_exponents_and_flags_move_and_stand_beside_those_of_all_runs(make_runs):
    explorer = explore(make_runs(30))
    before, flags = explorer.results["numbers"][0], explorer.results["flags"]

    explorer.excluded = ["uid-0", "uid-1", "uid-2"]

    row = explorer.results["numbers"][0]
    assert row["name"] == "exponent_n"
    assert row["before"] == before["now"]
    moved = explorer.fit.derived["exponent_n"].value - before["now"]["value"]
    assert row["now"]["value"] - row["before"]["value"] == pytest.approx(moved)
    assert row["change"].startswith("+" if moved > 0 else "-")
    assert explorer.results["moved"]["count"] == sum(
        now != explorer.results["flags"][i] for i, now in flags.items()
    )
    assert set(explorer.results["flags"]) == {f"uid-{i}" for i in range(30)}


def test_flags_are_those_of_the_analyzer_under_the_same_fit(make_runs):
    runs = make_runs(12)
    explorer = explore(runs)
    explorer.excluded = ["uid-5"]

    result = isoflop.analyze("undertrained", runs, law=explorer.fit)

    said = dict(zip(runs.texts("run_uid"), result.tables["verdicts"]["verdict"], strict=True))
    assert explorer.results["flags"] == said


def test_putting_everything_back_gives_the_first_fit_again(make_runs):
    explorer = explore(make_runs(8))
    first = explorer.fit

    explorer.excluded = ["uid-1"]
    explorer.excluded = []

    assert explorer.fit is first
    assert explorer.left_out == ()


def test_too_few_runs_left_is_said_and_does_not_raise(make_runs):
    explorer = explore(make_runs(8))

    explorer.excluded = [f"uid-{i}" for i in range(5)]

    assert explorer.fit is None
    assert "needs at least 6 usable runs, got 3" in explorer.message
    assert explorer.results["numbers"][0]["now"] is None
    assert explorer.results["numbers"][0]["before"] is not None
    assert_is_plain_json(explorer)


def test_taking_everything_out_is_said(make_runs):
    explorer = explore(make_runs(7))

    explorer.excluded = [f"uid-{i}" for i in range(7)]

    assert "No run is left" in explorer.message
    assert len(explorer.included) == 0


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pd.DataFrame({"run_name": []}), "No run is left to fit"),
        (pd.DataFrame({"n_params": [1e9], "n_tokens": [2e10], "loss": [2.5]}), "got 1 of 1"),
        (pd.DataFrame({"n_params": [np.nan] * 9, "loss": [2.5] * 9}), "got 0 of 9"),
    ],
    ids=["empty", "one run", "NaN"],
)
def test_a_table_that_cannot_be_fitted_is_shown_with_the_reason(frame, said):
    runs = RunTable.from_pandas(frame)

    explorer = explore(runs)

    assert explorer.fit is None
    assert said in explorer.message
    assert len(explorer.points) == len(runs)
    assert_is_plain_json(explorer)


def test_a_run_that_cannot_be_fitted_says_why_and_is_no_run_left_out_by_hand(make_runs):
    status = ["failed", *["finished"] * 9]
    explorer = explore(make_runs(10, status=status))

    assert explorer.points[0]["unusable"] == "status is failed"
    assert [p["unusable"] for p in explorer.points[1:]] == [""] * 9
    assert explorer.left_out == ()
    assert "1 cannot be fitted" in explorer.results["headline"]


def test_runs_on_one_line_of_n_and_d_are_said_not_to_identify_the_law(make_runs):
    n = 10 ** np.linspace(7.5, 10, 9)
    explorer = explore(make_runs(9, n_params=n, n_tokens=20 * n, loss=1.8 + 300 / n**0.3))

    assert explorer.fit is not None
    assert explorer.results["status"] == explorer.fit.status != "converged"
    assert explorer.results["warnings"] == list(explorer.fit.warnings)
    assert explorer.fit.n_boot == 20
    assert_is_plain_json(explorer)


def test_many_runs_that_do_not_identify_the_law_are_not_resampled_and_it_is_said(make_runs):
    n = 10 ** np.linspace(7.5, 10, 120)
    explorer = explore(make_runs(120, n_params=n, n_tokens=20 * n, loss=1.8 + 300 / n**0.3))

    assert explorer.fit.n_boot == 0
    assert "no intervals here" in explorer.results["warnings"][-1]
    assert explorer.results["numbers"][0]["now"]["low"] is None


def test_reasons_are_kept_with_the_runs_left_out(make_runs):
    explorer = explore(make_runs(30))

    explorer.excluded = ["uid-2", "uid-4"]
    explorer.reasons = {"uid-2": "  learning rate was wrong "}

    said = {out.subject: out.reason for out in explorer.left_out}
    assert said == {
        "run-2": "learning rate was wrong",
        "run-4": "taken out by hand in the explorer",
    }


def test_hostile_names_travel_as_text_and_are_cut(make_runs):
    names = [HOSTILE, "x" * 5000, "\u202eevil\x00", *["same"] * 6]
    explorer = explore(make_runs(9, run_name=names))

    explorer.excluded = ["uid-0"]

    assert explorer.points[0]["name"] == HOSTILE
    assert len(explorer.points[1]["name"]) == 200
    assert explorer.left_out[0].subject == HOSTILE


def test_an_id_stands_for_one_run_where_uids_are_missing_or_stand_twice(make_runs):
    uids = ["a", "a", None, *[f"u{i}" for i in range(6)]]
    explorer = explore(make_runs(9, run_uid=uids))

    explorer.excluded = ["row 1", "row 2"]

    assert [p["id"] for p in explorer.points[:4]] == ["a", "row 1", "row 2", "u0"]
    assert len(explorer.included) == 7
    assert len(explorer.left_out) == 2


def test_an_unknown_id_is_told_and_the_rest_is_taken_out(make_runs):
    explorer = explore(make_runs(30))

    explorer.excluded = ["uid-1", "no such run"]

    assert "belong to no run here, such as 'no such run'" in explorer.message
    assert len(explorer.included) == 29
    assert explorer.fit is not None


def test_one_family_is_fitted_at_a_time_and_remembers_what_was_taken_out(make_runs):
    families = ["small"] * 7 + ["large"] * 9
    explorer = explore(make_runs(16, family=families))
    assert explorer.family == "large"

    explorer.excluded = ["uid-8"]
    explorer.family = "small"

    assert len(explorer.points) == 7
    assert len(explorer.included) == 7
    explorer.family = "large"
    assert len(explorer.included) == 8
    assert [f["n_runs"] for f in explorer.families] == [9, 7]


def test_runs_without_a_family_are_one(make_runs):
    explorer = explore(make_runs(8, family=None))

    assert explorer.family == ""
    assert explorer.fit is not None


def test_a_family_that_is_not_there_is_refused(make_runs):
    with pytest.raises(UnknownNameError, match="no family 'nobody'"):
        explore(make_runs(7), family="nobody")
    explorer = explore(make_runs(7))
    with pytest.raises(traitlets.TraitError, match="no family 'nobody'"):
        explorer.family = "nobody"
    assert explorer.family == "ladder"


def test_a_law_of_one_variable_shows_parameters_and_no_flags(make_runs):
    explorer = explore(make_runs(12), law="kaplan-d")

    assert [row["name"] for row in explorer.results["numbers"]] == ["D_c", "alpha_D"]
    assert explorer.results["flags"] == {}
    assert explorer.results["frontier"] is None
    assert explorer.results["n_undertrained"] is None


def test_the_frontier_is_that_of_the_fit(make_runs):
    explorer = explore(make_runs(12))

    line = explorer.results["frontier"]

    at = explorer.fit.optimal(line["flops"][20])
    assert line["n_params"][20] == pytest.approx(at.n_params.value)
    assert line["loss"][20] == pytest.approx(at.loss.value)


def test_a_request_that_changes_no_run_does_not_refit_and_is_answered(make_runs):
    explorer = explore(make_runs(30))
    explorer.excluded = ["uid-1", "uid-2"]
    first = explorer.fit

    explorer.excluded = ["uid-2", "uid-1"]
    explorer.asked = 4

    assert explorer.fit is first
    assert explorer.answered == 4


def test_a_request_with_several_changes_is_fitted_once(make_runs, monkeypatch):
    from isoflop_plugins.explorer import answers

    explorer = explore(make_runs(60, family=["a"] * 30 + ["b"] * 30))
    fitted = []
    real = answers.fit_law
    monkeypatch.setattr(answers, "fit_law", lambda *a, **k: fitted.append(1) or real(*a, **k))

    explorer.set_state({"excluded": ["uid-1"], "reasons": {"uid-1": "why"}, "asked": 1})

    assert len(fitted) == 1
    assert explorer.answered == 1


def test_an_unforeseen_error_of_a_law_is_said_and_logged(make_runs, monkeypatch, caplog):
    from isoflop_plugins.explorer import answers

    explorer = explore(make_runs(30))

    def broken(*args, **kwargs):
        raise ZeroDivisionError("a third party's law")

    monkeypatch.setattr(answers, "fit_law", broken)
    explorer.excluded = ["uid-1"]

    assert explorer.fit is None
    assert "ZeroDivisionError: a third party's law" in explorer.message
    assert "could not refit" in caplog.text


def test_wrong_arguments_are_refused_in_words(make_runs):
    with pytest.raises(SchemaError, match="needs a RunTable, got a list"):
        explore([1, 2])
    with pytest.raises(UnknownNameError, match="Did you mean 'chinchilla'"):
        explore(make_runs(7), law="chinchila")
    with pytest.raises(SchemaError, match="n_boot must be 0 or more"):
        explore(make_runs(7), n_boot=-1)


def test_without_anywidget_the_extra_is_named(make_runs, monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "isoflop_plugins.explorer.widget", raising=False)

    with pytest.raises(PluginError, match=r"pip install 'isoflop\[widget\]'"):
        explore(make_runs(7))


def test_importing_the_module_loads_no_widget():
    code = (
        "import sys, isoflop_plugins.explorer; "
        "print([m for m in ('anywidget', 'ipywidgets', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["explorer.js", "explorer.css"])
def test_the_front_end_ships_with_the_package_and_loads_nothing(name):
    text = resources.files("isoflop_plugins.explorer").joinpath(name).read_text("utf-8")

    without_names = text.replace("http://www.w3.org/2000/svg", "")
    for forbidden in ("http://", "https://", "@import", "import(", "innerHTML", "eval("):
        assert forbidden not in without_names


def test_the_text_of_the_explorer_says_the_exponents(make_runs):
    explorer = explore(make_runs(30))

    assert repr(explorer).startswith("<Explorer: chinchilla fitted to 30 of 30 runs; exponent_n 0.")
