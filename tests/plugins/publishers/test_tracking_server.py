"""Reports in a real MLflow store: made once, complete, and never read back as runs."""

from __future__ import annotations

import dataclasses
import os
import socket
import time
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient

from isoflop.errors import PluginError
from isoflop.estimate import Estimate
from isoflop.reporting import build_report, write_report
from isoflop.reporting.metrics import report_metrics
from isoflop_plugins.publishers import tracking_server
from isoflop_plugins.publishers.tracking_server import COMPLETE_TAG, publish


@pytest.fixture
def made(lab: Any, tmp_path: Path) -> tuple[Any, list[Path]]:
    """A report and its files, one of them in a folder."""
    report = build_report(lab.registry, analyzers=["undertrained"])
    files = write_report(report, tmp_path / "report", formats=["markdown", "json"])
    figure = tmp_path / "report" / "figures" / "yours-x.svg"
    figure.parent.mkdir()
    figure.write_text("<svg/>")
    return report, [*files, figure]


def reports(uri: str) -> list[Any]:
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("_reports")
    return list(client.search_runs([experiment.experiment_id])) if experiment else []


def test_a_report_is_a_finished_run_with_metrics_files_and_a_note(
    made: tuple[Any, list[Path]], tracking: str
) -> None:
    report, files = made
    place = publish(report, files)
    [run] = reports(tracking)
    assert run.info.status == "FINISHED"
    assert place == f"MLflow run {run.info.run_id} in the experiment '_reports' of {tracking}"
    assert run.data.tags["isoflop.report_id"] == report.id
    assert run.data.tags["mlflow.note.content"].startswith("# Scaling report")
    assert run.data.metrics == pytest.approx(report_metrics(report))
    assert run.data.metrics["n_runs"] == 6
    client = MlflowClient(tracking)
    kept = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert kept == {"report.md", "report.json", "figures"}
    assert [f.path for f in client.list_artifacts(run.info.run_id, "figures")] == [
        "figures/yours-x.svg"
    ]


def test_a_family_may_have_any_name(made: tuple[Any, list[Path]], tracking: str) -> None:
    report, files = made
    families = ("a (v2) <b>", "\u202egnp", "../..", "a//b", "x" * 300, "a:b", "nul\x00", "\ud800")
    first, *rest = report.sections
    numbers = {f"{family}/alpha": Estimate(value=1, low=0, high=2) for family in families}
    result = dataclasses.replace(first.result, numbers=numbers)
    odd = dataclasses.replace(report, sections=(dataclasses.replace(first, result=result), *rest))
    publish(odd, files)
    [run] = reports(tracking)
    assert run.info.status == "FINISHED"
    assert len(run.data.metrics) == len(report_metrics(odd))


def test_a_report_that_is_there_is_not_made_again(
    made: tuple[Any, list[Path]], tracking: str
) -> None:
    assert publish(*made) == publish(*made)
    assert len(reports(tracking)) == 1


def test_the_same_report_of_another_registry_is_another_run(
    made: tuple[Any, list[Path]], tracking: str
) -> None:
    publish(*made)
    publish(dataclasses.replace(made[0], registry_id="other"), made[1])
    assert len(reports(tracking)) == 2


def test_a_run_that_was_cut_short_is_marked_and_made_anew(
    made: tuple[Any, list[Path]], tracking: str
) -> None:
    publish(*made)
    [run] = reports(tracking)
    client = MlflowClient(tracking)
    client.delete_tag(run.info.run_id, COMPLETE_TAG)
    client.update_run(run.info.run_id, "RUNNING")
    publish(*made)
    publish(*made)
    states = {
        r.info.run_id: (r.info.status, COMPLETE_TAG in r.data.tags) for r in reports(tracking)
    }
    assert states.pop(run.info.run_id) == ("FAILED", False)
    assert list(states.values()) == [("FINISHED", True)]


def test_a_run_whose_files_cannot_be_kept_is_marked_failed(
    made: tuple[Any, list[Path]], tracking: str
) -> None:
    report, files = made
    with pytest.raises(PluginError, match="did not take the report"):
        publish(report, [*files, files[0].with_name("not-there.txt")])
    [run] = reports(tracking)
    assert (run.info.status, COMPLETE_TAG in run.data.tags) == ("FAILED", False)


def test_nothing_is_published_where_no_tracking_uri_is_set(
    made: tuple[Any, list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(mlflow, "is_tracking_uri_set", lambda: False)
    assert publish(*made) is None


def test_a_deleted_experiment_is_said(made: tuple[Any, list[Path]], tracking: str) -> None:
    publish(*made)
    client = MlflowClient(tracking)
    client.delete_experiment(client.get_experiment_by_name("_reports").experiment_id)
    with pytest.raises(PluginError, match=r"'_reports' is deleted.*Restore it"):
        publish(*made)


@pytest.mark.slow
def test_a_server_that_is_down_is_said_within_seconds_without_credentials(
    made: tuple[Any, list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://ada:pa55word@{address}")
    start = time.monotonic()
    with pytest.raises(PluginError, match=f"MLflow at 'http://{address}' did not take") as caught:
        publish(*made)
    assert time.monotonic() - start < 30
    assert "pa55word" not in str(caught.value)
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ


def test_a_note_fits_what_every_server_takes(made: tuple[Any, list[Path]], tmp_path: Path) -> None:
    long = tmp_path / "long.md"
    long.write_text("# Title\n" + "a line\n" * 2_000)
    note = tracking_server._note(made[0], [long])
    assert len(note) <= 5_000
    assert note.endswith("a line\n\n... the rest is in the artifacts.")


@pytest.mark.slow
def test_the_whole_report_is_kept_once_and_caught_up_after_a_failure(
    lab: Any, tracking: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    down = lab.deliver()
    assert down.outcome in ("flagged-incomplete", "incomplete")
    assert "could not be published by 'mlflow'" in (tmp_path / "report/report.md").read_text()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking)
    up, again = lab.deliver(), lab.deliver()
    assert down.report.id == up.report.id == again.report.id
    assert up.problems == again.problems == ()
    assert up.published == again.published
    [run] = reports(tracking)
    kept = {f.path for f in MlflowClient(tracking).list_artifacts(run.info.run_id)}
    assert {"index.html", "report.json", "report.md", "figures", "headline.png"} == kept
