"""Residuals of a fit: against what the law is of, and against the normal law."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from isoflop.drawing.family_panels import HEIGHT, WIDTH
from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop.drawing.palette import BLUE, GRAY, SOFT
from isoflop.errors import SchemaError, UnknownNameError
from isoflop.figures.fitted_runs import runs_of_fit, used_rows
from isoflop.figures.notes import noted
from isoflop.figures.runs_and_lines import COMPUTE

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd
    from numpy.typing import NDArray

    from isoflop.estimation import FitResult
    from isoflop.tables import RunTable

_TITLES = {
    "flops": COMPUTE, "n_params": "Parameters N [1]", "n_tokens": "Training tokens D [token]",
}  # fmt: skip
_MISFIT = "Predicted over measured loss, less 1 [1]"
_QQ = 250
_QUARTER = NormalDist().inv_cdf(0.75)


def residuals(
    fit: FitResult,
    runs: RunTable,
    *,
    against: Literal["flops", "n_params", "n_tokens"] = "flops",
) -> alt.HConcatChart:
    """Return the relative misfit of each run, and beside it a QQ panel.

    A trend means that the law does not fit. In the QQ panel residuals of a normal law lie on the
    line, which goes through the quartiles; ends that bend away are runs far from the law.

    Parameters
    ----------
    fit : FitResult
        The fit, of any status.
    runs : RunTable
        The table that was fitted.
    against : {"flops", "n_params", "n_tokens"}
        Horizontal axis of the first panel.

    Raises
    ------
    UnknownNameError
        `against` is none of these.
    SchemaError
        `runs` does not hold the runs of the fit, or the law is not of the loss.
    """
    import altair as alt

    if against not in _TITLES:
        raise UnknownNameError("axis", str(against), _TITLES)
    if fit.law.response != "loss":
        raise SchemaError(f"Law {fit.law.name!r} is of {fit.law.response!r}, not of the loss.")
    found = runs_of_fit(fit, runs)
    table = found.table.merge(_misfits(fit, runs), on="row")
    left = draw_residuals(table, x=against, width=WIDTH - _QQ - 90)
    right = _qq_panel(table["residual"].to_numpy())
    typical = 148.26 * float(np.median(np.abs(table["residual"])))
    said = f"{fit.n_runs:,} runs; typical misfit {typical:.2g} % (1.4826 x median)."
    return noted(alt.hconcat(left, right, spacing=24), [*found.notes, said])


def draw_residuals(
    table: pd.DataFrame, *, x: str = "flops", color: Any = None, shape: Any = None,
    width: int = WIDTH,
) -> alt.LayerChart:  # fmt: skip
    """Return the misfit of each run against one quantity.

    Parameters
    ----------
    table : DataFrame
        Columns ``family``, ``run``, `x` and ``residual``, which is relative.
    x : str
        ``flops``, ``n_params`` or ``n_tokens``.
    color, shape : altair channel
        Of the points; one color where there is none.
    width : int
        Of the plot. [pixel]
    """
    import altair as alt

    channels = {k: v for k, v in (("color", color), ("shape", shape)) if v is not None}
    points = (
        alt.Chart(table)
        .mark_point(filled=True, size=36, opacity=0.75, color=BLUE)
        .encode(
            x=alt.X(f"{x}:Q", scale=log_scale(table[x]),
                    axis=decade_axis(table[x], title=_TITLES[x])),
            y=_vertical("residual", _MISFIT),
            tooltip=["run:N", "family:N", f"{x}:Q", "residual:Q"],
            **channels,
        )
    )  # fmt: skip
    zero = alt.Chart(alt.Data(values=[{"y": 0}])).mark_rule(color=GRAY).encode(y="y:Q")
    return alt.layer(zero, points).properties(width=width, height=HEIGHT * 2 // 3)


def _misfits(fit: FitResult, runs: RunTable) -> pd.DataFrame:
    """Return predicted over measured, less 1, by row of the table."""
    import pandas as pd

    from isoflop.estimation.variables import fitted_values

    rows = used_rows(fit, runs)
    used = runs.take(rows)
    using = fit.settings.using
    variables = {v: fitted_values(used, using.get(v, v)) for v in fit.law.variables}
    parameters = dict(zip(fit.law.names, fit.estimate.tolist(), strict=True))
    with np.errstate(all="ignore"):
        predicted = np.asarray(fit.law.form(parameters, variables))
        ratio = predicted / used.numbers("loss") - 1.0
    return pd.DataFrame({"row": rows, "residual": ratio})


def _qq_panel(residual: NDArray[np.float64]) -> alt.LayerChart:
    import altair as alt
    import pandas as pd

    ranked = np.sort(residual[np.isfinite(residual)])
    n = ranked.size
    normal = NormalDist()
    expected = np.array([normal.inv_cdf((i + 0.5) / n) for i in range(n)])
    low, middle, high = np.quantile(ranked, [0.25, 0.5, 0.75]) if n else (0.0, 0.0, 0.0)
    slope = (high - low) / (2 * _QUARTER)
    ends = np.array([expected[0], expected[-1]]) if n else np.array([-1.0, 1.0])
    line = pd.DataFrame({"expected": ends, "residual": middle + slope * ends})
    x = alt.X(
        "expected:Q", scale=_padded(), axis=alt.Axis(title="Normal quantile [1]", tickCount=5)
    )
    points = alt.Chart(pd.DataFrame({"expected": expected, "residual": ranked}))
    dots = points.mark_point(filled=True, size=22, opacity=0.7, color=BLUE)
    rule = alt.Chart(line).mark_line(color=SOFT, strokeWidth=1.2, clip=True)
    y = _vertical("residual", "")
    layers = alt.layer(rule.encode(x=x, y=y), dots.encode(x=x, y=y))
    return layers.properties(width=_QQ, height=HEIGHT * 2 // 3)


def _vertical(field: str, title: str) -> Any:
    import altair as alt

    axis = alt.Axis(title=title or None, format=".2~%", tickCount=6)
    return alt.Y(f"{field}:Q", scale=_padded(), axis=axis)


def _padded() -> Any:
    import altair as alt

    return alt.Scale(zero=False, nice=False, padding=8)
