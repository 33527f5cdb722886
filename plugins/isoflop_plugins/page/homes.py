"""Where runs live in the tracking store of this MLflow server: many runs in few statements."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any

_AT_ONCE = 500  # sqlite allows 999 values in a statement in its older versions
_PAGE = 1000


def homes_of(run_ids: Collection[str]) -> dict[str, str]:
    """Return the runs that this server's store holds and did not delete, with their experiment.

    Parameters
    ----------
    run_ids : collection of str
        Ids of MLflow runs of any server: ids are random, so a run of another server is not found.
    """
    store = _store()
    if getattr(store, "engine", None) is None:
        wanted = set(run_ids)
        return {run: home for run, home in _listed(store) if run in wanted}
    return {run: home for some in _parts(run_ids) for run, home in _selected(store, some)}


def active_experiments() -> frozenset[str]:
    """Return the ids of the experiments that are not deleted, of the request's workspace."""
    return frozenset(_pages(_store().search_experiments, lambda e: e.experiment_id))


def _store() -> Any:
    from mlflow.server.handlers import _get_tracking_store

    return _get_tracking_store()


def _parts(run_ids: Collection[str]) -> Iterator[list[str]]:
    rest = iter(run_ids)
    while part := list(islice(rest, _AT_ONCE)):
        yield part


def _selected(store: Any, run_ids: list[str]) -> Iterator[tuple[str, str]]:
    """Ask the database alone: the public search reads every param and metric of every run."""
    from mlflow.store.tracking.dbmodels.models import SqlRun
    from sqlalchemy import select

    wanted = select(SqlRun.run_uuid, SqlRun.experiment_id).where(
        SqlRun.run_uuid.in_(run_ids), SqlRun.lifecycle_stage == "active"
    )
    with store.engine.connect() as connection:
        for run, experiment in connection.execute(wanted):
            yield run, str(experiment)


def _listed(store: Any) -> Iterator[tuple[str, str]]:
    from mlflow.entities import ViewType

    experiments = sorted(active_experiments())
    if experiments:
        yield from _pages(
            lambda **paging: store.search_runs(experiments, "", ViewType.ACTIVE_ONLY, **paging),
            lambda run: (run.info.run_id, run.info.experiment_id),
        )


def _pages(search: Any, pick: Any) -> Iterator[Any]:
    token = None
    while True:
        page = search(max_results=_PAGE, page_token=token)
        yield from map(pick, page)
        token = page.token
        if not token:
            return
