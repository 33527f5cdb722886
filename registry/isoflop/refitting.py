"""Fits that are kept: store one, and make it again from its record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from isoflop.display.card import Card, Number, ShowsCard
from isoflop.errors import RegistryError, UnknownNameError
from isoflop.estimation import FitResult, fit_law
from isoflop.estimation.differences import Difference, differences, notes
from isoflop.estimation.settings import FitSettings
from isoflop.plugin_host import PluginHost, default_host
from isoflop.records import REFERENCE_KIND
from isoflop.schema import FITS
from isoflop.tables import RunTable
from isoflop.words import moment, plural

if TYPE_CHECKING:
    from isoflop.store import Registry

TOLERANCE = 1e-9
"""Relative difference under which a number counts as reproduced. [1]"""

Audience = Literal["yours", "reference"]
"""Whose runs were fitted: one's own, or published models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFit:
    """Where a fit is kept.

    Parameters
    ----------
    fit_id : str
        Its id in the table `fits`: the same law, settings and numbers, the same id.
    is_new : bool
        False where it was there already.
    """

    fit_id: str
    is_new: bool

    @property
    def sentence(self) -> str:
        """What to do with it, in one sentence."""
        short = self.fit_id[:8]
        kept = "Kept" if self.is_new else "Kept already"
        return f"{kept} as fit {short}: `isoflop refit {short}` makes it again from its record."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Refit(ShowsCard):
    """A kept fit made again.

    Parameters
    ----------
    row : mapping
        The record: its row in the registry's table `fits`.
    fit : FitResult
        What came out now.
    differences : tuple of Difference
        Every parameter of either fit.
    notes : tuple of str
        What is not as it was: the data, the law's formula, the version of isoflop, the status.
    """

    row: Mapping[str, Any]
    fit: FitResult
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]

    @property
    def reproduced(self) -> bool:
        """True where every value is within 1e-9 of the recorded one, relative."""
        return all(d.of_value <= TOLERANCE for d in self.differences)

    @property
    def identical(self) -> bool:
        """True where values and intervals are the same to the last bit."""
        return all(d.of_value == 0 and d.of_interval == 0 for d in self.differences)

    @property
    def verdict(self) -> str:
        """What came out, in one or two sentences."""
        row = self.row
        when = f" of {moment(row['created_at'])}" if row["created_at"] else ""
        what = f"Fit {row['fit_id'][:8]}{when} ({row['law']}, {plural(self.fit.n_runs, 'run')})"
        if self.identical:
            return f"{what} is reproduced to the last bit."
        ends = max((d.of_interval for d in self.differences), default=0.0)
        if self.reproduced:
            within = f"values agree to {TOLERANCE:g}"
            return f"{what} is reproduced: {within}, ends of intervals to {_relative(ends)}."
        worst = max(self.differences, key=lambda d: d.of_value)
        return (
            f"{what} is not reproduced: {worst.name} was {worst.recorded!r} and is {worst.now!r}. "
            f"{self.notes[0] if self.notes else 'Data and settings are the same.'}"
        )

    def _card(self) -> Card:
        return Card(
            title="Refit",
            verdict=self.verdict,
            status="reproduced" if self.reproduced else "not reproduced",
            tone="good" if self.reproduced else "bad",
            checks=[(note, False) for note in self.notes],
            numbers=[
                Number(
                    name=d.name,
                    text=f"recorded {d.recorded!r}, now {d.now!r}",
                    note=f"(relative difference {_relative(d.of_value)})",
                )
                for d in self.differences
            ],
            source=f"{self.fit.source}; data: version {self.row['runs_version']} of the table runs",
        )


def refit(registry: Registry, fit_id: str, *, host: PluginHost | None = None) -> Refit:
    """Fit again what the registry's table `fits` holds, on the runs as they were then.

    Parameters
    ----------
    registry : Registry
        Read only.
    fit_id : str
        Id of the fit, or its start (4 characters or more).
    host : PluginHost or None
        Plugins to look the law up in; all installed ones by default.

    Returns
    -------
    Refit
        Both results and what differs. A result that differs is an answer, not an error.

    Raises
    ------
    UnknownNameError
        There is not exactly one such fit, or its law is not registered any more.
    RegistryError
        The record does not say which runs it was fitted to, maintenance deleted that version of
        `runs`, or the rows were no runs of the registry.
    FitError
        The runs cannot be fitted any more.

    Notes
    -----
    The runs are read at the version of `runs` that the record names (Delta's time travel), by id
    and in the order of then, so that the bootstrap draws the same. A record of before isoflop kept
    ids names family and losses only; then all such runs are fitted.
    """
    fits = registry.fits()
    (row,) = fits.take([fits.find(fit_id)]).to_arrow().to_pylist()
    laws = (host or default_host()).context.laws
    if row["law"] not in laws:
        raise UnknownNameError("law", row["law"], laws, hint="Install the plugin that brought it.")
    runs = _runs_then(registry, row)
    settings = _settings(row)
    arguments = {f.name: getattr(settings, f.name) for f in fields(settings)}
    result = fit_law(laws[row["law"]], runs, **arguments)
    now = result.to_row()
    return Refit(row=row, fit=result, differences=differences(row, now), notes=notes(row, now))


