"""An API server on loopback that notes how it was asked, kubeconfigs for it, and what the real kubectl asks by them."""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from harness.certificates import Authority

HOST = "localhost"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: its path, who asked, as whom, and the name in the client's certificate."""

    path: str
    authorization: str | None
    impersonation: tuple[tuple[str, str], ...]
    certificate: str | None


@dataclass(slots=True)
class NotingServer:
    """Answers every request with an empty object."""

    server: TestServer
    requests: list[Asked] = field(default_factory=list)
    status: int = 200

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.server.port}"

    async def answer(self, request: web.Request) -> web.Response:
        peer = request.transport.get_extra_info("peercert") if request.transport else None
        subject = dict(pair for part in (peer or {}).get("subject", ()) for pair in part)
        headers = [(name.title(), value) for name, value in request.headers.items()]
        whom = sorted(header for header in headers if header[0].startswith("Impersonate-"))
        asked = Asked(request.path, request.headers.get("Authorization"), tuple(whom), subject.get("commonName"))
        self.requests.append(asked)
        return web.json_response({"gitVersion": "v1.37.2"}, status=self.status)


@asynccontextmanager
async def noting_server(tls: ssl.SSLContext | None, authority: Authority) -> AsyncIterator[NotingServer]:
    """Serves with this context, or plain http; clients may show certificates of the authority."""
    if tls is not None:
        tls.verify_mode = ssl.CERT_OPTIONAL
        tls.load_verify_locations(str(authority.file))
    application = web.Application()
    noting = NotingServer(TestServer(application, host="127.0.0.1"))
    application.router.add_route("*", "/{path:.*}", noting.answer)
    await noting.server.start_server(ssl=tls)
    try:
        yield noting
    finally:
        await noting.server.close()


def kubeconfig(cluster: Mapping[str, Any], user: Mapping[str, Any] | None, /, **context: Any) -> dict[str, Any]:
    """One cluster, one user and one context, all called "here"; without a user the context names none."""
    named = {"cluster": "here", **({"user": "here"} if user is not None else {}), **context}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "here", "cluster": dict(cluster)}],
        "users": [{"name": "here", "user": dict(user or {})}],
        "contexts": [{"name": "here", "context": named}],
    }


def write(path: Path, document: Mapping[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(dict(document)))
    return path


def embedded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


async def kubectl_asks(path: str, environ: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    """``kubectl get --raw PATH`` in an environment of its own: its exit code, and what it complains of."""
    program = Path(sys.prefix, "bin", "kubectl")
    process = await asyncio.create_subprocess_exec(
        program,
        "get",
        "--raw",
        path,
        *arguments,
        env={"PATH": os.environ["PATH"], **environ},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


@asynccontextmanager
async def connect_proxy() -> AsyncIterator[tuple[str, list[str]]]:
    """An HTTP proxy that tunnels to loopback whatever host is asked for; its URL, and each authority asked for."""
    asked: list[str] = []
    tasks: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(65536):
                writer.write(chunk)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        authority = head.split(" ")[1]
        asked.append(authority)
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", int(authority.rpartition(":")[2]))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for source, sink in ((reader, inner_writer), (inner_reader, writer)):
            task = asyncio.create_task(pump(source, sink))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
