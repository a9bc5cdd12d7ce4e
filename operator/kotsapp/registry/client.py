"""One HTTP exchange: bounded, guarded, without redirects, cookies or decompression.

aiohttp carries it: Kopf and the Kubernetes client bring it anyway, its parser is C, and a request costs a tenth of
what httpx takes.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.connector import Connection
from aiohttp.http_parser import RawResponseMessage
from multidict import CIMultiDictProxy

from kotsapp import __version__
from kotsapp.registry.egress import EnvironmentProxies, Resolver, TlsContexts, guarded_socket, plain_socket
from kotsapp.registry.guard import AddressRefusedError, Destination, Guard
from kotsapp.registry.limits import DNS_CACHE, KEEPALIVE, MAX_HEADER_LINE, MAX_HEADERS, MAX_INTERIM_ANSWERS
from kotsapp.registry.verdict import NoAnswer, Trouble

USER_AGENT = f"kotsapp/{__version__}"
# The probe has one deadline of its own; aiohttp's separate ones would only add timers.
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: status, headers, and at most the asked-for number of body bytes.

    ``complete`` is False when the body was longer than that.
    """

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes = b""
    complete: bool = True


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


class Client:
    """Sends requests to Destinations. One for the whole operator: connections and TLS contexts are shared."""

    def __init__(self, guard: Guard, resolver: AbstractResolver | None = None) -> None:
        self._guard = guard
        self._resolver = resolver
        self._tls = TlsContexts()
        self._proxies = EnvironmentProxies()
        self._guarded: aiohttp.ClientSession | None = None
        self._trusted: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        resolver = self._resolver = self._resolver or Resolver()
        self._guarded = self._session(resolver, partial(guarded_socket, self._guard))
        self._trusted = self._session(resolver, plain_socket)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for session in (self._guarded, self._trusted):
            if session is not None:
                await session.close()
        self._guarded = self._trusted = None
        if self._resolver is not None:
            await self._resolver.close()

    async def ask(
        self, method: str, destination: Destination, headers: Mapping[str, str], *, body_limit: int = 0
    ) -> Answer:
        """One request and its answer, with at most ``body_limit`` bytes of its body (0: none is read).

        Raises NoAnswer, naming the destination's host; never follows a redirect.
        """
        url = destination.url
        proxy = self._proxies.proxy_for(url)
        # The administrator's proxy looks the name up and connects; its own address may well be a private one.
        session = self._trusted if destination.trusted or proxy else self._guarded
        if session is None:
            raise RuntimeError("the client is not open: use it as an async context manager")
        try:
            async with session.request(
                method,
                url,
                headers=headers,
                allow_redirects=False,
                proxy=proxy,
                ssl=self._tls.context(destination.tls) if url.scheme == "https" else True,
            ) as response:
                body, complete = await _read(response, body_limit)
                return Answer(response.status, response.headers, body, complete)
        except asyncio.CancelledError:
            raise
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _trouble(error, destination.name) from error

    def _session(self, resolver: AbstractResolver, socket_factory: object) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            resolver=resolver,
            ttl_dns_cache=DNS_CACHE,
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
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
        )


async def _read(response: aiohttp.ClientResponse, limit: int) -> tuple[bytes, bool]:
    """Up to ``limit`` bytes; the connection is closed, not drained, when there is more."""
    if limit <= 0:
        if response.method != "HEAD":
            response.close()
        return b"", True
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            response.close()
            return bytes(body[:limit]), False
    return bytes(body), True


def _trouble(error: Exception, host: str) -> NoAnswer:
    refused = _find_refusal(error)
    if refused is not None:
        return NoAnswer(Trouble.REFUSED, host, f"is not asked: {refused}")
    match error:
        case aiohttp.ClientConnectorCertificateError():
            reason = getattr(error.certificate_error, "verify_message", "") or "not valid for this name"
            return NoAnswer(Trouble.TLS, host, f"has a certificate that does not verify: {reason}")
        case aiohttp.ClientConnectorSSLError() | ssl.SSLError():
            return NoAnswer(Trouble.TLS, host, "can't be reached: the TLS handshake failed")
        case aiohttp.ClientConnectorDNSError():
            return NoAnswer(Trouble.DNS, host, "can't be reached: its name does not resolve")
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return NoAnswer(Trouble.CONNECT, host, "can't be reached through the proxy of the environment")
        case aiohttp.ClientConnectorError():
            reason = (error.os_error.strerror or "").lower() or "connection failed"
            return NoAnswer(Trouble.CONNECT, host, f"can't be reached: {reason}")
        case aiohttp.InvalidURL():
            return NoAnswer(Trouble.REFUSED, host, "is not asked: its name is not a host name")
        case aiohttp.ClientResponseError():
            return NoAnswer(Trouble.PROTOCOL, host, "sent an answer that is not valid HTTP, or is too big")
        case aiohttp.ClientPayloadError():
            return NoAnswer(Trouble.PROTOCOL, host, "broke off its answer")
        case aiohttp.ClientConnectionError() | ConnectionError():
            return NoAnswer(Trouble.PROTOCOL, host, "closed the connection without an answer")
        case _:
            return NoAnswer(Trouble.PROTOCOL, host, f"gave no usable answer ({type(error).__name__})")


def _find_refusal(error: BaseException) -> AddressRefusedError | None:
    """The guard's refusal inside a connector's error, which wraps one error for each address that was tried."""
    if isinstance(error, AddressRefusedError):
        return error
    inner: list[BaseException | None] = [error.__cause__, getattr(error, "os_error", None)]
    if error.__cause__ is None:
        inner.append(error.__context__)
    for found in inner:
        if found is not None and found is not error:
            refusal = _find_refusal(found)
            if refusal is not None:
                return refusal
    return None