def store_fit(
    registry: Registry, fit: FitResult, *, runs_version: int, audience: Audience = "yours"
) -> KeptFit:
    """Keep a fit in the registry, once; what is kept is never changed.

    Parameters
    ----------
    registry : Registry
        Where its runs came from.
    fit : FitResult
        Any status: a refusal is worth keeping too.
    runs_version : int
        Version of the table `runs` that was read: `Registry.versions` before reading. [1]
    audience : str
        Whose runs they are: ``"yours"``, or ``"reference"`` for published models.

    Raises
    ------
    RegistryError
        The registry cannot be written.
    """
    import pyarrow as pa

    row = fit.to_row(created_at=datetime.now(UTC), runs_version=runs_version)
    row["audience"] = audience
    if row["fit_id"] in registry.fits().texts("fit_id"):
        return KeptFit(fit_id=row["fit_id"], is_new=False)
    registry.writer().drop_table("fits", pa.Table.from_pylist([row], schema=FITS.to_arrow()))
    registry.fold()
    return KeptFit(fit_id=row["fit_id"], is_new=True)


def _runs_then(registry: Registry, row: Mapping[str, Any]) -> RunTable:
    """Return the runs that a record was fitted to, as they were."""
    if row["runs_version"] is None:
        raise RegistryError(
            f"The record of fit {row['fit_id'][:12]!r} names no version of the table runs, so it "
            "cannot be made again. Fit anew: `isoflop fit` keeps all that is needed."
        )
    then = registry.as_of(int(row["runs_version"]))
    uids = json.loads(row["run_uids"] or "[]")
    if len(set(uids)) < len(uids):
        raise RegistryError(
            f"Fit {row['fit_id'][:12]!r} was made from {len(uids)} rows of {len(set(uids))} runs, "
            "so from points and not from the table runs. Run the analyzer that made it on "
            f"registry.as_of({row['runs_version']})."
        )
    runs = _chosen(then.runs(), row, uids)
    losses = set(runs.texts("loss_dataset"))
    if row["loss_dataset"] and row["loss_dataset"] not in losses:
        return _chosen(then.runs(loss=row["loss_dataset"]), row, uids)
    return runs


def _chosen(runs: RunTable, row: Mapping[str, Any], uids: list[str]) -> RunTable:
    """Return the runs of these ids in this order; without ids, all that the record describes."""
    if uids:
        place = {uid: i for i, uid in enumerate(runs.texts("run_uid"))}
        lost = [uid for uid in uids if uid not in place]
        if lost:
            raise RegistryError(
                f"{len(lost)} of {len(uids)} runs of fit {row['fit_id'][:12]!r} are not in "
                f"version {row['runs_version']} of the table runs, the first is {lost[0]!r}: the "
                "fit was not made from this registry."
            )
        return runs.take([place[uid] for uid in uids])
    published = [kind == REFERENCE_KIND for kind in runs.texts("source_kind")]
    runs = runs.take(np.array(published, bool) == (row["audience"] == "reference"))
    runs = runs.by_family().get(row["family"] or "", runs.take([]))
    losses = runs.texts("loss_dataset")
    wanted = row["loss_dataset"]
    if wanted and wanted in losses:
        return runs.take([loss == wanted for loss in losses])
    return runs


def _settings(row: Mapping[str, Any]) -> FitSettings:
    """Return the settings of a record; of one from before they were kept, from its columns."""
    if row["settings"]:
        return FitSettings.from_json(row["settings"])
    name, _, delta = (row["objective"] or "").partition(" ")
    told = {k: row[k] for k in ("n_boot", "seed", "level") if row[k] is not None}
    return FitSettings(objective=name or None, delta=float(delta or 1e-3), **told)


def _relative(gap: float) -> str:
    return "0" if gap == 0 else f"{gap:.1e}"
