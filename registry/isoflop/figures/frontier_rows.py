"""The compute-optimal frontier as points of a line, with the ends of its band."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isoflop.estimation.allocation import two_term_of
from isoflop.estimation.frontier import FLOPS_PER_PARAM_TOKEN, TwoTermFrontier
from isoflop.estimation.intervals import intervals

if TYPE_CHECKING:
    from isoflop.estimation import FitResult

Floats = NDArray[np.float64]
Segment = tuple[str, float, float]

_POINTS = 40
_AHEAD, _FARTHEST = 1.0, 2.0
"""How far the frontier is drawn beyond the runs: always, and at most. [decade]"""


def why_no_frontier(fit: FitResult) -> str:
    """Return why a fit has no frontier to draw; empty where it has one."""
    if two_term_of(fit.law) is None:
        return f"Law {fit.law.name!r} has no compute-optimal frontier."
    if fit.is_usable:
        return ""
    why = fit.warnings[0] if fit.warnings else fit.status.replace("-", " ")
    return f"No frontier is drawn: the fit is {fit.status.replace('-', ' ')} ({why})."


def frontier_rows(
    fit: FitResult, x: str, *, reach: tuple[float, float] | None = None
) -> list[dict[str, Any]]:
    """Return the frontier against compute or tokens, one point a row.

    Parameters
    ----------
    fit : FitResult
        A usable fit of a law with a frontier.
    x : str
        ``"flops"``: the lowest loss at each C. ``"tokens"``: the loss at each D with the N for
        which that D is compute-optimal; inside where both D and its C lie among the runs.
    reach : (float, float) or None
        What else is in the picture, in the unit of the axis: the dashed part goes a decade beyond
        the runs, and up to two toward these ends.

    Notes
    -----
    Segments share their ends, so that the line has no gap. The band is that of the frontier of
    each bootstrap refit at the same place of the axis, as in `FitResult.optimal`.
    """
    rows: list[dict[str, Any]] = []
    for name, low, high in _segments(fit, x, reach):
        places = np.geomspace(low, high, _POINTS)
        n, d = _split(fit.frontier, x, places)
        rows += [
            {"kind": "frontier", "segment": name, "family": fit.family, "run": "", "x": at,
             "flops": FLOPS_PER_PARAM_TOKEN * n_at * d_at, "n_params": n_at, "n_tokens": d_at,
             "tokens_per_param": d_at / n_at, "loss": value, "loss_low": bottom,
             "loss_high": top}
            for at, n_at, d_at, value, bottom, top in zip(
                places, n, d, *_band(fit, x, places, n, d), strict=True
            )
        ]  # fmt: skip
    return rows


def _segments(fit: FitResult, x: str, reach: tuple[float, float] | None) -> Iterator[Segment]:
    """Yield name and ends of each part; without an overlap of C and D nothing is inside."""
    low, high = fit.ranges["flops"]
    if x == "tokens":
        ends = fit.frontier.d_opt(low), fit.frontier.d_opt(high)
        seen = fit.ranges["n_tokens"]
        low, high = max(float(ends[0]), seen[0]), min(float(ends[1]), seen[1])
        if low >= high:
            yield "outside", float(ends[0]), float(ends[1])
            return
    top = high * 10**_AHEAD
    if reach is not None:
        farthest = 10**_FARTHEST
        top = max(top, min(reach[1], high * farthest))
        if reach[0] < low:
            yield "below", max(reach[0], low / farthest), low
    if high > low:
        yield "inside", low, high
    yield "above", high, top


def _split(law: TwoTermFrontier, x: str, places: Floats) -> tuple[Floats, Floats]:
    """Return the best N and D at places of the axis, draws on the last axis."""
    if x == "flops":
        return law.n_opt(places), law.d_opt(places)
    # The law is symmetric: with its terms exchanged, the best D for N is the best N for D.
    turned = TwoTermFrontier(
        E=law.E, A=law.B, alpha=law.beta, B=law.A, beta=law.alpha, power=law.power
    )
    n = turned.d_opt_for_n(places)
    return n, np.broadcast_to(places.reshape((-1,) + (1,) * (n.ndim - 1)), n.shape)


def _band(
    fit: FitResult, x: str, places: Floats, n: Floats, d: Floats
) -> tuple[Floats, Floats, Floats]:
    value = fit.frontier.loss(n, d)
    if not fit.n_boot:
        nothing = np.full(value.shape, math.nan)
        return value, nothing, nothing
    law = fit.frontier_draws
    with np.errstate(all="ignore"):
        lowest = law.optimal_loss(places) if x == "flops" else _loss_at_tokens(law, places)
    found = intervals(value, lowest.T, fit.level)
    return found.value, found.low, found.high


def _loss_at_tokens(law: TwoTermFrontier, places: Floats) -> Floats:
    """Return the loss of each draw at D with its own best N, shape (places, draws)."""
    n, d = _split(law, "tokens", places)
    n_term, d_term = np.exp(-law.alpha * np.log(n)), np.exp(-law.beta * np.log(d))
    return np.asarray(law.E + (law.A * n_term + law.B * d_term) ** law.power)
