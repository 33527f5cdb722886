"""The entry point: light, and never open where a login was asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from isoflop_plugins.page.entry import create_app, wants_authentication

AUTH = ("ISOFLOP_AUTH", "MLFLOW_AUTH_CONFIG_PATH", "MLFLOW_AUTH_ADMIN_USERNAME",
        "MLFLOW_AUTH_ADMIN_PASSWORD")  # fmt: skip


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in AUTH:
        monkeypatch.delenv(name, raising=False)


def test_mlflow_finds_the_app_by_its_name() -> None:
    (point,) = entry_points(group="mlflow.app", name="isoflop")
    assert point.load() is create_app


def test_the_entry_module_is_light() -> None:
    code = (
        "import sys; import isoflop_plugins.page.entry\n"
        "heavy = {'mlflow', 'flask', 'pandas', 'numpy', 'pyarrow', 'isoflop'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, False),
        ({"ISOFLOP_AUTH": "basic-auth"}, True),
        ({"ISOFLOP_AUTH": " BASIC "}, True),
        ({"ISOFLOP_AUTH": "none"}, False),
        ({"ISOFLOP_AUTH": "none", "MLFLOW_AUTH_CONFIG_PATH": "x.ini"}, False),
        ({"MLFLOW_AUTH_CONFIG_PATH": "x.ini"}, True),
        ({"MLFLOW_AUTH_ADMIN_PASSWORD": "x"}, True),
        ({"MLFLOW_AUTH_CONFIG_PATH": ""}, False),
    ],
)
def test_authentication_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert wants_authentication() is expected


def test_a_word_that_is_not_known_does_not_start_an_open_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ISOFLOP_AUTH", "oidc")
    with pytest.raises(ValueError, match="ISOFLOP_AUTH is 'oidc'"):
        create_app()


@pytest.mark.slow
def test_mlflow_can_be_imported_whatever_isoflop_is_told() -> None:
    broken = {"ISOFLOP_AUTH": "?", "ISOFLOP_REGISTRY": "nowhere://\x01", "ISOFLOP_DISABLE": ""}
    subprocess.run([sys.executable, "-c", "import mlflow"], check=True, env=os.environ | broken)
