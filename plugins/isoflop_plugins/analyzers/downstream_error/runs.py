"""The average task error of each run, from its scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isoflop.results import LeftOut
from isoflop.tables import RunTable

if TYPE_CHECKING:
    import pandas as pd

    from isoflop.tables import ScoreTable

_KEPT = ("run_uid", "run_name", "family", "n_params", "n_tokens", "loss", "status")
MOST_RUNS = 0.5
"""A task that fewer than this share of the runs were scored on would cost more runs than it tells
of, so it is left out instead. [1]"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FamilyErrors:
    """Runs of one family with their average error.

    Parameters
    ----------
    family : str
        Name; ``""`` where runs have none.
    runs : RunTable
        Runs scored on every task, with the column ``error``: 1 less the mean score. [1]
    tasks : DataFrame
        Task, number of runs scored on it, whether it is averaged, and why not.
    guessing : float
        Error of guessing, where every task says its chance level; else NaN. [1]
    left_out : tuple of LeftOut
        Runs that lack a task.
    refusal : str
        Why there is nothing to fit; empty where there is.
    """

    family: str
    runs: RunTable
    tasks: pd.DataFrame
    guessing: float
    left_out: tuple[LeftOut, ...]
    refusal: str = ""


TASKS = ("family", "task", "n_shot", "n_runs", "is_averaged", "reason")


def family_errors(
    family: str, scores: ScoreTable, *, metric: str, tasks: Sequence[str]
) -> FamilyErrors:
    """Return the average error of each run of one family.

    Parameters
    ----------
    family : str
        Its name.
    scores : ScoreTable
        Its scores. Of a run with checkpoints the last one counts; of two harnesses the first.
    metric : str
        Metric to average; a score outside 0 to 1 does not count.
    tasks : sequence of str
        Tasks to average; none for those that at least half of the runs were scored on.
    """
    import pandas as pd

    frame = _final(scores.to_pandas(), metric)
    if frame.empty:
        why = f"no score is named {metric!r} and lies between 0 and 1"
        return _nothing(family, why)
    wide = frame.pivot_table(index="run", columns=["task", "n_shot"], values="value", sort=True)
    told = _tasks(wide, tasks)
    used = wide.columns[told["is_averaged"].to_numpy(dtype=bool)]
    if not len(used):
        return _nothing(family, "no task was scored on at least half of the runs", told)
    complete = wide[used].notna().all(axis=1)
    facts = frame.drop_duplicates("run").set_index("run").reindex(columns=list(_KEPT))
    facts = facts.loc[wide.index]
    names = facts["run_name"].where(facts["run_name"].notna(), facts["run_uid"])
    errors = 1.0 - wide[used].mean(axis=1)
    runs = pd.concat([facts, errors.rename("error")], axis=1)[complete].reset_index(drop=True)
    left = tuple(
        LeftOut(subject=str(names[run]), reason=_lacking(tasks_missing))
        for run, tasks_missing in _missing(wide[used]).items()
    )
    return FamilyErrors(
        family=family,
        runs=RunTable.from_pandas(runs, source=scores.source),
        tasks=told.assign(family=family),
        guessing=_guessing(frame, used),
        left_out=left,
    )


def _final(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the scores of each run's last checkpoint under one metric, nulls filled."""
    columns = [*_KEPT, "task", "metric", "n_shot", "step", "value", "chance_level"]
    frame = frame.reindex(columns=columns)
    frame = frame[(frame["metric"] == metric) & frame["value"].between(0.0, 1.0)]
    run = frame["run_uid"].where(frame["run_uid"].notna(), frame["run_name"])
    frame = frame.assign(run=run.astype(object), n_shot=frame["n_shot"].astype("float").fillna(-1))
    frame = frame[frame["run"].notna()]
    # No step means the final model, which is after every step.
    step = frame["step"].astype("float").fillna(float("inf"))
    last = step == step.groupby(frame["run"]).transform("max")
    return frame[last].drop_duplicates(["run", "task", "n_shot"])


def _tasks(wide: pd.DataFrame, asked: Sequence[str]) -> pd.DataFrame:
    """Return the tasks, and which of them are averaged."""
    import pandas as pd

    rows = []
    for place, (task, n_shot) in enumerate(_keys(wide)):
        n = int(wide.iloc[:, place].notna().sum())
        reason = ""
        if asked and task not in asked:
            reason = "not asked for"
        elif not asked and n < MOST_RUNS * len(wide):
            reason = f"scored on {n} of {len(wide)} runs"
        rows.append(("", task, n_shot if n_shot >= 0 else None, n, not reason, reason))
    return pd.DataFrame(rows, columns=list(TASKS))


def _guessing(frame: pd.DataFrame, used: pd.Index[Any]) -> float:
    chance = frame.drop_duplicates(["task", "n_shot"]).set_index(["task", "n_shot"])["chance_level"]
    return float(1.0 - chance.reindex(used).astype("float").mean(skipna=False))


def _missing(scores: pd.DataFrame) -> dict[str, list[str]]:
    """Return the tasks that each run was not scored on, for runs that lack any."""
    lacks = scores.isna()
    names = [task for task, _ in _keys(scores)]
    return {
        str(run): [names[i] for i in np.flatnonzero(row)]
        for run, row in zip(scores.index, lacks.to_numpy(), strict=True)
        if row.any()
    }


def _lacking(names: Sequence[str]) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"has no score on {names[0]!r}{more}"


def _keys(wide: pd.DataFrame) -> list[tuple[str, float]]:
    """Return task and shots of each column."""
    levels = [wide.columns.get_level_values(i).to_list() for i in (0, 1)]
    return [(str(task), float(n_shot)) for task, n_shot in zip(*levels, strict=True)]


def _nothing(family: str, why: str, tasks: pd.DataFrame | None = None) -> FamilyErrors:
    import pandas as pd

    empty = pd.DataFrame({c: pd.Series(dtype="float") for c in ("n_params", "n_tokens", "loss")})
    return FamilyErrors(
        family=family,
        runs=RunTable.from_pandas(empty.assign(error=pd.Series(dtype="float"))),
        tasks=pd.DataFrame(columns=list(TASKS)) if tasks is None else tasks.assign(family=family),
        guessing=float("nan"),
        left_out=(),
        refusal=why,
    )
