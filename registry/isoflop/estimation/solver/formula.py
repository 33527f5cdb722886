"""A fit of any formula: its parameters in the solver's scale, its derivatives by jets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import NotIdentifiableError
from isoflop.estimation.solver.jets import Jet, seeds
from isoflop.estimation.solver.problem import Derivatives, Floats, Problem
from isoflop.laws import Formula, Law, Parameter

Space = Literal["log", "raw"]

_LONGEST_LOG_STEP = 2.0
_SHARE_OF_BOX = 0.25
_STARTS_KEPT = 48
_ROOM = 100.0
_CACHED_VALUES = 12_000  # of one array: a jet is some twenty, and they should stay in the cache


class Scales(NamedTuple):
    """How theta and the parameters' own units belong together.

    Parameters
    ----------
    is_log : NDArray of bool, shape (p,)
        Parameters whose theta is a logarithm.
    is_linear : NDArray of bool, shape (p,)
        Parameters in which the form is linear.
    unit : NDArray, shape (p,)
        What theta multiplies where it is no logarithm.
    pivots : NDArray, shape (p, p)
    shift : NDArray, shape (p,)
        Parameter j is theta j times exp(shift j + sum over k of pivot jk times parameter k).
    """

    is_log: NDArray[np.bool_]
    is_linear: NDArray[np.bool_]
    unit: Floats
    pivots: Floats
    shift: Floats


class _Outermost(NamedTuple):
    """The function of a form's value that is fitted: its value, f', and f'' / f'^2."""

    value: Floats
    slope: Floats
    bend: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FormulaProblem(Problem):
    """Data of one fit of a formula.

    Parameters
    ----------
    form : Formula
        The law's form.
    names : tuple of str, length p
        Parameters in order.
    variables : mapping of str to NDArray, shape (n,)
        In base units.
    space : str
        ``"log"`` where residuals are of logarithms, else ``"raw"``.
    scales : Scales
        From theta to the parameters' own units.
    net : NDArray, shape (s, p)
        Starts from the data, best first.
    """

    form: Formula
    names: tuple[str, ...]
    variables: Mapping[str, Floats]
    space: Space
    scales: Scales
    net: Floats

    @property
    def breadth(self) -> int:
        """Few where a fine grid covers the non-linear parameters, many where a net does."""
        searched = int((~self.scales.is_linear & self.free).sum())
        return 8 if searched <= 2 else 40

    @property
    def log_scaled(self) -> NDArray[np.bool_]:
        """True for parameters sought on a logarithmic scale."""
        return self.scales.is_log

    @property
    def may_vanish(self) -> NDArray[np.bool_]:
        """True for linear parameters that may not be negative."""
        return np.asarray(self.scales.is_linear & (self.low == 0.0))

    def box(self, j: int) -> tuple[float, float]:
        """Return where parameter j is sought, in its own unit; a coefficient at the center."""
        ends = (float(self.low[j]), float(self.high[j]))
        if self.scales.is_log[j]:
            return float(np.exp(ends[0])), float(np.exp(ends[1]))
        return ends[0] * float(self.scales.unit[j]), ends[1] * float(self.scales.unit[j])

    def predicted(self, theta: Floats) -> Floats:
        """Return the law's value, shape (r, n), in the scale of `y`."""
        values = self.natural(theta)
        parameters = {name: values[:, j : j + 1] for j, name in enumerate(self.names)}
        with np.errstate(all="ignore"):
            out = np.asarray(self._in_space(self.form.function(parameters, self.variables)))
        return np.broadcast_to(out, (theta.shape[0], self.n_runs))

    def settings(self) -> Floats:
        """Return the variables of each row, shape (k, n)."""
        return np.stack(list(self.variables.values()))

    def natural(self, theta: Floats) -> Floats:
        """Return parameters in their own units, shape (..., p)."""
        is_log, _, unit, pivots, shift = self.scales
        with np.errstate(over="ignore", invalid="ignore"):
            plain = np.where(is_log, np.exp(np.where(is_log, theta, 0.0)), theta * unit)
            out: Floats = plain * np.exp(plain @ pivots.T + shift)
        return out

    def theta_of(self, natural: Floats) -> Floats:
        """Return theta for parameters in their own units, shape (..., p)."""
        is_log, _, unit, pivots, shift = self.scales
        with np.errstate(over="ignore", invalid="ignore"):
            plain = natural * np.exp(-(natural @ pivots.T) - shift)
            return np.where(is_log, np.log(np.where(is_log, plain, 1.0)), plain / unit)

    def uncentered(self, theta: Floats) -> tuple[Problem, Floats]:
        """Return the problem and theta (p,) without centering."""
        natural = self.natural(theta)
        linear = self.scales.is_linear & (natural != 0)
        unit = np.where(linear, np.abs(natural), self.scales.unit)
        plain = replace(
            self,
            scales=Scales(
                self.scales.is_log,
                self.scales.is_linear,
                unit,
                np.zeros_like(self.scales.pivots),
                np.zeros_like(self.scales.shift),
            ),
            low=np.where(self.scales.is_linear, self.low * self.scales.unit / unit, self.low),
            high=np.where(self.scales.is_linear, self.high * self.scales.unit / unit, self.high),
        )
        moved = plain.theta_of(natural)
        # A box around a centered coefficient moves with it, with room for the exponents to move.
        centered = (self.scales.pivots.any(axis=1) | (self.scales.shift != 0)) & self.scales.is_log
        room = np.where(centered, _ROOM, 0.0)
        away = np.where(centered, moved - theta, 0.0)
        plain = replace(
            plain,
            low=plain.low + away - room,
            high=plain.high + away + room,
            net=plain.theta_of(self.natural(self.net)),
        )
        return plain, moved

    def thinned(self, rows: slice) -> Self:
        """Return the problem with some of its rows."""
        return replace(
            self,
            y=self.y[rows],
            weights=None if self.weights is None else self.weights[rows],
            variables={name: values[rows] for name, values in self.variables.items()},
        )

    def jacobian(self, theta: Floats) -> Floats:
        """Return the derivative of the law's value by theta, shape (n, p), for one theta (p,)."""
        jet = self._jet(theta[None])
        with np.errstate(all="ignore"):
            _, slope, _ = self._outermost(jet.value)
            slopes: Floats = (self._firsts(jet, 1) * slope[:, None])[0].T
        return slopes

    def starts(self, count: int, weights: Floats | None = None) -> Floats:
        """Return the best starts of a net over the non-linear parameters, shape (<= count, p)."""
        from isoflop.estimation.solver.formula_starts import reweighted

        return self.net[:count] if weights is None else reweighted(self, count, weights)

    def nearby(self, theta: Floats, count: int, rng: np.random.Generator) -> Floats:
        """Return starts around one theta (p,); the linear parameters are solved for again."""
        from isoflop.estimation.solver.formula_starts import projected

        width = np.where(self.scales.is_log, 0.7, _SHARE_OF_BOX * (self.high - self.low))
        width = np.where(self.scales.is_linear, 0.0, width)
        reach = np.where(np.arange(count) % 2 == 0, 1.0, 0.2)[:, None]  # some far, some near
        shaken = theta + rng.normal(size=(count, theta.size)) * width * reach
        return projected(self, np.clip(shaken, self.low, self.high))

    def derivatives(self, theta: Floats, counts: Floats | None) -> Derivatives:
        """Return objective, gradient, Hessian and damping scale for theta (r, p), counts (r, n)."""
        size = max(1, _CACHED_VALUES // self.n_runs)
        blocks = [slice(i, i + size) for i in range(0, theta.shape[0], size)]
        if len(blocks) <= 1:
            return self._derivatives(theta, counts)
        parts = (self._derivatives(theta[b], None if counts is None else counts[b]) for b in blocks)
        return Derivatives(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))

    def _derivatives(self, theta: Floats, counts: Floats | None) -> Derivatives:
        r, p = theta.shape
        jet = self._jet(theta)
        with np.errstate(all="ignore"):
            outer = self._outermost(jet.value)
            residual = outer.value - self.y
            value, slope, curvature = self.cost(residual)
            tight = np.where(residual == 0.0, 1.0, slope / np.where(residual == 0.0, 1.0, residual))
            weights = self.total_weights(counts)
            if weights is not None:
                value, slope = value * weights, slope * weights
                curvature, tight = curvature * weights, tight * weights
            by_row = self._firsts(jet, r)
            by_row *= outer.slope[:, None]
            gradient = (by_row @ slope[:, :, None])[:, :, 0]
            scale = (by_row**2 @ tight[:, :, None])[:, :, 0]
            # The outermost function bends each second derivative by its own share of the outer
            # product of the first ones, so that it needs no second derivatives of its own.
            bent = curvature + slope * outer.bend
            hessian = (by_row * bent[:, None]) @ by_row.transpose(0, 2, 1)
            pull = slope * outer.slope
            for (i, j), bend in jet.second.items():
                entry = _summed(pull, bend)
                hessian[:, i, j] += entry
                if i != j:
                    hessian[:, j, i] += entry
            total = value.sum(axis=1)
        broken = ~np.isfinite(total) | ~np.isfinite(gradient).all(axis=1)
        broken |= ~np.isfinite(hessian).all(axis=(1, 2))
        if broken.any():
            total = np.where(broken, np.inf, total)
            gradient[broken], hessian[broken], scale[broken] = 0.0, np.eye(p), 1.0
        return Derivatives(total, gradient, hessian, scale)

    def _outermost(self, value: Floats) -> _Outermost:
        """Return what is fitted, for the form's value."""
        if self.space == "log" and self.form.link != "log":
            return _Outermost(np.log(value), 1.0 / value, np.full((1, 1), -1.0))
        if self.space != "log" and self.form.link == "log":
            out = np.exp(value)
            return _Outermost(out, out, 1.0 / out)
        return _Outermost(value, np.ones((1, 1)), np.zeros((1, 1)))

    def _in_space(self, value: Any) -> Any:
        if self.space == "log":
            return value if self.form.link == "log" else np.log(value)
        return np.exp(value) if self.form.link == "log" else value

    def _jet(self, theta: Floats) -> Jet:
        """Return the form's value with its derivatives by theta."""
        is_log, _, unit, pivots, shift = self.scales
        with np.errstate(all="ignore"):
            plain = [np.exp(s) if is_log[j] else s * unit[j] for j, s in enumerate(seeds(theta))]
            parameters = {}
            for j, name in enumerate(self.names):
                parameters[name] = plain[j] * np.exp(shift[j]) if shift[j] else plain[j]
                for k in np.flatnonzero(pivots[j]):
                    parameters[name] = parameters[name] * np.exp(plain[k] * pivots[j, k])
            out = self.form.function(parameters, self.variables)
        shape = (theta.shape[0], self.n_runs)
        return Jet(np.broadcast_to(out.value, shape), out.first, out.second)

    def _firsts(self, jet: Jet, r: int) -> Floats:
        """Return the first derivatives, shape (r, p, n)."""
        out = np.zeros((r, self.n_parameters, self.n_runs))
        for j, slope in jet.first.items():
            out[:, j] = slope
        return out


