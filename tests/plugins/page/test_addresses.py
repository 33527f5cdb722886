"""Links lead to MLflow and nowhere else."""

from __future__ import annotations

import pytest

from isoflop_plugins.page.addresses import run_page_elsewhere, run_page_here

RUN = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("server", "start"),
    [
        ("http://localhost:5000", "http://localhost:5000/#/runs/"),
        ("https://mlflow.example/team/", "https://mlflow.example/team/#/runs/"),
        ("http://[::1]:5000", "http://[::1]:5000/#/runs/"),
        ("https://user:word@mlflow.example", "https://mlflow.example/#/runs/"),
        ("https://mlflow.example/a?x=<b>#y", "https://mlflow.example/a/#/runs/"),
    ],
)
def test_a_run_of_a_server_has_a_page(server: str, start: str) -> None:
    assert run_page_elsewhere(server, RUN) == start + RUN


@pytest.mark.parametrize(
    "server",
    [
        "javascript:alert(1)", "javascript://mlflow.example/%0aalert(1)", "data:text/html,x",
        "sqlite:///mlflow.db", "/srv/mlruns", "", "http://", "http://host:port", "http://[::1",
    ],
)  # fmt: skip
def test_other_places_have_none(server: str) -> None:
    assert run_page_elsewhere(server, RUN) == ""


@pytest.mark.parametrize("run", ["", "x" * 32, "../" + RUN, f"{RUN}\n", 'a"onclick="'])
def test_what_is_no_id_of_a_run_has_none(run: str) -> None:
    assert run_page_elsewhere("https://mlflow.example", run) == ""


def test_ids_of_this_server_are_quoted() -> None:
    assert run_page_here("", '1"/../2', "a#b") == "/#/experiments/1%22%2F..%2F2/runs/a%23b"
