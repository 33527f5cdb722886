"""Charts of IsoFLOP profiles: parabolas with their minima, and the optima against compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop.drawing.palette import by_name, dashed_outside
from isoflop.figures.parabolas import draw_parabolas
from isoflop.results import Figure, Figures
from isoflop.words import plural

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

    from isoflop_plugins.analyzers.isoflop_profiles.families import FamilyProfiles

_COMPUTE = "Training compute C [FLOP]"


def figures(
    tables: Mapping[str, pd.DataFrame], found: Sequence[FamilyProfiles], source: str
) -> Figures:
    """Return the charts; none where no budget was found."""
    profiles, optima, parabolas, growth = (
        tables[name] for name in ("profiles", "optima", "parabolas", "growth")
    )
    if optima.empty:
        return Figures(())
    n_runs, level = plural(int(profiles["used"].sum()), "run"), _level(found)
    names = sorted({item.loss_dataset for item in found if item.loss_dataset})
    where = f"loss on {', '.join(names)}, {n_runs}" if names else n_runs
    charts = [
        Figure(
            name="isoflop_parabolas",
            caption=f"Loss against model size at equal compute, {where} in "
            f"{plural(len(optima), 'budget')}. Points are runs, open ones are not used (at the "
            "upper edge: beyond it); lines are parabolas in log N with their budget in FLOP, "
            f"diamonds their minima. {source}.",
            table="profiles",
            build=lambda: draw_parabolas(profiles, parabolas, optima),
        )
    ]
    if not growth.empty:
        charts.append(
            Figure(
                name="optima_vs_compute",
                caption=f"Best model size and tokens against compute, {where} in "
                f"{plural(int(optima['used'].sum()), 'budget')}. Points are vertices of parabolas "
                f"with {level} intervals, open diamonds minima of Akima splines; lines are the "
                f"power laws with {level} bands, dashed outside the budgets. {source}.",
                table="optima",
                build=lambda: optima_vs_compute(optima, growth),
            )
        )
    return Figures(charts)


def _level(found: Sequence[FamilyProfiles]) -> str:
    every = [p for item in found if item.profiles for p in item.profiles.profiles]
    return f"{100 * every[0].n_params.level:g} %"


def optima_vs_compute(optima: pd.DataFrame, growth: pd.DataFrame) -> alt.HConcatChart:
    """Return optimal N and optimal D against compute, with the power laws and their bands.

    Parameters
    ----------
    optima, growth : DataFrame
        Tables of the analyzer.
    """
    import altair as alt

    used = optima[optima["used"]]
    panels = [
        _panel(used, growth, "n_params", "Optimal parameters N [1]"),
        _panel(used, growth, "n_tokens", "Optimal tokens D [token]"),
    ]
    return alt.hconcat(*panels)


def _panel(optima: pd.DataFrame, growth: pd.DataFrame, name: str, title: str) -> alt.LayerChart:
    import altair as alt
    import pandas as pd

    every = pd.concat([optima[name], optima[f"akima_{name}"], growth[name]]).dropna()
    compute = pd.concat([optima["flops"], growth["flops"]])
    low, high = float(every.min()), float(every.max())
    shown = {
        f"{name}{end}": optima[f"{name}{end}"].clip(low / 3, high * 3) for end in ("_low", "_high")
    }
    x = alt.X("flops:Q", scale=log_scale(compute), axis=decade_axis(compute, title=_COMPUTE))
    y_scale, axis = log_scale(every), decade_axis(every, title=title)
    y = alt.Y(f"{name}:Q", scale=y_scale, axis=axis)
    color, shape = by_name("family", optima["family"], title="Family")
    lines = alt.Chart(growth).encode(x=x, color=color)
    band = lines.mark_area(opacity=0.16, clip=True).encode(
        y=alt.Y(f"{name}_low:Q", scale=y_scale, axis=axis), y2=f"{name}_high:Q"
    )
    dash = dashed_outside()
    line = lines.mark_line(strokeWidth=2).encode(y=y, strokeDash=dash, detail="segment:N")
    points = alt.Chart(optima.assign(**shown)).encode(x=x, color=color)
    bars = points.mark_rule(clip=True).encode(
        y=alt.Y(f"{name}_low:Q", scale=y_scale, axis=axis), y2=f"{name}_high:Q"
    )
    dots = points.mark_point(filled=True, size=40, opacity=1).encode(
        y=y, shape=shape, tooltip=["family:N", "flops:Q", f"{name}:Q", "flags:N"]
    )
    splines = points.mark_point(shape="diamond", filled=False, size=60, clip=True).encode(
        y=alt.Y(f"akima_{name}:Q", scale=y_scale, axis=axis)
    )
    return alt.layer(band, line, bars, splines, dots).properties(width=270, height=280)
