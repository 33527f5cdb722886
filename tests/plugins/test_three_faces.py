"""An analyzer of a third party shows in notebook, report and page, and nothing else is changed."""

from __future__ import annotations

import json

import altair as alt
import pandas as pd
import pytest

from isoflop import PluginHost, analyze, hookimpl
from isoflop.hookspecs import Analyzer
from isoflop.plugin_host import default_host
from isoflop.reporting import build_report, write_report
from isoflop.results import AnalysisResult, Figure, Figures, Finding
from isoflop_plugins.page.rendering import render_page
from isoflop_plugins.page.views import View

VERDICT = "Seven of seven moons are full."
CAPTION = "Moons over tides, 7 runs, made for a test."
FLAG = "The tide of run-4 is high."


def _moons(runs, context, /):
    frame = pd.DataFrame({"moon": ["Europa", "Io"], "tide_height": [2.5, 3.5]})
    frame.attrs["units"] = {"tide_height": "m"}

    def build():
        return alt.Chart(frame).mark_bar().encode(x="moon", y="tide_height")

    return AnalysisResult(
        name="moons",
        title="Moons and tides",
        verdict=VERDICT,
        source="A third party, 2026",
        findings=[
            Finding(kind="tide", subject="uid-4", subject_name="run-4", severity="severe",
                    law="gravity", message=FLAG)
        ],
        tables={"tides": frame},
        figures=Figures((Figure(name="tides", caption=CAPTION, table="tides", build=build),)),
    )  # fmt: skip


class ThirdParty:
    """A plugin as somebody else writes it: one analyzer, no word on how it is shown."""

    @hookimpl
    def isoflop_analyzers(self):
        return [
            Analyzer(name="moons", summary="Looks up.", source="A third party", table="runs",
                     requires=(), run=_moons)
        ]  # fmt: skip


@pytest.fixture(scope="module")
def host() -> PluginHost:
    """All that is installed, and one more plugin."""
    host = PluginHost()
    host.register(ThirdParty(), name="third-party", version="1")
    return host


@pytest.fixture(scope="module")
def report(host, fixed):
    chosen = ["moons", *list(default_host().analyzers)[-1:]]
    return build_report(fixed.registry, host=host, analyzers=chosen, now=fixed.now)


def test_the_notebook_shows_it(host, fixed):
    result = analyze("moons", fixed.registry.runs(), host=host)
    shown = result._repr_html_()
    assert all(text in shown for text in (VERDICT, "1 severe", "Europa", CAPTION))
    assert VERDICT in repr(result)


@pytest.fixture(scope="module")
def files(report, host, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    write_report(report, folder, host=host, formats=["html", "json", "markdown"])
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.mark.parametrize("name", ["index.html", "report.md"])
def test_the_report_shows_verdict_flag_table_and_figure(files, name):
    assert all(text in files[name] for text in (VERDICT, FLAG, "Europa", CAPTION))


def test_the_report_for_programs_holds_it(files):
    (section,) = (s for s in json.loads(files["report.json"])["sections"]
                  if s["analyzer"] == "moons")  # fmt: skip
    assert section["result"]["verdict"] == VERDICT
    assert len(section["result"]["tables"]["tides"]["rows"]) == 2


def test_the_page_shows_it_with_a_link_to_the_run(report):
    page = render_page(View(report=report, run_links={"uid-4": "/#/experiments/1/runs/4"}))
    assert all(text in page for text in (VERDICT, FLAG, "Europa", CAPTION, "Moons and tides"))
    assert "<h1>Look at what is flagged: 1 tide (1 severe)" in page
    assert '<a href="#yours-moons">' in page
    assert 'href="/#/experiments/1/runs/4"' in page
    assert page.count("<svg ") >= 1


def test_what_is_installed_is_as_it_was(host):
    assert "moons" in host.analyzers
    assert "moons" not in default_host().analyzers
