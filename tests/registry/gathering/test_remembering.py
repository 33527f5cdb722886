import json

import pytest

from isoflop import collect, open_registry
from isoflop.errors import CollectError, UnknownNameError
from isoflop.gathering.remembering import forget, known_source, remember, remembered_sources


@pytest.fixture
def registry(tmp_path):
    return open_registry(tmp_path / "registry", create=True)


def kept(registry):
    return [(s.address, s.had_credentials) for s in remembered_sources(registry)]


def test_a_source_is_kept_once_however_often_it_is_collected(registry, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    for source in ("runs", "./runs", str(tmp_path / "runs"), f"file://{tmp_path}/runs"):
        remember(registry, [source])
        registry.fold()
    assert kept(registry) == [(str(tmp_path / "runs"), False)]


@pytest.mark.parametrize(
    ("source", "address", "had_credentials"),
    [
        ("http://ada:pw@host:5000/x", "http://host:5000/x", True),
        ("http://host:5000", "http://host:5000", False),
        ("postgresql://ada:pw@db/mlflow", "postgresql://db/mlflow", True),
        ("dataset:published-models", "dataset:published-models", False),
        ("sqlite:////abs/m.db", "sqlite:////abs/m.db", False),
    ],
)
def test_an_address_is_kept_without_credentials(source, address, had_credentials):
    known = known_source(source)
    assert (known.address, known.had_credentials) == (address, had_credentials)


def test_a_database_file_is_kept_by_its_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert known_source("sqlite:///m.db").address == f"sqlite:///{tmp_path}/m.db"
    assert known_source("sqlite:///data/m.db").address == f"sqlite:///{tmp_path}/data/m.db"


def test_what_was_collected_is_remembered_and_what_failed_is_not(registry, tmp_path):
    (tmp_path / "runs.csv").write_text("run_name,n_params,n_tokens,loss\na,1000000,20000000,3.5\n")
    with pytest.raises(CollectError):
        collect(tmp_path / "nowhere", registry)
    collect(tmp_path / "runs.csv", registry)
    events = registry.events()
    collect(tmp_path / "runs.csv", registry)
    assert kept(registry) == [(str(tmp_path / "runs.csv"), False)]
    assert len(registry.events()) == len(events)
    [text] = events.loc[events["kind"] == "collect", "inputs"]
    assert json.loads(text)["source"] == str(tmp_path / "runs.csv")


def test_a_source_that_is_gone_is_forgotten_until_it_is_collected_again(registry, tmp_path):
    file = tmp_path / "runs.csv"
    file.write_text("run_name,n_params,n_tokens,loss\na,1000000,20000000,3.5\n")
    collect(file, registry)
    forget(registry, str(file))
    assert kept(registry) == []
    assert len(registry.runs()) == 1
    with pytest.raises(UnknownNameError, match="no collected source"):
        forget(registry, str(file))
    collect(file, registry)
    assert kept(registry) == [(str(file), False)]
