"""Results show themselves as their golden files say.

Change of look: ``python tests/registry/display/regenerate.py``, then look at the files in
``golden/`` in a browser and read their difference before committing.
"""

from __future__ import annotations

import dataclasses
import html.parser
import sys
import time
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from shown import HOSTILE, SHOWN, answer, finding, hostile_runs, silent, some_runs, steady

from isoflop.display.card import Card, CardTable, Number, by_reason
from isoflop.display.card_html import LARGEST, card_html
from isoflop.display.card_text import card_text
from isoflop.results import AnalysisResult, Figures, LeftOut
from isoflop.tables import CurveTable, FitTable, MetricTable, RunTable, ScoreTable

GOLDEN = Path(__file__).parent / "golden"
TAGS = {"div", "style", "span", "strong", "p", "code", "ul", "li", "b", "table", "caption", "thead",
        "tbody", "tr", "th", "td", "details", "summary", "dl", "dt", "dd"}  # fmt: skip


class Elements(html.parser.HTMLParser):
    """Elements and attributes of a page; every element must be closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", SHOWN)
def test_a_result_shows_itself_as_its_golden_files(name: str, tmp_path: Path) -> None:
    result = SHOWN[name](tmp_path)
    assert steady(repr(result), tmp_path) == (GOLDEN / f"{name}.txt").read_text("utf-8")
    assert steady(result._repr_html_(), tmp_path) == (GOLDEN / f"{name}.html").read_text("utf-8")


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.html")), ids=lambda p: p.stem)
def test_a_card_is_small_whole_and_without_scripts_or_addresses(file: Path) -> None:
    text = file.read_text("utf-8")
    elements = Elements(text)
    assert elements.tags <= TAGS
    assert elements.attributes <= {"class", "scope", "open"}
    assert not elements.open
    assert "url(" not in text
    assert len(text.encode()) < LARGEST


@pytest.mark.parametrize("name", [*HOSTILE, "\u2067", "\ufeff", "\x9b31m", "\u2028"])
def test_no_name_leaves_a_code_that_a_terminal_obeys(name: str) -> None:
    result = dataclasses.replace(
        answer(),
        title=name,
        verdict=name,
        source=name,
        checks=[(name, True)],
        left_out=[LeftOut(subject=name, reason=name)],
        numbers={name: finding().value},
        tables={name: pd.DataFrame({"name": [name]}, dtype=object)},
    )
    for text in (repr(result), repr(dataclasses.replace(finding(), subject_name=name, law=name))):
        kinds = {unicodedata.category(c) for c in text.replace("\n", "").replace("\u200d", "")}
        assert not kinds & {"Cc", "Cf", "Cs", "Zl", "Zp"}
        assert len(text) < 20_000


def test_a_name_with_new_lines_fakes_no_line() -> None:
    told = repr(dataclasses.replace(finding(), subject_name="a\n  [ok] all is well\r  source: me"))
    assert sum("[ok]" in line for line in told.splitlines()) == 1
    assert told.splitlines()[0].startswith("undertrained, severe: a [ok] all is well source: me")


def test_a_card_of_nothing_but_long_hostile_text_stays_small() -> None:
    evil = "<\"&'>" * 20_000
    frame = pd.DataFrame({f"{evil}{i}": [evil] * 50 for i in range(60)})
    card = Card(
        title=evil, verdict=evil, status=evil, formula=evil, source=evil, left_out_title=evil,
        checks=[(evil, False)] * 200, facts=[evil] * 200, numbers_title=evil,
        numbers=[Number(name=evil, text=evil, unit=evil, note=evil)] * 200,
        tables=[CardTable(name=evil, frame=frame, n_rows=10**9)] * 20,
        figures=[(evil, evil)] * 200, flags=[(evil, evil)] * 200,
        left_out=by_reason((evil, f"{evil} of kind {chr(65 + i)}") for i in range(26)),
    )  # fmt: skip
    text = card_html(card)
    assert len(text.encode()) < LARGEST
    assert not Elements(text).open
    assert len(card_text(card)) < 300_000


def test_what_is_not_shown_is_counted() -> None:
    frame = pd.DataFrame({f"c{i}": range(40) for i in range(30)})
    checks = [(f"check {i}", i % 2 == 0) for i in range(60)]
    result = AnalysisResult(
        name="a", title="A", verdict="v", source="s", checks=checks, tables={"t": frame}
    )
    told = result._repr_html_()
    assert "and 30 more rows, 18 more columns" in told
    assert "and 48 more checks: 24 ok, 24 no" in told
    assert "and 36 more checks: 18 ok, 18 no" in repr(result)


def test_reasons_that_differ_in_numbers_and_names_are_one() -> None:
    told = [("a", "got 0 of 1"), ("b", "got 3 of 5"), ("c", "family 'x' is mixed")]
    first, second = by_reason(told)
    assert (first.n, first.reason, first.names) == (2, "got 0 of 1 (and alike)", ("a", "b"))
    assert (second.n, second.reason) == (1, "family 'x' is mixed")


@pytest.mark.parametrize("severity", ["severe", "clear", "mild", "info"])
def test_a_flag_is_told_in_words_and_not_by_color_alone(severity: str) -> None:
    told = dataclasses.replace(finding(), severity=severity)._repr_html_()
    assert f'<span class="isf-badge">{severity}</span>' in told


def test_an_analysis_tells_its_gravest_flags_and_counts_the_others() -> None:
    kinds = ["mild", "severe", "info", "clear", "mild", "info", "<b>severe"]
    flags = [
        dataclasses.replace(finding(), severity=kind.lstrip("<b>"), message=f"{kind} {i}")
        for i, kind in enumerate(kinds)
    ]
    result = dataclasses.replace(answer(), findings=flags)
    told = [line.strip() for line in repr(result).splitlines()]
    assert told[1:7] == [
        "[severe] severe 1", "[severe] <b>severe 6", "[clear] clear 3", "[mild] mild 0",
        "[mild] mild 4", "and 2 more flags",
    ]  # fmt: skip
    page = result._repr_html_()
    assert "<li><b>severe</b>severe 1</li><li><b>severe</b>&lt;b&gt;severe 6</li>" in page
    assert "and 2 more flags" in page
    assert "mild 4" in page
    assert "info 2" not in page


def test_a_silent_analysis_says_so() -> None:
    assert '<span class="isf-badge">no answer</span>' in silent()._repr_html_()


@pytest.mark.parametrize("kind", [RunTable, ScoreTable, CurveTable, MetricTable, FitTable])
@pytest.mark.parametrize("n", [0, 1])
def test_a_table_shows_itself_whatever_it_lacks(kind: type[RunTable], n: int) -> None:
    name = kind.schema.key[0]
    table = kind.from_arrow(pa.table({name: pa.array(["x"] * n, pa.string())}), source="here")
    assert f"{n} " in repr(table).splitlines()[0]
    assert "source: here" in repr(table)
    assert not Elements(table._repr_html_()).open


def test_broken_null_reasons_do_not_break_the_display() -> None:
    frame = pd.DataFrame({"n_params": [1, 2, 3], "null_reasons": ["{", "[1]", None]})
    assert "not known: D of 3, C of 3, loss of 3 of 3 runs" in repr(RunTable.from_pandas(frame))


def test_figures_show_names_and_complete_them() -> None:
    figures = answer().figures
    assert figures._ipython_key_completions_() == ["ratios"]
    assert "<code>ratios</code>" in figures._repr_html_()
    assert repr(figures).startswith("1 figure")
    assert repr(Figures(())) == "0 figures"


def test_ten_thousand_runs_are_shown_at_once() -> None:
    runs = some_runs(10_000)
    frame = runs.to_pandas()
    frame["null_reasons"] = [f'{{"loss": "file {i} has none"}}' for i in range(len(frame))]
    frame["loss"] = np.nan
    table = RunTable.from_pandas(frame)
    table._repr_html_()
    best = min(_seconds(table) for _ in range(5))
    assert best < 0.2, "50 ms on an idle machine"
    assert len(table._repr_html_().encode()) < LARGEST


def _seconds(table: RunTable) -> float:
    start = time.perf_counter()
    table._repr_html_()
    return time.perf_counter() - start


def test_hostile_runs_keep_every_row() -> None:
    assert repr(hostile_runs()).count("\n") == len(HOSTILE) + 4
