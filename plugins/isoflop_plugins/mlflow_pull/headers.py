"""What MLflow says about a run beside its history, and the digest that tells whether it changed."""

from __future__ import annotations

import hashlib
import marshal
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import get_args

from isoflop.records import DatasetInput, Lifecycle, MetricSeries, RawRun, Status

SYSTEM_PREFIX = "system/"
"""Metrics of MLflow's system monitor: most rows of a history table, none about the model."""

REPORT_EXPERIMENT = "_reports"
"""Experiment that isoflop logs its own reports to; never read back as runs."""

REPORT_TAG = "isoflop.report_id"
"""Tag of a run that is one of isoflop's own reports, wherever somebody may have moved it."""

_CONTEXT_TAG = "mlflow.data.context"
_PARENT_TAG = "mlflow.parentRunId"
# The first only mirrors the run's name, the second rewrites itself with each logged model.
_DROPPED_TAGS = frozenset({"mlflow.runName", "mlflow.log-model.history"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Point = tuple[int, int, float]
"""Step, timestamp [ms], value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHeader:
    """A run without its history.

    Parameters
    ----------
    run_id, run_name, experiment, status, lifecycle : str
        As MLflow says them.
    start_ms, end_ms : int or None
        Client clock, milliseconds since 1970 UTC. [ms]
    params, tags : mapping of str to str
        Verbatim; tags with MLflow's own.
    latest : mapping of str to (int, int, float)
        Metric to its point of largest step, then timestamp; system metrics left out.
    inputs : sequence of DatasetInput
        Data sets that were logged as inputs.
    """

    run_id: str
    run_name: str
    experiment: str
    status: str
    lifecycle: str
    start_ms: int | None
    end_ms: int | None
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    latest: Mapping[str, Point] = field(default_factory=dict)
    inputs: Sequence[DatasetInput] = ()

    @property
    def name(self) -> str:
        """Name of the run; older servers keep it in a tag only."""
        return self.run_name or self.tags.get("mlflow.runName", "")

    def digest(self) -> str:
        """Return 32 hexadecimal digits over everything but the history.

        The same run gives the same digits by SQL, by HTTP and by file.
        """
        said = [
            self.run_id, self.name, self.experiment, self.status, self.lifecycle,
            self.start_ms, self.end_ms, sorted(self.params.items()), sorted(kept_tags(self.tags)),
            sorted(self.latest.items()),
            [(i.name, i.digest, i.context, sorted(i.tags.items())) for i in self.inputs],
        ]  # fmt: skip
        # Version 2 has no references: equal values give equal bytes, in a third of JSON's time.
        return hashlib.sha256(marshal.dumps(said, 2)).hexdigest()[:32]


def raw_run(header: RunHeader, metrics: Mapping[str, MetricSeries], source_uri: str) -> RawRun:
    """Return the run as isoflop keeps it: the one function that push and pull both end in.

    The source digest is the header's digest, a dot and the number of points in `metrics`.
    """
    n_points = sum(map(len, metrics.values()))
    return RawRun(
        source_kind="mlflow",
        source_uri=source_uri,
        native_run_id=header.run_id,
        run_name=header.name,
        experiment=header.experiment,
        status=_status(header.status),
        lifecycle=_lifecycle(header.lifecycle),
        created_at=moment(header.start_ms),
        ended_at=moment(header.end_ms),
        parent_native_run_id=header.tags.get(_PARENT_TAG, ""),
        params=dict(sorted(header.params.items())),
        tags=dict(sorted(kept_tags(header.tags))),
        metrics={key: metrics[key] for key in sorted(metrics)},
        inputs=header.inputs,
        source_digest=f"{header.digest()}.{n_points}",
        links=(f"id:mlflow:{header.run_id}",),
    )


def kept_tags(tags: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the tags that say something about the run."""
    return [item for item in tags.items() if item[0] not in _DROPPED_TAGS]


def dataset_input(*, name: str, digest: str, tags: Mapping[str, str]) -> DatasetInput:
    """Return a data set input; its context is a tag in MLflow."""
    rest = {key: value for key, value in sorted(tags.items()) if key != _CONTEXT_TAG}
    return DatasetInput(name=name, digest=digest, context=tags.get(_CONTEXT_TAG, ""), tags=rest)


def in_order(inputs: Sequence[DatasetInput]) -> tuple[DatasetInput, ...]:
    """Return inputs in an order that no store decides."""
    key = lambda i: (i.name, i.digest, i.context, sorted(i.tags.items()))  # noqa: E731
    return tuple(sorted(inputs, key=key))


def moment(milliseconds: int | None) -> datetime | None:
    """Return a time in UTC; None where unknown or out of the calendar."""
    if milliseconds is None:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None


def logged_value(value: float) -> float:
    """Return the value that was logged: MLflow stores infinity as the largest float."""
    return math.copysign(math.inf, value) if abs(value) == sys.float_info.max else value


def is_report(header: RunHeader) -> bool:
    """Return True for one of isoflop's own reports, by its experiment or by its tag."""
    return is_report_experiment(header.experiment) or REPORT_TAG in header.tags


def is_report_experiment(name: str) -> bool:
    """Return True for the experiment of isoflop's own reports."""
    return name.rpartition("/")[2] == REPORT_EXPERIMENT


def _status(words: str) -> Status:
    lower = words.lower()
    return lower if lower in get_args(Status) else "unknown"  # type: ignore[return-value]


def _lifecycle(words: str) -> Lifecycle:
    return "deleted" if words == "deleted" else "active"
