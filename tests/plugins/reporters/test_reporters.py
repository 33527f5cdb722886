import json
import math
from datetime import UTC, datetime

import pandas as pd
import pytest

from isoflop.estimate import Estimate
from isoflop.reporting import Changes, Provenance, Report, Section
from isoflop.reporting.markdown import escaped
from isoflop.results import AnalysisResult, Finding, LeftOut
from isoflop_plugins.reporters import REPORTERS, render_html, render_json, render_markdown

HOSTILE = "<img src=x onerror=alert(1)>"


def _finding(number, severity="mild"):
    return Finding(
        kind="small", subject=f"r{number}", subject_name=HOSTILE, severity=severity, law="a-law",
        message=f"run {number} {HOSTILE}",
    )  # fmt: skip


def _report(**changes):
    frame = pd.DataFrame({"run": [HOSTILE] * 60, "n_params": [7e9] * 60, "loss": [math.nan] * 60})
    frame.attrs["units"] = {"loss": "nat/token"}
    result = AnalysisResult(
        name="a",
        title=f"Part {HOSTILE}",
        verdict=f"Verdict {HOSTILE}",
        source="Somebody 2026",
        checks=[("it holds", True), (HOSTILE, False)],
        findings=[*(_finding(i) for i in range(12)), _finding(99, "severe")],
        tables={"t": frame, HOSTILE: frame.head(1)},
        left_out=[LeftOut(subject=HOSTILE, reason="no loss")] * 3,
        numbers={"alpha": Estimate(value=0.3473, low=0.3168, high=0.3733)},
    )
    section = Section(analyzer="a", title=result.title, summary="", result=result)
    known = {
        "id": "0123456789abcdef", "created_at": datetime(2026, 11, 21, 4, 5, tzinfo=UTC),
        "registry_uri": f"/reg/{HOSTILE}", "registry_id": "rid", "n_runs": 60, "n_reference": 0,
        "headline": (f"Look at {HOSTILE}.",), "changes": Changes(runs_added=(HOSTILE,)),
        "sections": (section,), "provenance": Provenance(command=f"isoflop report {HOSTILE}"),
    }  # fmt: skip
    return Report(**(known | changes))


@pytest.mark.parametrize("render", [render_html, render_markdown])
def test_no_untrusted_text_becomes_markup(render):
    text = render(_report())
    assert "<img src=x" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text


def test_numbers_carry_their_interval_everywhere():
    report = _report()
    assert "0.347 [0.317, 0.373]" in render_html(report)
    assert "alpha = 0.347 [0.317, 0.373]" in render_markdown(report)
    said = json.loads(render_json(report))["sections"][0]["result"]["numbers"]["alpha"]
    assert said == {"value": 0.3473, "low": 0.3168, "high": 0.3733, "level": 0.95}


def test_json_holds_every_row_and_nan_as_null():
    rows = json.loads(render_json(_report()))["sections"][0]["result"]["tables"]["t"]["rows"]
    assert len(rows) == 60
    assert rows[0]["loss"] is None


def test_the_page_shows_fifty_rows_and_counts_the_others():
    page = render_html(_report())
    assert page.count('<td class="number">7.0 B</td>') == 51
    assert "and 10 more (see report.json)" in page


def test_the_summary_shows_ten_rows_and_counts_the_others():
    summary = render_markdown(_report())
    assert summary.count("| 7.0 B |") == 10
    assert "and 50 more (see report.json)" in summary


@pytest.mark.parametrize("render", [render_html, render_markdown])
def test_the_gravest_finding_comes_first_and_the_rest_is_counted(render):
    text = render(_report())
    assert text.index("run 99") < text.index("run 0")
    more = {render_html: "3 more findings</summary>"}
    assert more.get(render, "and 3 more findings (see report.json)") in text


def test_parts_stand_in_order():
    page = render_html(_report())
    places = [page.index(f'id="{name}"') for name in ("changes", "yours-a", "provenance")]
    assert places == sorted(places)


def test_units_stand_in_the_heads():
    assert "loss <small>[nat/token]</small>" in render_html(_report())


def test_the_same_report_gives_the_same_bytes():
    assert all(r.render(_report()) == r.render(_report()) for r in REPORTERS if r.is_default)


def test_published_models_are_folded_away():
    section = _report().sections[0]
    reference = Section(
        analyzer="a", title="Part", summary="", audience="reference", result=section.result
    )
    report = _report(sections=(section, reference), n_reference=2)
    page = render_html(report)
    assert page.index("Published models beside yours") > page.index('id="yours-a"')
    assert "<summary><h3>Part</h3>: <span>Verdict" in page
    assert "## Published models beside yours (2)" in render_markdown(report)


@pytest.mark.parametrize("name", [r.name for r in REPORTERS if r.is_default])
def test_a_report_without_sections_is_rendered(name):
    (reporter,) = (r for r in REPORTERS if r.name == name)
    assert "0123456789abcdef" in reporter.render(_report(sections=()))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", r"a\|b"), ("`x`", r"\`x\`"), ("[a](javascript:x)", r"[a\](javascript:x)"),
        ("# head", r"\# head"), ("1. one", r"1\. one"), ("- item", r"\- item"),
        ("1.5 B", "1.5 B"), ("-0.5", "-0.5"), ("two\nlines", "two lines"),
        ("<b>&", "&lt;b&gt;&amp;"), ("0.3 [0.1, 0.5]", "0.3 [0.1, 0.5]"),
        ("\\|", r"\\\|"),
    ],
)  # fmt: skip
def test_markdown_shows_text_as_it_is(text, shown):
    assert escaped(text) == shown
