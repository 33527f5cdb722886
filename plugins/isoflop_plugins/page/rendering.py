"""The page as HTML: the report's own templates, with filters before and links to runs in it."""

from __future__ import annotations

from collections.abc import Iterator

from isoflop_plugins.page.views import Filters, View
from isoflop_plugins.reporters.html_page import environment, shown_of

RELOAD_AFTER_S = 3
"""Seconds until a page that is being computed asks again; no script is needed for it."""


def render_page(view: View) -> str:
    """Return the page: no script, no picture from elsewhere, untrusted text escaped.

    Parameters
    ----------
    view : View
        Without a report it says that one is being computed, and loads itself again, or why there
        is none.
    """
    shown = {} if view.report is None else shown_of(view.report, run_links=view.run_links)
    template = environment("isoflop_plugins.page").get_template("page.html.jinja")
    return template.render(
        shown,
        view=view,
        active=tuple(_active(view.filters)),
        reload_after_s=RELOAD_AFTER_S if view.is_pending else 0,
        experiments=_options(view.choices.experiments, view.filters.experiment),
        families=_options(view.choices.families, view.filters.family),
    )


def _active(filters: Filters) -> Iterator[str]:
    """Yield what was asked for, in words."""
    for what, value in (
        ("experiment", filters.experiment),
        ("family", filters.family),
        ("created from", filters.since),
        ("created until", filters.until),
    ):
        if value:
            yield f"{what} {value}"


def _options(known: tuple[str, ...], asked: str) -> tuple[str, ...]:
    """Return what can be chosen, with what was asked for, so that the form tells no lie."""
    return known if not asked or asked in known else (asked, *known)
