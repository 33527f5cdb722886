"""Charts of IsoFLOP profiles: parabolas with their minima, and the optima against compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from isoflop.drawing.log_axes import decade_axis, log_scale
from isoflop.results import Figure, Figures
from isoflop.words import flops as flops_words
from isoflop.words import plural

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

    from isoflop_plugins.analyzers.isoflop_profiles.families import FamilyProfiles

MOST_FAMILIES = 6
"""Families in the chart of parabolas, one below the other; more do not fit a page."""

_WIDTH, _HEIGHT = 620, 340
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito 2008, Color universal design: apart for the color-blind."""

_SHOWN_END = 0.9
"""Share of viridis that is used: its last yellow does not show on white."""

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
            build=lambda: isoflop_parabolas(profiles, parabolas, optima),
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


def isoflop_parabolas(
    profiles: pd.DataFrame, parabolas: pd.DataFrame, optima: pd.DataFrame
) -> alt.LayerChart | alt.VConcatChart:
    """Return runs, parabolas and minima of each budget, color by compute; one chart a family.

    Parameters
    ----------
    profiles, parabolas, optima : DataFrame
        Tables of the analyzer.
    """
    import altair as alt

    inside = profiles[profiles["budget"].notna()]
    families = list(dict.fromkeys(optima["family"]))[:MOST_FAMILIES]
    charts = []
    for family in families:
        one = [t[t["family"] == family] for t in (inside, parabolas, optima)]
        chart = _one_family(*one)
        charts.append(chart.properties(title=f"Family {family}") if len(families) > 1 else chart)
    return (
        charts[0] if len(charts) == 1 else alt.vconcat(*charts).resolve_scale(color="independent")
    )


def _one_family(
    profiles: pd.DataFrame, parabolas: pd.DataFrame, optima: pd.DataFrame
) -> alt.LayerChart:
    import altair as alt

    x = alt.X(
        "n_params:Q",
        scale=log_scale(profiles["n_params"]),
        axis=decade_axis(profiles["n_params"], title="Parameters N [1]"),
    )
    y = alt.Y(
        "loss:Q",
        scale=alt.Scale(domain=_loss_span(profiles, optima), nice=False, clamp=True),
        axis=alt.Axis(title="Loss [nat/token]"),
    )
    color = _by_compute(optima["flops"])
    tooltip = ["run:N", "budget:Q", "n_params:Q", "n_tokens:Q", "loss:Q", "reason:N"]
    runs = alt.Chart(profiles).encode(x=x, y=y, color=color, tooltip=tooltip)
    used = runs.transform_filter("datum.used").mark_point(filled=True, size=30, opacity=0.8)
    unused = runs.transform_filter("!datum.used").mark_point(filled=False, size=30, opacity=0.8)
    lines = (
        alt.Chart(parabolas)
        .mark_line(strokeWidth=1.8, clip=True)
        .encode(x=x, y=y, color=color, detail="budget:Q")
    )
    best = optima[optima["used"]].assign(budget=optima["flops"])
    minima = (
        alt.Chart(best)
        .mark_point(
            shape="diamond", filled=True, size=90, stroke="black", strokeWidth=0.8, opacity=1
        )
        .encode(
            x=x, y=y, color=color,
            tooltip=["budget:Q", "n_params:Q", "n_tokens:Q", "loss:Q", "flags:N"],
        )
    )  # fmt: skip
    ends = parabolas.groupby("budget", as_index=False).last()
    ends = ends.assign(words=[flops_words(c, unit=False) for c in ends["budget"]])
    names = (
        alt.Chart(ends).mark_text(align="left", dx=6, fontSize=10).encode(x=x, y=y, text="words:N")
    )
    return alt.layer(lines, used, unused, minima, names).properties(width=_WIDTH, height=_HEIGHT)


def _loss_span(profiles: pd.DataFrame, optima: pd.DataFrame) -> list[float]:
    """Return the losses shown: of used runs, or of all where none is used."""
    losses = profiles[profiles["used"]]["loss"]
    losses = profiles["loss"] if losses.empty else losses
    low, high = float(losses.min()), float(losses.max())
    margin = 0.06 * (high - low) + 1e-6 * high
    return [min(low, float(optima["loss"].min(skipna=True) or low)) - margin, high + margin]


def _by_compute(flops: pd.Series[float]) -> alt.Color:
    import altair as alt

    low, high = float(flops.min()), float(flops.max())
    domain = [low, high] if high > low else [low / 2, low * 2]
    scale = alt.Scale(
        type="log",
        domain=domain,
        nice=False,
        scheme=alt.SchemeParams(name="viridis", extent=[0, _SHOWN_END]),
    )
    # The lines carry their budgets, so a legend would say it twice.
    return alt.Color("budget:Q", scale=scale, legend=None)


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
    color, shape = _by_family(optima)
    lines = alt.Chart(growth).encode(x=x, color=color)
    band = lines.mark_area(opacity=0.16, clip=True).encode(
        y=alt.Y(f"{name}_low:Q", scale=y_scale, axis=axis), y2=f"{name}_high:Q"
    )
    dash = alt.StrokeDash(
        "segment:N",
        scale=alt.Scale(domain=["inside", "above"], range=[[1, 0], [6, 4]]),
        legend=None,
    )
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


def _by_family(table: pd.DataFrame) -> tuple[Any, Any]:
    """Return color and shape by family, with one legend, or none for one family."""
    import altair as alt

    names = sorted(table["family"].unique())
    legend = alt.Legend(title="Family", labelLimit=240, symbolOpacity=1)
    shown = None if len(names) < 2 else legend
    color = alt.Color("family:N", scale=alt.Scale(domain=names, range=list(_COLORS)), legend=shown)
    return color, alt.Shape("family:N", scale=alt.Scale(domain=names), legend=shown)
