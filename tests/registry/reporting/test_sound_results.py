"""A result of a third party that is not what it says it is costs its section, not the report."""

import dataclasses
import sys

import pandas as pd
import pytest

from isoflop.reporting import build_report
from isoflop.results import Figure, Figures, Finding
from isoflop_plugins.reporters import REPORTERS


def finding(**said):
    texts = {"kind": "k", "subject": "s", "subject_name": "n", "law": "l", "message": "m"}
    return Finding(**(texts | {"severity": "clear"} | said))


def beside(cases, registry, run):
    """Return the section of an analyzer, with the report, made beside one that is well."""
    host = cases.make_host(
        cases.analyzer("odd", run, position=1),
        cases.analyzer("small-runs", cases.small_runs, limit=5e6),
    )
    report = build_report(registry, host=host)
    odd, well = report.yours
    assert well.state == "answered"
    return odd, report


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"verdict": None}, "verdict is None, not str"),
        ({"checks": ["abc"]}, "a check is of type str"),
        ({"checks": None}, "checks is None, not Sequence"),
        ({"findings": [{"a": 1}]}, "one finding is of type dict, not Finding"),
        ({"findings": [finding(message=None)]}, "the message of a finding is None"),
        ({"findings": [finding(severity="huge")]}, "severity of a finding is 'huge'; allowed are"),
        ({"findings": [finding(value=3.0)]}, "the value of a finding is of type float"),
        ({"left_out": ["abc"]}, "is of type str, not LeftOut"),
        ({"numbers": {"a": 1.0}}, "number 'a' is of type float, not Estimate"),
        ({"tables": {"t": [1]}}, "table 't' is of type list, not DataFrame"),
        ({"tables": {None: pd.DataFrame()}}, "the name of a table is None"),
        ({"figures": []}, "figures is of type list, not Figures"),
        ({"fits": [None]}, "one fit is None, not Mapping"),
        ({"fits": [{"fit_id": 5}]}, "no row of the table fits"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_result_that_cannot_be_shown_is_one_failed_section(cases, registry, changed, words):
    def run(table, context, /):
        return dataclasses.replace(cases.small_runs(table, context), **changed)

    section, _ = beside(cases, registry, run)
    assert section.state == "failed"
    assert words in section.failure
    assert "Tell its author" in section.failure


def test_an_analyzer_that_ends_the_program_ends_itself(cases, registry):
    section, _ = beside(cases, registry, lambda table, context, /: sys.exit(3))
    assert (section.state, section.failure) == ("failed", "SystemExit: 3")


def test_a_figure_that_ends_the_program_is_only_not_drawn(cases, registry):
    def run(table, context, /):
        ends = Figure(name="f", caption="c", table="sizes", build=lambda: sys.exit(3))
        return dataclasses.replace(cases.small_runs(table, context), figures=Figures((ends,)))

    section, report = beside(cases, registry, run)
    assert section.state == "answered"
    page = next(r for r in REPORTERS if r.name == "html").render(report)
    assert "tried to end the program" in (page if isinstance(page, str) else page.decode())


def test_an_object_that_cannot_say_itself_is_named_by_its_type(cases, registry):
    class Mute:
        def __str__(self):
            raise RuntimeError

    def run(table, context, /):
        frame = pd.DataFrame({"x": pd.Series([Mute()], dtype=object)})
        frame.attrs["units"] = None
        return dataclasses.replace(cases.small_runs(table, context), tables={"sizes": frame})

    section, report = beside(cases, registry, run)
    assert section.state == "answered"
    for reporter in REPORTERS:
        if reporter.is_default:
            assert reporter.render(report)
