"""Kopf's watch of KotsApps, seen from its requests: whether it stands, and whether it may go on.

Kopf says that it is ready before it has asked the API server anything, and takes a watch up again at the last version
that it saw, whatever server answers. Both are seen, and put right, at the requests themselves.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

from kotsapp.kube.client import KubeClient
from kotsapp.kube.errors import ApiError, UnknownKindError
from kotsapp.names import API_VERSION, KIND, PLURAL

logger = logging.getLogger(__name__)

# A watch is answered, with its headers, at once; a server that takes longer is away.
PATIENCE = 15.0
NOT_YET = "not watching KotsApps yet"

Versions = Mapping[str, int]  # resourceVersions by uid


class AppWatch:
    """What is known of the watches of KotsApps, one for each namespace, or one for all when there are none.

    ``known`` are the KotsApps that are kept true. ``over`` is set when Kopf has to begin anew, and ``reason`` says why:
    the API server was put back to an earlier state, or no longer serves KotsApps.
    """

    def __init__(
        self,
        client: KubeClient,
        namespaces: Collection[str],
        known: Callable[[], Versions],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.over = asyncio.Event()
        self.reason = ""
        self.stood = False  # whether KotsApps were ever watched
        self._client = client
        self._known = known
        self._clock = clock
        self._namespaces: dict[str, str | None] = {f"namespaces/{name}/{PLURAL}": name for name in namespaces}
        if not namespaces:
            self._namespaces = {PLURAL: None}
        self._problems: dict[str, str | None] = dict.fromkeys(self._namespaces, NOT_YET)
        self._asked: dict[str, float] = {}

    def problem(self) -> str | None:
        """Why KotsApps are not watched; None when they were listed and are."""
        for problem in self._problems.values():
            if problem is not None:
                return problem
        waiting = self._clock() - min(self._asked.values(), default=self._clock())
        return f"the API server has not answered for {waiting:.0f} s" if waiting > PATIENCE else None

    async def middleware(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """For the session that Kopf makes its requests with; see aiohttp's client middlewares."""
        path = str(request.url.path).partition(f"/apis/{API_VERSION}/")[2]
        if request.method != "GET" or path not in self._problems:
            return await handler(request)
        watched = "watch" in request.url.query
        try:
            if watched:
                self._asked[path] = self._clock()
                await self._check(path, request.url.query.get("resourceVersion", ""))
            response = await handler(request)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._note(path, f"the API server can't be reached: {error or type(error).__name__}")
            raise
        finally:
            self._asked.pop(path, None)
        if response.status == 404:
            await self._end(path, "KotsApps are no longer served: their CustomResourceDefinition was deleted")
        if not 200 <= response.status <= 299:
            self._note(path, f"the API server answered {response.status}")
        elif watched:
            self._note(path, None)
        return response

    async def _check(self, path: str, version: str) -> None:
        """Before a watch is taken up at a version: is it a version of this server's life?"""
        if not version.isdigit():
            return
        listed = ""
        try:
            kind = await self._client.resource_type(API_VERSION, KIND)
            live: dict[str, int] = {}
            async for page in self._client.pages(kind, self._namespaces[path], metadata_only=True):
                listed = page.version
                found = [item["metadata"] for item in page.items]
                live |= {str(metadata["uid"]): int(metadata["resourceVersion"]) for metadata in found}
        except (ApiError, UnknownKindError) as error:
            self._note(path, str(error))
            return  # what the watch itself is answered counts
        if listed.isdigit() and was_put_back(int(version), int(listed), self._known(), live):
            await self._end(path, "the API server was put back to an earlier state, as from a backup")

    async def _end(self, path: str, reason: str) -> None:
        self._note(path, reason)
        self.reason = reason
        self.over.set()
        await asyncio.Event().wait()  # until Kopf is stopped: there is no answer that it could go on with

    def _note(self, path: str, problem: str | None) -> None:
        before, self._problems[path] = self._problems[path], problem
        if problem == before:
            return
        if problem is not None and not self.stood:
            logger.warning("KotsApps can't be watched yet, which is tried again: %s", problem)
        elif problem is not None:
            logger.warning("the watch of KotsApps is cut: %s", problem)
        elif self.problem() is None:
            self.stood = True
            logger.info("watching KotsApps")


def was_put_back(last_seen: int, listed: int, known: Versions, live: Versions) -> bool:
    """Whether versions went back: from ``last_seen`` by the watch to ``listed`` now, or from ``known`` to ``live`` for
    any KotsApp.

    Versions grow for as long as a server's data live, for all objects together and for each.
    """
    return listed < last_seen or any(live.get(uid, version) < version for uid, version in known.items())
