import pytest

from isoflop import open_registry
from isoflop.errors import UnknownNameError
from isoflop.reporting import build_report


def test_published_models_are_never_among_the_users_runs(registry, host):
    report = build_report(registry, host=host)
    assert (report.n_runs, report.n_reference) == (6, 1)
    yours, reference = report.sections
    assert (yours.audience, len(yours.result.tables["sizes"])) == ("yours", 6)
    assert (reference.audience, list(reference.result.tables["sizes"]["run"])) == (
        "reference", ["published-20B"],
    )  # fmt: skip


def test_reference_findings_do_not_count(cases, registry):
    host = cases.make_host(cases.analyzer("small-runs", cases.small_runs, limit=1e99))
    report = build_report(registry, host=host, options={"small-runs": {"limit": 1e99}})
    assert len(report.flags) == 6
    assert report.headline[0] == "Look at what is flagged: 6 small; 6 runs checked."


def test_sections_stand_in_order_of_position(cases, registry):
    host = cases.make_host(
        cases.analyzer("z", cases.small_runs, position=1, limit=1),
        cases.analyzer("a", cases.refuses, position=2),
    )
    assert [s.analyzer for s in build_report(registry, host=host).yours] == ["z", "a"]


def test_an_analyzer_that_cannot_answer_says_why(cases, registry):
    (section,) = build_report(
        registry, host=cases.make_host(cases.analyzer("law", cases.refuses))
    ).sections
    assert (section.state, section.failure) == (
        "cannot-answer", "6 usable runs, the law needs 99. Add runs.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("run", "words"),
    [("breaks", "ZeroDivisionError: third party"), ("returns_nonsense", "returned dict, not an")],
)
def test_a_broken_analyzer_is_listed_and_the_report_goes_on(cases, registry, run, words):
    host = cases.make_host(
        cases.analyzer("broken", getattr(cases, run), position=1),
        cases.analyzer("small-runs", cases.small_runs, limit=5e6),
    )
    broken, fine = build_report(registry, host=host).yours
    assert broken.state == "failed"
    assert words in broken.failure
    assert "Traceback" in broken.trace
    assert fine.state == "answered"


def test_only_the_named_analyzers_run(cases, registry):
    host = cases.make_host(
        cases.analyzer("one", cases.small_runs, limit=1), cases.analyzer("two", cases.breaks)
    )
    sections = build_report(registry, host=host, analyzers=["one"]).yours
    assert [s.analyzer for s in sections] == ["one"]


@pytest.mark.parametrize("where", [{"analyzers": ["nine"]}, {"options": {"nine": {}}}], ids=str)
def test_an_unknown_analyzer_is_refused(registry, host, where):
    with pytest.raises(UnknownNameError, match=r"no analyzer 'nine'.*'small-runs'"):
        build_report(registry, host=host, **where)


def test_options_reach_the_analyzer(registry, host):
    report = build_report(registry, host=host, options={"small-runs": {"limit": 1.0}})
    assert report.headline[0] == "Nothing to act on: no clear or severe flag on 6 runs."
    assert report.provenance.options == {"small-runs": {"limit": 1.0}}


def test_an_unchanged_registry_gives_the_same_id(registry, host):
    again = open_registry(registry.uri)
    assert build_report(registry, host=host).id == build_report(again, host=host).id


def test_an_empty_registry_is_said(tmp_path, host):
    empty = open_registry(tmp_path / "empty", create=True)
    report = build_report(empty, host=host)
    assert report.headline[0].startswith("No runs of yours yet. Collect some")
    assert report.n_runs == 0


def test_provenance_names_versions_and_a_command(registry, host):
    provenance = build_report(registry, host=host).provenance
    assert {"isoflop", "python", "altair"} <= set(provenance.software)
    assert provenance.data_versions["runs"] == registry.versions()["runs"]
    assert registry.uri in provenance.command
