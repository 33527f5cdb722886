import dataclasses
import json

import pytest

from isoflop.estimate import Estimate
from isoflop.reporting import Section
from isoflop.results import AnalysisResult
from isoflop_plugins.reporters.law_cards import law_cards

A = Estimate(value=0.34, low=0.3, high=0.4)
GROWTH = Estimate(value=0.5, low=0.4, high=0.6)


def _fit(fit_id, *, law="two-term", family="web", **columns):
    params = json.dumps({"alpha": [0.34, 0.3, 0.4]})
    known = {"fit_id": fit_id, "law": law, "family": family, "status": "converged", "n_runs": 9}
    return known | {"params": params} | columns


def _report(fixed, *sections):
    made = []
    for index, (numbers, fits) in enumerate(sections):
        result = AnalysisResult(
            name=f"a{index}", title=f"Part {index}", verdict="", source="", numbers=numbers,
            fits=fits,
        )  # fmt: skip
        made.append(Section(analyzer=f"a{index}", title=result.title, summary="", result=result))
    return dataclasses.replace(fixed.report, sections=tuple(made))


def test_a_card_tells_growth_status_runs_and_drift(fixed):
    (card,) = law_cards(fixed.report)
    assert card.rule == "N_opt ~ C^0.50 [0.40, 0.60]"
    assert card.status == "partly identified: the runs do not tell E"
    assert card.n_runs == 7
    assert card.drift == "1 of 1 parameter inside the last intervals, over 3 dates"


def test_numbers_stand_beside_the_law_whose_parameters_they_are(fixed):
    other = _fit("g", law="other", params=json.dumps({"slope": [2, 1, 3]}))
    report = _report(fixed, ({"alpha": A, "exponent_n": GROWTH}, [other, _fit("f")]))
    assert [card.law for card in law_cards(report)] == ["two-term"]


def test_a_fit_that_two_analyzers_show_has_one_card(fixed):
    part = ({"alpha": A, "exponent_n": GROWTH}, [_fit("f")])
    assert [c.title for c in law_cards(_report(fixed, part, part))] == ["Part 0"]


def test_each_family_has_its_own_numbers(fixed):
    numbers = {"web/alpha": A, "code/alpha": A, "code/exponent_n": GROWTH, "web/exponent_n": A}
    report = _report(fixed, (numbers, [_fit("f"), _fit("g", family="code")]))
    assert {c.family: c.rule for c in law_cards(report)} == {
        "web": "N_opt ~ C^0.340 [0.300, 0.400]", "code": "N_opt ~ C^0.50 [0.40, 0.60]",
    }  # fmt: skip


@pytest.mark.parametrize("params", ["not json", "[1]", None, '{"alpha": 3}', '{"alpha": []}'])
def test_a_row_without_readable_parameters_has_no_card(fixed, params):
    assert law_cards(_report(fixed, ({"alpha": A}, [_fit("f", params=params)]))) == ()


def test_nothing_fitted_gives_no_card(fixed):
    assert law_cards(_report(fixed, ({}, []))) == ()
    assert law_cards(dataclasses.replace(fixed.report, sections=())) == ()
