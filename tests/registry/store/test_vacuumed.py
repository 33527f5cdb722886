"""A version whose files maintenance deleted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from deltalake import DeltaTable

from isoflop.errors import RegistryError
from isoflop.records import ResolvedRun
from isoflop.store import Registry


def test_a_version_without_its_files_is_named_and_others_are_read(
    registry: Registry, make_run: Callable[..., ResolvedRun]
) -> None:
    for level in (3.0, 2.0):
        registry.writer().drop_runs([make_run("a", level=level)], known_revs=registry.revs())
        registry.fold()
    table = DeltaTable(f"{registry.uri}/runs")
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    with pytest.raises(RegistryError, match=r"Version 1 of 'runs' can no longer be read"):
        registry.runs(version=1)
    with pytest.raises(RegistryError, match=r"Read a newer version"):
        registry.as_of(1).runs()
    assert registry.runs(version=2).numbers("loss").tolist() == [2.0]
    assert registry.runs().numbers("loss").tolist() == [2.0]
