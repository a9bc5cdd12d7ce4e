"""The node stand-in's requests to the API server: list and watch, and a few writes, on aiohttp."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

Object = dict[str, Any]

MERGE_PATCH = "application/merge-patch+json"

# One pod is a few KB, a list of thousands tens of MB: no line limit of the stream reader's own may apply.
_READ_BUFFER_BYTES = 2**20
_RETRY_SECONDS = 0.5
_TIMEOUT_SECONDS = 30
_PAGE = 500
log = logging.getLogger(__name__)


class RequestError(Exception):
    """The API server refused a request."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status} {message}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Event:
    """A change: ADDED, MODIFIED or DELETED; what a list finds is ADDED between LIST and SYNC, which have no object."""

    kind: str
    object: Object


class NodeApi:
    """Requests with one client certificate."""

    def __init__(self, server: str, ca: str, cert: str, key: str) -> None:
        context = ssl.create_default_context(cafile=ca)
        context.load_cert_chain(cert, key)
        self._session = aiohttp.ClientSession(
            server,
            connector=aiohttp.TCPConnector(ssl=context, limit=32),
            timeout=aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS),
            read_bufsize=_READ_BUFFER_BYTES,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Object:
        """One request; RequestError when it is refused, or aiohttp's error when no answer came."""
        headers = {"Content-Type": content_type}
        data = None if body is None else json.dumps(body).encode()
        async with self._session.request(method, path, data=data, params=params, headers=headers) as answer:
            text = await answer.text()
            if answer.status >= 400:
                raise RequestError(answer.status, text[:300])
            parsed: Object = json.loads(text)
            return parsed

    async def changes(self, path: str, selector: str) -> AsyncIterator[Event]:
        """List, then watch, for ever: over broken connections, expired watches and a server that is away."""
        while True:
            try:
                async for event in self._list_and_watch(path, selector):
                    yield event
            except (RequestError, aiohttp.ClientError, TimeoutError, OSError) as error:
                log.warning("watching %s (%s): %s", path, selector, error)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _list_and_watch(self, path: str, selector: str) -> AsyncIterator[Event]:
        yield Event("LIST", {})
        params = {"fieldSelector": selector, "limit": str(_PAGE)}
        while True:
            page = await self.request("GET", path, params=params)
            for item in page["items"] or []:
                yield Event("ADDED", item)
            if not page["metadata"].get("continue"):
                break
            params["continue"] = page["metadata"]["continue"]
        yield Event("SYNC", {})
        version = page["metadata"]["resourceVersion"]
        watch = {"fieldSelector": selector, "watch": "1", "resourceVersion": version}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_TIMEOUT_SECONDS)
        async with self._session.get(path, params=watch, timeout=timeout) as answer:
            if answer.status >= 400:
                raise RequestError(answer.status, (await answer.text())[:300])
            async for line in _lines(answer.content):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise RequestError(event["object"].get("code", 0), str(event["object"].get("message", "")))
                if event["type"] != "BOOKMARK":
                    yield Event(event["type"], event["object"])


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Lines of any length."""
    pending = b""
    async for chunk in content.iter_any():
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            if line:
                yield line
