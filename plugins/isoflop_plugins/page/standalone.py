"""The page without MLflow: a WSGI app that answers this machine's own browser only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from werkzeug.serving import WSGIRequestHandler
from werkzeug.wrappers import Request, Response

from isoflop_plugins.page.addresses import PAGE
from isoflop_plugins.page.responding import Answer, Responder
from isoflop_plugins.page.visibility import Viewer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_HOSTS = ("127.0.0.1", "localhost", "[::1]")


class QuietHandler(WSGIRequestHandler):
    """Logs no request, and does not tell the server's version."""

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        """Log nothing."""

    def version_string(self) -> str:
        """Return the name of the program alone."""
        return "isoflop"


class _Standalone:
    """The WSGI app.

    Parameters
    ----------
    registry : str
        Address of the registry.
    address, port : str, int
        Where it is served.
    """

    def __init__(self, registry: str, *, address: str, port: int) -> None:
        self._responder = Responder(registry=registry, base=PAGE, homes=None)
        names = (*_HOSTS, f"[{address}]" if ":" in address else address)
        self._hosts = {host for name in names for host in (name, f"{name}:{port}")}

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        answer = self._answer(request)
        response = Response(answer.body, status=answer.status, headers=dict(answer.headers))
        return response(environ, start)

    def _answer(self, request: Request) -> Answer:
        # A page of another site can lead its own name to this machine (DNS rebinding): then the
        # browser sends that name here and would hand our answer over.
        if (request.headers.get("Host") or "").lower() not in self._hosts:
            return Answer.words(403, "This page is for the browser of this machine only.")
        if request.method not in ("GET", "HEAD"):
            return Answer.words(405, "This page can only be read.")
        if request.path in ("/", PAGE.rstrip("/")):
            return Answer(status=302, body=b"", headers={"Location": PAGE})
        if request.path != PAGE:
            return Answer.words(404, f"The page is at {PAGE}")
        return self._responder.answer(Viewer(), request.args.to_dict())


def standalone_app(registry: str, *, address: str, port: int) -> _Standalone:
    """Return the WSGI app of a registry, to be served at an address of this machine."""
    return _Standalone(registry, address=address, port=port)
