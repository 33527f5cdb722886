"""Puts the page on MLflow's own Flask app: one rule, read-only, below the static prefix."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from isoflop_plugins.page.access import Identify, NoViewerError, anybody, logged_in
from isoflop_plugins.page.addresses import PAGE
from isoflop_plugins.page.cache import private_folder
from isoflop_plugins.page.responding import Answer, Responder

_REGISTRY_VARIABLE = "ISOFLOP_REGISTRY"
_log = logging.getLogger(__name__)


def mount(*, is_authenticated: bool) -> Any:
    """Return the app that MLflow's server runs: MLflow's own, with the page on it.

    Parameters
    ----------
    is_authenticated : bool
        True to have MLflow's authentication before every route, the page's included.

    Raises
    ------
    ImportError
        Authentication is asked for and not installed.
    """
    from mlflow.server import app
    from mlflow.server.handlers import _add_static_prefix

    base = _add_static_prefix(PAGE)
    identify = logged_in if is_authenticated else anybody
    # Only a Flask rule is behind MLflow's authentication: a FastAPI route is open to anybody.
    # Not strict about the last slash: a redirect would name the host as the proxy's back sees it.
    view = _view(base, identify)
    app.add_url_rule(base, "isoflop_page", view, methods=["GET"], strict_slashes=False)
    if is_authenticated:
        return _behind_authentication(app, base)
    return _for_this_server(app)


def _view(base: str, identify: Identify) -> Any:
    from isoflop_plugins.page.homes import homes_of

    registry = os.environ.get(_REGISTRY_VARIABLE, "").strip()
    responder = Responder(registry=registry, base=base, homes=homes_of)

    def isoflop_page() -> Any:
        from flask import request

        try:
            viewer = identify()
        except NoViewerError as error:
            words = _flask_response(Answer.words(401, str(error)))
            return words if error.response is None else error.response
        except Exception:  # noqa: BLE001 - the border to MLflow: whoever cannot be told apart sees nothing
            _log.exception("The viewer of the page cannot be told.")
            return _flask_response(Answer.words(503, "Permissions cannot be checked now."))
        return _flask_response(responder.answer(viewer, request.args.to_dict()))

    return isoflop_page


def _flask_response(answer: Answer) -> Any:
    from flask import Response

    return Response(answer.body, status=answer.status, headers=dict(answer.headers))


def _for_this_server(app: Any) -> Any:
    from mlflow.environment_variables import _MLFLOW_SGI_NAME

    if _MLFLOW_SGI_NAME.get() != "uvicorn":
        return app
    from mlflow.server.fastapi_app import create_fastapi_app

    return create_fastapi_app(app)


def _behind_authentication(app: Any, base: str) -> Any:
    try:
        from mlflow.server import auth
    except ImportError as error:
        raise ImportError(
            "MLflow's authentication is asked for and not installed, so the server does not "
            f"start ({error}). Install it with `pip install 'isoflop[page]'`, or set "
            "ISOFLOP_AUTH=none for a server that is open to all who reach it."
        ) from error
    # Without a validator MLflow refuses a path to everybody but administrators; what a user sees of
    # it the page itself decides.
    for path in (base, base.rstrip("/")):
        for method in ("GET", "HEAD"):
            auth.BEFORE_REQUEST_VALIDATORS[path, method] = _any_user
    with _one_at_a_time():
        return auth.create_app(app)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Wait for the other workers of the server: MLflow makes its tables of users in each of them.

    Two at once fail; for its own app MLflow makes them before it starts workers.
    """
    try:
        lock = (private_folder() / "auth.lock").open("a")
    except OSError:
        yield
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _any_user() -> bool:
    return True
