"""The page on real MLflow servers: who sees what, on every server MLflow starts."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

import isoflop

from ..mlflow_servers import running_mlflow

with warnings.catch_warnings():
    # MLflow itself uses a loader that SQLAlchemy 2.1 calls deprecated, at import.
    warnings.simplefilter("ignore")
    from mlflow import MlflowClient
    from mlflow.entities import Metric
    from mlflow.store.tracking import sqlalchemy_store  # noqa: F401 - imported here, it is silent

pytestmark = [pytest.mark.server, pytest.mark.slow]

BOSS, ANN, BOB = ("boss", "boss-password-1"), ("ann", "ann-password-1"), ("bob", "bob-password-1")
PATIENCE_S = 240.0


@dataclass(frozen=True)
class Store:
    """A tracking store with two experiments, and the registry of their runs."""

    database: Path
    registry: Path
    experiments: dict[str, str]


@dataclass(frozen=True)
class Server:
    """A running server."""

    url: str
    folder: Path
    store: Store
    prefix: str = ""
    log: Path = field(default=Path())

    def get(self, auth: tuple[str, str] | None, **query: str) -> requests.Response:
        """Ask for the page once."""
        return requests.get(f"{self.url}/isoflop/", auth=auth, params=query, timeout=60)

    def page(self, auth: tuple[str, str] | None, **query: str) -> requests.Response:
        """Ask for the page until it is there."""
        return until(lambda: self.get(auth, **query), lambda answer: answer.status_code != 202)


def until(
    ask: Callable[[], requests.Response], done: Callable[[requests.Response], bool]
) -> requests.Response:
    deadline = time.monotonic() + PATIENCE_S
    while not done(answer := ask()):
        assert time.monotonic() < deadline, answer.text[:500]
        time.sleep(0.5)
    return answer


def log_run(client: MlflowClient, experiment: str, name: str, number: int) -> str:
    run = client.create_run(experiment, run_name=name).info.run_id
    size = 1_000_000 * (number + 1)
    client.log_param(run, "n_params", size)
    points = [
        Metric(key, value, 1000 + step, step)
        for step in range(1, 6)
        for key, value in (
            ("loss", 1.7 + 400 / size**0.34 + (number + 1) / (7 * step)),
            ("tokens", 0.4 * size * step),
        )
    ]
    client.log_batch(run, points)
    client.set_terminated(run)
    return run


@pytest.fixture
def store(tmp_path: Path) -> Store:
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    names = {"open": ["open-a", "open-b", "<script>alert(1)</script>"], "secret": ["secret-a"]}
    experiments = {n: client.create_experiment(n, str(tmp_path / "artifacts")) for n in names}
    number = 0
    for experiment, runs in names.items():
        for name in runs:
            number += 1
            log_run(client, experiments[experiment], name, number)
    registry = isoflop.open_registry(tmp_path / "registry", create=True)
    isoflop.collect([f"sqlite:///{tmp_path / 'mlflow.db'}"], registry)
    return Store(tmp_path / "mlflow.db", tmp_path / "registry", experiments)


@contextlib.contextmanager
def running(
    store: Store, folder: Path, *options: str, prefix: str = "", **variables: str
) -> Iterator[Server]:
    (folder / "tmp").mkdir()
    store_uri = f"sqlite:///{store.database}"
    with running_mlflow(
        folder, "--app-name", "isoflop", "--backend-store-uri", store_uri, *options,
        prefix=prefix, **{"TMPDIR": str(folder / "tmp")} | variables,
    ) as url:  # fmt: skip
        log = folder / "server.log"
        yield Server(url=url, folder=folder, store=store, prefix=prefix, log=log)


def with_login(folder: Path) -> dict[str, str]:
    """Settings of MLflow's authentication: who has no permission sees nothing."""
    (folder / "auth.ini").write_text(
        "[mlflow]\ndefault_permission = NO_PERMISSIONS\n"
        f"database_uri = sqlite:///{folder / 'auth.db'}\n"
        f"admin_username = {BOSS[0]}\nadmin_password = {BOSS[1]}\n"
    )
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "for-this-test",
    }


def as_boss(server: Server, call: str, **told: str) -> None:
    """Have the administrator call MLflow's own API of users."""
    url = f"{server.url}/api/{call}"
    requests.post(url, json=told, auth=BOSS, timeout=60).raise_for_status()


def add_users(server: Server) -> None:
    for name, password in (ANN, BOB):
        as_boss(server, "2.0/mlflow/users/create", username=name, password=password)
    change_permission(server, "grant", permission="READ")


