"""What a law is: data. Fitting and evaluation live in `isoflop.estimation`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from isoflop.errors import SchemaError, UnknownNameError

Values = Mapping[str, Any]
"""Numbers, arrays or jets by name: a form is written once and evaluated on all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a law, and where to look for it.

    Parameters
    ----------
    name : str
        As in the paper: ``"alpha"``, ``"N_c"``.
    unit : str
        ``"1"`` for none.
    low, high : float
        Box in which it is sought; a fit that ends there says `at-bound`. Coefficients of a
        `PowerSum` need none. A parameter that is not in `Formula.linear` needs both.
    of : str
        What the box multiplies: a variable, or ``"response"``: `low` times its smallest, `high`
        times its largest value over the rows. Empty for a box in the parameter's own unit.
    scale : str
        ``"log"``: positive, sought on a logarithmic scale; ``"linear"``: any sign.
    power_of : mapping of str to str or float
        For a coefficient in front of ``variable ** -exponent``: variable to exponent, by name or,
        where it is fixed, its value. It only tells the solver how to keep the two apart (it
        measures the variable from its geometric mean, and so does a box that is given); the value
        is reported in its own unit.
    """

    name: str
    unit: str = "1"
    low: float = 0.0
    high: float = float("inf")
    of: str = ""
    scale: Literal["log", "linear"] = "log"
    power_of: Mapping[str, str | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerTerm:
    """One falling power: ``coefficient / variable ** exponent``.

    Parameters
    ----------
    coefficient, exponent : str
        Names of the two parameters, for example ``"A"`` and ``"alpha"``.
    variable : str
        Column it falls with, for example ``"n_params"``.
    is_scale : bool
        True where the coefficient is of the variable's own unit and stands inside the power:
        ``(coefficient / variable) ** exponent``, as Kaplan's N_c.
    """

    coefficient: str
    exponent: str
    variable: str
    is_scale: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerSum:
    """response = constant + sum of falling powers; its logarithm is a log-sum-exp.

    Parameters
    ----------
    terms : tuple of PowerTerm
        At least one.
    constant : str
        Name of the constant, for example ``"E"``; empty for none.
    """

    terms: tuple[PowerTerm, ...]
    constant: str = ""

    def __call__(self, p: Values, v: Values) -> Any:
        """Return the response for parameters and variables by name."""
        total: Any = p[self.constant] if self.constant else 0.0
        for t in self.terms:
            size = np.log(v[t.variable])
            if t.is_scale:
                total = total + np.exp(p[t.exponent] * (np.log(p[t.coefficient]) - size))
            else:
                total = total + p[t.coefficient] * np.exp(-p[t.exponent] * size)
        return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """Any smooth form, written once with NumPy's functions.

    Parameters
    ----------
    function : callable (parameters, variables) -> response
        Parameters and variables by name; plain arithmetic and `numpy` functions (exp, log, log1p,
        expm1, sqrt, tanh, power, logaddexp, minimum, maximum). It is evaluated on arrays, on
        complex numbers and on jets, so that its derivatives are exact and nobody writes them.
    linear : tuple of str
        Parameters in which the value is linear, the others fixed; the solver finds them exactly.
    link : str
        ``"identity"``: the value is the response; ``"log"``: its logarithm.
    """

    function: Callable[[Values, Values], Any]
    linear: tuple[str, ...] = ()
    link: Literal["identity", "log"] = "identity"

    def __call__(self, p: Values, v: Values) -> Any:
        """Return the response for parameters and variables by name."""
        value = self.function(p, v)
        return np.exp(value) if self.link == "log" else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """A law to fit: a record, no code but its form.

    Parameters
    ----------
    name : str
        Lower-case with hyphens.
    summary : str
        One sentence.
    equation : str
        The formula, for people.
    parameters : tuple of Parameter
        In the order they are reported.
    form : PowerSum or Formula
        The same formula, for the solver.
    variables : tuple of str
        Columns the form reads, in base units; see `isoflop.estimation.variables` for those that
        are derived (``tokens_per_param``, ...).
    cannot_say : str
        What a fit of this law cannot tell.
    source : str
        Paper, equation, arXiv id.
    response : str
        Column it predicts.
    response_unit : str
        Its unit.
    objective : str
        What is minimized where nobody says: see `isoflop.estimation.solver.objectives`.
    two_term : callable (parameters) -> mapping, or None
        For a law of n_params and n_tokens that is E + (A / N**alpha + B / D**beta)**power: E, A,
        alpha, B, beta and, where it is not 1, power by name, from the law's own. A `PowerSum` of
        both variables needs none.
    signed : tuple of str
        Columns among these that may be zero or negative.
    stages : tuple of str
        Values of the column `stage` of runs it may be fitted to; a run that says none counts.
    """

    name: str
    summary: str
    equation: str
    parameters: tuple[Parameter, ...]
    form: PowerSum | Formula
    variables: tuple[str, ...]
    cannot_say: str
    source: str
    response: str = "loss"
    response_unit: str = "nat/token"
    objective: str = "log-huber"
    two_term: Callable[[Values], Values] | None = None
    signed: tuple[str, ...] = ()
    stages: tuple[str, ...] = ("pretrain",)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(p.name for p in self.parameters)

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of each parameter."""
        return {p.name: p.unit for p in self.parameters}

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns a fit needs: the variables and the response."""
        return (*self.variables, self.response)

    def parameter(self, name: str) -> Parameter:
        """Return a parameter by name; raise `UnknownNameError` where there is none."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise UnknownNameError(f"parameter of law {self.name!r}", name, self.names)

    def __post_init__(self) -> None:
        self._check_names()
        linear = self.form.linear if isinstance(self.form, Formula) else self.names
        for p in self.parameters:
            boxed = np.isfinite(p.low) and np.isfinite(p.high) and p.low < p.high
            if not boxed and p.name not in linear:
                raise SchemaError(
                    f"Parameter {p.name!r} of law {self.name!r} needs a box, low below high, both "
                    f"finite; got {p.low:g} to {p.high:g}."
                )
            if p.scale == "log" and boxed and p.low <= 0 and p.name not in linear:
                raise SchemaError(
                    f"Parameter {p.name!r} of law {self.name!r} is sought on a log scale, so its "
                    f"box must begin above 0, got {p.low:g}."
                )

    def _check_names(self) -> None:
        if len(set(self.names)) < len(self.names):
            raise SchemaError(f"Law {self.name!r} names a parameter twice: {list(self.names)}.")
        used: Sequence[str]
        if isinstance(self.form, PowerSum):
            constant = [self.form.constant] if self.form.constant else []
            coefficients = [t.coefficient for t in self.form.terms]
            used = [*constant, *coefficients, *(t.exponent for t in self.form.terms)]
            if tuple(used) != self.names:
                raise SchemaError(
                    f"Parameters of law {self.name!r} must stand as constant, coefficients, "
                    f"exponents: {used}, got {list(self.names)}."
                )
            return
        for name in self.form.linear:
            self.parameter(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedLaw:
    """A parameter set that a paper gives.

    Three forms. ``loss`` has the parameters of the law named in `law`. ``allocation`` has
    ``n_coefficient`` and ``n_exponent`` with N_opt = n_coefficient * C ** n_exponent [C in FLOP]
    and D_opt = C / (6 N_opt), and so says nothing about the loss. ``growth`` has ``n_exponent``
    alone: how fast N_opt and D_opt grow with C, not where they start, so that it plans no run and
    judges none.

    Parameters
    ----------
    name : str
        For example ``"besiroglu-2024"``.
    law : str
        Law whose parameters these are; empty for an allocation and for growth.
    form : str
        ``"loss"``, ``"allocation"`` or ``"growth"``.
    params : mapping of str to float
        Values as printed at full known precision.
    log_covariance : tuple of tuple of float
        Covariance of (log E, log A, log B, alpha, beta) in that order; empty where the paper gives
        none, and then nothing computed from the law has an interval.
    n_params_range, n_tokens_range : (float, float)
        Range of the runs behind it; a use outside is an extrapolation.
    counts : str
        Which N it means: ``"n_params"`` or ``"n_params_nonembedding"``.
    summary, source : str
        What it is, and where it was read.
    """

    name: str
    summary: str
    form: Literal["loss", "allocation", "growth"]
    params: Mapping[str, float]
    source: str
    law: str = ""
    log_covariance: tuple[tuple[float, ...], ...] = ()
    n_params_range: tuple[float, float] = (0.0, float("inf"))
    n_tokens_range: tuple[float, float] = (0.0, float("inf"))
    counts: str = "n_params"
    notes: Mapping[str, str] = field(default_factory=dict)
