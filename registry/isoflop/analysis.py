"""Entry points to estimation: look a name up in the plugins, hand the table over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

from isoflop.errors import SchemaError, UnknownNameError
from isoflop.estimation import FitResult, Plan, fit_law, plan_compute
from isoflop.plugin_host import PluginHost, default_host
from isoflop.tables import ArrowTable, RunTable

if TYPE_CHECKING:
    from isoflop.laws import Law, PublishedLaw
    from isoflop.results import AnalysisResult


def fit(
    law: str | Law,
    runs: RunTable,
    *,
    objective: str | None = None,
    delta: float = 1e-3,
    quantile: float | None = None,
    n_boot: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    family: str | None = None,
    fixed: Mapping[str, float] | None = None,
    tied: Sequence[str] = (),
    using: Mapping[str, str] | None = None,
    weights: str | None = None,
    clusters: str | None = None,
    host: PluginHost | None = None,
) -> FitResult:
    """Fit a scaling law to runs, with a certificate and bootstrap intervals.

    Parameters
    ----------
    law : str or Law
        Name of a registered law, for example ``"chinchilla"``, or a law.
    runs : RunTable, n_runs rows
        Needs the columns the law names; rows that lack one are left out with a reason.
    objective : str or None
        ``"log-huber"``: sum over runs of Huber(log predicted - log measured); also ``huber``,
        ``squares``, ``absolute`` and ``quantile``, each with or without ``log-``. None for the
        law's own, which for losses is ``log-huber``.
    delta : float
        Huber threshold on the residual. [unit of the residual]
    quantile : float or None
        For the quantile objectives: share of the runs below the fit. [1]
    n_boot : int
        Bootstrap replicates over runs; 0 for none (intervals are NaN).
    seed : int
        Seed of the bootstrap; same input and seed give the same result.
    level : float
        Level of the intervals. [1]
    family : str or None
        Family to fit where the table holds several.
    fixed : mapping of str to float, or None
        Parameters to hold at a value: ``{"alpha": 0.5}``.
    tied : sequence of str
        Parameters to hold equal: ``("alpha", "beta")``.
    using : mapping of str to str, or None
        Column that stands for one the law reads: ``{"n_params": "n_params_nonembedding"}``.
    weights : str or None
        Column with the weight of each row. [1]
    clusters : str or None
        Column with what is resampled together: ``"run_uid"`` where rows are checkpoints.
    host : PluginHost or None
        Plugins to look the law up in; all installed ones by default.

    Returns
    -------
    FitResult
        Parameters as estimates, status, certificate, what was left out.

    Raises
    ------
    UnknownNameError
        No such law, objective, parameter or column.
    SchemaError
        `runs` is no RunTable, or an option is out of range.
    UnitError
        The runs mix families, loss data sets, tokenizers or FLOP conventions.
    TooFewRunsError
        Fewer usable runs than the law has parameters plus one; an empty table, a table of NaN and
        a table of one run end here.
    """
    _check_table(runs, RunTable)
    if isinstance(law, str):
        laws = (host or default_host()).context.laws
        if law not in laws:
            raise UnknownNameError("law", law, laws, hint="`isoflop plugins` lists what is there.")
        law = laws[law]
    return fit_law(
        law,
        runs,
        objective=objective,
        delta=delta,
        quantile=quantile,
        n_boot=n_boot,
        seed=seed,
        level=level,
        family=family,
        fixed=fixed,
        tied=tied,
        using=using,
        weights=weights,
        clusters=clusters,
    )


def analyze(
    name: str, table: ArrowTable, *, host: PluginHost | None = None, **options: Any
) -> AnalysisResult:
    """Run an analyzer on a table.

    Parameters
    ----------
    name : str
        Name of a registered analyzer; ``isoflop plugins`` lists them.
    table : RunTable, ScoreTable, CurveTable or FitTable
        What the analyzer asks for.
    host : PluginHost or None
        Plugins to look the analyzer up in; all installed ones by default.
    **options
        Options of the analyzer; an unknown one is refused with the list of known ones.

    Returns
    -------
    AnalysisResult
        Verdict, findings, tables, figures, and what was left out.

    Raises
    ------
    UnknownNameError
        No such analyzer or option.
    SchemaError
        The table is of another kind or lacks a required column, or an option is no number where
        one belongs.
    """
    _check_table(table, ArrowTable)
    host = host or default_host()
    analyzer = host.analyzer(name)
    if table.schema.name != analyzer.table:
        raise SchemaError(
            f"Analyzer {name!r} reads {analyzer.table!r}, got a table of {table.schema.name!r}. "
            f"Give it `registry.{analyzer.table}()`."
        )
    missing = [c for c in analyzer.requires if c not in table.columns]
    if missing:
        raise SchemaError(
            f"Analyzer {name!r} needs the columns {list(analyzer.requires)}, "
            f"got a table without {missing}. Add them, with nulls where they are unknown."
        )
    for option, value in options.items():
        if option not in analyzer.options:
            raise UnknownNameError(f"option of analyzer {name!r}", option, analyzer.options)
        if isinstance(analyzer.options[option].default, Real) and not isinstance(value, Real):
            raise SchemaError(f"Option {option!r} of {name!r} must be a number, got {value!r}.")
    settings = {k: o.default for k, o in analyzer.options.items()} | options
    run: Callable[..., AnalysisResult] = analyzer.run
    return run(table, host.context, **settings)


def plan(
    flops: float,
    *,
    law: str | PublishedLaw | FitResult,
    host: PluginHost | None = None,
) -> Plan:
    """Return the compute-optimal next run for a budget, with intervals.

    Parameters
    ----------
    flops : float
        Training compute, 6 N D. [FLOP]
    law : str, PublishedLaw or FitResult
        Name of a published law, or your own fit.
    host : PluginHost or None
        Plugins to look the law up in; all installed ones by default.

    Raises
    ------
    UnknownNameError
        No such published law.
    UnitError
        `flops` is not positive and finite.
    NotIdentifiableError
        The fit cannot place the optimum.
    """
    if isinstance(law, str):
        published = (host or default_host()).context.published
        if law not in published:
            raise UnknownNameError(
                "published law", law, published, hint="Or give the result of `isoflop.fit`."
            )
        law = published[law]
    return plan_compute(flops, law=law)


def _check_table(table: object, kind: type[ArrowTable]) -> None:
    if not isinstance(table, kind):
        raise SchemaError(
            f"A {kind.__name__} is needed, got a {type(table).__name__}. Give what a registry "
            "returns, or wrap a DataFrame: `RunTable.from_pandas(frame)`."
        )
