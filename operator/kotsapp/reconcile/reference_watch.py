"""Wake-ups for Secrets and ConfigMaps that apps name, without reading any.

The watch asks for Tables with no object in them: a row shows a name, never a Secret's content, not even the copy
that ``kubectl apply`` leaves in an annotation. Content is read by name, for the ones that a KotsApp names.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from kotsapp.kube.client import KubeClient
from kotsapp.kube.discovery import ResourceType
from kotsapp.kube.errors import ApiError
from kotsapp.kube.reflector import Reflector

logger = logging.getLogger(__name__)

Watched = tuple[str, str]  # kind and namespace


class ReferenceWatch:
    """Calls ``on_change(kind, namespace, name)`` for every change of a Secret or ConfigMap in followed namespaces.

    After a gap in the stream it calls ``on_gap(kind, namespace)``: anything may have changed.
    """

    def __init__(
        self, client: KubeClient, on_change: Callable[[str, str, str], None], on_gap: Callable[[str, str], None]
    ) -> None:
        self._client = client
        self._on_change = on_change
        self._on_gap = on_gap
        self._watches: dict[Watched, NamesWatch] = {}

    async def follow(self, kind: str, namespace: str) -> None:
        """Start watching, once; returns when changes from now on will be seen."""
        key = (kind, namespace)
        if key not in self._watches:
            self._watches[key] = NamesWatch(kind, namespace, self._client, self._on_change, self._on_gap)
        watch = self._watches[key]
        watch.shared.join()
        await watch.started.wait()

    def unfollow(self, namespace: str) -> None:
        """Nobody names anything in the namespace any more."""
        for key in [key for key in self._watches if key[1] == namespace]:
            self._watches.pop(key).cancel()

    async def close(self) -> None:
        """End all watches."""
        tasks = [watch.cancel() for watch in self._watches.values()]
        await asyncio.gather(*tasks, return_exceptions=True)


class NamesWatch(Reflector):
    """The watch of the names of one kind in one namespace."""

    def __init__(
        self,
        kind: str,
        namespace: str,
        client: KubeClient,
        on_change: Callable[[str, str, str], None],
        on_gap: Callable[[str, str], None],
    ) -> None:
        super().__init__(f"names of {kind}s in {namespace}")
        self.started = asyncio.Event()
        self._kind = kind
        self._namespace = namespace
        self._client = client
        self._on_change = on_change
        self._on_gap = on_gap
        self.start()

    def cancel(self) -> asyncio.Task[None]:
        """End it, and whoever waits for its start; the task is there to be awaited."""
        self.started.set()
        return super().cancel()

    async def list(self) -> str:
        """Nothing is read but the version; after a gap anything may have changed."""
        version = await self._client.version_of(await self._resource(), self._namespace)
        if self.started.is_set():
            self._on_gap(self._kind, self._namespace)
        self.started.set()
        return version

    async def watch(self, version: str) -> AsyncIterator[dict[str, Any]]:
        events = self._client.watch(await self._resource(), self._namespace, version, names_only=True)
        async for event in events:
            yield event

    def observe(self, event: Mapping[str, Any]) -> None:
        for row in event["object"].get("rows") or ():
            self._on_change(self._kind, self._namespace, str(row["cells"][0]))

    def forbidden(self, error: ApiError, failures: int) -> None:
        if not failures:
            logger.warning("may not watch %s: %s", self.name, error)
        self.started.set()

    async def _resource(self) -> ResourceType:
        return await self._client.resource_type("v1", self._kind)
