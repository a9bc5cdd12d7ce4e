"""One HTTP exchange: bounded, guarded, without redirects, cookies or decompression."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Self
from weakref import WeakValueDictionary

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver

from kotsapp import __version__
from kotsapp.fair_queue import FairQueue, Tenant
from kotsapp.net.proxies import Proxies, ProxyError
from kotsapp.net.tls import certificate_problem
from kotsapp.registry.asker import Asker
from kotsapp.registry.config import RegistriesError
from kotsapp.registry.evidence import NoAnswer, Trouble
from kotsapp.registry.guard import AddressRefusedError, Destination, Guard
from kotsapp.registry.limits import MAX_ERROR_BODY, MAX_LARGE_BODIES, MAX_LARGE_BODIES_HOST
from kotsapp.registry.resolver import Resolver, TlsContexts
from kotsapp.registry.transport import ASKER, PROXY, TLS, TRUSTED, URL_ASKED, GuardedTransport

_HEADERS = {"User-Agent": f"kotsapp/{__version__}", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: status, headers, and at most the asked-for number of body bytes.

    ``complete`` is False when the body was longer than that.
    """

    status: int
    headers: httpx.Headers
    body: bytes = b""
    complete: bool = True


class Client:
    """Sends requests to Destinations. One for the whole operator: connections and TLS contexts are shared."""

    def __init__(
        self,
        guard: Guard,
        resolver: AbstractResolver | None = None,
        received: Callable[[int, int | None], None] | None = None,
        large_bodies: int = MAX_LARGE_BODIES,
    ) -> None:
        """``received`` is called with a body's bytes as they come: how many of how many, None where that is not
        known."""
        self._guard = guard
        self._resolver = resolver
        self._received = received
        self._tls = TlsContexts()
        self._proxies = Proxies.from_environment()
        self._http: httpx.AsyncClient | None = None
        self._large_bodies = FairQueue(large_bodies, spare=True)
        self._large_of: WeakValueDictionary[str, FairQueue] = WeakValueDictionary()

    async def __aenter__(self) -> Self:
        resolver = self._resolver = self._resolver or Resolver()
        self._http = httpx.AsyncClient(
            transport=GuardedTransport(self._guard, resolver),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            timeout=None,  # noqa: S113 - the caller has one deadline for all requests of an image
            trust_env=False,  # proxies and CAs are chosen for each destination
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.aclose()
            self._http = None
        if self._resolver is not None:
            await self._resolver.close()

    async def ask(
        self,
        method: str,
        destination: Destination,
        headers: Mapping[str, str],
        *,
        body_limit: int = 0,
        asker: Asker | None = None,
    ) -> Answer:
        """One request and its answer, with at most ``body_limit`` bytes of its body (0: none is read).

        Of any answer but a 200 it is MAX_ERROR_BODY at the most. Raises NoAnswer, naming the destination's host; never
        follows a redirect.
        """
        if self._http is None:
            raise RuntimeError("the client is not open: use it as an async context manager")
        url = destination.url
        asker = asker or Asker()
        try:
            proxy = self._proxies.proxy_for(url)
            extensions = {
                URL_ASKED: url,
                # The administrator's proxy looks the name up and connects; its own address may well be a private one.
                TRUSTED: destination.trusted or proxy is not None,
                TLS: self._tls.context(destination.tls) if url.scheme == "https" else True,
                PROXY: proxy,
                ASKER: asker,
            }
            # Not the client's build_request: it merges headers and cookies of its own, which ours has none of.
            request = httpx.Request(method, str(url), headers={**_HEADERS, **headers}, extensions=extensions)
            response = await self._http.send(request, stream=True)
            try:
                limit = body_limit if response.status_code == 200 else min(body_limit, MAX_ERROR_BODY)
                body, complete = await self._read(response, limit, destination.name, asker.tenant)
            finally:
                await response.aclose()
            return Answer(response.status_code, response.headers, body, complete)
        except asyncio.CancelledError:
            raise
        except (aiohttp.ClientError, httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise _trouble(error, destination.name) from error

    async def _read(self, response: httpx.Response, limit: int, host: str, tenant: Tenant) -> tuple[bytes, bool]:
        """Up to ``limit`` bytes, as they were sent; what is large waits until few others are."""
        body = bytearray()
        async with contextlib.AsyncExitStack() as large:
            if limit > 0:
                async for chunk in response.aiter_raw():
                    if len(body) <= MAX_ERROR_BODY < len(body) + len(chunk):
                        of_host = self._large_of.setdefault(host, FairQueue(MAX_LARGE_BODIES_HOST))
                        await large.enter_async_context(of_host.slot(tenant))
                        await large.enter_async_context(self._large_bodies.slot(tenant))
                    body += chunk
                    if self._received is not None:
                        length = response.headers.get("Content-Length", "")
                        self._received(len(body), int(length) if length.isdecimal() else None)
                    if len(body) > limit:
                        return bytes(body[:limit]), False
        return bytes(body), True


def _trouble(error: Exception, host: str) -> NoAnswer:
    refused = _find_refusal(error)
    if refused is not None:
        return NoAnswer(Trouble.REFUSED, host, f"is not asked: {refused}")
    match error:
        case ProxyError():
            return NoAnswer(Trouble.CONNECT, host, f"is not asked: {error}")
        case RegistriesError():
            return NoAnswer(Trouble.TLS, host, f"is not asked: {error}")
        case aiohttp.ClientConnectorCertificateError():
            reason = certificate_problem(error) or "not valid for this name"
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
        case aiohttp.InvalidURL() | httpx.InvalidURL():
            return NoAnswer(Trouble.REFUSED, host, "is not asked: its name is not a host name")
        case httpx.RemoteProtocolError():
            return NoAnswer(Trouble.REDIRECT, host, "redirects to something that is not a URL")
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
