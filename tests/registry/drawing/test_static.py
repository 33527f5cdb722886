import re

import altair as alt
import numpy as np
import pandas as pd
import pytest

from isoflop.drawing.static import draw, markup, save, svg
from isoflop.errors import SchemaError
from isoflop.results import AnalysisResult, Figure, Figures


def _chart(n=5, **encodings):
    frame = pd.DataFrame({"x": np.arange(n) + 0.5, "y": np.arange(n) ** 0.5, "name": ["run"] * n})
    return alt.Chart(frame).mark_point().encode(x="x", y="y", **encodings)


def _result(build):
    figure = Figure(name="f", caption="what <it> shows", table="t", build=build)
    result = AnalysisResult(
        name="a", title="A", verdict="v", source="s", figures=Figures((figure,))
    )
    return result, figure


def test_text_stays_text_and_names_are_escaped():
    frame = pd.DataFrame({"x": [1], "name": ["<script>alert(1)</script>"]})
    text = markup(alt.Chart(frame).mark_text().encode(text="name"), label="a", prefix="p")
    assert "&lt;script&gt;alert(1)" in text
    assert "<script" not in text


def test_links_and_remote_pictures_leave_no_address():
    frame = pd.DataFrame({"u": ["https://example.org/x.png"], "v": ["javascript:alert(1)"]})
    picture = svg(alt.Chart(frame).mark_image().encode(url="u", href="v"))
    assert "<image" in picture
    assert not re.search(r'href="|javascript', picture)


def test_a_link_does_not_break_later_charts():
    frame = pd.DataFrame({"x": [1], "v": ["javascript:alert(1)"]})
    svg(alt.Chart(frame).mark_point().encode(x="x", href="v"))
    assert "linearGradient" in svg(_chart(color="y:Q"))


def test_remote_data_are_never_fetched():
    result, figure = _result(
        lambda: alt.Chart("https://example.org/x.csv").mark_point().encode(x="a:Q")
    )
    drawing = draw(result, figure, prefix="p")
    assert drawing.markup == ""
    assert "not allowed" in drawing.failure


def test_characters_that_turn_text_around_are_not_drawn():
    text = svg(_chart(color=alt.value("red"), text=alt.value("x")).properties(title="a\u202eb.exe"))
    assert "a\ufffdb.exe" in text


def test_names_of_a_megabyte_are_cut_and_stay_apart():
    names = ["x" * 1_000_000 + end for end in "ab"]
    frame = pd.DataFrame({"x": [1.0, 2.0], "name": names})
    color = alt.Color("name:N", scale=alt.Scale(domain=names, range=["#d00", "#00d"]))
    text = svg(alt.Chart(frame).mark_point().encode(x="x:Q", color=color))
    assert len(text) < 20_000
    assert '"#d00"' in text
    assert '"#00d"' in text


def test_a_chart_that_fails_gives_its_reason():
    def build():
        raise ValueError("no points")

    result, figure = _result(build)
    assert draw(result, figure, prefix="p").failure == "ValueError: no points"


def test_ids_are_unique_in_a_page():
    chart = _chart(color=alt.Color("y:Q", scale=alt.Scale(scheme="viridis")))
    ids = [
        found
        for prefix in ("a", "b")
        for found in re.findall(r'id="([^"]+)"', markup(chart, label="", prefix=prefix))
    ]
    assert ids
    assert len(ids) == len(set(ids))


def test_gradients_point_at_their_own_id():
    chart = _chart(color=alt.Color("y:Q", scale=alt.Scale(scheme="viridis")))
    text = markup(chart, label="", prefix="p")
    assert set(re.findall(r"url\(#([^)]+)\)", text)) <= set(re.findall(r'id="([^"]+)"', text))


def test_the_caption_is_the_label_and_no_namespace_is_left():
    result, figure = _result(_chart)
    text = draw(result, figure, prefix="p").markup
    assert 'role="img" aria-label="what &lt;it&gt; shows"' in text
    assert "http" not in text


def test_a_chart_of_many_rows_is_drawn_as_a_picture():
    text = markup(_chart(6_000), label="many", prefix="p")
    assert text.startswith('<img alt="many" src="data:image/png;base64,')


@pytest.mark.parametrize(
    ("name", "start"), [("f.svg", b"<svg"), ("f.png", b"\x89PNG"), ("f.pdf", b"%PDF")]
)
def test_save_writes_the_kind_the_ending_says(tmp_path, name, start):
    assert save(_chart(), tmp_path / name).read_bytes().startswith(start)


def test_save_refuses_another_ending(tmp_path):
    with pytest.raises(SchemaError, match=r"'f\.gif'.*\.pdf"):
        save(_chart(), tmp_path / "f.gif")
