"""What is said of curves and the laws that carry them on."""

from __future__ import annotations

from collections.abc import Sequence

from isoflop.words import count, number, percent, plural
from isoflop_plugins.analyzers.extrapolation.curves import Axes, Curve, NoCurve
from isoflop_plugins.laws.column_units import unit_of

_ROUGH = 0.25
"""Share of rising steps beyond which runs are a cloud and no curve. [1]"""


def verdict(curves: Sequence[Curve | NoCurve], axes: Axes, decades: float) -> str:
    """Return the answer for all families; says why where there is none."""
    if not curves:
        return "There are no runs."
    done = [c for c in curves if isinstance(c, Curve)]
    refused = [c for c in curves if isinstance(c, NoCurve)]
    if not done:
        more = f" The same goes for {len(curves) - 1} more families." if len(curves) > 1 else ""
        return (
            f"No curve of {axes.y} against {axes.x} could be judged. {_name(refused[0])}: "
            f"{refused[0].refusal}{more}"
        )
    sentences = [_sentence(c, axes, decades) for c in done[:4]]
    if len(done) > 4:
        sentences.append(f"And {len(done) - 4} more, see the table.")
    if refused:
        sentences.append(f"{plural(len(refused), 'family', 'families')} had no curve to judge.")
    return " ".join(sentences)


def checks(item: Curve | NoCurve, axes: Axes, decades: float) -> list[tuple[str, bool]]:
    """Return what was checked of one family."""
    name = _name(item)
    if isinstance(item, NoCurve):
        return [(f"{name}: {item.refusal}", False)]
    judged, fit, rising = item.judged, item.fit, item.share_rising
    c = fit.certificate
    return [
        (
            f"{name}: the best law errs by {percent(judged.best.error)} on the held-out end, "
            f"carrying the last value by {percent(judged.last_error)}",
            judged.beats_last_value,
        ),
        (
            f"{name}: held out over {item.tested_decades:.2g} decades, forecast over "
            f"{number(decades)}",
            item.tested_decades >= decades,
        ),
        (
            f"{name}: {axes.y} rises at {percent(rising)} of the steps along {axes.x}"
            + ("" if rising <= _ROUGH else "; take a curve at fixed n_params, or a larger same"),
            rising <= _ROUGH,
        ),
        (f"{name}: {fit.law.name}: {c.n_agree} of {c.n_starts} starts agree", c.n_agree >= 2),
        *((f"{name}: {fit.law.name}: {text}", False) for text in fit.warnings),
    ]


def _sentence(item: Curve, axes: Axes, decades: float) -> str:
    judged, best = item.judged, item.judged.best
    where = f"{_name(item)} ({plural(item.x.size, 'point')}, the last {judged.x.size} held out)"
    if not judged.beats_last_value:
        return (
            f"{where}: no law predicts the held-out end better than carrying the last value, which "
            f"errs by {percent(judged.last_error)}; {best.law.name} errs by {percent(best.error)}. "
            "Do not extrapolate these runs by a law."
        )
    return (
        f"{where}: {best.law.name} predicts the held-out end best, to {percent(best.error)} "
        f"(carrying the last value: {percent(judged.last_error)}), and puts {axes.y} at "
        f"{item.ahead(decades)!r}{_unit(axes.y)} at {_place(item, decades)}{_unit(axes.x)}, "
        f"{number(decades)} {'decade' if decades == 1 else 'decades'} beyond the runs."
    )


def _name(item: Curve | NoCurve) -> str:
    return f"Family {item.family!r}" if item.family else "The runs"


def _unit(column: str) -> str:
    unit = unit_of(column)
    return "" if unit == "1" else f" {unit}"


def _place(item: Curve, decades: float) -> str:
    place = item.place(decades)
    return count(place) if place < 1e15 else number(place, digits=2)
