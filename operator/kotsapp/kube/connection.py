"""Requests to the API server over ``kubernetes.aio``: connections, tries, and what of a failure is said.

Its generated methods and its dynamic client copy every body and build every header anew; with hundreds of objects
that costs more than the requests do, so paths and bodies are made here.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio import client as aio_client
from kubernetes.aio.config import ConfigException

from kotsapp.fair_queue import FairQueue, acting_for
from kotsapp.kube.access import Access, find_access
from kotsapp.kube.errors import ApiError, from_answer
from kotsapp.kube.fence import READING, Fence, FencedError, FencedRequest, fenced_socket
from kotsapp.kube.lines import EventTooLargeError, lines
from kotsapp.kube.request import Request
from kotsapp.net.tls import certificate_problem

MAX_CONNECTIONS = 256
# Requests under way on behalf of apps: a third of them of one app at the most, and half of one namespace, so that the
# next one of another app waits for a few. What is done for all apps, such as keeping the lease, waits for none.
MAX_REQUESTS_OF_APPS = 24
REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=30, connect=10)
# Bookmarks come about every minute; a stream silent for longer has lost its peer.
WATCH_SECONDS = 290
WATCH_TIMEOUT = aiohttp.ClientTimeout(total=WATCH_SECONDS + 30, connect=10, sock_read=100)
# A busy or restarting API server is asked again this often before the whole reconciliation is put off.
ATTEMPTS = 4
MAX_RETRY_WAIT = 5.0

# Pages of lists that are read and parsed at once: each takes some times its bound in memory.
MAX_PAGES = 4

_FAILURES = (aiohttp.ClientError, TimeoutError, OSError)


class NoCredentialsError(aiohttp.ClientConnectionError):
    """Credentials could not be renewed; the message says why. Kopf tries again after such an error, too."""


class AnswerTooLargeError(Exception):
    """An answer has more bytes than whoever asked has room for."""


class Connection:
    """JSON over HTTP with the credentials of an Access.

    ``fence`` says until when it may write; without one it always may.
    """

    def __init__(
        self,
        access: Access,
        user_agent: str,
        fence: Fence | None = None,
        *,
        connections: int = MAX_CONNECTIONS,
        retry_wait: float = MAX_RETRY_WAIT,
    ) -> None:
        """``connections`` are those for requests, at the most; ``retry_wait`` are seconds, between tries."""
        self._access = access
        self._retry_wait = retry_wait
        self._user_agent = user_agent
        self._fence = fence
        self._connectors: list[aiohttp.TCPConnector] = []  # that the clients were given, and so don't close
        self._api = self._client(connections)
        self._of_apps = FairQueue(MAX_REQUESTS_OF_APPS, spare=True)
        self._pages = asyncio.Semaphore(MAX_PAGES)
        # A watch keeps its connection for itself, and there may be many: requests must not wait for one of theirs.
        self._watches = self._client(0)

    @classmethod
    async def open(
        cls, user_agent: str, context: str | None = None, kubeconfig: str | None = None, fence: Fence | None = None
    ) -> "Connection":
        """By ``kubeconfig``, KUBECONFIG or the home folder's, else the pod's account; nothing is asked of a server yet.

        Raises ConfigException.
        """
        access = find_access(kubeconfig, context)
        await access.credentials.header()
        return cls(access, user_agent, fence)

    def _client(self, connections: int) -> aio_client.ApiClient:
        """``connections`` 0 sets no limit."""
        access = self._access
        configuration = aio_client.Configuration(host=access.server, proxy=access.proxy)
        configuration.connection_pool_maxsize = connections
        # aiohttp's own trust in the environment reads proxies and ~/.netrc in threads, for every single request, and
        # would send what that file holds to the API server.
        configuration.client_session_kwargs = {"trust_env": False, "middlewares": (self._authorize,)}
        if self._fence is not None:
            connector = self._connector(connections)
            configuration.client_session_kwargs |= {"connector": connector, "request_class": FencedRequest}
            self._connectors.append(connector)
        client = aio_client.ApiClient(configuration)
        client.rest_client.ssl_context = access.tls or True
        return client

    def _connector(self, connections: int) -> aiohttp.TCPConnector:
        return aiohttp.TCPConnector(
            limit=connections, ssl=self._access.tls or True, socket_factory=fenced_socket if self._fence else None
        )

    async def _authorize(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Put the credentials into a request as they are now: one that was renewed counts at once."""
        access = self._access
        try:
            header = await access.credentials.header()
        except ConfigException as error:
            raise NoCredentialsError(str(error)) from None
        if header is not None:
            request.headers["Authorization"] = header
        if "Impersonate-User" not in request.headers:
            request.headers.extend(access.impersonation)
        if access.tls_server_name:
            request.server_hostname = access.tls_server_name
        response = await self._fenced(request, handler)
        if response.status == 401:
            access.credentials.refused()
        return response

    async def _fenced(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """A write is begun within the fence, and given up when it has no answer by then: it may wait to be sent."""
        if self._fence is None or request.method in READING:
            return await handler(request)
        seconds = self._fence.seconds
        if not seconds:
            raise FencedError
        if isinstance(request, FencedRequest):
            request.fence = self._fence
        try:
            async with asyncio.timeout(seconds):
                return await handler(request)
        except (aiohttp.ClientError, TimeoutError):
            if self._fence.seconds:
                raise
            raise FencedError from None

    @property
    def server(self) -> str:
        """The API server's URL, a path in it included."""
        return self._access.server

    @property
    def namespace(self) -> str:
        """Where the person is: the context's namespace, or the pod's own."""
        return self._access.namespace

    def session(self, *middlewares: aiohttp.ClientMiddlewareType) -> aiohttp.ClientSession:
        """A session to the same API server for another client, which is to close it: same trust, proxy, credentials."""
        return aiohttp.ClientSession(
            connector=self._connector(0),
            headers={"User-Agent": self._user_agent},
            proxy=self._access.proxy,
            trust_env=False,
            request_class=FencedRequest,
            middlewares=(*middlewares, self._authorize),
        )

    async def close(self) -> None:
        await self._api.close()
        await self._watches.close()
        for connector in self._connectors:
            await connector.close()

    async def page(self, request: Request, limit: int) -> tuple[dict[str, Any], int]:
        """As ``json``, for answers of any size: with how many bytes it has. Raises AnswerTooLargeError for more than
        ``limit``."""
        return await self._json(request, ATTEMPTS, limit)

    async def json(self, request: Request, *, attempts: int = ATTEMPTS) -> dict[str, Any]:
        """The answer's object, asked for again while the API server is busy or away; raises ApiError."""
        return (await self._json(request, attempts, None))[0]

    async def _json(self, request: Request, attempts: int, limit: int | None) -> tuple[dict[str, Any], int]:
        for attempt in range(1, attempts + 1):
            try:
                async with self._slot():
                    response = await self._send(request, self._api, REQUEST_TIMEOUT, packed=limit is None)
                    async with response:
                        if limit is None:
                            return dict(json.loads(await response.read())), 0
                        async with self._pages:
                            body = await _bounded(response, limit)
                            return dict(json.loads(body)), len(body)
            except ApiError as error:
                # Asking again helps an apply that met another write; a name that is taken stays so.
                lost = error.status == 409 and request.method != "PATCH"
                refused = error.status == 401 and attempt > 1
                if not error.transient or lost or refused or attempt == attempts:
                    raise
                wait = error.retry_after if error.retry_after is not None else 0.1 * 4**attempt
            except (*_FAILURES, ValueError) as error:
                lasting = isinstance(error, NoCredentialsError | FencedError) or certificate_problem(error)
                if attempt == attempts or lasting:
                    raise ApiError(0, "Unavailable", f"the API server can't be reached: {_reason(error)}") from None
                wait = 0.1 * 4**attempt
            await asyncio.sleep(min(wait, self._retry_wait))
        raise AssertionError("unreachable")

    @contextlib.asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        """A slot among the requests of apps, for one that is made for an app."""
        tenant = acting_for.get()
        async with self._of_apps.slot(tenant) if tenant is not None else contextlib.nullcontext():
            yield

    async def stream(self, request: Request) -> AsyncIterator[dict[str, Any]]:
        """The objects of an answer that goes on, one a line, until the server ends it; raises ApiError."""
        try:
            response = await self._send(request, self._watches, WATCH_TIMEOUT)
            async with response:
                async for line in lines(response.content.iter_any()):
                    yield json.loads(line)
        except (*_FAILURES, ValueError) as error:
            message = f"the watch of {request.path} was cut: {_reason(error)}"
            raise ApiError(0, "Unavailable", message) from None

    async def _send(
        self, request: Request, api: aio_client.ApiClient, timeout: aiohttp.ClientTimeout, *, packed: bool = True
    ) -> aiohttp.ClientResponse:
        """The answer with its body still to be read, which comes as it is where it must not be ``packed``: unpacked it
        may be a thousand times as large. Raises ApiError for one that is no success."""
        headers = {"Accept": request.accept, "Content-Type": request.content_type, "User-Agent": self._user_agent}
        if not packed:
            headers["Accept-Encoding"] = "identity"
        if request.user:
            headers["Impersonate-User"] = request.user
        url = f"{api.configuration.host}{request.path}"
        if request.query:
            url += f"?{urlencode(request.query)}"
        answer = await api.rest_client.request(
            request.method, url, headers=headers, body=request.body, _request_timeout=timeout
        )
        response: aiohttp.ClientResponse = answer.response
        if not 200 <= response.status <= 299:
            async with response:
                raise from_answer(response.status, response.reason or "", response.headers, await response.read())
        return response


async def _bounded(response: aiohttp.ClientResponse, limit: int) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > limit:
            response.close()  # the rest is not read
            raise AnswerTooLargeError
    return b"".join(parts)


def _reason(error: Exception) -> str:
    """What a person can act on, without URLs, which may hold a proxy's password."""
    problem = certificate_problem(error)
    if problem is not None:
        return f"its certificate does not verify: {problem}"
    match error:
        case NoCredentialsError() | EventTooLargeError() | FencedError():
            return str(error)
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return "the proxy does not lead there"
        case aiohttp.ClientConnectorDNSError():
            return "its name does not resolve"
        case aiohttp.ClientConnectorSSLError():
            return "the TLS handshake failed"
        case aiohttp.ClientConnectorError():
            return (error.os_error.strerror or "").lower() or type(error).__name__
        case TimeoutError():
            return "it does not answer in time"
        case _:
            return type(error).__name__
