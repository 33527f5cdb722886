"""A report as one self-contained page."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from isoflop.reporting.report import Changes, Report
from isoflop.words import moment, plural
from isoflop_plugins.reporters.blocks import parts_of
from isoflop_plugins.reporters.law_cards import law_cards
from isoflop_plugins.reporters.ordering import by_reason, gravest, pressing
from isoflop_plugins.reporters.visible_text import coded, exactly, finalized, safe_link

if TYPE_CHECKING:
    import jinja2


def render_html(report: Report) -> str:
    """Return the page: no script, no address outside itself, untrusted text escaped."""
    shown = shown_of(report, run_links={}, elsewhere="see report.json")
    return environment().get_template("report.html.jinja").render(shown)


def shown_of(
    report: Report, *, run_links: Mapping[str, str], elsewhere: str = ""
) -> dict[str, Any]:
    """Return what the templates of a report need.

    Parameters
    ----------
    report : Report
        What to show.
    run_links : mapping of str to str
        `run_uid` to the address of the run in its tracker; may be empty.
    elsewhere : str
        Where what is not shown can be read; empty where nowhere.
    """
    return {
        "report": report,
        "parts": parts_of(report),
        "laws": law_cards(report),
        "pressing": pressing(report.flags),
        "has_changes": _has_changes(report.changes),
        "run_links": run_links,
        "elsewhere": f" ({elsewhere})" if elsewhere else "",
    }


def _has_changes(changes: Changes) -> bool:
    """Return whether there is more to say than the one sentence."""
    return bool(changes.notes) or (changes.anything and not changes.is_first)


@functools.cache
def environment(*folders: str) -> jinja2.Environment:
    """Return the templates of this package, those of other packages' folders before them."""
    import jinja2

    packages = (*folders, "isoflop_plugins.reporters")
    made = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(p, "templates") for p in packages]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "moment": moment,
        "plural": plural,
        "gravest": gravest,
        "by_reason": by_reason,
        "coded": coded,
        "exactly": exactly,
        "safe_link": safe_link,
        "slug": lambda text: re.sub(r"[^A-Za-z0-9-]", "-", text),
    }
    return made
