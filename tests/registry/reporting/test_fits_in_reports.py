"""Analyzers that read fits, inside reports on a real registry."""

import dataclasses
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from isoflop import open_registry
from isoflop.reporting import build_report, record_report
from isoflop.results import AnalysisResult
from isoflop.schema import FITS

FIRST = datetime(2026, 11, 14, tzinfo=UTC)
SECOND = datetime(2026, 11, 21, tzinfo=UTC)


def list_fits(fits, context, /):
    """Show every fit with its date: an analyzer as a third party writes it."""
    frame = fits.to_pandas()[["fit_id", "created_at", "n_runs"]]
    return AnalysisResult(
        name="list-fits", title="Fits", verdict=f"{len(fits)} fits.", source="made for a test",
        tables={"fits": frame},
    )  # fmt: skip


def bad_fit(runs, context, /):
    return AnalysisResult(
        name="bad", title="Bad", verdict="Bad.", source="made for a test",
        fits=[{"fit_id": "x", "n_runs": "many"}],
    )  # fmt: skip


@pytest.fixture
def both(cases):
    return cases.make_host(
        cases.analyzer("list-fits", list_fits, position=1, table="fits"),
        cases.analyzer("small-runs", cases.small_runs, position=2, limit=5e6),
    )


def shown(report):
    (section,) = [s for s in report.yours if s.analyzer == "list-fits"]
    return section.result.tables["fits"]


def test_fits_of_this_report_are_seen_beside_the_kept_ones_whatever_the_position(
    cases, registry, both
):
    first = build_report(registry, host=both, now=FIRST)
    assert [s.analyzer for s in first.yours] == ["list-fits", "small-runs"]
    assert shown(first)["fit_id"].tolist() == ["fit-of-6"]
    assert shown(first)["created_at"].tolist() == [FIRST]
    record_report(first, registry)
    cases.drop_runs(registry, [cases.run_row(9)])
    second = build_report(registry, host=both, now=SECOND)
    assert shown(second)["fit_id"].tolist() == ["fit-of-6", "fit-of-7"]
    assert shown(second)["created_at"].tolist() == [FIRST, SECOND]


def test_recording_does_not_make_the_next_report_another_one(registry, both):
    unrecorded = build_report(registry, host=both, now=FIRST)
    first = build_report(registry, host=both, now=SECOND)
    assert first.id == unrecorded.id
    assert record_report(first, registry)
    again = build_report(registry, host=both)
    assert again.id == first.id
    assert not again.changes.anything
    assert not record_report(again, registry)


def test_a_recorded_fit_says_whose_runs_and_which_version(registry, both):
    version = registry.versions()["runs"]
    record_report(build_report(registry, host=both, now=FIRST), registry)
    (row,) = registry.fits().to_arrow().to_pylist()
    assert (row["audience"], row["runs_version"]) == ("yours", version)


def test_fits_to_published_models_are_not_among_the_users(registry, both):
    row = {"fit_id": "theirs", "law": "l", "created_at": FIRST, "audience": "reference"}
    rows = [row, {**row, "fit_id": "of before", "audience": None}]
    registry.writer().drop_table("fits", pa.Table.from_pylist(rows, schema=FITS.to_arrow()))
    registry.fold()
    assert sorted(shown(build_report(registry, host=both))["fit_id"]) == ["fit-of-6", "of before"]


def test_a_registry_without_fits_has_no_answer(tmp_path, cases):
    empty = open_registry(tmp_path / "empty", create=True)
    host = cases.make_host(cases.analyzer("list-fits", list_fits, table="fits"))
    never_folded = tmp_path / "bare"
    open_registry(never_folded, create=True, fold=False)
    for registry in (empty, open_registry(never_folded, fold=False)):
        (section,) = build_report(registry, host=host).yours
        assert section.state == "cannot-answer"


def test_a_fit_that_is_no_row_fails_its_analyzer_alone(cases, registry):
    host = cases.make_host(
        cases.analyzer("bad", bad_fit, position=1),
        cases.analyzer("list-fits", list_fits, position=2, table="fits"),
    )
    bad, fine = build_report(registry, host=host).yours
    assert bad.state == "failed"
    assert "A fit of analyzer 'bad' is no row of the table fits" in bad.failure
    assert fine.state == "cannot-answer"  # there is no other fit to list


def test_runs_that_arrive_while_analyzers_think_are_of_the_next_report(cases, registry):
    def slow(runs, context, /):
        cases.drop_runs(registry, [cases.run_row(9)])
        return cases.small_runs(runs, context)

    host = cases.make_host(
        cases.analyzer("slow", slow, position=1), cases.analyzer("x", cases.small_runs)
    )
    version = registry.versions()["runs"]
    report = build_report(registry, host=host)
    assert registry.versions()["runs"] > version
    assert report.provenance.data_versions["runs"] == version
    assert report.n_runs == 6


def test_the_order_of_fits_is_the_same_before_and_after_they_are_kept(cases, registry):
    """Seen with the built-in analyzers: the second report of the same data had another id."""

    def many(runs, context, /):
        fits = [{"fit_id": f"fit-{(7 * i) % 11}", "law": "l", "params": {}} for i in range(11)]
        return dataclasses.replace(cases.small_runs(runs, context), fits=fits)

    def reads(fits, context, /):
        ids = fits.texts("fit_id")
        shown = cases.small_runs(registry.runs(), context)
        return dataclasses.replace(shown, verdict=str(ids), fits=())

    host = cases.make_host(
        cases.analyzer("many", many), cases.analyzer("reads", reads, table="fits")
    )
    first = build_report(registry, host=host)
    assert {section.state for section in first.sections} == {"answered"}
    record_report(first, registry)
    assert build_report(registry, host=host).id == first.id
