"""Trains the rungs in worker processes and logs them to MLflow as any training script would.

Nothing here calls isoflop: the runs reach the registry through the live hook, because
``ISOFLOP_REGISTRY`` is set in the workers' environment.
"""

from __future__ import annotations

import contextlib
import json
import logging
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING, Any

from isoflop_plugins.demo.corpus import Corpus, load_corpus
from isoflop_plugins.demo.ladder import CONTEXT, Rung
from isoflop_plugins.demo.model import N_VOCAB, WindowModel
from isoflop_plugins.demo.tasks import make_tasks
from isoflop_plugins.demo.training import TrainingPoint, fresh_model, held_out_loss, train

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "isoflop-demo"
DIGEST_TAG = "demo.digest"
"""Tag that says which rung a run is, so that it is trained once."""
N_WORKERS = 2
_POINTS_A_CALL = 10
_state: dict[str, Any] = {}
"""What a worker process was started with; empty in the parent."""

Tick = Callable[[float], None]


def train_rungs(rungs: Sequence[Rung], folder: Path, *, tick: Tick) -> None:
    """Train every rung, two at a time; call `tick` with the FLOPs done since the last call.

    Returns when all runs are logged and the workers have ended, which flushes the live hook.
    Raises what a worker raised; the other runs are cancelled.
    """
    context = multiprocessing.get_context("spawn")
    done = context.Queue()
    with _environment(folder), contextlib.closing(done):
        with ProcessPoolExecutor(
            N_WORKERS, mp_context=context, initializer=_start, initargs=(str(folder), done)
        ) as pool:
            try:
                # One worker makes the database before two write to it.
                pool.submit(_prepare).result()
                waiting: set[Future[None]] = {pool.submit(_run, rung) for rung in rungs}
                while waiting:
                    ended, waiting = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
                    _drain(done, tick)
                    for future in ended:
                        future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        _drain(done, tick)


def store_uri(folder: Path) -> str:
    """Return the tracking URI of a demo folder."""
    return f"sqlite:///{folder.resolve() / 'mlflow.db'}"


def _drain(done: Any, tick: Tick) -> None:
    with contextlib.suppress(Empty):
        while True:
            tick(done.get_nowait())


@contextlib.contextmanager
def _environment(folder: Path) -> Iterator[None]:
    """Set what workers inherit, and put the parent's environment back."""
    wanted = {
        "ISOFLOP_REGISTRY": str(folder.resolve() / "registry"),
        "MLFLOW_TRACKING_URI": store_uri(folder),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "GIT_PYTHON_REFRESH": "quiet",
        # Two workers on two cores: threads of a BLAS would only wait for each other.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "VECLIB_MAXIMUM_THREADS": "1",
    }
    before = {name: os.environ.get(name) for name in (*wanted, "ISOFLOP_DISABLE")}
    os.environ.update(wanted)
    os.environ.pop("ISOFLOP_DISABLE", None)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _start(folder: str, done: Any) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    _state.update(folder=Path(folder), done=done)


def _end_with_parent() -> None:
    """End this worker when the process that started it is gone, however it was ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _prepare() -> None:
    import mlflow

    client = mlflow.MlflowClient()
    if client.get_experiment_by_name(EXPERIMENT) is None:
        # Without a place of its own MLflow would put artifacts where the user stands.
        artifacts = (_state["folder"] / "artifacts").resolve().as_uri()
        client.create_experiment(EXPERIMENT, artifact_location=artifacts)


def _run(rung: Rung) -> None:
    import mlflow

    if "corpus" not in _state:
        _state["corpus"] = load_corpus()
    corpus: Corpus = _state["corpus"]
    mlflow.set_experiment(EXPERIMENT)
    with mlflow.start_run(run_name=rung.name, tags=_tags(rung, corpus)) as run:
        mlflow.log_params(_params(rung))
        model = fresh_model(rung.plan)
        client, waiting = mlflow.MlflowClient(), []
        seen = 0
        for point in train(rung.plan, corpus.train, model):
            waiting.append(point)
            _state["done"].put(rung.budget * (point.n_tokens - seen) / rung.plan.n_tokens)
            seen = point.n_tokens
            if len(waiting) == _POINTS_A_CALL:
                _log_points(client, run.info.run_id, waiting)
                waiting = []
        _log_points(client, run.info.run_id, waiting)
        mlflow.log_metrics(_scores(model, corpus), step=rung.plan.n_steps)


def _log_points(client: MlflowClient, run_id: str, points: Sequence[TrainingPoint]) -> None:
    """Log several steps in one call: two workers share one database file."""
    import time

    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    metrics = [
        Metric(key, value, now, point.step)
        for point in points
        for key, value in (
            ("train_loss", point.loss),
            ("tokens", float(point.n_tokens)),
            ("learning_rate", point.learning_rate),
            ("grad_norm", point.grad_norm),
        )
    ]
    if metrics:
        client.log_batch(run_id, metrics=metrics)


def _params(rung: Rung) -> dict[str, object]:
    plan, shape = rung.plan, rung.plan.shape
    embedding, head = shape.n_params("embedding"), shape.n_params("head")
    return {
        "n_params": shape.n_params(),
        "n_params_embedding": embedding,
        "n_params_head": head,
        "n_params_nonembedding": shape.n_params() - embedding - head,
        "n_vocab": N_VOCAB,
        "d_model": shape.d_model,
        "n_layers": 2,
        "sequence_length": CONTEXT,
        "batch_tokens": plan.batch_tokens,
        "learning_rate_peak": plan.learning_rate_peak,
        "schedule": "cosine",
        "warmup_steps": plan.warmup_steps,
        "optimizer": "adam",
        "seed": plan.seed,
        "dataset": "python-stdlib",
        "tokenizer": "bytes",
        "n_tokens_planned": plan.n_tokens,
    }


def _tags(rung: Rung, corpus: Corpus) -> dict[str, str]:
    tags = {DIGEST_TAG: rung.digest(corpus.digest), "isoflop.family": "demo-bytes"}
    for task in make_tasks(corpus.held_out, context=CONTEXT):
        facts = {"n_examples": len(task.answers), "chance_level": task.chance_level, "n_shot": 0,
                 "continuous": ["prob_correct"]}  # fmt: skip
        tags[f"isoflop.task.{task.name}"] = json.dumps(facts)
    return tags


def _scores(model: WindowModel, corpus: Corpus) -> dict[str, float]:
    scores = {"eval/python-stdlib-heldout/loss": held_out_loss(model, corpus.held_out)}
    for task in make_tasks(corpus.held_out, context=CONTEXT):
        for metric, value in task.score(model).items():
            scores[f"eval/{task.name}/{metric}"] = value
    return scores
