"""Delta tables: open, read, and commit a change in one atomic step."""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from isoflop.errors import RegistryError
from isoflop.schema import TableSchema
from isoflop.store.durable import sync, unwritable
from isoflop.store.location import Location
from isoflop.store.parquet import write_parquet

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as pads
    from deltalake import DeltaTable
    from deltalake.transaction import AddAction, RemoveAction

APP_ID = "isoflop.fold"
"""Every change of a table carries this id with a rising version: of two changes planned on one
version of a table, the second is refused and planned anew. The id does not depend on the writer,
so the log does not grow with the number of training processes."""

COMMIT_RETRIES = 200
ATTEMPTS = 200
"""Times a change is planned anew after another fold was faster. [1]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Files to add to and to remove from one version of a table.

    Parameters
    ----------
    adds : tuple of Path
        New data files, already in the table's folder.
    removes : tuple of Path
        Live data files that they replace.
    is_data : bool
        False where the same rows are only arranged anew.
    """

    adds: tuple[Path, ...] = ()
    removes: tuple[Path, ...] = ()
    is_data: bool = True


def ensure_table(location: Location, schema: TableSchema) -> DeltaTable:
    """Return the newest version of a table; create it, or add its new columns, where needed."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    folder = location.table(schema.name)
    try:
        if not _is_there(folder):
            _create(folder, schema)
        return add_columns(DeltaTable(str(folder)), schema.to_arrow())
    except (DeltaError, OSError) as error:
        raise failed(location, schema.name, error) from error


def _create(folder: Path, schema: TableSchema) -> None:
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        DeltaTable.create(
            str(folder),
            schema.to_arrow(),
            mode="ignore",
            name=schema.name,
            # Old versions stay readable until `maintain` vacuums them.
            configuration={"delta.logRetentionDuration": "interval 3650 days"},
        )
    except DeltaError:
        # Of several that create it at once one is first; the others are refused and use it.
        if not _is_there(folder):
            raise


def _is_there(folder: Path) -> bool:
    return any((folder / "_delta_log").glob("*.json"))


def add_columns(table: DeltaTable, wanted: pa.Schema) -> DeltaTable:
    """Return the table with columns that it lacks added; old rows read as null there."""
    from deltalake import DeltaTable, Field
    from deltalake.exceptions import CommitFailedError

    for _ in range(ATTEMPTS):
        there = {f.name for f in table.schema().fields}
        lacking = [f for f in wanted if f.name not in there]
        if not lacking:
            return table
        # Another fold may add the same columns first.
        with contextlib.suppress(CommitFailedError):
            table.alter.add_columns([Field.from_arrow(f) for f in lacking])
        table = DeltaTable(table.table_uri)
    raise RegistryError(f"Columns could not be added to {table.table_uri!r}: too many writers.")


def open_table(location: Location, name: str, version: int | None = None) -> DeltaTable | None:
    """Return a version of a table, the newest by default; None where it was never written."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    folder = location.table(name)
    if not _is_there(folder):
        return None
    try:
        return DeltaTable(str(folder), version=version)
    except (DeltaError, OSError) as error:
        if version is None:
            raise failed(location, name, error) from error
        newest = DeltaTable(str(folder)).version()
        raise RegistryError(
            f"There is no version {version} of {name!r}. Give a version from 0 to {newest}; "
            "versions older than the last maintenance may be gone."
        ) from error


def live_files(table: DeltaTable, folder: Path) -> list[Path]:
    """Return the data files of a version, in order of name."""
    return sorted(folder / name for name in _sizes(table))


def _sizes(table: DeltaTable) -> dict[str, int]:
    """Return the name of each data file of a version, and the bytes that it has by the log."""
    actions = table.get_add_actions()
    names, sizes = (actions.column(name).to_pylist() for name in ("path", "size_bytes"))
    return dict(zip(names, sizes, strict=True))


def arrow_schema(table: DeltaTable) -> pa.Schema:
    """Return a version's columns, unit and meaning in each field's metadata."""
    import pyarrow as pa

    return pa.schema(table.schema().to_arrow())


def dataset(location: Location, schema: TableSchema, version: int | None = None) -> pads.Dataset:
    """Return a version of a table as an Arrow dataset over its live files; nothing is read yet."""
    import pyarrow.dataset as pads
    from pyarrow.fs import LocalFileSystem

    table = open_table(location, schema.name, version)
    if table is None:
        return pads.dataset(schema.to_arrow().empty_table())
    columns = arrow_schema(table)
    paths = live_files(table, location.table(schema.name))
    if not paths:
        return pads.dataset(columns.empty_table())
    if version is not None and not all(path.exists() for path in paths):
        raise RegistryError(
            f"Version {version} of {schema.name!r} can no longer be read: maintenance deleted its "
            "files, as it does with what is older than its retention. Read a newer version."
        )
    _check_sizes(table, location.table(schema.name))
    return pads.dataset(
        [str(p) for p in paths], schema=columns, format="parquet", filesystem=LocalFileSystem()
    )


