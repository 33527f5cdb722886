"""A report as PDF: the HTML page on paper, made offline by WeasyPrint."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator
from typing import Any

from isoflop.errors import PluginError
from isoflop.reporting.report import Report
from isoflop_plugins.reporters.html_page import render_html

PRINT_STYLE = """
@page {
  size: A4; margin: 16mm 14mm 18mm;
  @bottom-right { content: counter(page) " / " counter(pages); font-size: 8pt; color: #59636e; }
}
:root { color-scheme: light; }
html, body { font-size: 9.5pt; }
body { font-family: "Liberation Sans", "DejaVu Sans", sans-serif; }
main { max-width: none; padding: 0; }
nav, .skip, summary::marker { display: none; }
h1 { font-size: 16pt; }
h2 { font-size: 12.5pt; break-after: avoid; }
.verdict { font-size: 10.5pt; }
section { margin-top: 1.4rem; padding-top: 0.8rem; }
.findings li, .numbers { display: block; }
.law dl { display: block; }
.law dl div { display: inline-block; min-width: 30%; }
.numbers div { display: inline-block; margin: 0 0.4rem 0.4rem 0; break-inside: avoid; }
figure, tr, .numbers { break-inside: avoid; }
figure { margin: 0.8rem 0 0.3rem; }
.chart svg, .chart img { max-width: 100%; max-height: 100mm; overflow: visible; }
details:not([open]):not(.holds) > *:not(summary) { display: none; }
section > details:not([open]):not(.holds) > summary::after {
  content: " (in index.html and report.json)";
}
.holds:has(details:not([open])) > summary::after {
  content: "; what is only named here is in index.html and report.json";
}
.holds details:not([open]) { display: inline-block; margin: 0.2rem 1.2rem 0.2rem 0; }
.holds details:not([open]) > summary::after { content: none; }
.scroll { overflow: visible; max-height: none; }
thead { display: table-header-group; }
thead th { position: static; white-space: normal; }
table { width: 100%; font-size: 7pt; }
th, td { padding: 0.2rem 0.5rem 0.2rem 0; white-space: normal; overflow-wrap: break-word; }
td.number { white-space: nowrap; }
td.long { min-width: 0; }
tbody td:first-child { overflow-wrap: anywhere; min-width: 5rem; }
th:nth-child(n+10), td:nth-child(n+10) { display: none; }
table:has(th:nth-child(10))::after {
  display: table-caption; caption-side: bottom; text-align: left; color: #59636e;
  content: "Nine columns fit on paper; all of them are in index.html and report.json.";
}
a { text-decoration: none; }
"""
"""Rules for paper, last of the page's own: it cannot be scrolled and nothing opens."""

PICTURE_FONT = "Liberation Sans, Arial, sans-serif"
"""As wide as the one that pictures were laid out with; a wider one covers its neighbors."""

_PALE_PATH = re.compile(r'<path\b(?![^>]*(?:fill|stroke)-opacity)([^>]*?) opacity="([^"]+)"')


def render_pdf(report: Report) -> bytes:
    """Return the page as PDF; tables that are closed on the page are only named.

    Raises `PluginError` where WeasyPrint, or pango under it, is not installed.
    """
    weasyprint = _weasyprint()
    with _quietly():
        page = weasyprint.HTML(string=for_paper(render_html(report)), url_fetcher=_data_only())
        paper: bytes = page.write_pdf()
    return paper


def for_paper(page: str) -> str:
    """Return the page with the rules for paper."""
    # WeasyPrint draws pictures without the page's rules, so the font is named in them.
    page = page.replace(' font-family="sans-serif"', f' font-family="{PICTURE_FONT}"')
    # A path that is pale as a whole is a layer of its own, at every mark that repeats it: a report
    # on 1,000 runs takes 6.3 MB so, and 0.7 MB where its colors are pale.
    page = _PALE_PATH.sub(r'<path\1 fill-opacity="\2" stroke-opacity="\2"', page)
    # A style sheet given to WeasyPrint is a reader's, so the page's own rules would win over it.
    return page.replace("</head>", f"<style>{PRINT_STYLE}</style></head>", 1)


def _weasyprint() -> Any:
    try:
        import weasyprint
    except ImportError as error:
        raise PluginError(
            "WeasyPrint is not installed. Install it: pip install 'isoflop[pdf]'.", plugin="pdf"
        ) from error
    except OSError as error:
        raise PluginError(
            "WeasyPrint does not find the system's library pango. Install it (Debian and Ubuntu: "
            "libpango-1.0-0 and libpangoft2-1.0-0), or print index.html from a browser.",
            plugin="pdf",
        ) from error
    return weasyprint


def _data_only() -> Any:
    """Return a fetcher of what is inside the page: nothing is read from disk or network."""
    from weasyprint import urls

    if hasattr(urls, "URLFetcher"):
        return urls.URLFetcher(allowed_protocols=("data",))

    def fetch(url: str, *_: Any, **__: Any) -> Any:
        if not url.startswith("data:"):
            raise ValueError("a report is one file: nothing outside of it is read")
        return urls.default_url_fetcher(url)

    return fetch


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep WeasyPrint from naming each rule for screens that paper does not know."""
    log = logging.getLogger("weasyprint")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)