def change_permission(server: Server, change: str, **told: str) -> None:
    """Grant ann the experiment ``open``, or revoke it."""
    as_boss(
        server, f"3.0/mlflow/users/permissions/{change}", username=ANN[0],
        resource_type="experiment", resource_id=server.store.experiments["open"], **told,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "prefix"),
    [
        (("--workers", "2"), "/pre"),
        (("--gunicorn-opts", "--threads 4", "--workers", "2"), ""),
    ],
    ids=["uvicorn", "gunicorn"],
)
def test_everybody_sees_what_they_may_read_and_no_more(
    store: Store, tmp_path: Path, options: tuple[str, ...], prefix: str
) -> None:
    with running(
        store, tmp_path, *options, prefix=prefix,
        ISOFLOP_REGISTRY=str(store.registry), **with_login(tmp_path),
    ) as server:  # fmt: skip
        add_users(server)

        assert server.get(None).status_code == 401
        assert server.get(("ann", "wrong")).status_code == 401
        assert requests.get(f"{server.url}/isoflop", timeout=60).status_code == 401

        boss, ann, bob = server.page(BOSS), server.page(ANN), server.page(BOB)
        assert (boss.status_code, ann.status_code, bob.status_code) == (200, 200, 200)
        assert "secret" in boss.text
        assert "open-a" in boss.text
        assert "open-a" in ann.text
        assert "secret" not in ann.text
        assert "open-a" not in bob.text
        assert "secret" not in bob.text
        # Untrusted names are text, and links lead below the prefix.
        assert "<script" not in ann.text
        assert "&lt;script&gt;" in ann.text
        run_page = f'"{prefix}/#/experiments/{store.experiments["open"]}/runs/'
        assert run_page in ann.text
        assert run_page not in bob.text
        assert str(tmp_path) not in ann.text

        # A choice that is not theirs is none.
        assert "secret-a" not in server.page(ANN, experiment="secret").text
        # A permission that is withdrawn takes the page away at the next request.
        change_permission(server, "revoke")
        assert "open-a" not in server.get(ANN).text
        assert "open-a" in server.get(BOSS).text


def test_the_page_on_a_server_without_login(store: Store, tmp_path: Path) -> None:
    with running(
        store, tmp_path, "--workers", "2", prefix="/pre", ISOFLOP_REGISTRY=str(store.registry)
    ) as server:
        answer = server.page(None)

        assert answer.status_code == 200
        assert "secret" in answer.text
        assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        filtered = server.page(None, experiment="open", since="2020-01-01")
        assert "open-a" in filtered.text
        assert "secret-a" not in filtered.text
        assert "is no date" in server.page(None, since="x").text

        foreign = requests.get(
            f"{server.url}/isoflop/", headers={"Host": "evil.example"}, timeout=60
        )
        assert foreign.status_code == 403
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            answer = requests.request(method, f"{server.url}/isoflop/", timeout=60)
            assert answer.status_code == 405
        assert requests.get(f"{server.url}/isoflop/x", timeout=60).status_code == 404

        # New runs, collected beside the server, come to the page; until then it says it is old.
        client = MlflowClient(f"sqlite:///{store.database}")
        log_run(client, store.experiments["open"], "newcomer", 9)
        isoflop.collect([f"sqlite:///{store.database}"], isoflop.open_registry(store.registry))
        later = until(lambda: server.get(None), lambda a: "newcomer" in a.text)
        assert later.status_code == 200


def test_a_deleted_experiment_is_gone_for_users(store: Store, tmp_path: Path) -> None:
    with running(
        store, tmp_path, "--workers", "1",
        ISOFLOP_REGISTRY=str(store.registry), **with_login(tmp_path),
    ) as server:  # fmt: skip
        add_users(server)
        assert "open-a" in server.page(ANN).text

        MlflowClient(f"sqlite:///{store.database}").delete_experiment(store.experiments["open"])

        assert "open-a" not in server.get(ANN).text


@pytest.mark.parametrize("registry", ["", "/nowhere", "damaged"])
def test_a_server_without_a_usable_registry_goes_on(
    store: Store, tmp_path: Path, registry: str
) -> None:
    if registry == "damaged":
        (tmp_path / "damaged").mkdir()
        (tmp_path / "damaged" / "_registry.json").write_bytes(b"\xff{")
        registry = str(tmp_path / "damaged")
    with running(
        store, tmp_path, "--workers", "1", ISOFLOP_REGISTRY=registry, ISOFLOP_DISABLE="1"
    ) as server:
        answer = server.get(None)

        assert answer.status_code == 503
        assert "registry" in answer.text
        assert MlflowClient(server.url).get_experiment_by_name("open") is not None


def test_an_unknown_word_for_authentication_starts_no_open_server(
    store: Store, tmp_path: Path
) -> None:
    with pytest.raises(AssertionError, match="ISOFLOP_AUTH is 'oidc'"), running(
        store, tmp_path, "--gunicorn-opts", "--threads 1", "--workers", "1", ISOFLOP_AUTH="oidc"
    ):  # fmt: skip
        pass
