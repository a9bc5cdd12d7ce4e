"""Requests to the API server over ``kubernetes.aio``: its configuration, credentials, TLS and connections.

Its generated methods and its dynamic client copy every body and build every header anew; with hundreds of objects
that costs more than the requests do, so paths and bodies are made here.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio import client as aio_client
from kubernetes.aio import config as aio_config
from yarl import URL

from kotsapp.kube.errors import ApiError, from_answer
from kotsapp.net.proxies import Proxies

MAX_CONNECTIONS = 256
REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=30, connect=10)
# Bookmarks come about every minute; a stream silent for longer has lost its peer.
WATCH_SECONDS = 290
WATCH_TIMEOUT = aiohttp.ClientTimeout(total=WATCH_SECONDS + 30, connect=10, sock_read=100)
# A busy or restarting API server is asked again this often before the whole reconciliation is put off.
ATTEMPTS = 4
MAX_RETRY_WAIT = 5.0

_FAILURES = (aiohttp.ClientError, TimeoutError, OSError)


def is_in_cluster() -> bool:
    """Whether this runs as a pod that was given no kubeconfig."""
    return "KUBECONFIG" not in os.environ and "KUBERNETES_SERVICE_HOST" in os.environ


def environment_proxy(server: str) -> str | None:
    """The proxy that HTTPS_PROXY and NO_PROXY name for the API server at this URL; None to connect directly."""
    return Proxies.from_environment().proxy_for(URL(server))


class Connection:
    """JSON over HTTP with the operator's credentials; ``user`` is whom a request impersonates."""

    def __init__(self, configuration: aio_client.Configuration, user_agent: str) -> None:
        # aiohttp's own trust in the environment reads proxies and ~/.netrc in threads, for every single request, and
        # would send what that file holds to the API server.
        configuration.client_session_kwargs = {"trust_env": False}
        configuration.proxy = configuration.proxy or environment_proxy(configuration.host)
        self._user_agent = user_agent
        configuration.connection_pool_maxsize = MAX_CONNECTIONS
        self._api = aio_client.ApiClient(configuration)
        # A watch keeps its connection for itself, and there may be many: requests must not wait for one of theirs.
        configuration.connection_pool_maxsize = 0
        self._watches = aio_client.ApiClient(configuration)

    @classmethod
    async def open(cls, user_agent: str, context: str | None = None, kubeconfig: str | None = None) -> "Connection":
        """By the in-cluster account, else by ``kubeconfig`` or KUBECONFIG; nothing is asked yet.

        Raises ConfigException.
        """
        configuration = aio_client.Configuration()
        if context is None and kubeconfig is None and is_in_cluster():
            aio_config.load_incluster_config(client_configuration=configuration)
        else:
            await aio_config.load_kube_config(kubeconfig, context=context, client_configuration=configuration)
        return cls(configuration, user_agent)

    async def close(self) -> None:
        await self._api.close()
        await self._watches.close()

    @property
    def server(self) -> str:
        """The API server's URL, a path in it included."""
        return str(self._api.configuration.host)

    def session(self, *middlewares: aiohttp.ClientMiddlewareType) -> aiohttp.ClientSession:
        """A session to the same API server for another client, which is to close it: same trust, same proxy.

        The credentials are put into each request when it is made, so that one that was renewed counts at once.
        """
        rest, configuration = self._watches.rest_client, self._watches.configuration

        async def authorize(
            request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
        ) -> aiohttp.ClientResponse:
            headers: dict[str, str] = {}
            path = request.url.path
            await self._watches.update_params_for_auth(headers, [], ["BearerToken"], path, request.method, None)
            request.headers.update(headers)
            if configuration.tls_server_name:
                request.server_hostname = configuration.tls_server_name
            return await handler(request)

        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=rest.ssl_context),
            headers={"User-Agent": self._user_agent},
            proxy=rest.proxy,
            trust_env=False,
            middlewares=(*middlewares, authorize),
        )

    async def json(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Sequence[tuple[str, str]] = (),
        accept: str = "application/json",
        content_type: str = "application/json",
        user: str | None = None,
        attempts: int = ATTEMPTS,
    ) -> dict[str, Any]:
        """The answer's object, asked for again while the API server is busy or away; raises ApiError."""
        for attempt in range(1, attempts + 1):
            try:
                response = await self._send(method, path, body, query, accept, content_type, user)
                async with response:
                    return dict(json.loads(await response.read()))
            except ApiError as error:
                # Asking again helps an apply that met another write; a name that is taken stays so.
                lost = error.status == 409 and method != "PATCH"
                refused = error.status == 401 and attempt > 1
                if not error.transient or lost or refused or attempt == attempts:
                    raise
                wait = error.retry_after if error.retry_after is not None else 0.1 * 4**attempt
            except (*_FAILURES, ValueError) as error:
                if attempt == attempts:
                    raise ApiError(
                        0, "Unavailable", f"the API server can't be reached: {type(error).__name__}"
                    ) from None
                wait = 0.1 * 4**attempt
            await asyncio.sleep(min(wait, MAX_RETRY_WAIT))
        raise AssertionError("unreachable")

    async def stream(
        self, path: str, query: Sequence[tuple[str, str]], accept: str, user: str | None
    ) -> AsyncIterator[dict[str, Any]]:
        """The objects of an answer that goes on, one a line, until the server ends it; raises ApiError."""
        try:
            response = await self._send("GET", path, None, query, accept, "application/json", user, watching=True)
            async with response:
                async for line in response.content:
                    yield json.loads(line)
        except (*_FAILURES, ValueError) as error:
            raise ApiError(0, "Unavailable", f"the watch of {path} was cut: {type(error).__name__}") from None

    async def _send(
        self,
        method: str,
        path: str,
        body: Any,
        query: Sequence[tuple[str, str]],
        accept: str,
        content_type: str,
        user: str | None,
        *,
        watching: bool = False,
    ) -> aiohttp.ClientResponse:
        api, timeout = (self._watches, WATCH_TIMEOUT) if watching else (self._api, REQUEST_TIMEOUT)
        headers = {"Accept": accept, "Content-Type": content_type, "User-Agent": self._user_agent}
        if user:
            headers["Impersonate-User"] = user
        await api.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        url = f"{api.configuration.host}{path}"
        if query:
            url += f"?{urlencode(query)}"
        answer = await api.rest_client.request(method, url, headers=headers, body=body, _request_timeout=timeout)
        response: aiohttp.ClientResponse = answer.response
        if not 200 <= response.status <= 299:
            async with response:
                raise from_answer(response.status, response.reason or "", response.headers, await response.read())
        return response
