"""Serves what a ``Vendor`` answers, on loopback: the stand-in for ``https://replicated.app``.

A thread of this process, so that whoever has the world in hand changes what it answers as a plain object.
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from localworld.ports import LOOPBACK, free_port
from localworld.release_channel import Request, Vendor

HOST = "replicated.app"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


class ReleaseServer:
    """Vendors by their apps' slugs; every one is at the same endpoint."""

    def __init__(self, address: str = LOOPBACK) -> None:
        self.vendors: dict[str, Vendor] = {}
        self._server: _Server | None = None
        self._address = (address, free_port())

    @property
    def endpoint(self) -> str:
        host, port = self._address
        return f"http://{host}:{port}"

    def start(self) -> None:
        """Listen; where it did before, when it was stopped."""
        handler = type("Handler", (_Handler,), {"vendors": self.vendors})
        self._server = _Server(self._address, handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="release server", daemon=True).start()

    def stop(self) -> None:
        """Nobody listens any more. Doing it twice is harmless."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def vendor(self, slug: str) -> Vendor:
        """The vendor of this app, new when there was none."""
        return self.vendors.setdefault(slug, Vendor(slug))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    vendors: ClassVar[dict[str, Vendor]]

    def do_GET(self) -> None:
        request = Request(self.path, {name.lower(): value for name, value in self.headers.items()})
        parts = request.parts
        vendor = self.vendors.get(parts[1]) if len(parts) > 1 else None
        response = (vendor or Vendor("")).answer(request)
        if response is None:
            self.close_connection = True
            return
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        length = len(response.body) if response.length is None else response.length
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(response.body)
        self.close_connection = length != len(response.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' name
        """Requests are kept by the vendor."""
