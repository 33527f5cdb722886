"""The page of a report, as it is looked at; see `golden` in tests/plugins/conftest.py."""

from pathlib import Path

from isoflop_plugins.reporters import render_html

GOLDEN = Path(__file__).parent / "golden"


def test_the_page_of_a_report_is_as_it_was_looked_at(fixed, golden):
    golden(GOLDEN / "report.html", render_html(fixed.report))


def test_the_page_of_an_empty_registry_is_as_it_was_looked_at(fixed, golden):
    import dataclasses

    empty = dataclasses.replace(
        fixed.report, sections=(), n_runs=0, n_reference=0,
        headline=("No runs of yours yet. Collect some: `isoflop collect SOURCE`.",),
    )  # fmt: skip
    golden(GOLDEN / "empty.html", render_html(empty))
