"""How httpx reaches a registry here: over aiohttp's connections, each guarded and bounded.

httpx brings its own way, httpcore, where a request costs several times the CPU; aiohttp's parser is C, its
connector lets every socket be checked right before it connects, and Kopf and the Kubernetes client bring it anyway.
"""

from collections.abc import AsyncIterator
from functools import partial
from typing import Self

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver
from aiohttp.connector import Connection
from aiohttp.http_parser import RawResponseMessage

from kotsapp.registry.asker import asker
from kotsapp.registry.guard import Guard
from kotsapp.registry.limits import KEEPALIVE, MAX_HEADER_LINE, MAX_HEADERS, MAX_INTERIM_ANSWERS
from kotsapp.registry.resolver import guarded_socket, plain_socket

# Keys of a request's extensions; the URL is asked exactly as it was judged, not as httpx would write it again.
URL_ASKED, TRUSTED, TLS, PROXY = "kotsapp.url", "kotsapp.trusted", "kotsapp.tls", "kotsapp.proxy"
ASKER = "kotsapp.asker"
# A question has one deadline of its own; separate ones would only add timers.
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)


class GuardedTransport(httpx.AsyncBaseTransport):
    """Sends requests; their extensions say which URL, whether it is trusted, its TLS context, the proxy, and who asks.

    Raises aiohttp.ClientError, OSError and ValueError as they come, unlike httpx's own transports: they distinguish
    what a verdict's message distinguishes.
    """

    def __init__(self, guard: Guard, resolver: AbstractResolver) -> None:
        self._guarded = _session(resolver, partial(guarded_socket, guard))
        self._trusted = _session(resolver, plain_socket)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        asked = request.extensions
        session = self._trusted if asked[TRUSTED] else self._guarded
        token = asker.set(asked[ASKER])
        try:
            response = await session.request(
                request.method,
                asked[URL_ASKED],
                headers=request.headers,
                allow_redirects=False,
                proxy=asked[PROXY],
                ssl=asked[TLS],
            )
        finally:
            asker.reset(token)
        return httpx.Response(response.status, headers=response.raw_headers, stream=_Body(response), request=request)

    async def aclose(self) -> None:
        await self._guarded.close()
        await self._trusted.close()


class _Body(httpx.AsyncByteStream):
    """A body as it comes. What is not read to its end closes the connection instead of being drained."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._response.content.iter_any():
            yield chunk

    async def aclose(self) -> None:
        if self._response.content.at_eof() or self._response.method == "HEAD":
            self._response.release()
        else:
            self._response.close()


class _Response(aiohttp.ClientResponse):
    """aiohttp's response, with a bound on the 1xx answers before the real one.

    Unbounded, a stream of them keeps the event loop busy in one coroutine that never has to wait.
    """

    async def start(self, connection: Connection) -> Self:
        protocol = connection.protocol
        if protocol is None:
            raise aiohttp.ClientConnectionError("connection closed")
        read, left = protocol.read, MAX_INTERIM_ANSWERS

        async def read_bounded() -> tuple[RawResponseMessage, aiohttp.StreamReader]:
            nonlocal left
            message, payload = await read()
            if 100 <= message.code < 200:
                left -= 1
                if left < 0:
                    raise aiohttp.ClientPayloadError("too many 1xx answers")
            return message, payload

        protocol.read = read_bounded  # type: ignore[method-assign]
        try:
            await super().start(connection)
        finally:
            del protocol.read
        return self


def _session(resolver: AbstractResolver, socket_factory: object) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(
        resolver=resolver,
        use_dns_cache=False,  # the resolver's own: in aiohttp's everybody waits for whoever asked first
        limit=0,  # the prober limits, per host and in all
        keepalive_timeout=KEEPALIVE,
        socket_factory=socket_factory,  # type: ignore[arg-type]
    )
    return aiohttp.ClientSession(
        connector=connector,
        response_class=_Response,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=_NO_TIMEOUT,
        read_bufsize=64 * 1024,
        max_line_size=MAX_HEADER_LINE,
        max_field_size=MAX_HEADER_LINE,
        max_headers=MAX_HEADERS,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
    )
