import xml.etree.ElementTree as ET

import pytest

from isoflop.reporting import build_report, write_report
from isoflop.reporting.pictures import write_pictures


def test_every_figure_is_a_file_on_white_and_the_headline_a_png(registry, host, tmp_path):
    files = write_pictures(build_report(registry, host=host), tmp_path)
    assert [path.name for path in files] == [
        "yours-small-runs-scatter.svg", "reference-small-runs-scatter.svg", "headline.png",
    ]  # fmt: skip
    root = ET.fromstring(files[0].read_text())
    assert root[0].attrib["fill"] == "white"
    assert files[-1].read_bytes().startswith(b"\x89PNG")


def test_page_and_files_draw_a_chart_once(registry, host, tmp_path, monkeypatch):
    import vl_convert

    drawn = []
    usual = vl_convert.vegalite_to_svg
    monkeypatch.setattr(vl_convert, "vegalite_to_svg",
                        lambda spec, **more: drawn.append(spec) or usual(spec, **more))  # fmt: skip
    report = build_report(registry, host=host)
    write_pictures(report, tmp_path)
    write_report(report, tmp_path, host=host)
    assert len(drawn) == 2


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "x" * 300, "<script>"])
def test_a_figures_name_leads_nowhere(cases, registry, tmp_path, name):
    import dataclasses

    from isoflop.results import Figures

    def run(runs, context, /):
        result = cases.small_runs(runs, context)
        [figure] = result.figures.specs()
        return dataclasses.replace(
            result, figures=Figures((dataclasses.replace(figure, name=name),))
        )

    host = cases.make_host(cases.analyzer("small-runs", run))
    files = write_pictures(build_report(registry, host=host), tmp_path / "r")
    assert {path.parent for path in files} == {tmp_path / "r" / "figures", tmp_path / "r"}


def test_a_chart_that_fails_leaves_no_file(cases, registry, tmp_path):
    host = cases.make_host(cases.analyzer("small-runs", cases.undrawable))
    assert write_pictures(build_report(registry, host=host), tmp_path / "r") == []
