"""``isoflop serve``: the page on this machine only, for those without an MLflow server."""

from __future__ import annotations

import ipaddress
import socket
import sys
import webbrowser
from typing import TYPE_CHECKING, Annotated

import typer

from isoflop.cli.arguments import DEFAULT_REGISTRY, JsonOption, RegistryOption
from isoflop.cli.output import print_json, say
from isoflop.errors import IsoflopError
from isoflop_plugins.page.addresses import PAGE

if TYPE_CHECKING:
    from werkzeug.serving import BaseWSGIServer

_MLFLOW_HINT = "`mlflow server --app-name isoflop` shows it to others, with MLflow's login."


class ServeError(IsoflopError, OSError):
    """The page cannot be served at this address."""


def serve(
    registry: RegistryOption = DEFAULT_REGISTRY,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes any free one.")] = 8765,
    host: Annotated[str, typer.Option(help="Address of this machine only.")] = "127.0.0.1",
    browser: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    json: JsonOption = False,
) -> None:
    """Show the page of a registry in the browser, on this machine only; Ctrl-C ends it.

    The report, always up to date, with filters. Nobody logs in, so it is served on this machine
    only; beside a shared MLflow server use `mlflow server --app-name isoflop`.

    Examples
    --------
    isoflop serve --open
    isoflop serve --registry runs/registry --port 0 --json
    """
    from isoflop.store import open_registry

    address = loopback(host)
    open_registry(registry)
    server = listen(registry, address, port)
    url = url_of(address, server.port)
    if json:
        print_json({"url": url}, in_one_line=True)
    else:
        say(f"The page is at {url} (Ctrl-C ends it).")
    if browser:
        webbrowser.open(url)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.stderr.write("\n")
    finally:
        server.server_close()


def loopback(host: str) -> str:
    """Return the address of a name of this machine; raise `ServeError` for any other.

    Examples
    --------
    >>> loopback("localhost"), loopback("::1")
    ('127.0.0.1', '::1')
    """
    name = host.strip().strip("[]").lower()
    address = "127.0.0.1" if name == "localhost" else name
    try:
        if ipaddress.ip_address(address).is_loopback:
            return address
    except ValueError:
        pass
    raise ServeError(
        f"The page is not served at {host!r}: here nobody logs in, so it is for this machine only. "
        f"Leave --host out. {_MLFLOW_HINT}"
    )


def url_of(address: str, port: int) -> str:
    """Return the address of the page."""
    return f"http://{f'[{address}]' if ':' in address else address}:{port}{PAGE}"


def listen(registry: str, address: str, port: int) -> BaseWSGIServer:
    """Return a server with a thread for each request, listening already.

    Raises `ServeError` where the port is taken.
    """
    from werkzeug.serving import make_server

    from isoflop_plugins.page.standalone import QuietHandler, standalone_app

    with _bound(address, port) as bound:
        found = bound.getsockname()[1]
        return make_server(
            address, found, standalone_app(registry, address=address, port=found), threaded=True,
            request_handler=QuietHandler, fd=bound.fileno(),
        )  # fmt: skip


def _bound(address: str, port: int) -> socket.socket:
    # werkzeug ends the process where a port is taken; we say it in our words.
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    bound = socket.socket(family)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address, port))
        bound.listen()
    except OSError as error:
        bound.close()
        raise ServeError(
            f"The page cannot be served at {address}, port {port}: {error.strerror}. Choose "
            "another with --port, or --port 0 for any free one."
        ) from error
    return bound