def formula_problem(
    law: Law,
    variables: Mapping[str, Floats],
    response: Floats,
    *,
    space: Space,
    delta: float,
    quantile: float = 0.5,
    weights: Floats | None = None,
) -> FormulaProblem:
    """Return the problem for natural values.

    Parameters
    ----------
    law : Law
        Its form is a `Formula`.
    variables : mapping of str to NDArray, shape (n,)
        In base units.
    response : NDArray, shape (n,)
        Positive where `space` is ``"log"``.
    space : str
        ``"log"`` or ``"raw"``.
    delta, quantile, weights
        See `Problem`.
    """
    form = law.form
    assert isinstance(form, Formula)
    is_linear = np.array([p.name in form.linear for p in law.parameters])
    is_log = np.array([p.scale == "log" for p in law.parameters]) & ~is_linear
    boxes = np.array([_box(p, variables, response) for p in law.parameters]).T
    with np.errstate(divide="ignore"):
        boxes = np.where(is_log, np.log(np.where(is_log, boxes, 1.0)), boxes)
    one = FormulaProblem(
        form=form,
        names=law.names,
        variables=variables,
        space=space,
        y=np.log(response) if space == "log" else response,
        delta=delta,
        quantile=quantile,
        weights=weights,
        low=boxes[0],
        high=boxes[1],
        longest=np.where(
            is_log, _LONGEST_LOG_STEP, np.where(is_linear, np.inf, boxes[1] - boxes[0])
        ),
        scales=Scales(is_log, is_linear, np.ones(is_log.size), *_pivots(law, variables)),
        net=np.empty((0, is_log.size)),
    )
    return _with_starts(one)


