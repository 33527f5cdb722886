"""Who asks: the viewer of a request on an MLflow server with its basic authentication."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from isoflop.errors import IsoflopError
from isoflop_plugins.page.homes import active_experiments
from isoflop_plugins.page.visibility import Viewer


class NoViewerError(IsoflopError, PermissionError):
    """A request has no login, or not one that MLflow accepts.

    Attributes
    ----------
    response : object
        MLflow's own answer, which asks for a login; None where it has none.
    """

    def __init__(self, message: str, *, response: Any = None) -> None:
        super().__init__(message)
        self.response = response


Identify = Callable[[], Viewer]
"""Returns who sends the current request; raises `NoViewerError`."""


def anybody() -> Viewer:
    """Return the viewer of a server without authentication: sees all, as in MLflow itself."""
    return Viewer()


def logged_in() -> Viewer:
    """Return who is logged in, with the experiments that MLflow lets this user search runs in.

    Asked anew for every request, so that a permission that is withdrawn counts at once.

    Raises
    ------
    NoViewerError
        There is no accepted login, also where MLflow let the path pass without one.
    """
    from mlflow.server import auth

    name = _login(auth)
    if auth.store.get_user(name).is_admin:
        return Viewer(name=name)
    asked = sorted(active_experiments())
    readable = auth.filter_experiment_ids(asked)
    # Where MLflow's filter fails inside, it hands back the very list it was given. For a user who
    # is no administrator it makes a new one, so the same one means: not decided, hence nothing.
    return Viewer(name=name, experiments=frozenset(() if readable is asked else readable))


def _login(auth: Any) -> str:
    from flask import g

    # MLflow 3.17 leaves the name it has just checked; checking a password again takes 0.1 s.
    name = g.get("mlflow_authenticated_user")
    if name is None:
        said = auth.authenticate_request()
        name = getattr(said, "username", None)
        if name is None:
            raise NoViewerError("Log in to see this page.", response=said)
    if not isinstance(name, str) or not name:
        raise NoViewerError("Log in to see this page.")
    return name
