"""Who may see which runs: decided for every request, never kept."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Somebody who asks for the page.

    Parameters
    ----------
    name : str
        Name that the viewer logged in with; empty where nobody logs in.
    experiments : frozenset of str or None
        Ids of the experiments of this MLflow server that the viewer may read now; None for
        somebody who may see everything that the registry holds.
    """

    name: str = ""
    experiments: frozenset[str] | None = None

    @property
    def sees_all(self) -> bool:
        """True for an administrator, and where there is no authentication."""
        return self.experiments is None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOfRun:
    """What decides on the visibility of a run: where one of its sources comes from.

    Parameters
    ----------
    kind, native_id : str
        Kind of the source and its own id of the run.
    claims : frozenset of str
        Ids of MLflow runs that the source itself says it is.
    """

    kind: str
    native_id: str
    claims: frozenset[str] = frozenset()


def experiments_needed(
    sources: list[SourceOfRun], homes: Mapping[str, str]
) -> frozenset[str] | None:
    """Return the experiments that a viewer must be able to read, all of them, to see a run.

    Parameters
    ----------
    sources : list of SourceOfRun
        All sources that were merged into the run.
    homes : mapping of str to str
        Id of every run of this server's own store that is not deleted, to its experiment's id.

    Returns
    -------
    frozenset of str or None
        None where no permission of this server speaks for the run: a source is a run of another
        server, a deleted one, or a file that does not itself name a run of this server. That
        somebody else's run names the file proves nothing: tags are free text.
    """
    ours = {s.native_id for s in sources if s.kind == MLFLOW_KIND}
    if not ours or not ours <= homes.keys():
        return None
    if any(not (s.claims & ours) for s in sources if s.kind != MLFLOW_KIND):
        return None
    return frozenset(homes[run] for run in ours)


MLFLOW_KIND = "mlflow"
"""`source_kind` of runs that were read from an MLflow store."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunIndex:
    """What the page must know of every run of the user's to choose from them, oldest first.

    Parameters
    ----------
    digest : str
        Hash of the registry's state and of everything here.
    versions : mapping of str to int
        Versions of the registry's tables that this was read from.
    uids, experiments, families : NDArray[object], shape (n_runs,)
        `run_uid`, experiment and family; empty text where unknown.
    days : NDArray[datetime64[D]], shape (n_runs,)
        Day the run was created, UTC; NaT where unknown.
    group : NDArray[int64], shape (n_runs,)
        Index into `needs`; -1 for runs that only those who see all may see.
    needs : tuple of frozenset of str
        Experiments that a viewer must be able to read to see the runs of a group.
    links : mapping of str to str
        `run_uid` to the address of its MLflow run page, where it has one.
    registry_id : str
        Identity of the registry: another one may be put in its place.
    asked : frozenset of str
        Ids of the MLflow runs that this server was asked about.
    homes : mapping of str to str
        Its answer: experiments of the runs that it holds and did not delete.
    """

    digest: str
    versions: Mapping[str, int]
    uids: NDArray[np.object_]
    experiments: NDArray[np.object_]
    families: NDArray[np.object_]
    days: NDArray[np.datetime64]
    group: NDArray[np.int64]
    needs: tuple[frozenset[str], ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    registry_id: str = ""
    asked: frozenset[str] = frozenset()
    homes: Mapping[str, str] = field(default_factory=dict)

    def visible(self, viewer: Viewer) -> NDArray[np.bool_]:
        """Return which runs a viewer may see. Shape (n_runs,)."""
        if viewer.experiments is None:
            return np.ones(len(self.uids), dtype=bool)
        # The last entry is what group -1 finds.
        allowed = np.array([*(need <= viewer.experiments for need in self.needs), False])
        return np.asarray(allowed[self.group], dtype=bool)

    def scope(self, viewer: Viewer) -> str:
        """Return what a viewer may see as text, the same for all who may see the same.

        Only experiments that have runs here count, so that pages are shared.
        """
        if viewer.experiments is None:
            return "all"
        here = frozenset().union(*self.needs)
        return "only " + " ".join(sorted(viewer.experiments & here))


def digest(*parts: str) -> str:
    """Return 32 hexadecimal digits for texts, in their order."""
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
