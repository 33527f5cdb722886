"""Laws made from laws: parameters held at a value or held equal, a sum of powers as a formula."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from isoflop.errors import SchemaError
from isoflop.laws import Formula, Law, Parameter, PowerSum, Values

_SCALE_RANGE = (1e-30, 1e30)


def constrained(
    law: Law, *, fixed: Mapping[str, float] | None = None, tied: Sequence[str] = ()
) -> Law:
    """Return a law with parameters held at given values, or held equal to one another.

    Parameters
    ----------
    law : Law
        Any law.
    fixed : mapping of str to float, or None
        Parameters to hold, in their own unit.
    tied : sequence of str
        Parameters to hold equal; the first one stays and stands for all.

    Raises
    ------
    UnknownNameError
        No such parameter.
    SchemaError
        A parameter is both fixed and tied, one alone is tied, or none would be left; a value to
        fix is no finite number.
    """
    fixed = dict(fixed or {})
    for name in (*fixed, *tied):
        law.parameter(name)
    for name, value in fixed.items():
        if not (isinstance(value, Real) and np.isfinite(value)):
            raise SchemaError(f"Parameter {name!r} must be fixed at a number, got {value!r}.")
    if set(fixed) & set(tied):
        raise SchemaError(f"{sorted(set(fixed) & set(tied))} cannot be both fixed and tied.")
    if len(tied) == 1:
        raise SchemaError(f"{tied[0]!r} cannot be tied to itself; name two parameters or more.")
    stands = dict.fromkeys(tied[1:], next(iter(tied), ""))
    gone = {*fixed, *stands}
    if not gone:
        return law
    if gone == set(law.names):
        raise SchemaError(f"Every parameter of law {law.name!r} is fixed: nothing is left to fit.")
    two_term = law.two_term or power_sum_two_term(law)
    law = opened(law)
    form = law.form
    assert isinstance(form, Formula)

    def whole(p: Values) -> dict[str, Any]:
        return {**p, **fixed, **{name: p[kept] for name, kept in stands.items()}}

    said = [f"{name} = {value:g}" for name, value in fixed.items()]
    said += [" = ".join(tied)] if tied else []
    return dataclasses.replace(
        law,
        equation=f"{law.equation}, {', '.join(said)}",
        parameters=tuple(
            _renamed(p, {**stands, **fixed}) for p in law.parameters if p.name not in gone
        ),
        form=dataclasses.replace(
            form,
            function=lambda p, v: form.function(whole(p), v),
            linear=tuple(n for n in form.linear if n not in gone),
        ),
        two_term=None if two_term is None else lambda p: two_term(whole(p)),
    )


def opened(law: Law) -> Law:
    """Return the law with its sum of powers as a formula; any other law as it is."""
    if not isinstance(law.form, PowerSum):
        return law
    form = law.form
    linear = [t.coefficient for t in form.terms if not t.is_scale]
    if form.constant:
        linear.insert(0, form.constant)
    terms = {t.coefficient: t for t in form.terms}

    def told(p: Parameter) -> Parameter:
        if p.name == form.constant:
            return dataclasses.replace(p, scale="linear")
        if p.name not in terms:
            return p
        term = terms[p.name]
        if term.is_scale:
            low, high = _SCALE_RANGE
            return dataclasses.replace(p, low=low, high=high, of=term.variable)
        return dataclasses.replace(p, scale="linear", power_of={term.variable: term.exponent})

    return dataclasses.replace(
        law,
        parameters=tuple(told(p) for p in law.parameters),
        form=Formula(function=form, linear=tuple(linear)),
        two_term=law.two_term or power_sum_two_term(law),
    )


def power_sum_two_term(law: Law) -> Any:
    """Return the function from a law's parameters to E, A, alpha, B, beta; None for another kind.

    For a sum of one power of n_params and one of n_tokens.
    """
    if not isinstance(law.form, PowerSum):
        return None
    form = law.form
    by_variable = {t.variable: t for t in form.terms}
    if len(form.terms) != 2 or set(by_variable) != {"n_params", "n_tokens"}:
        return None
    n, d = by_variable["n_params"], by_variable["n_tokens"]

    def two_term(p: Values) -> Values:
        return {
            "E": p[form.constant] if form.constant else 0.0,
            "A": p[n.coefficient] ** p[n.exponent] if n.is_scale else p[n.coefficient],
            "alpha": p[n.exponent],
            "B": p[d.coefficient] ** p[d.exponent] if d.is_scale else p[d.coefficient],
            "beta": p[d.exponent],
        }

    return two_term


def _renamed(parameter: Parameter, told: Mapping[str, str | float]) -> Parameter:
    """Return the parameter with its centering told of exponents that are fixed, or stand in."""
    power_of = {
        variable: told.get(exponent, exponent) if isinstance(exponent, str) else exponent
        for variable, exponent in parameter.power_of.items()
    }
    return dataclasses.replace(parameter, power_of=power_of)