def _with_starts(problem: FormulaProblem) -> FormulaProblem:
    """Return the problem with its starts, linear parameters in units of their size at the best."""
    from isoflop.estimation.solver.formula_starts import linear_units, net_starts

    net = net_starts(problem, count=_STARTS_KEPT)
    if not net.size:
        raise NotIdentifiableError(
            "The law has no value at any setting of its parameters that was tried: "
            "its formula gives no number for these data. Check their units."
        )
    unit = linear_units(problem, net[0])
    return replace(
        problem,
        low=problem.low / unit,
        high=problem.high / unit,
        scales=problem.scales._replace(unit=unit),
        net=net / unit,
    )


def _box(
    parameter: Parameter, variables: Mapping[str, Floats], response: Floats
) -> tuple[float, float]:
    if not parameter.of:
        return parameter.low, parameter.high
    values = response if parameter.of == "response" else variables[parameter.of]
    return parameter.low * float(values.min()), parameter.high * float(values.max())


def _pivots(law: Law, variables: Mapping[str, Floats]) -> tuple[Floats, Floats]:
    """Return by how much the logarithm of each coefficient moves with each exponent, and at all."""
    pivots, shift = np.zeros((len(law.names), len(law.names))), np.zeros(len(law.names))
    for j, parameter in enumerate(law.parameters):
        for variable, exponent in parameter.power_of.items():
            center = float(np.log(variables[variable]).mean())
            if isinstance(exponent, str):
                pivots[j, law.names.index(exponent)] += center
            else:
                shift[j] += exponent * center
    return pivots, shift


def _summed(pull: Floats, bend: Floats) -> Floats:
    """Return the sum over runs of the product, shape (r,); `bend` may know no runs."""
    if np.shape(bend)[-1:] == pull.shape[1:]:
        return np.asarray(np.vecdot(pull, bend))
    return np.asarray((pull.sum(axis=1, keepdims=True) * bend)[:, 0])


def named(names: Sequence[str], values: Floats) -> dict[str, Floats]:
    """Return columns of parameters (r, p) by name, each of shape (r, 1)."""
    return {name: values[..., j : j + 1] for j, name in enumerate(names)}
