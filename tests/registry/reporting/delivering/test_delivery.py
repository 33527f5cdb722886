"""A delivered report, end to end on a real registry, with a tracker and a channel of the tests."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from isoflop import collect, hookimpl, open_registry
from isoflop.errors import CollectError, PluginError, RegistryError, UnknownNameError
from isoflop.hookspecs import Collector, Notifier, Publisher, Reporter
from isoflop.records import RawRun
from isoflop.reporting.delivering import ReportBusyError, deliver_failure, deliver_report
from isoflop.reporting.delivering.locking import report_lock

SECRET = "chat://ada:pa55word@host/T0/B0/s3cret"


class Places:
    """A tracker, a channel and a source that can be switched off."""

    def __init__(self):
        self.published, self.told, self.runs, self.down = {}, [], ["a"], set()

    def publish(self, report, files):
        if "tracker" in self.down:
            raise ConnectionError("no answer from http://ada:pw@tracker.example/path")
        self.published.setdefault(report.id, [path.name for path in files])
        return f"tracker/{report.id}"

    def notify(self, notice, target):
        if "process" in self.down:
            raise KeyboardInterrupt
        if self.down & {"channel", target}:
            raise PluginError(f"no answer from {target}")
        if "clumsy" in self.down:
            raise ValueError(f"bad {target}")
        self.told.append((target, notice))

    def collect(self, request):
        if "source" in self.down:
            raise CollectError("It does not answer.", source="toy:")
        for name in self.runs:
            yield RawRun(source_kind="toy", source_uri="toy:", native_run_id=name, run_name=name,
                         source_digest=name, params={"n_params": "1000000"})  # fmt: skip

    @hookimpl
    def isoflop_publishers(self):
        return [Publisher(name="tracker", summary="", publish=self.publish)]

    @hookimpl
    def isoflop_notifiers(self):
        return [
            Notifier(name="chat", summary="", recognizes=lambda t: t.startswith("chat://"),
                     notify=self.notify)
        ]  # fmt: skip

    @hookimpl
    def isoflop_collectors(self):
        return [
            Collector(name="toy", summary="", source_kind="toy",
                      recognizes=lambda s: s.startswith("toy:"), collect=self.collect)
        ]  # fmt: skip


@pytest.fixture
def places():
    return Places()


@pytest.fixture
def host(host, places):
    host.register(places, name="places")
    return host


@pytest.fixture
def deliver(registry, host, tmp_path):
    def run(**arguments):
        known = {"host": host, "notify_targets": [SECRET]}
        return deliver_report(registry.uri, tmp_path / "report", **(known | arguments))

    return run


def everything_kept(registry, tmp_path):
    """Return all text of the registry's ledger and of the report's files."""
    reg = open_registry(registry.uri)
    ledger = ("events", "findings", "fits")
    tables = [str(reg.sql(f"SELECT * FROM {name}").to_pandas().to_dict()) for name in ledger]
    files = [p.read_bytes().decode("latin-1") for p in tmp_path.rglob("*") if p.is_file()]
    return "\n".join([*tables, *files])


def test_a_report_is_written_recorded_published_and_told(deliver, places, registry, tmp_path):
    delivery = deliver()
    names = [path.relative_to(tmp_path / "report").as_posix() for path in delivery.files]
    assert names == ["index.html", "report.json", "report.md",
                     "figures/yours-small-runs-scatter.svg",
                     "figures/reference-small-runs-scatter.svg", "headline.png"]  # fmt: skip
    assert (tmp_path / "report" / "headline.png").read_bytes().startswith(b"\x89PNG")
    assert places.published == {delivery.report.id: [name.rpartition("/")[2] for name in names]}
    assert delivery.published == (f"tracker/{delivery.report.id}",)
    [(target, notice)] = places.told
    assert target == SECRET
    assert notice.title == delivery.report.headline[0]
    assert notice.files == (tmp_path / "report" / "headline.png",)
    assert f"Report: tracker/{delivery.report.id}" in notice.body
    assert (delivery.problems, delivery.notified, delivery.is_recorded) == ((), 1, True)


def test_the_same_registry_twice_is_reported_once(deliver, places, registry):
    first = deliver()
    kept = {name: len(getattr(registry, name)()) for name in ("fits", "findings", "events")}
    again = deliver()
    assert again.report.id == first.report.id
    assert (again.notified, again.is_recorded, again.outcome) == (0, False, "made")
    assert len(places.told) == len(places.published) == 1
    assert kept == {name: len(getattr(registry, name)()) for name in kept}


def test_always_tells_also_when_nothing_changed(deliver, places):
    deliver()
    assert deliver(always=True).notified == 1
    assert "Nothing changed since" in places.told[1][1].body


def test_a_pressing_flag_is_told_once(deliver):
    assert [deliver().outcome for _ in range(2)] == ["flagged", "made"]


def test_a_flag_of_which_nobody_could_be_told_is_more_than_a_flag(deliver, places):
    places.down.add("channel")
    assert deliver().outcome == "flagged-incomplete"


def test_sources_collected_before_are_collected_again(deliver, places, registry, host):
    collect("toy:", registry, host=host)
    first = deliver()
    places.runs.append("b")
    second = deliver()
    assert second.report.n_runs == first.report.n_runs + 1
    assert second.report.changes.runs_added == ("b",)
    assert "Runs added: b" in places.told[-1][1].body
    assert deliver(sources=[]).report.n_runs == second.report.n_runs


def test_a_source_that_is_down_is_told_in_the_report_and_makes_it_incomplete(
    deliver, places, tmp_path
):
    deliver(sources=["toy:"])
    places.down.add("source")
    delivery = deliver()
    assert delivery.outcome == "incomplete"
    for name in ("index.html", "report.md", "report.json"):
        content = (tmp_path / "report" / name).read_text()
        assert "could not be read: It does not answer." in content
    assert "1 thing could not be done" in delivery.report.headline[1]
    assert "What could not be done" in (tmp_path / "report" / "index.html").read_text()
    told = json.loads((tmp_path / "report" / "report.json").read_text())["problems"]
    assert told == list(delivery.problems)
    assert "gone for good: `isoflop collect --forget toy:`" in told[0]


def test_a_source_with_credentials_is_kept_without_and_said_what_to_do(
    deliver, places, registry, tmp_path
):
    deliver(sources=["toy://ada:pa55word@host/path?token=pa55word"])
    places.down.add("source")
    [problem] = deliver().problems
    assert "'toy://host/path' could not be read" in problem
    assert "first given with credentials" in problem
    assert "pa55word" not in everything_kept(registry, tmp_path)


def test_a_tracker_that_is_down_is_in_the_report_and_caught_up_later(deliver, places, tmp_path):
    places.down.add("tracker")
    first = deliver()
    told = "The report could not be published by 'tracker': ConnectionError"
    assert told in (tmp_path / "report" / "report.md").read_text()
    assert "ada" not in first.problems[0]
    places.down.clear()
    second = deliver()
    assert second.problems == ()
    assert list(places.published) == [first.report.id]
    assert told not in (tmp_path / "report" / "report.md").read_text()


@pytest.mark.parametrize("how", ["channel", "clumsy"])
def test_a_channel_that_is_down_never_shows_its_address(
    deliver, places, registry, tmp_path, how, caplog
):
    places.down.add(how)
    caplog.set_level("DEBUG")
    delivery = deliver()
    assert re.match(r"The notice to address 1 \(chat\) failed:", delivery.problems[0])
    kept = everything_kept(registry, tmp_path) + delivery.problems[0] + caplog.text
    for secret in ("pa55word", "s3cret", "T0/B0"):
        assert secret not in kept
    assert delivery.report.problems == ()


def test_a_notice_that_was_not_delivered_comes_with_the_next_report_once(deliver, places):
    places.down.add("channel")
    assert deliver().notified == 0
    assert "still not delivered" in deliver().problems[0]
    places.down.clear()
    deliver()
    deliver()
    [(_, notice)] = places.told
    assert notice.body.startswith("Not delivered on 20")
    assert "First report" in notice.body


def test_a_notice_outlives_the_process_that_was_to_send_it(deliver, places):
    places.down.add("process")
    with pytest.raises(KeyboardInterrupt):
        deliver()
    places.down.clear()
    assert [deliver().problems for _ in range(2)] == [(), ()]
    [(target, notice)] = places.told
    assert target == SECRET
    assert notice.body.startswith("Not delivered on 20")


def test_a_notice_that_was_delivered_is_owed_to_nobody(deliver, places, registry):
    deliver()
    told = [e["message"] for e in open_registry(registry.uri).sql(
        "SELECT message FROM events WHERE kind = 'notice' ORDER BY created_at")]  # fmt: skip
    assert [message.partition(":")[0] for message in told] == ["To deliver", "Delivered"]
    places.down.add(SECRET)
    assert deliver().problems == ()


def test_only_the_address_that_missed_a_notice_gets_it_later(deliver, places):
    both = [SECRET, "chat://away"]
    places.down.add("chat://away")
    assert deliver(notify_targets=both).notified == 1
    assert "to address 2 (chat) failed" in deliver(notify_targets=both).problems[0]
    assert [target for target, _ in places.told] == [SECRET]
    places.down.clear()
    for _ in range(2):
        assert deliver(notify_targets=both).problems == ()
    assert [target for target, _ in places.told] == [SECRET, "chat://away"]


def test_an_address_that_is_down_does_not_keep_what_others_are_owed(deliver, places, cases, host):
    both = [SECRET, "chat://away"]
    places.down.add("channel")
    deliver(notify_targets=both, host=host)
    places.down = {"chat://away"}
    [problem] = deliver(notify_targets=both).problems
    assert "address 2 (chat)" in problem
    assert [target for target, _ in places.told] == [SECRET]


def test_changes_since_a_date_are_told_once(deliver, places, cases, registry):
    first = deliver().report
    cases.drop_runs(registry, [cases.run_row(9)])
    told = [deliver(since=first.created_at) for _ in range(2)]
    assert [d.report.changes.runs_added for d in told] == [("run-9",)] * 2
    assert [d.notified for d in told] == [1, 0]


def test_a_report_that_is_not_recorded_leaves_nothing_behind(deliver, places, registry):
    before = len(registry.events())
    places.down.add("channel")
    deliver(record=False)
    assert len(registry.events()) == before


def test_an_address_that_nobody_knows_is_a_problem(deliver):
    delivery = deliver(notify_targets=["fax://555", "gibberish"])
    assert "address 1 (fax) failed: no notifier recognizes it. Known are: 'chat'" in str(
        delivery.problems
    )
    assert "address 2 (no scheme)" in delivery.problems[1]


def test_a_reporter_that_fails_is_told_by_the_others(cases, registry, tmp_path):
    def render(report):
        raise KeyError("x")

    bad = Reporter(name="bad", summary="", filename="bad.txt", render=render)
    good = Reporter(name="good", summary="", filename="good.txt", render=lambda r: str(r.problems))
    host = cases.make_host(
        cases.analyzer("small-runs", cases.small_runs, limit=1), reporters=(bad, good)
    )
    delivery = deliver_report(registry.uri, tmp_path / "r", host=host)
    assert (tmp_path / "r" / "good.txt").read_text() == str(delivery.report.problems)
    assert "Format 'bad' failed and 'bad.txt' was not written: KeyError" in delivery.problems[0]
    assert delivery.outcome == "incomplete"


def test_an_analyzer_that_breaks_is_something_that_could_not_be_done(cases, registry, tmp_path):
    host = cases.make_host(cases.analyzer("broken", cases.breaks))
    delivery = deliver_report(registry.uri, tmp_path / "r", host=host)
    told = "Analyzer 'broken' failed: ZeroDivisionError: third party <b>bug</b>"
    assert (delivery.problems, delivery.outcome) == ((told,), "incomplete")


def test_a_format_for_the_asking_is_written_only_when_asked(cases, registry, tmp_path):
    rare = Reporter(name="rare", summary="", filename="r.txt", render=str, is_default=False)
    host = cases.make_host(cases.analyzer("law", cases.refuses), reporters=(rare,))
    assert deliver_report(registry.uri, tmp_path / "r", host=host).files == ()
    asked = deliver_report(registry.uri, tmp_path / "r", host=host, formats=["rare"])
    assert [path.name for path in asked.files] == ["r.txt"]


def test_an_unknown_format_is_refused_before_anything_is_done(deliver, registry, tmp_path):
    with pytest.raises(UnknownNameError, match="no report format 'docx'"):
        deliver(formats=["docx"])
    assert not (tmp_path / "report").exists()


def test_a_half_written_report_heals(deliver, tmp_path):
    files = deliver().files
    before = {path: path.read_bytes() for path in files}
    folder = tmp_path / "report"
    (folder / "index.html").write_text("<htm")
    (folder / "report.md").unlink()
    (folder / ".index.html.0123abcd.tmp").write_text("half")
    (folder / "figures" / "yours-small-runs-scatter.svg").unlink()
    (folder / "figures" / ".yours-x.svg.0123abcd.tmp").write_text("half")
    (folder / "figures" / "yours-of-an-earlier-report.svg").write_text("<svg/>")
    (folder / "figures" / "mine.svg").write_text("<svg/>")
    deliver()
    assert (folder / "index.html").read_text().rstrip().endswith("</html>")
    left = {path for path in folder.rglob("*") if path.is_file()}
    assert left == {*before, folder / "figures" / "mine.svg"}
    assert (folder / "figures" / "mine.svg").read_text() == "<svg/>"


@pytest.mark.parametrize("n_runs", [0, 1])
def test_a_report_says_what_it_can_of_nearly_nothing(cases, tmp_path, n_runs):
    registry = open_registry(tmp_path / "empty", create=True)
    if n_runs:
        cases.drop_runs(registry, [cases.run_row(0)])
    host = cases.make_host(cases.analyzer("law", cases.refuses))
    delivery = deliver_report(registry.uri, tmp_path / "r", host=host)
    assert delivery.outcome == "made"
    assert "Cannot be answered from these runs: Law." in delivery.report.headline
    assert not (tmp_path / "r" / "figures").exists()
    assert not (tmp_path / "r" / "headline.png").exists()


def test_a_registry_that_is_not_there_is_made_only_for_sources(host, tmp_path):
    with pytest.raises(RegistryError, match="does not exist"):
        deliver_report(str(tmp_path / "new"), tmp_path / "r", host=host)
    made = deliver_report(str(tmp_path / "new"), tmp_path / "r", host=host, sources=["toy:"])
    assert made.report.changes.runs_added == ("a",)


def test_while_another_report_is_made_nothing_is_done(deliver, registry, places, tmp_path):
    with report_lock(tmp_path / "registry"), pytest.raises(ReportBusyError, match="being made by"):
        deliver()
    assert not (tmp_path / "report").exists()
    assert deliver().outcome == "flagged"


def test_a_registry_that_cannot_be_written_is_reported_all_the_same(deliver, registry, monkeypatch):
    def refuse(*_):
        raise RegistryError("permission is denied.")

    monkeypatch.setattr("isoflop.reporting.delivering.delivery.record_report", refuse)
    delivery = deliver()
    assert "could not keep the report for the next comparison: permission" in delivery.problems[0]
    assert delivery.files


def test_a_failure_is_told_without_addresses(host, places):
    error = RegistryError("sqlite:///secret/path and https://me:pw@x.example/hook/s3cret broke")
    assert deliver_failure(error, [SECRET], host) == ()
    [(_, notice)] = places.told
    assert notice.is_problem
    assert "https://x.example/... broke" in notice.body
    assert not re.search("s3cret|pw|secret/path", notice.body)
    places.down.add("channel")
    assert "address 1 (chat) failed" in deliver_failure(error, [SECRET], host)[0]


def test_run_names_call_nobody(deliver, places, cases, registry):
    deliver()
    names = ["@everyone", "<!channel>", "[x](http://evil.example)"]
    cases.drop_runs(registry, [cases.run_row(10 + i, name=n) for i, n in enumerate(names)])
    deliver()
    body = places.told[-1][1].body
    assert "@everyone" not in body
    assert "<!channel>" not in body
    assert "](http" not in body.replace("\\](", "")


def test_a_notice_is_short_whatever_changed(deliver, places, cases, registry):
    deliver()
    rows = [
        cases.run_row(8, name="x" * 3_000, n_params=1000) | {"run_uid": f"u{i}"} for i in range(50)
    ]
    cases.drop_runs(registry, rows)
    delivery = deliver()
    body = places.told[-1][1].body
    assert len(body) <= 1_900
    assert body.rstrip().endswith(delivery.published[0])
    assert body.startswith("**")
    assert "Raised: and" in body


def test_two_processes_at_once_make_one_report(registry, tmp_path):
    isoflop = Path(sys.executable).with_name("isoflop")
    command = [isoflop, "report", "-r", registry.uri, "--no-collect", "-o", tmp_path / "r"]
    with report_lock(tmp_path / "registry"):
        second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 5
    assert "being made by process" in second.stderr
    assert "Traceback" not in second.stderr
    assert not (tmp_path / "r").exists()
