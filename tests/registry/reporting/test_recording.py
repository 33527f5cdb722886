import dataclasses
import json
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from isoflop.reporting import build_report, record_report
from isoflop.reporting.ledger import standing_flags
from isoflop.schema import FITS

FIRST = datetime(2026, 11, 14, tzinfo=UTC)
SECOND = datetime(2026, 11, 21, tzinfo=UTC)
THIRD = datetime(2026, 11, 28, tzinfo=UTC)


def _recorded(registry, host, now):
    report = build_report(registry, host=host, now=now)
    assert record_report(report, registry)
    return report


def test_the_first_report_has_nothing_to_compare_with(registry, host):
    report = build_report(registry, host=host)
    assert report.changes.is_first
    assert report.changes.sentence == "First report: 6 runs, 3 flags raised (3 clear or severe)."


def test_a_recorded_report_leaves_flags_fits_and_an_event(registry, host):
    report = _recorded(registry, host, FIRST)
    assert list(registry.findings()["state"]) == ["raised"] * 3
    assert registry.fits().texts("fit_id") == ["fit-of-6"]
    events = registry.events()
    assert (events["kind"] == "report").sum() == 1
    assert set(registry.findings()["report_id"]) == {report.id}


def test_recording_twice_writes_once(registry, host):
    report = _recorded(registry, host, FIRST)
    assert not record_report(report, registry)
    assert len(registry.findings()) == 3
    assert (registry.events()["kind"] == "report").sum() == 1


def test_an_unchanged_registry_gives_the_same_report_after_recording(registry, host):
    first = _recorded(registry, host, FIRST)
    again = build_report(registry, host=host, now=SECOND)
    assert again.id == first.id
    assert not again.changes.anything
    assert again.changes.sentence == "Nothing changed since the report of 2026-11-14 00:00 UTC."


def test_runs_that_came_changed_and_left_are_named(cases, registry, host):
    _recorded(registry, host, FIRST)
    cases.drop_runs(
        registry,
        [
            cases.run_row(9, name="newcomer"),
            cases.run_row(3, loss=2.0),
            cases.run_row(4, lifecycle="deleted"),
            cases.run_row(21, name="published-late", source_kind="dataset"),
        ],
    )
    changes = build_report(registry, host=host, now=SECOND).changes
    assert (changes.runs_added, changes.runs_changed, changes.runs_removed) == (
        ("newcomer",), ("run-3",), ("run-4",),
    )  # fmt: skip


def test_flags_are_raised_and_cleared(cases, registry, host):
    _recorded(registry, host, FIRST)
    cases.drop_runs(registry, [cases.run_row(2, n_params=10**9), cases.run_row(5, n_params=10**6)])
    report = _recorded(registry, host, SECOND)
    assert [f.finding.subject for f in report.changes.cleared] == ["mlflow-002"]
    assert [f.finding.subject for f in report.changes.raised] == ["mlflow-005"]
    assert sorted(registry.findings()["state"]) == ["cleared", *["raised"] * 4]


def test_a_flag_that_was_cleared_can_be_raised_again(cases, registry, host):
    _recorded(registry, host, FIRST)
    cases.drop_runs(registry, [cases.run_row(2, n_params=10**9)])
    _recorded(registry, host, SECOND)
    cases.drop_runs(registry, [cases.run_row(2)])
    changes = build_report(registry, host=host).changes
    assert [f.finding.subject for f in changes.raised] == ["mlflow-002"]


def test_an_analyzer_that_broke_clears_nothing(cases, registry, host):
    _recorded(registry, host, FIRST)
    broken = cases.make_host(cases.analyzer("small-runs", cases.breaks))
    assert build_report(registry, host=broken, now=SECOND).changes.cleared == ()


def test_a_parameter_outside_its_last_interval_is_named(cases, registry, host):
    _recorded(registry, host, FIRST)
    cases.drop_runs(registry, [cases.run_row(i) for i in range(6, 9)])
    (moved,) = build_report(registry, host=host, now=SECOND).changes.moved
    assert moved.name == "size-law (family web): slope"
    assert (moved.before.value, moved.after.value) == (0.6, 0.9)


def test_since_compares_with_an_earlier_report(cases, registry, host):
    first = _recorded(registry, host, FIRST)
    cases.drop_runs(registry, [cases.run_row(9, name="newcomer")])
    _recorded(registry, host, SECOND)
    changes = build_report(registry, host=host, since=FIRST).changes
    assert changes.previous_id == first.id
    assert changes.runs_added == ("newcomer",)


def test_before_the_first_report_there_is_nothing_to_compare_with(registry, host):
    _recorded(registry, host, SECOND)
    changes = build_report(registry, host=host, since=FIRST).changes
    assert (
        changes.sentence
        == "No earlier report to compare with: 6 runs, 3 flags raised (3 clear or severe)."
    )
    assert changes.notes == (
        "There is no report of 2026-11-14 00:00 UTC or before: all runs and flags count as new.",
    )


def test_what_stands_in_the_registry_adds_up_whatever_a_report_was_compared_with(
    cases, registry, host
):
    _recorded(registry, host, FIRST)
    cases.drop_runs(registry, [cases.run_row(2, n_params=10**9), cases.run_row(5, n_params=10**6)])
    _recorded(registry, host, SECOND)
    cases.drop_runs(registry, [cases.run_row(2), cases.run_row(5)])
    third = build_report(registry, host=host, since=FIRST, now=THIRD)
    assert (third.changes.raised, third.changes.cleared) == ((), ())
    assert record_report(third, registry)
    stands = standing_flags(registry, at=THIRD)
    assert {flag.finding.subject for flag in stands.values()} == {
        flag.finding.subject for flag in third.flags
    }


@pytest.mark.parametrize(("then", "now", "n_raised"), [("severe", "mild", 0), ("mild", "clear", 1)])
def test_a_flag_is_raised_anew_only_where_it_is_graver(cases, registry, then, now, n_raised):
    def flagging(severity):
        def flag(runs, context, /):
            result = cases.small_runs(runs, context)
            found = [dataclasses.replace(f, severity=severity) for f in result.findings[:1]]
            return dataclasses.replace(result, findings=found)

        return cases.make_host(cases.analyzer("small-runs", flag))

    _recorded(registry, flagging(then), FIRST)
    report = _recorded(registry, flagging(now), SECOND)
    assert len(report.changes.raised) == n_raised
    [flag] = standing_flags(registry, at=SECOND).values()
    assert flag.finding.severity == now


def test_a_report_on_a_part_of_the_runs_is_not_recorded(registry, host):
    _recorded(registry, host, FIRST)
    assert not record_report(build_report(registry, host=host, only=["mlflow-005"]), registry)
    assert len(standing_flags(registry, at=FIRST)) == len(registry.findings())


def test_a_fit_to_published_models_is_not_what_a_parameter_moved_from(cases, registry, host):
    _recorded(registry, host, FIRST)
    params = json.dumps({"slope": {"value": 0.1, "low": 0.0, "high": 0.2}})
    row = {"fit_id": "theirs", "law": "size-law", "family": "web", "params": params,
           "created_at": FIRST, "audience": "reference"}  # fmt: skip
    registry.writer().drop_table("fits", pa.Table.from_pylist([row], schema=FITS.to_arrow()))
    registry.fold()
    assert build_report(registry, host=host, now=SECOND).changes.moved == ()
