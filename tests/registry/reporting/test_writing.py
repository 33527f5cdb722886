import json
import re

import pytest

from isoflop import hookimpl, open_registry
from isoflop.errors import PluginWarning, RegistryError, UnknownNameError
from isoflop.hookspecs import Reporter
from isoflop.reporting import build_report, write_report


@pytest.fixture
def files(registry, host, tmp_path):
    written = write_report(build_report(registry, host=host), tmp_path / "report", host=host)
    return {path.name: path.read_text() for path in written}


def test_a_third_partys_verdict_table_and_figure_are_in_every_format(files):
    assert set(files) == {"index.html", "report.md", "report.json"}
    for content in files.values():
        assert "3 of 6 runs are small" in content
        assert "run-5" in content
        assert "Loss against size." in content
    assert files["index.html"].count("<svg") == 2
    section = json.loads(files["report.json"])["sections"][0]["result"]
    assert section["tables"]["sizes"]["rows"][5]["run"] == "run-5"


def test_hostile_names_are_text_in_every_format(cases, files):
    page, summary = files["index.html"], files["report.md"]
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in summary
    assert "| \\| a \\| b \\`c\\` |" in summary
    rows = json.loads(files["report.json"])["sections"][0]["result"]["tables"]["sizes"]["rows"]
    assert [row["run"] for row in rows[:2]] == list(cases.HOSTILE)


def test_the_page_reaches_for_nothing_outside_itself(files):
    page = files["index.html"]
    assert "default-src 'none'" in page
    for address in re.findall(r'(?:href|src|url)\s*[=(]\s*["\']?([^"\')\s>]+)', page):
        assert address.startswith(("#", "data:image/"))
    assert not re.search(r"<(script|link|iframe|object|embed|base|form)\b|\son\w+=", page)
    assert "@import" not in page


def test_a_table_stands_under_every_chart(files):
    page = files["index.html"]
    for figure in page.split("<figure>")[1:]:
        assert figure.index("<table>") > figure.index("</figure>")


def test_a_half_written_report_is_no_obstacle(registry, host, tmp_path):
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "index.html").write_text("<htm")
    write_report(build_report(registry, host=host), folder, host=host)
    assert (folder / "index.html").read_text().endswith("</html>")
    assert sorted(p.name for p in folder.iterdir()) == ["index.html", "report.json", "report.md"]


def test_only_the_named_formats_are_written(registry, host, tmp_path):
    report = build_report(registry, host=host)
    assert [p.name for p in write_report(report, tmp_path / "r", host=host, formats=["json"])] == [
        "report.json"
    ]
    with pytest.raises(UnknownNameError, match="no report format 'docx'"):
        write_report(report, tmp_path / "r", host=host, formats=["docx"])


def test_a_folder_that_cannot_be_written_is_named(registry, host, tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(RegistryError, match=r"'index\.html' cannot be written to .*taken"):
        write_report(build_report(registry, host=host), tmp_path / "taken", host=host)


def test_a_broken_reporter_does_not_stop_the_others(cases, registry, tmp_path):
    def render(report):
        raise KeyError("x")

    bad = Reporter(name="bad", summary="", filename="bad.txt", render=render)
    good = Reporter(name="good", summary="", filename="good.txt", render=lambda r: r.id)
    host = cases.make_host(
        cases.analyzer("small-runs", cases.small_runs, limit=1), reporters=(bad, good)
    )
    report = build_report(registry, host=host)
    with pytest.warns(PluginWarning, match=r"'bad' failed and 'bad\.txt' was not written"):
        written = write_report(report, tmp_path / "r", host=host)
    assert [p.name for p in written] == ["good.txt"]


def test_plugins_are_told(registry, host, tmp_path):
    told = []

    class Listener:
        @hookimpl
        def isoflop_report_ready(self, report_id, folder):
            told.append((report_id, folder))

    host.register(Listener(), name="listener")
    report = build_report(registry, host=host)
    write_report(report, tmp_path / "r", host=host)
    assert told == [(report.id, str(tmp_path / "r"))]


@pytest.mark.parametrize("n_runs", [0, 1])
def test_a_report_is_written_when_nothing_can_be_said(cases, tmp_path, n_runs):
    registry = open_registry(tmp_path / "registry", create=True)
    if n_runs:
        cases.drop_runs(registry, [cases.run_row(0)])
    host = cases.make_host(
        cases.analyzer("law", cases.refuses), cases.analyzer("broken", cases.breaks)
    )
    written = write_report(build_report(registry, host=host), tmp_path / "r", host=host)
    for path in written:
        content = path.read_text()
        assert f"{n_runs} usable runs, the law needs 99" in content
        assert "ZeroDivisionError" in content
        assert "<b>bug</b>" not in content or path.suffix == ".json"


def test_a_chart_that_fails_leaves_its_reason_and_its_table(cases, registry, tmp_path):
    host = cases.make_host(cases.analyzer("small-runs", cases.undrawable))
    write_report(build_report(registry, host=host), tmp_path / "r", host=host)
    page = (tmp_path / "r" / "index.html").read_text()
    assert "could not be drawn: RuntimeError: no pixels today" in page
    assert page.count("<table>") == 2
