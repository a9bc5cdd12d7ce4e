"""A proxy in front of the API server that fails as networks and busy servers do."""

import asyncio
import base64
import json
import random
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from localworld.pki import Authority

# What a fault is, besides an HTTP status to answer with.
REFUSED = "refused"  # the connection is closed, the request was never seen
LOST = "lost"  # the request is carried out, and its answer never comes
Fault = int | str

_REASONS = {
    401: "Unauthorized",
    409: "Conflict",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
}


@dataclass(slots=True)
class FaultyProxy:
    """Each request meets one of ``faults`` with probability ``rate``; watches are cut after ``watch_seconds`` or so.

    ``veto`` says of each request line whether its connection is closed, or with what status it is answered.
    ``met`` counts the faults that were met by chance, and ``cuts`` the watches that were cut.
    """

    server: str
    ca: Path
    rng: random.Random
    faults: tuple[Fault, ...] = ()
    rate: float = 0.0
    watch_seconds: float | None = None
    veto: Callable[[str], bool | int] | None = None
    met: dict[Fault, int] = field(default_factory=dict)
    cuts: int = 0
    port: int = 0
    _authority: bytes = b""
    _watches: set[asyncio.StreamWriter] = field(default_factory=set)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    @contextmanager
    def running(self) -> Iterator["FaultyProxy"]:
        started = threading.Event()
        thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        thread.start()
        started.wait(10)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(10)

    def cut(self) -> None:
        """Cut every watch that is open."""
        for writer in list(self._watches):
            self._loop.call_soon_threadsafe(self._cut, writer)

    def quiet(self) -> None:
        """No more faults."""
        self.faults, self.rate, self.watch_seconds = (), 0.0, None

    def kubeconfig(self, original: Path) -> Path:
        """The same account, through the proxy."""
        document = yaml.safe_load(original.read_text())
        authority = base64.b64encode(self._authority).decode()
        server = f"https://127.0.0.1:{self.port}"
        document["clusters"][0]["cluster"] = {"server": server, "certificate-authority-data": authority}
        through = original.with_suffix(".through-proxy")
        through.write_text(yaml.safe_dump(document))
        return through

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        # Clients send no credentials over plain HTTP.
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        with tempfile.TemporaryDirectory() as folder:
            authority = Authority(Path(folder))
            pair = authority.server("proxy")
            context.load_cert_chain(pair.cert, pair.key)
            self._authority = authority.pair.cert.read_bytes()
        listening = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context))
        self.port = listening.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()
        listening.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._one(reader, writer)
        with suppress(OSError, RuntimeError):
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request of a connection, which is closed after it."""
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = [line for line in lines[1:] if line and not line.lower().startswith(("connection:", "host:"))]
        length = next((int(h.split(":")[1]) for h in headers if h.lower().startswith("content-length:")), 0)
        body = await reader.readexactly(length)
        is_watch = "watch=1" in lines[0] or "watch=true" in lines[0]
        fault = self._fault(lines[0])
        if isinstance(fault, int):
            writer.write(_answer(fault))
            await writer.drain()
        if fault == REFUSED or isinstance(fault, int):
            return
        at = urlsplit(self.server)
        context = ssl.create_default_context(cafile=str(self.ca))
        upstream, sending = await asyncio.open_connection(at.hostname, at.port, ssl=context)
        try:
            request = [lines[0], f"Host: {at.netloc}", "Connection: close", *headers, "", ""]
            sending.write("\r\n".join(request).encode("latin-1") + body)
            await sending.drain()
            if fault == LOST and not is_watch:
                await upstream.read(1)
                return
            if is_watch:
                self._watches.add(writer)
            seconds = self.watch_seconds * self.rng.uniform(0.3, 1.7) if is_watch and self.watch_seconds else None
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._carry(upstream, reader, writer)
                    return
            self._cut(writer)
        finally:
            self._watches.discard(writer)
            sending.close()

    async def _carry(
        self, upstream: asyncio.StreamReader, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """The answer, until either side has had enough."""

        async def forward() -> None:
            while data := await upstream.read(65536):
                writer.write(data)
                await writer.drain()

        ends = {asyncio.ensure_future(forward()), asyncio.ensure_future(reader.read(1))}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
            await asyncio.gather(*ends, return_exceptions=True)

    def _cut(self, writer: asyncio.StreamWriter) -> None:
        self.cuts += 1
        writer.transport.abort()

    def _fault(self, line: str) -> Fault | None:
        vetoed = self.veto(line) if self.veto else False
        if vetoed:
            return REFUSED if vetoed is True else vetoed
        if not self.faults or self.rng.random() >= self.rate:
            return None
        fault = self.rng.choice(self.faults)
        if fault == 409 and line.startswith("GET"):
            return None  # only a write meets a conflict
        self.met[fault] = self.met.get(fault, 0) + 1
        return fault


def _answer(status: int) -> bytes:
    reason = _REASONS[status]
    details = {"retryAfterSeconds": 1} if status == 429 else {}
    body = json.dumps(
        {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "reason": reason,
            "message": f"injected {reason}",
            "code": status,
            "details": details,
        }
    ).encode()
    wait = "Retry-After: 1\r\n" if status == 429 else ""
    head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\n{wait}Content-Length: {len(body)}\r\n"
    return (head + "Connection: close\r\n\r\n").encode() + body
