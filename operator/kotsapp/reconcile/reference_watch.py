"""Wake-ups for Secrets and ConfigMaps that apps name, without reading any.

The watch asks for Tables with no object in them: a row shows a name, never a Secret's content, not even the copy
that ``kubectl apply`` leaves in an annotation. Content is read by name, for the ones that a KotsApp names.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from kotsapp.kube.client import KubeClient
from kotsapp.kube.discovery import ResourceType
from kotsapp.kube.errors import ApiError

logger = logging.getLogger(__name__)

# A watch that stood for so many seconds before it was cut is opened again at once.
STEADY = 5.0
BACKOFF = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

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
        self._tasks: dict[Watched, asyncio.Task[None]] = {}
        self._started: dict[Watched, asyncio.Event] = {}

    async def follow(self, kind: str, namespace: str) -> None:
        """Start watching, once; returns when changes from now on will be seen."""
        key = (kind, namespace)
        if key not in self._tasks:
            self._started[key] = asyncio.Event()
            self._tasks[key] = asyncio.create_task(self._keep(kind, namespace), name=f"names of {kind} in {namespace}")
        await self._started[key].wait()

    def unfollow(self, namespace: str) -> None:
        for key in [key for key in self._tasks if key[1] == namespace]:
            self._tasks.pop(key).cancel()
            self._started.pop(key).set()

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, kind: str, namespace: str) -> None:
        """Watch for ever: a fault in reading one answer must not leave changes unseen from then on."""
        while True:
            try:
                await self._run(kind, namespace)
            except Exception:
                logger.exception("watching names of %s in %s failed unexpectedly", kind, namespace)
                await asyncio.sleep(BACKOFF[-1])

    async def _run(self, kind: str, namespace: str) -> None:
        failures, version = 0, ""
        while True:
            began = time.monotonic()
            try:
                resource = await self._client.resource_type("v1", kind)
                if not version:
                    version = await self._client.version_of(resource, namespace)
                    if self._started[kind, namespace].is_set():
                        self._on_gap(kind, namespace)
                    self._started[kind, namespace].set()
                version = await self._watch(resource, namespace, version)
                failures = 0
            except ApiError as error:
                if error.status in (403, 404, 410):
                    version = ""
                if error.status == 403:
                    logger.warning("may not watch %s in %s: %s", resource.plural, namespace, error)
                    self._started[kind, namespace].set()
                if time.monotonic() - began > STEADY:
                    failures = 0
                delay = BACKOFF[min(failures, len(BACKOFF) - 1)]
                failures += 1
                await asyncio.sleep(delay)

    async def _watch(self, resource: ResourceType, namespace: str, version: str) -> str:
        events = self._client.watch(resource, namespace, version, names_only=True)
        async for event in events:
            table = event["object"]
            version = str((table.get("metadata") or {}).get("resourceVersion") or version)
            if event["type"] == "BOOKMARK":
                continue
            for row in table.get("rows") or ():
                self._on_change(resource.kind, namespace, str(row["cells"][0]))
        return version
