"""Charts as static pictures in a notebook, with or without an internet."""

from __future__ import annotations

import html
import itertools
from typing import TYPE_CHECKING, Any

from isoflop.drawing.static import markup
from isoflop.errors import SchemaError
from isoflop.results import AnalysisResult, Figures

if TYPE_CHECKING:
    import altair as alt

_GROUND = "background:#fff;color:#24292f;padding:8px;max-width:100%;overflow-x:auto"
"""White, whatever the theme of the notebook: the ink of the charts is dark."""

_NUMBERS = itertools.count()


class Shown:
    """Charts that a notebook shows as static pictures.

    Parameters
    ----------
    charts : list of (str, chart)
        Caption, which may be empty, and chart.
    """

    def __init__(self, charts: list[tuple[str, Any]]) -> None:
        self._charts = charts

    def _repr_html_(self) -> str:
        return "".join(_framed(caption, chart) for caption, chart in self._charts)

    def __repr__(self) -> str:
        captions = [caption for caption, _ in self._charts if caption]
        more = f": {'; '.join(captions)}" if captions else ""
        return f"<{len(self._charts)} figure{'' if len(self._charts) == 1 else 's'}{more}>"


def show(shown: alt.TopLevelMixin | Figures | AnalysisResult) -> Shown:
    """Return an object that a notebook displays as static pictures, without JavaScript.

    Works where nothing can be downloaded. Text in the picture can be searched and copied; a chart
    of very many points is a PNG. Altair's own display is live (pan, tooltips) and loads its code
    from the internet, so it stays blank without it; ``altair.renderers.enable("svg")`` makes it
    static, for the whole session.

    Parameters
    ----------
    shown : chart, Figures or AnalysisResult
        What to show; figures of a result with their captions. No figures show nothing.

    Raises
    ------
    SchemaError
        It is none of these.
    """
    import altair as alt

    if isinstance(shown, AnalysisResult):
        shown = shown.figures
    if isinstance(shown, Figures):
        return Shown([(figure.caption, shown[figure.name]) for figure in shown.specs()])
    if not isinstance(shown, alt.TopLevelMixin):
        raise SchemaError(
            f"show needs a chart, the figures of a result or a result, got {type(shown).__name__}."
        )
    return Shown([("", shown)])


def _framed(caption: str, chart: Any) -> str:
    # Ids inside pictures must differ between the cells of a notebook, or one clips another.
    picture = markup(chart, label=caption or "figure", prefix=f"isoflop-{next(_NUMBERS)}")
    words = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    return f'<figure style="margin:0;{_GROUND}">{picture}{words}</figure>'
