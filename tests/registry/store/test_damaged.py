"""Data files that a crash, a copy or a person damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from isoflop.errors import RegistryError
from isoflop.records import ResolvedRun
from isoflop.store import Registry


@pytest.mark.parametrize("content", [b"", b"junk", None], ids=["empty", "junk", "gone"])
def test_a_damaged_file_is_named_with_what_to_do(
    registry: Registry, make_run: Callable[..., ResolvedRun], content: bytes | None
) -> None:
    registry.writer().drop_runs([make_run("a")], known_revs=registry.revs())
    registry.fold()
    [file] = Path(registry.uri, "runs").glob("*.parquet")
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    told = rf"{file.name}' is damaged: it has {len(content or b'')} of [\d,]+ bytes. Restore it"
    with pytest.raises(RegistryError, match=told):
        registry.runs()
    assert "is damaged" in repr(registry)
