"""Marks that a picture repeats."""

import io
import re

import altair as alt
import numpy as np
import pandas as pd
import pytest

from isoflop.drawing.marks import share_marks
from isoflop.drawing.static import markup, svg

MARK = '<path transform="translate({x},7.25)" d="M3,0A3,3" fill="{fill}" opacity="0.7"/>'


def _points(n: int) -> alt.Chart:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=n), "y": rng.normal(size=n), "c": np.arange(n)})
    return alt.Chart(frame).mark_circle().encode(x="x", y="y", color="c")


def test_repeated_marks_point_to_one_definition_where_they_stood() -> None:
    text = "<svg width='9'>" + "".join(MARK.format(x=f"{i}.04", fill="red") for i in range(9))
    shared = share_marks(text + "</svg>")
    assert shared.count('d="M3,0A3,3"') == 1
    places = re.findall(r'<use href="#m0" x="([^"]+)" y="([^"]+)"/>', shared)
    assert places == [(str(i), "7.2") for i in range(9)]
    assert '<defs><path id="m0" d="M3,0A3,3" opacity="0.7" fill="red"/></defs>' in shared


def test_fills_that_differ_stay_with_the_marks() -> None:
    text = "".join(MARK.format(x=i, fill=f"rgb({i}, 20, 255)") for i in range(9))
    shared = share_marks(f"<svg>{text}</svg>")
    assert re.findall(r'fill="([^"]+)"', shared) == [f"#{i:02x}14ff" for i in range(9)]


def test_few_marks_and_none_are_left_as_they_are() -> None:
    text = "<svg>" + MARK.format(x=1, fill="red") * 4 + "</svg>"
    assert share_marks(text) == text
    assert share_marks("<svg></svg>") == "<svg></svg>"


def test_the_picture_looks_the_same_to_a_tenth_of_a_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    vl_convert = pytest.importorskip("vl_convert")
    pixels = pytest.importorskip("matplotlib.image").imread
    chart = _points(200)
    after = svg(chart)
    monkeypatch.setattr("isoflop.drawing.static.share_marks", lambda text: text)
    before = svg(chart)
    assert len(after) < 0.6 * len(before)
    one, two = (pixels(io.BytesIO(vl_convert.svg_to_png(text))) for text in (before, after))
    assert one.shape == two.shape
    assert np.abs(one - two).mean() < 0.002
    assert np.abs(one - two).max() < 0.2


def test_pictures_of_one_page_never_share_a_definition() -> None:
    ids = [
        re.findall(r'id="([^"]+)"', markup(_points(20), label="", prefix=prefix))
        for prefix in ("a", "b")
    ]
    assert ids[0]
    assert not set(ids[0]) & set(ids[1])
