"""What an analyzer returned, checked before anything reads it: one bad result costs one section."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from isoflop.errors import PluginError
from isoflop.estimate import Estimate
from isoflop.reporting.fit_rows import fit_rows
from isoflop.results import SEVERITIES, AnalysisResult, Figures, Finding, LeftOut

_TEXTS = ("title", "verdict", "source")
_FINDING_TEXTS = ("kind", "subject", "subject_name", "law", "message", "family")


def checked_result(result: object, name: str) -> AnalysisResult:
    """Return the result of an analyzer where reporters can render it.

    Raises `PluginError`, which says what is wrong, where not.
    """
    if not isinstance(result, AnalysisResult):
        raise _error(name, f"returned {type(result).__name__}, not an AnalysisResult")
    for fault in _faults(result):
        raise _error(name, f"returned a result that cannot be shown: {fault}")
    _check_fits(result, name)
    return result


def _error(name: str, what: str) -> PluginError:
    return PluginError(f"Analyzer {name!r} {what}. Tell its author.", plugin=name)


def _faults(result: AnalysisResult) -> Iterator[str]:
    """Yield what is not of its type; what comes later is looked at only when this is well."""
    import pandas as pd

    for name in _TEXTS:
        yield from _not_a(name, getattr(result, name), str)
    for name in ("checks", "findings", "left_out", "fits"):
        yield from _not_a(name, getattr(result, name), Sequence)
    for check in result.checks:
        if not isinstance(check, Sequence) or len(check) != 2 or not isinstance(check[0], str):
            yield f"a check is {_kind(check)}, not a statement and whether it holds"
    yield from _each("finding", result.findings, Finding)
    for finding in result.findings:
        yield from _finding_faults(finding)
    yield from _each("item that was left out", result.left_out, LeftOut)
    for left in result.left_out:
        yield from _not_a("subject", left.subject, str)
        yield from _not_a("reason", left.reason, str)
    yield from _named("table", result.tables, pd.DataFrame)
    yield from _named("number", result.numbers, Estimate)
    yield from _not_a("figures", result.figures, Figures)
    yield from _each("fit", result.fits, Mapping)


def _finding_faults(finding: Finding) -> Iterator[str]:
    for name in _FINDING_TEXTS:
        yield from _not_a(f"the {name} of a finding", getattr(finding, name), str)
    if finding.severity not in SEVERITIES:
        yield f"the severity of a finding is {finding.severity!r}; allowed are {SEVERITIES}"
    if finding.value is not None:
        yield from _not_a("the value of a finding", finding.value, Estimate)
    yield from _not_a("the evidence of a finding", finding.evidence, Mapping)


def _named(what: str, told: Any, wanted: type) -> Iterator[str]:
    yield from _not_a(f"{what}s", told, Mapping)
    for name, value in told.items():
        yield from _not_a(f"the name of a {what}", name, str)
        yield from _not_a(f"{what} {name!r}", value, wanted)


def _each(what: str, told: Iterable[Any], wanted: type) -> Iterator[str]:
    for item in told:
        yield from _not_a(f"one {what}", item, wanted)


def _not_a(what: str, value: object, wanted: type) -> Iterator[str]:
    # A text is a sequence of texts, and never meant as one here.
    if not isinstance(value, wanted) or (wanted is Sequence and isinstance(value, str)):
        yield f"{what} is {_kind(value)}, not {wanted.__name__}"


def _kind(value: object) -> str:
    return "None" if value is None else f"of type {type(value).__name__}"


def _check_fits(result: AnalysisResult, name: str) -> None:
    import pyarrow as pa

    from isoflop.schema import FITS

    rows = fit_rows([result], at=datetime.now(UTC), runs_version=None)
    try:
        pa.Table.from_pylist(rows, schema=FITS.to_arrow())
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise PluginError(
            f"A fit of analyzer {name!r} is no row of the table fits: {error}. Tell its author.",
            plugin=name,
        ) from error
