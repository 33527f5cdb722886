from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from isoflop.errors import IsoflopWarning, RegistryError, RegistryVersionError
from isoflop.store import DropWriter, open_registry
from isoflop.store.location import locate


def test_missing_folder_says_how_to_create_one(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match=r"does not exist.*isoflop collect FOLDER"):
        open_registry(tmp_path / "none")


def test_folder_of_other_things_is_not_a_registry(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("words")
    with pytest.raises(RegistryError, match=r"is not a registry"):
        open_registry(tmp_path)
    with pytest.raises(RegistryError, match=r"thesis\.tex.*Choose an empty folder"):
        open_registry(tmp_path, create=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["thesis.tex"]


def test_file_is_no_registry(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text("a,b")
    with pytest.raises(RegistryError, match=r"is a file"):
        open_registry(path, create=True)
    with pytest.raises(RegistryError, match=r"runs\.csv' is not a registry"):
        open_registry(path)


@pytest.mark.parametrize("uri", ["s3://bucket/reg", "gs://bucket/reg", "https://user:pw@host/x"])
def test_other_scheme_is_refused_with_those_supported(uri: str) -> None:
    with pytest.raises(RegistryError, match=r"local path and file://") as error:
        locate(uri)
    assert "pw" not in str(error.value)


def test_file_uri_and_path_are_one_place(tmp_path: Path) -> None:
    folder = tmp_path / "my réglisse"
    assert locate(folder.as_uri()).root == locate(folder).root == folder


def test_folder_with_space_and_accent_holds_a_registry(tmp_path: Path) -> None:
    registry = open_registry(tmp_path / "my réglisse 模型", create=True)
    assert len(registry.runs()) == 0


def test_percent_escape_in_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match=r"percent sign"):
        open_registry(tmp_path / "a%20b", create=True)


@pytest.mark.parametrize(
    ("field", "value"), [("layout_version", 2), ("schema_version", "2.0")], ids=["layout", "schema"]
)
def test_newer_version_is_refused_in_one_sentence(
    tmp_path: Path, field: str, value: object
) -> None:
    open_registry(tmp_path / "r", create=True)
    card = tmp_path / "r" / "_registry.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {field: value}))
    with pytest.raises(RegistryVersionError, match=r"update isoflop"):
        open_registry(tmp_path / "r")
    with pytest.raises(RegistryVersionError, match=r"update isoflop"):
        DropWriter(str(tmp_path / "r")).drop_runs([])


def test_newer_minor_schema_opens(tmp_path: Path) -> None:
    open_registry(tmp_path / "r", create=True)
    card = tmp_path / "r" / "_registry.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"schema_version": "1.9"}))
    assert len(open_registry(tmp_path / "r").runs()) == 0


def test_damaged_card_says_so(tmp_path: Path) -> None:
    open_registry(tmp_path / "r", create=True)
    (tmp_path / "r" / "_registry.json").write_text("{")
    with pytest.raises(RegistryError, match=r"damaged.*untouched"):
        open_registry(tmp_path / "r")


def test_creating_twice_keeps_the_registry_id(tmp_path: Path) -> None:
    first = open_registry(tmp_path / "r", create=True)
    assert open_registry(tmp_path / "r", create=True).registry_id == first.registry_id


def test_many_creators_at_once_agree_on_one_id(tmp_path: Path) -> None:
    ids: list[str] = []
    start = threading.Barrier(6)

    def create() -> None:
        start.wait()
        ids.append(open_registry(tmp_path / "r", create=True).registry_id)

    threads = [threading.Thread(target=create) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 6
    assert len(set(ids)) == 1


def test_file_system_without_hard_links_is_refused_but_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_registry(tmp_path / "there", create=True)

    def no_links(*_arguments: object, **_options: object) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "link", no_links)
    with pytest.raises(RegistryError, match=r"no hard links"):
        open_registry(tmp_path / "new", create=True)
    with pytest.warns(IsoflopWarning, match=r"no hard links.*read as they are"):
        registry = open_registry(tmp_path / "there")
    assert len(registry.runs()) == 0


def test_importing_the_store_loads_no_heavy_library() -> None:
    code = (
        "import sys, isoflop.store;"
        "print([m for m in ('pyarrow','deltalake','duckdb','pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
