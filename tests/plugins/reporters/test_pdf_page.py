"""The report on paper, made by the real WeasyPrint."""

from __future__ import annotations

import builtins
import http.server
import re
import threading
import zlib
from typing import Any

import pytest

from isoflop import open_registry
from isoflop.errors import PluginError
from isoflop.hookspecs import Reporter
from isoflop.reporting import build_report
from isoflop_plugins.reporters import REPORTERS, pdf_page

[PDF] = (r for r in REPORTERS if r.name == "pdf")


@pytest.fixture
def weasyprint() -> Any:
    try:
        return pytest.importorskip("weasyprint", reason="not installed: pip install 'isoflop[pdf]'")
    except OSError as error:
        pytest.skip(f"pango is not on this system: {error}")


@pytest.fixture
def report(tmp_path: Any) -> Any:
    registry = open_registry(tmp_path / "registry", create=True)
    return build_report(registry, analyzers=["undertrained"]).with_problems(["It rained."])


def test_the_pdf_is_for_the_asking() -> None:
    assert isinstance(PDF, Reporter)
    assert not PDF.is_default


@pytest.mark.slow
@pytest.mark.usefixtures("weasyprint")
def test_a_report_is_pages_of_paper_and_the_same_ones_again(report: Any) -> None:
    paper = PDF.render(report)
    assert isinstance(paper, bytes)
    assert paper.startswith(b"%PDF-")
    assert b"/Type /Page" in paper or any(b"/Type /Page" in s for s in _streams(paper))
    assert PDF.render(report) == paper


def _streams(paper: bytes) -> list[bytes]:
    found = re.findall(rb"stream\r?\n(.*?)endstream", paper, re.DOTALL)
    unpacked = []
    for stream in found:
        try:
            unpacked.append(zlib.decompress(stream.strip(b"\r\n")))
        except zlib.error:
            continue
    return unpacked


def test_the_text_of_pictures_on_paper_is_in_the_font_that_they_were_laid_out_with(
    fixed: Any,
) -> None:
    page = pdf_page.render_html(fixed.report)
    assert 'font-family="sans-serif"' in page
    paper = pdf_page.for_paper(page)
    assert 'font-family="sans-serif"' not in paper
    assert f'font-family="{pdf_page.PICTURE_FONT}"' in paper


def test_a_pale_mark_on_paper_is_no_layer_of_its_own() -> None:
    pale = '<path id="m" d="M0,0" opacity="0.35"/><path d="M1,1" opacity="0.5" fill-opacity="0.2"/>'
    shown = pdf_page.for_paper(pale)
    assert '<path id="m" d="M0,0" fill-opacity="0.35" stroke-opacity="0.35"/>' in shown
    assert '<path d="M1,1" opacity="0.5" fill-opacity="0.2"/>' in shown


@pytest.mark.slow
@pytest.mark.usefixtures("weasyprint")
def test_nothing_outside_of_the_page_is_read(
    report: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    asked: list[str] = []

    class Spy(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Spy)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    there = f"http://127.0.0.1:{server.server_address[1]}"
    secret = tmp_path / "secret.svg"
    secret.write_text('<svg xmlns="http://www.w3.org/2000/svg"><text>s3cret</text></svg>')
    page = (
        f'<link rel="stylesheet" href="{there}/a.css"><img src="{there}/b.png">'
        f'<img src="{secret.as_uri()}"><p style="background: url({there}/c.png)">text</p>'
    )
    monkeypatch.setattr(pdf_page, "render_html", lambda _report: page)
    paper = PDF.render(report)
    server.shutdown()
    thread.join()
    server.server_close()
    assert asked == []
    assert isinstance(paper, bytes)
    assert not any(b"s3cret" in stream for stream in _streams(paper))


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (ImportError("no module"), r"pip install 'isoflop\[pdf\]'"),
        (OSError("cannot load library 'pango-1.0'"), "library pango. Install it"),
    ],
    ids=["package", "pango"],
)
def test_what_is_missing_is_said_in_one_sentence(
    report: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, advice: str
) -> None:
    usual = builtins.__import__

    def refuse(name: str, *arguments: Any, **more: Any) -> Any:
        if name == "weasyprint":
            raise error
        return usual(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(PluginError, match=advice):
        PDF.render(report)
