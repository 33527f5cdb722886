import datetime as dt
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from isoflop.cli import build_app
from isoflop.records import ResolvedRun, run_uid
from isoflop.store import open_registry


def resolved(name, n_params, n_tokens, **row):
    loss = 1.7 + 400 / n_params**0.34 + 410 / n_tokens**0.28
    told = {
        "run_uid": run_uid("mlflow", name),
        "source_kind": "mlflow",
        "native_run_id": name,
        "run_name": name,
        "family": "c4",
        "status": "finished",
        "lifecycle": "active",
        "n_params": n_params,
        "n_params_how": "reported",
        "n_params_source": "param:n_params",
        "n_tokens": n_tokens,
        "flops": 6.0 * n_params * n_tokens,
        "loss": loss,
        "loss_dataset": "c4_val",
        "created_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    }
    score = {"task": "copy", "metric": "accuracy", "value": 0.5, "n_examples": 100}
    curve = {
        "split": np.array(["train", "train"], dtype=object),
        "step": np.array([1, 2]),
        "n_tokens": np.array([n_tokens // 2, n_tokens]),
        "loss": np.array([loss + 1, loss]),
    }
    return ResolvedRun(row=told | row, scores=(score,), curves=curve)


@pytest.fixture(scope="session")
def filled(tmp_path_factory):
    """A registry of 21 runs; one without tokens, one with a hostile name. To be copied."""
    folder = tmp_path_factory.mktemp("filled") / "registry"
    opened = open_registry(folder, create=True)
    runs = [
        resolved(f"run-{i}-{j}", int(1e7 * 4**i), int(2e8 * 4**j))
        for i in range(4)
        for j in range(5)
    ]
    runs[0] = resolved("evil\x1b[2J[red]name", int(1e7), int(2e8))
    runs.append(
        resolved("no-tokens", int(1e7), 5).__class__(
            row={**resolved("no-tokens", int(1e7), 5).row, "n_tokens": None, "flops": None,
                 "loss": None, "null_reasons": '{"n_tokens": "no key says it"}'},
        )
    )  # fmt: skip
    opened.writer().drop_runs(runs)
    opened.fold()
    return folder


@pytest.fixture
def undertrained(tmp_path):
    """A registry of two runs that saw far too few tokens: no law can be fitted to so few."""
    opened = open_registry(tmp_path / "registry", create=True)
    opened.writer().drop_runs(
        [resolved("a", int(1e8), int(1e8)), resolved("b", int(2e8), int(1e8))]
    )
    opened.fold()
    return str(tmp_path / "registry")


@pytest.fixture
def registry(filled, tmp_path):
    """The registry of 21 runs: filling takes much longer than copying."""
    return str(shutil.copytree(filled, tmp_path / "registry"))


@pytest.fixture
def invoke():
    """Run the command line in this process; stdout and stderr apart."""
    runner, app = CliRunner(), build_app()

    def run(*arguments, code=0):
        result = runner.invoke(app, list(arguments))
        unexpected = result.exception and not isinstance(result.exception, SystemExit)
        if unexpected:
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return run
