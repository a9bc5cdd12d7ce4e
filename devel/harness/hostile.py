"""A registry that misbehaves, on loopback. The first part of a repository names the behaviour."""

import asyncio
import contextlib
import gzip
import json
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

MANIFEST = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"}).encode()
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
OK = f"HTTP/1.1 200 OK\r\nContent-Type: {MANIFEST_TYPE}\r\nContent-Length: {len(MANIFEST)}\r\n\r\n".encode()
# More than the client may take in, far less than forever: a behaviour ends even if nobody hangs up.
ENDLESS = 256 * 1024 * 1024
CHUNK = b"x" * 65536


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]

    @property
    def behaviour(self) -> str:
        _, kind, name, *_ = [*self.path.partition("?")[0].split("/"), "", ""]
        return f"token:{name}" if kind == "token" else name

    @property
    def authorization(self) -> str:
        return self.headers.get("authorization", "")


@dataclass(slots=True)
class Talk:
    """One connection, as a behaviour sees it."""

    server: "HostileRegistry"
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()
        self.server.sent += len(data)

    async def answer(
        self, status: int, headers: dict[str, str] | None = None, body: bytes = b"", *, head: bool = False
    ) -> None:
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        await self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (b"" if head else body))

    async def challenge(self, realm: str, extra: str = ',service="s",scope="repository:x/y:pull"') -> None:
        await self.answer(401, {"WWW-Authenticate": f'Bearer realm="{realm}"{extra}'})

    async def pour(self, first: bytes, chunk: bytes = CHUNK, *, pause: float = 0.0) -> None:
        """Send without end, as fast as the client takes it or a chunk a pause."""
        await self.send(first)
        while self.server.sent < ENDLESS:
            await self.send(chunk)
            if pause:
                await asyncio.sleep(pause)

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Behaviour = Callable[[Request, Talk], Awaitable[None]]


@dataclass(slots=True)
class HostileRegistry:
    """Use as an async context manager. ``requests`` holds everything that was asked, ``sent`` counts bytes."""

    behaviours: dict[str, Behaviour]
    tls: ssl.SSLContext | None = None
    address: str = "127.0.0.1"
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    sent: int = 0
    port: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def endpoint(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.address}:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.address, 0, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        talk = Talk(self, writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            try:
                while True:
                    request = await _read(reader)
                    self.requests.append(request)
                    await self.behaviours[request.behaviour](request, talk)
            finally:
                writer.close()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    method, path, _ = first.split(" ")
    headers = dict(line.split(": ", 1) for line in lines if line)
    return Request(method, path, {name.lower(): value for name, value in headers.items()})


def says(
    status: int, headers: dict[str, str] | None = None, body: bytes = b"", *, get: bytes | None = None
) -> Behaviour:
    """Answer everything the same way; ``get`` is the body for a GET alone."""

    async def behave(request: Request, talk: Talk) -> None:
        content = get if get is not None and request.method == "GET" else body
        await talk.answer(status, headers, content, head=request.method == "HEAD")

    return behave


def raw(data: bytes, *, close: bool = True) -> Behaviour:
    """Send these bytes, then close or stay silent."""

    async def behave(request: Request, talk: Talk) -> None:
        await talk.send(data)
        if close:
            raise ConnectionAbortedError
        await asyncio.sleep(3600)

    return behave


def pours(first: bytes, chunk: bytes = CHUNK, *, pause: float = 0.0) -> Behaviour:
    async def behave(request: Request, talk: Talk) -> None:
        await talk.pour(first, chunk, pause=pause)

    return behave


def only_get(behaviour: Behaviour, head_status: int = 405) -> Behaviour:
    """No HEAD here; GET behaves."""

    async def behave(request: Request, talk: Talk) -> None:
        if request.method == "HEAD":
            await talk.answer(head_status, head=True)
        else:
            await behaviour(request, talk)

    return behave


def with_token(token_behaviour: str) -> Behaviour:
    """401 with a realm on the same server, whose behaviour is named; a token opens."""

    async def behave(request: Request, talk: Talk) -> None:
        if request.authorization.startswith("Bearer good"):
            await talk.answer(200, {"Content-Type": MANIFEST_TYPE})
        else:
            await talk.challenge(f"{talk.server.endpoint}/token/{token_behaviour}/")

    return behave


def redirects(location: str, status: int = 307) -> Behaviour:
    """``{me}`` in the location stands for this server."""

    async def behave(request: Request, talk: Talk) -> None:
        await talk.answer(status, {"Location": location.replace("{me}", talk.server.endpoint)})

    return behave


def bomb(size: int = 64 * 1024 * 1024) -> bytes:
    """Gzip that unpacks to so many zero bytes."""
    return gzip.compress(bytes(size))
