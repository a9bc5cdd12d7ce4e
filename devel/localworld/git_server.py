"""Git repositories over HTTP on loopback, by git's own `http-backend`: to clone and fetch from, not to push to."""

from __future__ import annotations

import os
import subprocess
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from localworld.ports import LOOPBACK, free_port

_TYPE = "Content-Type"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


class GitServer:
    """Serves every bare repository below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._address = (LOOPBACK, free_port())
        self._server: _Server | None = None

    def url(self, repository: str) -> str:
        """Where a repository is cloned from, by its path below the folder."""
        host, port = self._address
        return f"http://{host}:{port}/{repository}"

    def start(self) -> None:
        """Listen; where it did before, when it was stopped."""
        handler = type("Handler", (_Handler,), {"root": self.folder})
        self._server = _Server(self._address, handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="git server", daemon=True).start()

    def stop(self) -> None:
        """Nobody listens any more. Doing it twice is harmless."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Handler(BaseHTTPRequestHandler):
    """Each request is a CGI request of `git http-backend` (RFC 3875)."""

    timeout = 30
    root: ClassVar[Path]

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        done = subprocess.run(
            ["git", "http-backend"], input=body, capture_output=True, check=False, env=self._variables(len(body))
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = [line.partition(": ") for line in head.decode().splitlines()]
        fields = {name: value for name, _, value in headers if value}
        failed = f"{HTTPStatus.INTERNAL_SERVER_ERROR:d}" if done.returncode else "200"
        self.send_response(int(fields.pop("Status", failed).split()[0]))
        for name, value in (fields | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _variables(self, length: int) -> dict[str, str]:
        asked = urlsplit(self.path)
        return {
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REQUEST_METHOD": self.command,
            "PATH_INFO": asked.path,
            "QUERY_STRING": asked.query,
            "CONTENT_TYPE": self.headers.get(_TYPE, ""),
            "CONTENT_LENGTH": str(length),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_ADDR": LOOPBACK,
        }

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' name
        """Flux's own log says what it fetched."""