def _check_sizes(table: DeltaTable, folder: Path) -> None:
    """Raise `RegistryError` where a data file is gone, cut off or overwritten: its log knows it."""
    for name, size in _sizes(table).items():
        path = folder / name
        try:
            there = path.stat().st_size
        except FileNotFoundError:
            there = 0
        if there != size:
            raise RegistryError(
                f"{str(path)!r} is damaged: it has {there:,} of {size:,} bytes. Restore it from a "
                "copy, or delete the registry and collect again."
            )


def n_rows(location: Location, schema: TableSchema, version: int | None = None) -> int:
    """Return how many rows a version of a table has, as its log tells; no data file is opened."""
    table = open_table(location, schema.name, version)
    if table is None:
        return 0
    told = table.get_add_actions(flatten=True).column("num_records").to_pylist()
    return sum(told) if None not in told else dataset(location, schema, version).count_rows()


def change_table(
    location: Location, schema: TableSchema, plan: Callable[[DeltaTable], Change | None]
) -> int:
    """Commit what a plan makes of the newest version; return the table's version then.

    Where another fold was faster, the plan is made anew on the version that fold left, so its
    rows are seen and nothing is written twice.

    Parameters
    ----------
    location, schema : Location, TableSchema
        The table.
    plan : callable (table) -> Change or None
        Writes new data files and says what to replace; None for nothing to do.
    """
    from deltalake.exceptions import CommitFailedError, DeltaError

    for attempt in range(ATTEMPTS):
        table = ensure_table(location, schema)
        change = plan(table)
        if change is None:
            return int(table.version())
        try:
            _commit(table, change)
        except CommitFailedError:
            _discard(change.adds)
            time.sleep(min(0.5, 0.01 * 2 ** min(attempt, 6)) * (0.5 + secrets.randbelow(100) / 100))
            continue
        except (DeltaError, OSError) as error:
            _discard(change.adds)
            raise failed(location, schema.name, error) from error
        _settle(location, schema)
        return int(table.version())
    raise RegistryError(
        f"{schema.name!r} of {location.uri!r} could not be changed in {ATTEMPTS} attempts: other "
        "folds were faster each time. Nothing is lost; fold again."
    )


def _commit(table: DeltaTable, change: Change) -> None:
    from deltalake import CommitProperties, Transaction

    actions: list[AddAction | RemoveAction] = [_removal(p, change) for p in change.removes]
    actions += [_addition(p, change) for p in change.adds]
    turn = (table.transaction_version(APP_ID) or 0) + 1
    table.create_write_transaction(
        actions,
        mode="append",
        schema=table.schema(),
        commit_properties=CommitProperties(
            max_commit_retries=COMMIT_RETRIES, app_transactions=[Transaction(APP_ID, turn)]
        ),
    )


def _addition(path: Path, change: Change) -> AddAction:
    import pyarrow.parquet as pq
    from deltalake.transaction import AddAction

    stats = {"numRecords": pq.read_metadata(path).num_rows}
    return AddAction(
        path=path.name,
        size=path.stat().st_size,
        partition_values={},
        modification_time=time.time_ns() // 1_000_000,
        data_change=change.is_data,
        stats=json.dumps(stats),
    )


def _removal(path: Path, change: Change) -> RemoveAction:
    from deltalake.transaction import RemoveAction

    return RemoveAction(
        path=path.name,
        data_change=change.is_data,
        deletion_timestamp=time.time_ns() // 1_000_000,
        size=path.stat().st_size,
        partition_values={},
    )


def _settle(location: Location, schema: TableSchema) -> None:
    """Flush the log before any drop that it stands for is deleted."""
    log = location.table(schema.name) / "_delta_log"
    newest = max(log.glob("*.json"), default=None)
    if newest is not None:
        sync(newest)
    sync(log)


def write_data_file(folder: Path, tables: Iterable[pa.Table], schema: pa.Schema) -> Path:
    """Write tables as one data file, flushed to the disk, and return its path.

    No reader sees it before a commit names it. Raises `RegistryError` where it cannot be written;
    nothing is left behind.
    """
    path = folder / f"part-{secrets.token_hex(16)}.zstd.parquet"
    try:
        write_parquet(path, tables, schema)
        sync(path)
    except OSError as error:
        _discard((path,))
        raise unwritable(path, error) from error
    return path


def _discard(paths: Sequence[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def failed(location: Location, name: str, error: Exception) -> RegistryError:
    """Return the error for a table that cannot be read or changed."""
    words = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return RegistryError(
        f"The table {name!r} of {location.uri!r} cannot be used: {words}. Check that the disk is "
        "there, writable and not full; `isoflop doctor` tells more."
    )
