"""Entry point of the group ``mlflow.app``: ``mlflow server --app-name isoflop``.

MLflow imports this module in the command and in every worker: standard library only.
"""

from __future__ import annotations

import os
from typing import Any

AUTH_VARIABLE = "ISOFLOP_AUTH"
"""``basic-auth`` for MLflow's authentication, ``none`` for a server without one."""

_TOLD_BY = ("MLFLOW_AUTH_CONFIG_PATH", "MLFLOW_AUTH_ADMIN_USERNAME", "MLFLOW_AUTH_ADMIN_PASSWORD")


def create_app() -> Any:
    """Return MLflow's own app with the page on it, behind MLflow's authentication where asked for.

    Raises
    ------
    ValueError
        `ISOFLOP_AUTH` has another value than these two: a server that was meant to ask for a login
        must not start without.
    """
    from isoflop_plugins.page.mounting import mount

    return mount(is_authenticated=wants_authentication())


def wants_authentication() -> bool:
    """Return whether the environment asks for MLflow's authentication.

    `ISOFLOP_AUTH` decides; where it is not set, any setting of MLflow's authentication does.
    """
    said = os.environ.get(AUTH_VARIABLE, "").strip().lower()
    if said in ("basic-auth", "basic"):
        return True
    if said == "none":
        return False
    if said:
        raise ValueError(
            f"{AUTH_VARIABLE} is {said!r}. Set it to 'basic-auth' for MLflow's authentication, to "
            "'none' for a server without, or leave it out."
        )
    return any(os.environ.get(name) for name in _TOLD_BY)
