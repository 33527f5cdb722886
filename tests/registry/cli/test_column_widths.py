import re
import sys

import pandas as pd
import pytest

from isoflop.cli.column_widths import GAP, LONGEST_UNBROKEN, column_widths
from isoflop.cli.output import print_frame

HEADS = ["run", "tokens per parameter", "reason", "law"]
ROWS = [["bytes-1e12", "0.543", "far too few tokens for its compute " * 4, "besiroglu-2024"]]


def test_a_pipe_gets_every_column_as_wide_as_its_longest_line():
    assert column_widths(HEADS, ROWS, room=None) == [10, 20, 140, 14]


def test_a_long_text_is_broken_before_a_column_is_dropped():
    narrow = column_widths(HEADS, ROWS, room=10 + 9 + LONGEST_UNBROKEN + 14 + 3 * GAP)
    assert narrow == [10, 9, LONGEST_UNBROKEN, 14]


def test_no_name_is_cut_and_a_very_long_one_takes_no_whole_line():
    name = "a-name-of-thirty-two-hex-digits-"
    assert column_widths(["run"], [[name]], room=60) == [len(name)]
    assert column_widths(["run", "loss"], [["x" * 400, "2.5"]], room=50) == [44, 4]


def test_the_last_columns_go_where_words_would_be_cut():
    assert len(column_widths(HEADS, ROWS, room=62)) == 3
    assert len(column_widths(HEADS, ROWS, room=30)) == 2
    assert column_widths(HEADS, ROWS, room=5) == [5]
    assert column_widths([], [], room=80) == []


@pytest.mark.parametrize("room", [20, 60, 79, 100, 200])
def test_a_table_is_never_wider_than_the_terminal(room):
    widths = column_widths(HEADS, ROWS, room=room)
    assert sum(widths) + GAP * (len(widths) - 1) <= room


def test_a_terminal_is_told_which_columns_do_not_fit(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_frame(pd.DataFrame({f"column_{i}": ["x" * 20] for i in range(4)}))
    lines = re.sub("\x1b\\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert [line.split() for line in lines[:2]] == [
        ["column", "0", "column", "1"], ["x" * 20, "x" * 20],
    ]  # fmt: skip
    assert "2 more columns: column_2, column_3; a wider terminal" in " ".join(lines[2:])
