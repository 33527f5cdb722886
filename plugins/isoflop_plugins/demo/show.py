"""The demo from end to end: train, gather, analyze, report, answer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoflop import words
from isoflop.errors import RegistryError
from isoflop.progress import Progress, onlooker, progress
from isoflop_plugins.demo.corpus import load_corpus
from isoflop_plugins.demo.headline import answers
from isoflop_plugins.demo.ladder import Rung, make_ladder
from isoflop_plugins.demo.running import DIGEST_TAG, store_uri, train_rungs

if TYPE_CHECKING:
    from isoflop.store import Registry

PUBLISHED = "dataset:published-models"
DIGEST_KEY = f"tag:{DIGEST_TAG}"
"""Where the registry keeps the tag, which no rule claims."""
Say = Callable[[str], None]


def run_demo(
    folder: Path, *, seed: int = 0, say: Say, rungs: Sequence[Rung] | None = None
) -> dict[str, Any]:
    """Run the demo in a folder and return what it says.

    Parameters
    ----------
    folder : Path
        Made where it is missing; holds ``mlflow.db``, ``registry`` and ``report`` afterwards.
    seed : int
        Seed of weights and batches.
    say : callable (text)
        Prints a line for people.
    rungs : sequence of Rung or None
        Runs to train; the whole ladder by default.

    Raises
    ------
    RegistryError
        The folder cannot be made.
    CollectError
        Python's library is not there as source files.
    """
    start = time.perf_counter()
    _make(folder)
    registry = _open(folder)
    rungs = make_ladder(seed=seed) if rungs is None else rungs
    n_trained, n_live = _train(rungs, folder, registry, say=say)
    _gather(folder, registry, n_live=n_live, say=say)
    outcome = _report(folder, registry, say=say)
    seconds = time.perf_counter() - start
    say(f"\nTook {words.duration(seconds)}. The page: {outcome['report']}")
    return {"n_runs": len(rungs), "n_trained": n_trained, "n_live": n_live,
            "seconds": seconds, **outcome}  # fmt: skip


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RegistryError(
            f"The demo cannot make {str(folder)!r}: {error.strerror}. "
            "Give another folder: `isoflop demo --dir DIR`."
        ) from error


def _open(folder: Path) -> Registry:
    from isoflop.store import open_registry

    return open_registry(str(folder / "registry"), create=True)


def _train(rungs: Sequence[Rung], folder: Path, registry: Registry, *, say: Say) -> tuple[int, int]:
    """Train what is missing; return how many were trained and how many arrived by the hook."""
    corpus = load_corpus()
    if (folder / "mlflow.db").exists():
        from isoflop import collect

        # A demo that was interrupted left finished runs, which the registry may not know.
        collect(store_uri(folder), registry)
    finished = _finished(registry)
    missing = [r for r in rungs if r.digest(corpus.digest) not in finished]
    if not missing:
        say(f"All {words.plural(len(rungs), 'run')} of the ladder are trained already.")
        return 0, 0
    done = f"; {len(rungs) - len(missing)} are trained already" * (len(missing) < len(rungs))
    say(f"Training {words.plural(len(missing), 'small language model')} on "
        f"{words.count(corpus.train.size)} bytes of Python's library, "
        f"{corpus.n_files_held_out} files held out{done}. The whole ladder takes about 3 minutes "
        "on two cores.")  # fmt: skip
    before = len(finished)
    with progress("Training, MFLOP") as tick:
        total = sum(r.budget for r in missing)
        train_rungs(missing, folder, tick=_counter(total, tick, say=say))
    registry.fold()
    return len(missing), len(_finished(registry)) - before


def _counter(total: float, tick: Progress, *, say: Say) -> Callable[[float], None]:
    """Return what is told of FLOPs done; where no bar is shown it says a line a tenth of them."""
    says = onlooker() == "nobody"
    spent, tenths = 0.0, 0

    def count(flops: float) -> None:
        nonlocal spent, tenths
        spent += flops
        tick(int(spent / 1e6), int(total / 1e6), "Training, MFLOP")
        if says and (now := min(int(10 * spent / total), 9)) > tenths:
            tenths = now
            say(f"  {10 * tenths} % trained")

    return count


def _finished(registry: Registry) -> set[str]:
    """Return the digests of the demo's finished runs that have a loss."""
    runs = registry.runs()
    rows = zip(runs.texts("status"), runs.numbers("loss"), runs.texts("extra"), strict=True)
    said = [
        json.loads(extra)
        for status, loss, extra in rows
        if status == "finished" and loss > 0 and extra
    ]
    return {told[DIGEST_KEY] for told in said if DIGEST_KEY in told}


def _gather(folder: Path, registry: Registry, *, n_live: int, say: Say) -> None:
    """Pull what the hook may have missed, and the published models."""
    from isoflop import collect

    with progress("Gathering") as tick:
        receipt = collect([store_uri(folder), PUBLISHED], registry, progress=tick)
    runs = receipt.n_new + receipt.n_changed + receipt.n_unchanged
    live = f"{n_live} arrived through the live hook; " if n_live else ""
    say(f"{live}{words.plural(runs, 'run')} from MLflow and the table of published "
        f"models: {receipt.n_new} new, {receipt.n_changed} changed, "
        f"{receipt.n_unchanged} unchanged.")  # fmt: skip


def _report(folder: Path, registry: Registry, *, say: Say) -> dict[str, Any]:
    from isoflop.reporting import build_report, record_report, write_report

    with progress("Analyzing"):
        report = build_report(registry)
        files = write_report(report, folder / "report")
        record_report(report, registry)
    told = answers(report)
    for question, answer in told:
        say(f"\n{question}: {answer}")
    page = next((f for f in files if f.suffix == ".html"), folder / "report")
    return {
        "report": str(page),
        "files": [str(f) for f in files],
        "answers": [{"question": q, "answer": a} for q, a in told],
    }
