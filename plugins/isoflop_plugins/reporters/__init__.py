"""Report formats: one self-contained page, a summary for chat and mail, and data for programs."""

from isoflop.hookspecs import Reporter
from isoflop_plugins.reporters.html_page import render_html
from isoflop_plugins.reporters.json_record import render_json
from isoflop_plugins.reporters.markdown_summary import render_markdown
from isoflop_plugins.reporters.pdf_page import render_pdf

REPORTERS = (
    Reporter(
        name="html",
        summary="One self-contained page: no JavaScript, no network, light and dark.",
        filename="index.html",
        render=render_html,
    ),
    Reporter(
        name="markdown",
        summary="A summary for chat and mail.",
        filename="report.md",
        render=render_markdown,
    ),
    Reporter(
        name="json",
        summary="Every number, for programs.",
        filename="report.json",
        render=render_json,
    ),
    Reporter(
        name="pdf",
        summary="The page on paper, for the asking: isoflop[pdf].",
        filename="report.pdf",
        render=render_pdf,
        is_default=False,
    ),
)

__all__ = ["REPORTERS", "render_html", "render_json", "render_markdown", "render_pdf"]
