"""Reports as MLflow runs: files as artifacts, counts and exponents as metrics.

So the drift of an exponent over weeks is a chart that MLflow draws. isoflop never reads these runs
back as training runs (`isoflop_plugins.mlflow_pull.headers.is_report`).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from isoflop.credentials import without_credentials
from isoflop.errors import PluginError
from isoflop.reporting.metrics import report_metrics
from isoflop.reporting.report import Report
from isoflop_plugins.mlflow_pull.headers import REPORT_EXPERIMENT, REPORT_TAG

COMPLETE_TAG = "isoflop.report_complete"
"""Set last: a run without it was cut short."""
REGISTRY_TAG = "isoflop.registry_id"
LONGEST_NOTE = 5_000
"""Characters of a tag that every MLflow server takes (mlflow.utils.validation). [1]"""
LONGEST_NAME = 250
"""Characters of a metric's name that every MLflow server takes (mlflow.utils.validation). [1]"""
METRICS_AT_ONCE = 1_000

_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}


def publish(report: Report, files: Sequence[Path]) -> str | None:
    """Keep a report as a run in the experiment ``_reports``, once.

    Parameters
    ----------
    report : Report
        A run of the same report and registry that is complete is left as it is; one that was cut
        short is marked failed and made again.
    files : sequence of Path
        Become artifacts, in the folders they lie in.

    Returns
    -------
    str or None
        Where the run is; None where no tracking URI is set, in the environment or in code.

    Raises
    ------
    PluginError
        The tracking server does not take it.
    """
    loaded: Any = sys.modules.get("mlflow")
    in_code = loaded is not None and loaded.is_tracking_uri_set()
    if not (in_code or os.environ.get("MLFLOW_TRACKING_URI")):
        return None
    import mlflow
    from mlflow.exceptions import MlflowException

    uri = mlflow.get_tracking_uri()
    try:
        with _little_patience():
            client = mlflow.MlflowClient()
            experiment_id = _experiment(client)
            run_id = _complete_run(client, experiment_id, report)
            run_id = run_id or _new_run(client, experiment_id, report, files)
    except (MlflowException, OSError) as error:
        raise PluginError(
            f"MLflow at {without_credentials(uri)!r} did not take the report "
            f"({_cause(error)}). Check that it runs and that you may write; the next report is "
            "published again, as this one is when it is made again.",
            plugin="mlflow",
        ) from error
    return _address(uri, experiment_id, run_id)


@contextlib.contextmanager
def _little_patience() -> Iterator[None]:
    """Give up on a dead server within seconds; MLflow's own default is four minutes."""
    unset = {name: value for name, value in _PATIENCE.items() if name not in os.environ}
    os.environ.update(unset)
    try:
        yield
    finally:
        for name in unset:
            os.environ.pop(name, None)


def _experiment(client: Any) -> str:
    from mlflow.exceptions import MlflowException

    known = client.get_experiment_by_name(REPORT_EXPERIMENT)
    if known is None:
        try:
            return str(client.create_experiment(REPORT_EXPERIMENT))
        except MlflowException:
            # Somebody else made it since.
            known = client.get_experiment_by_name(REPORT_EXPERIMENT)
            if known is None:
                raise
    if known.lifecycle_stage == "deleted":
        raise PluginError(
            f"The MLflow experiment {REPORT_EXPERIMENT!r} is deleted, so that no report can be "
            "kept in it. Restore it, or give --no-publish.",
            plugin="mlflow",
        )
    return str(known.experiment_id)


def _complete_run(client: Any, experiment_id: str, report: Report) -> str:
    """Return the run that holds this report, empty for none; mark those that were cut short."""
    same = f"tags.`{REPORT_TAG}` = '{report.id}' and tags.`{REGISTRY_TAG}` = '{report.registry_id}'"
    complete = ""
    for run in client.search_runs([experiment_id], same):
        if COMPLETE_TAG in run.data.tags:
            complete = run.info.run_id
        elif run.info.status == "RUNNING":
            client.set_terminated(run.info.run_id, "FAILED")
    return complete


def _new_run(client: Any, experiment_id: str, report: Report, files: Sequence[Path]) -> str:
    name = f"report {report.created_at:%Y-%m-%d %H:%M}"
    run = client.create_run(experiment_id, tags=_tags(report, files), run_name=name)
    run_id = str(run.info.run_id)
    try:
        _log(client, run_id, report, files)
        client.set_tag(run_id, COMPLETE_TAG, "true")
        client.set_terminated(run_id, "FINISHED")
    except BaseException:
        with contextlib.suppress(Exception):
            client.set_terminated(run_id, "FAILED")
        raise
    return run_id


def _tags(report: Report, files: Sequence[Path]) -> dict[str, str]:
    return {
        REPORT_TAG: report.id,
        REGISTRY_TAG: report.registry_id,
        "isoflop.registry": without_credentials(report.registry_uri),
        "mlflow.source.name": "isoflop report",
        "mlflow.source.type": "JOB",
        "mlflow.note.content": _note(report, files),
    }


def _note(report: Report, files: Sequence[Path]) -> str:
    """Return the Markdown summary, cut at the end of a line."""
    summaries = [path for path in files if path.suffix == ".md"]
    text = summaries[0].read_text("utf-8") if summaries else "\n\n".join(report.headline)
    if len(text) <= LONGEST_NOTE:
        return text
    end = "\n\n... the rest is in the artifacts."
    return text[: LONGEST_NOTE - len(end)].rpartition("\n")[0] + end


def _log(client: Any, run_id: str, report: Report, files: Sequence[Path]) -> None:
    from mlflow.entities import Metric

    at = int(report.created_at.timestamp() * 1000)
    told = report_metrics(report).items()
    metrics = [Metric(metric_name(name), value, at, 0) for name, value in told]
    for first in range(0, len(metrics), METRICS_AT_ONCE):
        client.log_batch(run_id, metrics=metrics[first : first + METRICS_AT_ONCE])
    root = Path(os.path.commonpath([path.parent for path in files])) if files else Path()
    for path in files:
        folder = path.parent.relative_to(root).as_posix()
        client.log_artifact(run_id, str(path), None if folder == "." else folder)


def metric_name(name: str) -> str:
    """Return the name of a metric as every MLflow server takes it.

    A family may be called anything; where its name is changed, a digest keeps two apart.

    Examples
    --------
    >>> metric_name("chinchilla-parametric/web/alpha")
    'chinchilla-parametric/web/alpha'
    >>> metric_name("chinchilla-parametric/../web (v2)/alpha")
    'chinchilla-parametric/web -v2-/alpha-60de4e27'
    """
    parts = re.sub(r"[^\w./ -]", "-", name).split("/")
    taken = "/".join(part for part in parts if part not in ("", ".", ".."))
    if taken == name and len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{taken[: LONGEST_NAME - 9]}-{digest}"


def _address(uri: str, experiment_id: str, run_id: str) -> str:
    shown = without_credentials(uri).rstrip("/")
    if shown.startswith(("http://", "https://")):
        return f"{shown}/#/experiments/{experiment_id}/runs/{run_id}"
    return f"MLflow run {run_id} in the experiment {REPORT_EXPERIMENT!r} of {shown}"


def _cause(error: BaseException) -> str:
    """Return the kind of the innermost cause, or a short answer: long ones quote addresses."""
    answer = getattr(error, "error_code", "")
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    kind = getattr(error, "strerror", None) or type(error).__name__
    return f"{answer}: {kind}" if answer and answer != "INTERNAL_ERROR" else str(kind)
